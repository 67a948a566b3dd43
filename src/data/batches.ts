import { alone, type Communicator } from "../communicator.js";
import { ArgumentError } from "../errors.js";
import { checkOptions } from "../options.js";
import { type Generator, generator as globalGenerator } from "../random.js";
import { checkCount, sizeOf } from "../shape.js";
import type { Batch, Dataset, TensorData } from "./dataset.js";

/** Options of {@link batches}. */
export interface BatchesOptions {
  /** Samples in a batch, ≥ 1. */
  readonly batchSize: number;
  /**
   * Whether, and from which generator, a new order is drawn for each pass; `true`: the one that `seed()` sets.
   * @defaultValue false
   */
  readonly shuffle?: boolean | Generator;
  /**
   * What becomes of the samples left over: a shorter batch, or none. A single one left over joins the batch before it,
   * since one sample has no batch statistics.
   *
   * @defaultValue "keep"
   */
  readonly last?: "keep" | "drop";
  /**
   * Cuts each batch into parts, one for each rank, in their order: the parts make up the batch of one process. All
   * ranks must shuffle with equal seeds. With fewer samples than ranks some parts are empty.
   *
   * @defaultValue {@link alone}
   */
  readonly communicator?: Pick<Communicator, "rank" | "size">;
}

/** Batches that can be gone through again and again, once for each epoch. */
export interface Batches<Target = Int32Array> extends Iterable<Batch<Target>> {
  /** Batches in a pass. */
  readonly length: number;
  /** Generators that a pass draws from, besides the one that `seed()` sets. */
  readonly generators: readonly Generator[];
  /**
   * The rest of a pass from a batch on. The order of the pass is drawn at once, nothing else for the batches left out.
   */
  from(batch: number): Iterable<Batch<Target>>;
}

/**
 * Cuts a dataset into batches.
 *
 * @throws ArgumentError if there are no samples or the batch size is not a whole number ≥ 1
 * @example
 * ```ts
 * const data = arrayDataset({ inputs: new Float32Array(20), shape: [2], labels: new Int32Array(10) });
 * [...batches(data, { batchSize: 4 })].map(({ targets }) => targets.length); // [4, 4, 2]
 * [...batches(data, { batchSize: 3 })].map(({ targets }) => targets.length); // [3, 3, 4]
 * ```
 */
export function batches<Target>(dataset: Dataset<Target>, options: BatchesOptions): Batches<Target> {
  checkOptions("batches(dataset)", options, { batchSize: true, shuffle: true, last: true, communicator: true });
  const { batchSize, shuffle = false, last = "keep", communicator: { rank, size } = alone } = options;
  checkCount("batches(dataset, { batchSize })", "batchSize", batchSize);
  const whole = Math.floor(dataset.length / batchSize);
  const rest = dataset.length - whole * batchSize;
  const joinsLast = last === "keep" && rest === 1 && whole > 0 && batchSize > 1;
  const length = whole + (last === "keep" && rest > 0 && !joinsLast ? 1 : 0);
  if (length === 0) {
    throw noBatch("batches(dataset, { batchSize })", dataset.length, batchSize);
  }
  /** The order of a pass, drawn now. */
  const drawOrder = (): Uint32Array => {
    const source = shuffle === true ? globalGenerator() : shuffle;
    return source === false
      ? Uint32Array.from({ length: dataset.length }, (_, k) => k)
      : source.permutation(dataset.length);
  };
  function* inOrder(order: Uint32Array, first: number): Iterable<Batch<Target>> {
    for (let k = first; k < length; k++) {
      const isLast = k === length - 1 && last === "keep";
      const batch = order.subarray(k * batchSize, isLast ? dataset.length : (k + 1) * batchSize);
      const [from, to] = [rank, rank + 1].map((r) => Math.floor((r * batch.length) / size));
      // Where samples are drawn upon, every rank draws for all of them, so that generators stay the same on all.
      if (size > 1 && (dataset.generators ?? []).length > 0) yield rowsOf(dataset.batch(batch), from, to);
      else yield dataset.batch(batch.subarray(from, to));
    }
  }
  return {
    length,
    generators: [...(typeof shuffle === "object" ? [shuffle] : []), ...(dataset.generators ?? [])],
    from: (batch) => inOrder(drawOrder(), batch),
    *[Symbol.iterator]() {
      yield* inOrder(drawOrder(), 0);
    },
  };
}

/** Samples that make no batch at all. */
export function noBatch(where: string, samples: number, batchSize: number): ArgumentError {
  return new ArgumentError({
    where,
    expected: samples === 0 ? "at least one sample" : `at least ${batchSize} samples for one batch`,
    received: String(samples),
    cure: samples === 0 ? "Pass a dataset that has samples." : "Use a smaller batch, or keep the last one.",
  });
}

/** Samples `from` to `to` of a batch on the host. */
function rowsOf<Target>({ inputs, targets, mask }: Batch<Target>, from: number, to: number): Batch<Target> {
  const [samples] = inputs.shape;
  const part = { inputs: rows(inputs as TensorData, samples, from, to), targets: rows(targets, samples, from, to) };
  return mask === undefined ? part : { ...part, mask: rows(mask as TensorData, samples, from, to) };
}

/** A sample may have several labels. */
function rows<Data>(data: Data, samples: number, from: number, to: number): Data {
  if (Array.isArray(data) || data instanceof Int32Array) {
    const each = data.length / samples;
    return data.slice(from * each, to * each) as Data;
  }
  const { values, shape } = data as TensorData;
  const width = sizeOf(shape.slice(1));
  return { values: values.subarray(from * width, to * width), shape: [to - from, ...shape.slice(1)] } as Data;
}
