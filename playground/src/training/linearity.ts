import { Generator, noGrad, RunningNorm, type Statistics, scope, tensor } from "evenkeel";
import type { Contest } from "./contest.js";
import { inputOf, type Place } from "./train-and-test.js";
import { Trainer } from "./trainer.js";

/** f((X + Y)/2) against (f(X) + f(Y))/2 of two batches X and Y, for the first unit of a layer. */
export interface Superposition {
  /** Of the mean of the batches, a value for each sample. */
  readonly ofMean: Float32Array;
  /** The mean of the outputs. */
  readonly meanOf: Float32Array;
  /** The largest difference. */
  readonly difference: number;
}

/** How many samples each batch has. */
const size = 32;

/**
 * Puts two batches and their mean through the norm of a layer, as in training and as at inference. Null where the layer
 * has no running statistics.
 */
export function superposition(
  { entrants }: Contest,
  { network, layer, seed }: Place & { readonly seed: number },
): { readonly training: Superposition; readonly inference: Superposition } | null {
  const trainer = entrants[network];
  if (!(trainer instanceof Trainer)) return null;
  const norm = trainer.network.hidden[layer]?.norm;
  if (!(norm instanceof RunningNorm)) return null;
  const { inputs, labels } = trainer.data.train;
  const width = inputs.length / labels.length;
  const order = new Generator(seed).permutation(labels.length);
  const [x, y] = [0, 1].map((turn) => {
    const batch = new Float32Array(width * size);
    for (let k = 0; k < size; k++) {
      const sample = order[(turn * size + k) % order.length];
      batch.set(inputs.subarray(sample * width, (sample + 1) * width), k * width);
    }
    return inputOf(norm, () => trainer.predictInTraining(batch));
  });
  const mean = x.values.map((value, k) => (value + y.values[k]) / 2);
  const output = (values: Float32Array): Float32Array =>
    scope(() => noGrad(() => norm.forward(tensor(values, x.shape)).dataSync()));
  const compare = (statistics: Statistics): Superposition => {
    norm.normalizeWith = statistics;
    try {
      return trainer.statistics.forgetting(() => compared(output(mean), output(x.values), output(y.values)));
    } finally {
      norm.normalizeWith = "batch";
    }
  };
  return { training: compare("batch"), inference: compare("running") };
}

function compared(ofMean: Float32Array, x: Float32Array, y: Float32Array): Superposition {
  const units = ofMean.length / size;
  const first = (of: (k: number) => number): Float32Array =>
    Float32Array.from({ length: size }, (_, k) => of(k * units));
  const sides = { ofMean: first((k) => ofMean[k]), meanOf: first((k) => (x[k] + y[k]) / 2) };
  const difference = sides.ofMean.reduce((most, value, k) => Math.max(most, Math.abs(value - sides.meanOf[k])), 0);
  return { ...sides, difference };
}
