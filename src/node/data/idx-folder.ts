import { existsSync } from "node:fs";
import { join } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import { type IdxArray, idxLength, parseIdx } from "../../data/idx.js";
import { FormatError } from "../../errors.js";
import { formatShape } from "../../shape.js";
import { inflate } from "./inflate.js";
import { readBytes } from "./read-bytes.js";
import { arraySamples, type Samples } from "./samples.js";
import type { Source } from "./source.js";

const prefixes = { train: "train", test: "t10k" } as const;
const imagesName = (prefix: string): string => `${prefix}-images-idx3-ubyte`;
const labelsName = (prefix: string): string => `${prefix}-labels-idx1-ubyte`;

/** Whether a folder holds any of MNIST's four files, plain or gzipped. */
export function isIdxFolder(folder: string): boolean {
  const names = Object.values(prefixes).flatMap((prefix) => [imagesName(prefix), labelsName(prefix)]);
  return names.some((name) => existsSync(join(folder, name)) || existsSync(join(folder, `${name}.gz`)));
}

/**
 * Reads grey images with labels in MNIST's four IDX files, plain or gzipped: `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-…`.
 *
 * @param classes - what the labels 0, 1, … mean; where it says nothing, the number is the name
 * @throws FormatError if a file is missing or damaged, or the files do not fit each other
 */
export function readIdxFolder(folder: string, classes: readonly string[] = []): Source {
  const train = readPart(folder, prefixes.train, classes);
  const test = readPart(folder, prefixes.test, classes);
  return { noun: "images", dropped: 0, parts: { train, validation: null, test } };
}

function readPart(folder: string, prefix: string, classes: readonly string[]): Samples {
  const images = readIdx(folder, imagesName(prefix));
  const labels = readIdx(folder, labelsName(prefix));
  const mismatch = (expected: string, received: string): FormatError =>
    new FormatError({ where: folder, expected, received, cure: "Check that the four files belong together." });
  const [count, height, width] = images.shape;
  if (images.shape.length !== 3 || images.values.length === 0)
    throw mismatch("images of rank 3", formatShape(images.shape));
  if (labels.shape.length !== 1 || labels.shape[0] !== count) {
    throw mismatch(`a label for each of ${count} images`, formatShape(labels.shape));
  }
  const names = Array.from(labels.values, (label) => classes[label] ?? String(label));
  return arraySamples(images.values, [1, height, width], { task: "classification", names });
}

function readIdx(folder: string, name: string): IdxArray {
  const path = join(folder, name);
  if (existsSync(path)) return parseIdx(readBytes(path, path), path);
  const packed = `${path}.gz`;
  if (existsSync(packed)) return parseIdx(unpack(packed), packed);
  throw new FormatError({
    where: folder,
    expected: `${name}, plain or gzipped`,
    received: "no such file",
    cure: "Name a folder with MNIST's four IDX files.",
  });
}

/** Unpacks as much as the header inside announces, and no more. */
function unpack(path: string): Uint8Array {
  const bytes = readBytes(path, path);
  return inflate(path, bytes, idxLength(firstBytes(path, bytes), path));
}

/** The content's first bytes, where its header stands. */
function firstBytes(path: string, packed: Uint8Array): Uint8Array {
  try {
    return gunzipSync(packed.subarray(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (cause) {
    const received = cause instanceof Error ? cause.message : String(cause);
    const cure = "Download it again.";
    throw new FormatError({ where: path, expected: "a whole gzipped IDX file", received, cure }, { cause });
  }
}
