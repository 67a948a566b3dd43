// From a trained network to what a product runs: an .onnx file, inspected, recalibrated on another camera's images,
//   folded, run by onnxruntime-web. npm install evenkeel onnx-buf @bufbuild/protobuf onnxruntime-web
import {
  Adam,
  arrayDataset,
  BatchNorm,
  batches,
  Conv2d,
  fit,
  Generator,
  GlobalAvgPool2d,
  Linear,
  ReLU,
  Sequential,
  seed,
} from "evenkeel";
import { exportOnnx, foldOnnx, inspectOnnx, recalibrateOnnx } from "evenkeel/onnx";
import * as ort from "onnxruntime-web/wasm";

// More threads would need workers, which Node does not have.
ort.env.wasm.numThreads = 1;

const shape = [1, 8, 8];
const size = 64;

/**
 * Noisy images (count, 1, 8, 8) of stripes that lie (class 0) or stand (1), as a camera of some contrast and brightness
 * sees them.
 */
function photograph(count, { contrast = 1, brightness = 0, randomSeed = 1 }) {
  const random = new Generator(randomSeed);
  const inputs = new Float32Array(count * size);
  const labels = Int32Array.from({ length: count }, () => random.below(2));
  labels.forEach((label, k) => {
    const phase = random.uniform(0, 2 * Math.PI);
    for (let i = 0; i < size; i++) {
      const along = label === 0 ? Math.floor(i / 8) : i % 8;
      inputs[k * size + i] = brightness + contrast * (Math.sin(1.5 * along + phase) + random.normal(0, 0.5));
    }
  });
  return { inputs, labels };
}

/** The share of images that an ONNX model names rightly, in onnxruntime. */
async function accuracyOf(model, { inputs, labels }) {
  const session = await ort.InferenceSession.create(model);
  const { output } = await session.run({ input: new ort.Tensor("float32", inputs, [labels.length, ...shape]) });
  const scores = output.data;
  const right = labels.filter((label, k) => (scores[2 * k + 1] > scores[2 * k] ? 1 : 0) === label);
  await session.release();
  return (right.length / labels.length).toFixed(2);
}

// Train, and write the file; a model of PyTorch, once it is an .onnx file, would go on from there.
seed(1);
const model = new Sequential(
  new Conv2d(1, 8, 3, { bias: false }),
  new BatchNorm(8),
  new ReLU(),
  new Conv2d(8, 8, 3, { bias: false }),
  new BatchNorm(8, { momentum: 0.9 }),
  new ReLU(),
  new GlobalAvgPool2d(),
  new Linear(8, 2),
);
const data = arrayDataset({ ...photograph(640, {}), shape });
await fit(model, batches(data, { batchSize: 32, shuffle: true }), {
  epochs: 6,
  optimizer: new Adam(model.parameters(), { lr: 0.02 }),
});
const trained = await exportOnnx(model, { inputShape: shape, meta: { classes: ["lying", "standing"] } });
const here = photograph(400, { randomSeed: 2 });
console.log(`trained: accuracy ${await accuracyOf(trained, here)}`);

// What normalises in it, and what is wrong with that?
for (const { place, channels, parameters, foldsInto, findings } of (await inspectOnnx(trained)).norms) {
  const { min = 0, max = 0 } = parameters["variance"];
  console.log(
    `${place}: ${channels} channels, variance ${min.toFixed(2)} to ${max.toFixed(2)}, folds into ${foldsInto}`,
  );
  for (const finding of findings) console.log(`  ${finding}`);
}

// The camera that it will see through is another one: its statistics, of images without labels, take the place of the
// old ones.
const camera = { contrast: 0.3, brightness: 2 };
const there = photograph(400, { ...camera, randomSeed: 3 });
console.log(`another camera: accuracy ${await accuracyOf(trained, there)}`);
const { inputs } = photograph(200, { ...camera, randomSeed: 4 });
const recalibrated = await recalibrateOnnx(trained, [{ input: { shape: [200, ...shape], values: inputs } }]);
console.log(
  `recalibrated on ${recalibrated.samples} of its images: accuracy ${await accuracyOf(recalibrated.bytes, there)}`,
);

// Norms become part of the convolutions, last of all, since a norm that has been folded has no statistics left.
const { bytes, folded, left, verification } = await foldOnnx(recalibrated.bytes);
console.log(
  `${folded.length} folded, ${left.length} left; outputs differ by ${verification?.maxRelative.toExponential(0)}`,
);
console.log(`folded: accuracy ${await accuracyOf(bytes, there)}, ${bytes.length} bytes for ${trained.length}`);
