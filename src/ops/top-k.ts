import { ArgumentError, ShapeError } from "../errors.js";
import { checkOptions } from "../options.js";
import { formatShape, resolveAxis, sizeOf } from "../shape.js";
import { checkTensor, hostValues, type Tensor, upload } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { mostRows } from "./indices.js";
import { takeAlongAxis } from "./take-along-axis.js";

/** Options of {@link topK}. */
export interface TopKOptions {
  /** @defaultValue −1 */
  readonly axis?: number;
  /** The largest values, or the smallest. @defaultValue true */
  readonly largest?: boolean;
}

/** Whether a value stands before another: NaN counts as larger than all, as in PyTorch. */
function isAbove(a: number, b: number): boolean {
  return a > b || (Number.isNaN(a) && !Number.isNaN(b));
}

/** The places of the k first of `values` in falling or rising order; of equal ones, the earlier first. */
function firstPlaces(values: Float32Array, k: number, largest: boolean): number[] {
  if (k === 0) return [];
  const isBefore = (a: number, b: number): boolean => (largest ? isAbove(a, b) : isAbove(b, a));
  const sorted = Float32Array.from(values).sort();
  const limit = sorted[largest ? values.length - k : k - 1];
  const before: number[] = [];
  const ties: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (isBefore(values[i], limit)) before.push(i);
    else if (ties.length < k && !isBefore(limit, values[i])) ties.push(i);
  }
  const order = (i: number, j: number): number =>
    isBefore(values[i], values[j]) ? -1 : isBefore(values[j], values[i]) ? 1 : i - j;
  return [...before.sort(order), ...ties].slice(0, k);
}

/** Where the k largest values stand along an axis; see {@link topK}. The values are read back to be sorted. */
export const topKIndices = defineOp(
  "topKIndices",
  (x: Tensor, k: number, { axis = -1, largest = true }: TopKOptions = {}): Tensor => {
    const where = "topK(x, k)";
    checkTensor(where, x);
    const along = resolveAxis(where, axis, x.rank);
    const count = x.shape[along];
    if (!Number.isInteger(k) || k < 0 || k > count) {
      throw new ArgumentError({
        where,
        expected: `a whole number k from 0 to ${count}, the size of axis ${along}`,
        received: String(k),
        cure: "Ask for as many values as there are at most.",
      });
    }
    if (count > mostRows) {
      throw new ShapeError({
        where,
        expected: `at most ${mostRows} values along axis ${along}, which float32 can count`,
        received: `${count} (shape ${formatShape(x.shape)})`,
        cure: "Take parts of the axis.",
      });
    }
    const values = hostValues(where, x, "Await data() and sort it, or use argmax(), which needs no reading.");
    const [outer, inner] = [sizeOf(x.shape.slice(0, along)), sizeOf(x.shape.slice(along + 1))];
    const places = new Float32Array(outer * k * inner);
    const line = new Float32Array(count);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        for (let j = 0; j < count; j++) line[j] = values[(o * count + j) * inner + i];
        const taken = firstPlaces(line, k, largest);
        taken.forEach((place, j) => {
          places[(o * k + j) * inner + i] = place;
        });
      }
    }
    return upload(
      "topK",
      x.backend,
      x.shape.map((n, axisOf) => (axisOf === along ? k : n)),
      places,
    );
  },
);

/** The k largest values along an axis and where they stand. */
export interface TopK {
  /** In falling order; rising where the smallest were asked for. */
  readonly values: Tensor;
  /** Their places, as float32. */
  readonly indices: Tensor;
}

/**
 * The k largest values along an axis, in order, and their places; of equal ones, the earlier first. NaN counts as the
 * largest, as in PyTorch. The values carry gradients. They are read back to be sorted.
 *
 * @param x - rank ≥ 1, of at most 2²⁴ values along the axis
 * @param k - from 0 to the size of the axis
 * @throws ArgumentError if k is larger than the axis
 * @throws ShapeError if the axis is longer than 2²⁴
 * @throws BackendError on a backend that does not answer at once
 * @example
 * ```ts
 * const { values, indices } = topK(tensor([3, 9, 4]), 2);
 * values.dataSync(); // Float32Array [9, 4]
 * indices.dataSync(); // Float32Array [1, 2]
 * ```
 */
export function topK(x: Tensor, k: number, options: TopKOptions = {}): TopK {
  checkOptions("topK(x, k)", options, { axis: true, largest: true });
  const indices = topKIndices(x, k, options);
  return { values: takeAlongAxis(x, indices, options.axis ?? -1), indices };
}
