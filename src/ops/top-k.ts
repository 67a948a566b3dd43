import { noGrad } from "../autograd.js";
import { ArgumentError } from "../errors.js";
import { checkOptions } from "../options.js";
import { scope } from "../scope.js";
import { resolveAxis, sizeOf } from "../shape.js";
import { checkTensor, type Tensor, upload } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { argmax } from "./arg-max.js";
import { mul } from "./binary.js";
import { where as choose, maximum } from "./choice.js";
import { equal, notEqual } from "./comparison.js";
import { concat } from "./concat.js";
import { checkCountable } from "./indices.js";
import { max } from "./max.js";
import { takeAlongAxis } from "./take-along-axis.js";
import { neg } from "./unary.js";

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

/** The same on a device that answers later: one place after another, the largest of what is left. */
function chosenInTurn(given: Tensor, k: number, along: number, largest: boolean): Tensor {
  const alongAxis = given.shape.map((n, axis) => (axis === along ? n : 1));
  return scope(() =>
    noGrad(() => {
      const x = largest ? given.detach() : neg(given.detach());
      const numbers = upload(
        "topK",
        x.backend,
        alongAxis,
        Float32Array.from({ length: x.shape[along] }, (_, j) => j),
      );
      const areNaN = notEqual(x, x);
      // NaN comes before all others, or after them; what is taken already comes last.
      const rankOfNaN = largest ? 2 : 1;
      let taken = mul(areNaN, 0);
      const places: Tensor[] = [];
      for (let turn = 0; turn < k; turn++) {
        const left = choose(maximum(taken, areNaN), Number.NEGATIVE_INFINITY, x);
        const isNext = equal(left, max(left, along, { keepDims: true }));
        const rank = choose(taken, 0, choose(areNaN, rankOfNaN, mul(isNext, 3 - rankOfNaN)));
        const place = argmax(rank, along, { keepDims: true });
        places.push(place);
        taken = maximum(taken, equal(numbers, place));
      }
      const none = given.shape.map((n, axis) => (axis === along ? 0 : n));
      return k === 0 ? upload("topK", x.backend, none, new Float32Array(0)) : concat(places, along);
    }),
  );
}

/** Where the k largest values stand along an axis; see {@link topK}. */
export const topKIndices = defineOp("topKIndices", (x: Tensor, k: number, options: TopKOptions = {}): Tensor => {
  const where = "topK(x, k)";
  checkOptions(where, options, { axis: true, largest: true });
  const { axis = -1, largest = true } = options;
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
  checkCountable(where, count);
  if (!x.backend.answersAtOnce) return chosenInTurn(x, k, along, largest);
  const values = x.dataSync();
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
});

/** The k largest values along an axis and where they stand. */
export interface TopK {
  /** In falling order; rising where the smallest were asked for. */
  readonly values: Tensor;
  /** Their places, as float32. */
  readonly indices: Tensor;
}

/**
 * The k largest values along an axis, in order, and their places; of equal ones, the earlier first. NaN counts as the
 * largest, as in PyTorch. The values carry gradients. They are read back to be sorted; on a device that answers later
 * they are chosen one by one, k passes over x, which has at most 2²⁴ values then.
 *
 * @param x - rank ≥ 1, of at most 2²⁴ values along the axis
 * @param k - from 0 to the size of the axis
 * @throws ArgumentError if k is larger than the axis
 * @throws ShapeError if the axis is longer than 2²⁴
 * @example
 * ```ts
 * const { values, indices } = topK(tensor([3, 9, 4]), 2);
 * values.dataSync(); // Float32Array [9, 4]
 * indices.dataSync(); // Float32Array [1, 2]
 * ```
 */
export function topK(x: Tensor, k: number, options: TopKOptions = {}): TopK {
  const indices = topKIndices(x, k, options);
  return { values: takeAlongAxis(x, indices, options.axis ?? -1), indices };
}
