// What images take before a step: decoding, once when a folder is read; gathering and augmenting a batch, at each step,
//   beside the step itself. Minima. npm run build && EVENKEEL_THREADS=1 node bench/image-data.js
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import {
  Adam,
  arrayDataset,
  augment,
  batches,
  cnn,
  crossEntropy,
  Generator,
  scope,
  seed,
  tensor,
} from "../dist/index.js";
import { readImage } from "../dist/node/index.js";

const [batchSize, side, budget] = [64, 32, 3000];

/** The least milliseconds of a call, of those within the budget. */
async function least(run) {
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + budget;
  while (performance.now() < end) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** Milliseconds to decode a file of a batch, sixteen at a time as folders are read. */
async function decoding(format, size) {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-image-data-"));
  const generator = new Generator(1);
  const raw = { width: size, height: size, channels: 3 };
  const files = Array.from({ length: 16 }, (_, k) => join(folder, `${k}.${format}`));
  for (const file of files) {
    // A gradient with noise: neither flat nor all noise, as photographs are.
    const pixels = Uint8Array.from(
      { length: size * size * 3 },
      (_, i) => ((i / size / 3) | 0) + 40 * generator.uniform(),
    );
    await sharp(pixels, { raw }).toFile(file);
  }
  const ms = await least(() => Promise.all(files.map((file) => readImage(file, { channels: 3, size: side }))));
  rmSync(folder, { recursive: true });
  return ms / files.length;
}

seed(1);
const inputs = Uint8Array.from({ length: 4 * batchSize * 3 * side * side }, (_, i) => (i * 7) % 256);
const labels = Int32Array.from({ length: 4 * batchSize }, (_, i) => i % 10);
const plain = arrayDataset({ inputs, shape: [3, side, side], labels });
const model = cnn({ inputShape: [3, side, side], classes: 10, norm: "batch" });
const optimizer = new Adam(model.parameters(), { lr: 1e-4 });

function step({ inputs: { values, shape }, targets }) {
  scope(() => crossEntropy(model.forward(tensor(values, shape)), targets).backward());
  optimizer.step();
  optimizer.zeroGrad();
}

/** The least milliseconds in which a batch is made. */
function making(dataset) {
  const data = batches(dataset, { batchSize });
  let pass = data[Symbol.iterator]();
  return least(() => {
    if (pass.next().done) {
      pass = data[Symbol.iterator]();
      pass.next();
    }
  });
}

const augmented = (options) => making(augment(plain, options, new Generator(1)));

console.log(`${cpus()[0].model}, Node ${process.versions.node}; batch ${batchSize}×3×${side}×${side}, ms`);
for (const [format, size] of [
  ["png", 32],
  ["jpeg", 224],
]) {
  console.log(`decode a ${format} of ${size}×${size}, once: ${(await decoding(format, size)).toFixed(3)}`);
}
console.log(`gather a batch: ${(await making(plain)).toFixed(2)}`);
console.log(`and shift, flip: ${(await augmented({ shift: 4, flip: true })).toFixed(2)}`);
console.log(`and crop, shift, flip: ${(await augmented({ crop: 0.8, shift: 4, flip: true })).toFixed(2)}`);
console.log(`and noise: ${(await augmented({ noise: 0.1 })).toFixed(2)}`);
const [first] = batches(plain, { batchSize });
console.log(`step of the CNN: ${(await least(() => step(first))).toFixed(2)}`);
