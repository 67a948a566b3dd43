import { ArgumentError, DataError } from "../errors.js";
import { checkOptions } from "../options.js";
import { checkCount, checkShape, formatShape, type Shape, sizeOf } from "../shape.js";
import { shown } from "../shown.js";
import { noBatch } from "./batches.js";
import type { Batch, TensorData } from "./dataset.js";
import { prefetched } from "./prefetched.js";
import { checkNumericInputs, isLabel, labelFault, targetFault } from "./values.js";

/** One sample of a stream: its values, and a label or the numbers to predict. */
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
  /**
   * What becomes of the samples left over: a shorter batch, or none. A single one left over joins the batch before it,
   * since one sample has no batch statistics.
   *
   * @defaultValue "keep"
   */
  readonly last?: "keep" | "drop";
  /**
   * Asks for the samples of the next batch while a batch is trained on, so that files and networks are waited for
   * meanwhile. Samples that are drawn at random should then come from a `Generator` of their own: from the one
   * that `seed()` sets, the step draws at the same time.
   *
   * @defaultValue false
   */
  readonly prefetch?: boolean;
}

/**
 * Batches of samples that come one by one, from a file, a network or a generator: only one batch is held at a time (two
 * with `prefetch`), and given out when the sample behind it has come. What {@link arrayDataset} and {@link batches}
 * refuse is refused here too.
 *
 * @param samples - makes the stream anew for each epoch
 * @returns what `fit` and `evaluate` take; labels become Int32Array, numbers a tensor (N, outputs)
 * @throws ArgumentError if a sample does not fit the shape, or the stream makes no batch
 * @throws DataError if a label is not a whole number ≥ 0, a target not finite, or targets are of different kinds or
 * lengths, naming the sample's row, from 0
 * @example
 * ```ts
 * async function* samples() {
 *   for (let k = 0; k < 5; k++) yield { input: [k, -k], target: k % 2 };
 * }
 * const sizes = [];
 * for await (const { targets } of streamBatches(samples, { shape: [2], batchSize: 2 })) sizes.push(targets.length);
 * sizes; // [2, 3]
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
  samples: () => AsyncIterable<AnySample> | Iterable<AnySample>,
  options: StreamBatchesOptions,
): AsyncIterable<Batch<Int32Array | TensorData>> {
  checkOptions("streamBatches(samples)", options, { shape: true, batchSize: true, last: true, prefetch: true });
  const { shape, batchSize, last = "keep", prefetch = false } = options;
  checkCount("streamBatches(samples, { batchSize })", "batchSize", batchSize);
  checkShape("streamBatches(samples, { shape })", shape);
  const inTurn: AsyncIterable<Batch<Int32Array | TensorData>> = {
    async *[Symbol.asyncIterator]() {
      // A full batch waits until two samples stand behind it: a single one at the end joins it.
      const waits = last === "keep" && batchSize > 1;
      let full: AnySample[] = [];
      let pending: AnySample[] = [];
      let first: AnySample | null = null;
      let row = 0;
      for await (const sample of samples()) {
        first ??= sample;
        checkSample(sample, first, shape, row++);
        pending.push(sample);
        if (full.length > 0 && pending.length > 1) {
          yield batchOf(full, shape);
          full = [];
        }
        if (pending.length < batchSize) continue;
        if (waits) full = pending;
        else yield batchOf(pending, shape);
        pending = [];
      }
      if (row === 0 || (last === "drop" && row < batchSize)) {
        throw noBatch("streamBatches(samples, { batchSize })", row, batchSize);
      }
      const rest = last === "keep" ? [...full, ...pending] : [];
      if (rest.length > 0) yield batchOf(rest, shape);
    },
  };
  return prefetch ? { [Symbol.asyncIterator]: () => prefetched(inTurn) } : inTurn;
}

type AnySample = Sample<number | ArrayLike<number>>;

const where = "streamBatches(samples)";

/**
 * @throws if a sample does not fit the shape, or its target is no label or number, or of another kind than the first
 */
function checkSample({ input, target }: AnySample, first: AnySample, shape: Shape, row: number): void {
  const size = sizeOf(shape);
  if (input.length !== size) {
    throw new ArgumentError({
      where: "streamBatches(samples, { shape })",
      expected: `${size} values in each sample, for shape ${formatShape(shape)}`,
      received: String(input.length),
      cure: "Correct the shape.",
    });
  }
  checkNumericInputs(where, input);
  if (!isList(first.target)) {
    if (!isLabel(target)) throw labelFault(where, target, row);
    return;
  }
  if (!isList(target) || target.length !== first.target.length) {
    throw new DataError({
      where,
      expected: `${first.target.length} numbers as the target of each sample, as of the first`,
      received: `${shown(isList(target) ? Array.from(target) : target)} in row ${row}`,
      cure: "Give all targets the same length.",
    });
  }
  const stray = Array.from(target).find((value) => !Number.isFinite(value));
  if (stray !== undefined) throw targetFault(where, stray, row);
}

function isList(target: unknown): target is ArrayLike<number> {
  return Array.isArray(target) || (ArrayBuffer.isView(target) && !(target instanceof DataView));
}

function batchOf(samples: readonly AnySample[], shape: Shape): Batch<Int32Array | TensorData> {
  const inputs = { values: flat(samples.map(({ input }) => input)), shape: [samples.length, ...shape] };
  const lists = samples.flatMap(({ target }) => (isList(target) ? [target] : []));
  if (lists.length === 0) return { inputs, targets: Int32Array.from(samples, ({ target }) => Number(target)) };
  return { inputs, targets: { values: flat(lists), shape: [samples.length, lists[0].length] } };
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
