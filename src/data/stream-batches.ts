import { ArgumentError } from "../errors.js";
import { checkCount, formatShape, type Shape, sizeOf } from "../shape.js";
import type { Batch, TensorData } from "./dataset.js";

/** One sample of a stream: its values, and a label or the numbers to be told. */
export interface Sample<Target extends number | ArrayLike<number> = number> {
  /** Row-major. */
  readonly input: ArrayLike<number>;
  /** A class number, or numbers. */
  readonly target: Target;
}

/** Options of {@link streamBatches}. */
export interface StreamBatchesOptions {
  /** The shape of one sample: (C, …). */
  readonly shape: Shape;
  /** Samples in a batch, ≥ 1. */
  readonly batchSize: number;
  /** What becomes of the samples left over: a shorter batch, or none. @defaultValue "keep" */
  readonly last?: "keep" | "drop";
}

/**
 * Batches of samples that come one by one, from a file, a network or a generator: only one batch is held at a time.
 *
 * @param samples - makes the stream anew for each epoch
 * @returns what `fit` and `evaluate` take; labels become Int32Array, numbers a tensor (N, outputs)
 * @throws ArgumentError if a sample does not fit the shape
 * @example
 * ```ts
 * async function* samples() {
 *   for (let k = 0; k < 5; k++) yield { input: [k, -k], target: k % 2 };
 * }
 * const sizes = [];
 * for await (const { targets } of streamBatches(samples, { shape: [2], batchSize: 2 })) sizes.push(targets.length);
 * sizes; // [2, 2, 1]
 * ```
 */
export function streamBatches(
  samples: () => AsyncIterable<Sample> | Iterable<Sample>,
  options: StreamBatchesOptions,
): AsyncIterable<Batch>;
export function streamBatches(
  samples: () => AsyncIterable<Sample<ArrayLike<number>>> | Iterable<Sample<ArrayLike<number>>>,
  options: StreamBatchesOptions,
): AsyncIterable<Batch<TensorData>>;
export function streamBatches(
  samples: () => AsyncIterable<Sample<number | ArrayLike<number>>> | Iterable<Sample<number | ArrayLike<number>>>,
  { shape, batchSize, last = "keep" }: StreamBatchesOptions,
): AsyncIterable<Batch<Int32Array | TensorData>> {
  checkCount("streamBatches(samples, { batchSize })", "batchSize", batchSize);
  const size = sizeOf(shape);
  return {
    async *[Symbol.asyncIterator]() {
      let pending: Sample<number | ArrayLike<number>>[] = [];
      for await (const sample of samples()) {
        if (sample.input.length !== size) {
          throw new ArgumentError({
            where: "streamBatches(samples, { shape })",
            expected: `${size} values in each sample, for shape ${formatShape(shape)}`,
            received: String(sample.input.length),
            cure: "Correct the shape.",
          });
        }
        pending.push(sample);
        if (pending.length < batchSize) continue;
        yield batchOf(pending, shape);
        pending = [];
      }
      if (pending.length > 0 && last === "keep") yield batchOf(pending, shape);
    },
  };
}

function batchOf(samples: Sample<number | ArrayLike<number>>[], shape: Shape): Batch<Int32Array | TensorData> {
  const inputs = { values: flat(samples.map(({ input }) => input)), shape: [samples.length, ...shape] };
  const labels = samples.flatMap(({ target }) => (typeof target === "number" ? [target] : []));
  if (labels.length === samples.length) return { inputs, targets: Int32Array.from(labels) };
  const numbers = samples.map(({ target }) => (typeof target === "number" ? [target] : target));
  return { inputs, targets: { values: flat(numbers), shape: [samples.length, numbers[0].length] } };
}

function flat(lists: readonly ArrayLike<number>[]): Float32Array {
  const values = new Float32Array(lists.reduce((total, list) => total + list.length, 0));
  let at = 0;
  for (const list of lists) {
    values.set(list, at);
    at += list.length;
  }
  return values;
}
