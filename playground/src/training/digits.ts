import type { Samples, TrainingData } from "./data-sets.js";
import { pipeBytes } from "./pipe-bytes.js";

/** Pixels along each side of a digit. */
export const digitSide = 28;
const pixels = digitSide ** 2;
/** So many to train on come first in the file. */
const trainCount = 2000;
/** Levels of grey in the file: 0 to 15. */
const brightest = 15;
/** Mean and deviation of all pixels of MNIST, from 0 to 1. */
const [pixelMean, pixelDeviation] = [0.1307, 0.3081];

/** What networks are given for brightness from 0 to 1: mean 0, spread 1 over all of MNIST. */
export function standardized(brightness: Float32Array): Float32Array {
  return brightness.map((value) => (value - pixelMean) / pixelDeviation);
}

/** Undoes {@link standardized}. */
export function brightnessOf(input: Float32Array): Float32Array {
  return input.map((value) => value * pixelDeviation + pixelMean);
}

/** Reads a file of digits as `scripts/pack-digits.js` writes it. */
export async function readDigits(file: Uint8Array): Promise<TrainingData> {
  const bytes = await pipeBytes(file, new DecompressionStream("deflate-raw"));
  const count = bytes.length / (1 + pixels);
  const samples = (from: number, to: number): Samples => ({
    inputs: standardized(
      Float32Array.from(bytes.subarray(count + pixels * from, count + pixels * to), (level) => level / brightest),
    ),
    labels: Int32Array.from(bytes.subarray(from, to)),
  });
  return {
    shape: [1, digitSide, digitSide],
    classes: 10,
    train: samples(0, trainCount),
    test: samples(trainCount, count),
  };
}

let fetched: Promise<TrainingData> | null = null;

/**
 * Fetches the digits, which are no part of the page's first load; once, but for a failure, after which they may be
 * asked for again.
 */
export function fetchDigits(): Promise<TrainingData> {
  fetched ??= download().catch((error: unknown) => {
    fetched = null;
    throw error;
  });
  return fetched;
}

async function download(): Promise<TrainingData> {
  const address = new URL("../data/digits.bin", import.meta.url);
  const response = await fetch(address);
  if (!response.ok) throw new Error(`The digits could not be loaded: ${address.pathname} answered ${response.status}.`);
  return readDigits(new Uint8Array(await response.arrayBuffer()));
}
