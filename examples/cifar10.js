// ResNet-20 with batch norm on CIFAR-10, from the binary files of https://www.cs.toronto.edu/~kriz/cifar.html:
//   node examples/cifar10.js cifar-10-batches-bin 30
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  arrayDataset,
  augment,
  batches,
  DataError,
  EvenkeelError,
  evaluate,
  FormatError,
  fit,
  fitPreprocessing,
  Generator,
  oneCycleLr,
  resnet,
  Sgd,
  saveModel,
  seed,
} from "evenkeel";
import { writeWhole } from "evenkeel/node";

const classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const shape = [3, 32, 32];
const pixels = 3 * 32 * 32;

/** A file of records: a byte for the class, then the red, the green and the blue plane. */
function readBatch(path) {
  if (!existsSync(path)) {
    const cure = "Unpack cifar-10-binary.tar.gz, and name the folder cifar-10-batches-bin.";
    throw new DataError({ where: path, expected: "a file of CIFAR-10", received: "none", cure });
  }
  const bytes = readFileSync(path);
  const count = Math.floor(bytes.length / (pixels + 1));
  const fault = (expected, received) =>
    new FormatError({
      where: path,
      expected,
      received,
      cure: "Download it again; it is the binary version that is read.",
    });
  if (count === 0 || bytes.length % (pixels + 1) !== 0) {
    throw fault(`records of ${pixels + 1} bytes`, `${bytes.length} bytes`);
  }
  const labels = new Uint8Array(count);
  const inputs = new Uint8Array(count * pixels);
  for (let k = 0; k < count; k++) {
    const start = k * (pixels + 1);
    labels[k] = bytes[start];
    if (labels[k] >= classes.length) throw fault("classes from 0 to 9", `${labels[k]} in record ${k}`);
    inputs.set(bytes.subarray(start + 1, start + 1 + pixels), k * pixels);
  }
  return { inputs, labels };
}

/** The five training files as one. */
function readTraining(folder) {
  const parts = [1, 2, 3, 4, 5].map((k) => readBatch(join(folder, `data_batch_${k}.bin`)));
  return {
    inputs: Buffer.concat(parts.map(({ inputs }) => inputs)),
    labels: Buffer.concat(parts.map(({ labels }) => labels)),
  };
}

async function main(folder, epochs) {
  seed(1);
  const training = readTraining(folder);
  const test = readBatch(join(folder, "test_batch.bin"));
  const preprocessing = fitPreprocessing(training.inputs, shape, [...training.labels.keys()]);
  const dataset = (images) => arrayDataset({ ...images, shape, preprocessing });
  const changed = augment(dataset(training), { shift: 4, flip: true }, new Generator(1));
  const data = batches(changed, { batchSize: 128, shuffle: true });
  const testData = batches(dataset(test), { batchSize: 500 });

  const model = resnet({ inputShape: shape, classes: classes.length });
  const optimizer = new Sgd(model.parameters(), {
    lr: 0.1,
    momentum: 0.9,
    weightDecay: 5e-4,
    decays: (parameter) => parameter.rank > 1, // not γ and β
  });
  await fit(model, data, {
    epochs,
    optimizer,
    schedule: oneCycleLr(0.4),
    async onEpoch({ epoch, loss }) {
      const { accuracy } = await evaluate(model, testData);
      console.log(`epoch ${epoch + 1}/${epochs}: loss ${loss.toFixed(4)}, test accuracy ${accuracy?.toFixed(4)}`);
    },
  });
  writeWhole(join(folder, "resnet.safetensors"), saveModel(model, { inputShape: shape, preprocessing, classes }));
}

const [folder = "cifar-10-batches-bin", epochs = "30"] = process.argv.slice(2);
try {
  await main(folder, Number(epochs));
} catch (error) {
  if (!(error instanceof EvenkeelError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
