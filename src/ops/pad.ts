import { record } from "../autograd.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { checkOptions } from "../options.js";
import { collapse, formatShape, type Shape, stridesOf } from "../shape.js";
import { shown } from "../shown.js";
import { checkTensor, empty, type Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { broadcastTo } from "./broadcast-to.js";
import { concat } from "./concat.js";
import { flip } from "./flip.js";
import { slice } from "./slice.js";

/** How many values are added before and after an axis. */
export type PadWidths = readonly [before: number, after: number];

/** Options of {@link pad}. */
export interface PadOptions {
  /**
   * `"constant"`: one value; `"reflect"`: the values inside, mirrored at the first and last, which are not repeated;
   * `"replicate"`: the first and last value, again and again.
   *
   * @defaultValue "constant"
   */
  readonly mode?: "constant" | "reflect" | "replicate";
  /** The value of mode `"constant"`. @defaultValue 0 */
  readonly value?: number;
}

/**
 * x with values added around it.
 *
 * @param x - any shape
 * @param widths - `[before, after]` for each of the last axes: two pairs are those of height and width
 * @throws ArgumentError if a width is no whole number of at least 0, or there are more pairs than axes
 * @throws ShapeError if an axis has too few values to be reflected or replicated
 * @example
 * ```ts
 * pad(tensor([1, 2, 3]), [[1, 2]]).dataSync(); // Float32Array [0, 1, 2, 3, 0, 0]
 * pad(tensor([1, 2, 3]), [[1, 2]], { mode: "reflect" }).dataSync(); // Float32Array [2, 1, 2, 3, 2, 1]
 * ```
 */
export const pad = defineComposite(
  "pad",
  (x: Tensor, widths: readonly PadWidths[], options: PadOptions = {}): Tensor => {
    checkOptions("pad(x, widths)", options, { mode: true, value: true });
    const { mode = "constant", value = 0 } = options;
    checkPadding(x, widths, mode, value);
    const first = x.rank - widths.length;
    if (mode === "constant") return surrounded(x, [...new Array<PadWidths>(first).fill([0, 0]), ...widths], value);
    return widths.reduce<Tensor>((y, [before, after], k) => {
      const axis = first + k;
      const size = y.shape[axis];
      if (before + after === 0) return y;
      checkSize(y, axis, mode, Math.max(before, after));
      const edge = (place: number, count: number): Tensor =>
        broadcastTo(
          slice(y, place, place + 1, axis),
          y.shape.map((n, j) => (j === axis ? count : n)),
        );
      const parts =
        mode === "reflect"
          ? [flip(slice(y, 1, before + 1, axis), axis), y, flip(slice(y, size - 1 - after, size - 1, axis), axis)]
          : [edge(0, before), y, edge(size - 1, after)];
      return concat(parts, axis);
    }, x);
  },
);

/** x within a frame of one value. */
function surrounded(x: Tensor, widths: readonly PadWidths[], value: number): Tensor {
  const { backend, shape } = x;
  const outside = shape.map((size, k) => size + widths[k][0] + widths[k][1]);
  const steps = stridesOf(outside);
  const offset = steps.reduce((sum, step, k) => sum + step * widths[k][0], 0);
  const { extents, strides } = collapse({ extents: shape, strides: [stridesOf(shape), steps] });
  const y = empty("pad", backend, outside);
  backend.fill(y.block, y.size, value);
  const [inner, outer] = strides;
  backend.copy(x.block, y.block, { extents, xStrides: inner, xOffset: 0, yStrides: outer, yOffset: offset });
  return record("pad", y, [x], [], (dy) => {
    const dx = empty("pad", backend, shape);
    backend.copy(dy.block, dx.block, { extents, xStrides: outer, xOffset: offset, yStrides: inner, yOffset: 0 });
    return [dx];
  });
}

function checkPadding(x: Tensor, widths: readonly PadWidths[], mode: string, value: number): void {
  const where = "pad(x, widths)";
  checkTensor(where, x);
  const refuse = (expected: string, received: string, cure: string): never => {
    throw new ArgumentError({ where, expected, received, cure });
  };
  const isWidths = (pair: unknown): boolean =>
    Array.isArray(pair) && pair.length === 2 && pair.every((width) => Number.isInteger(width) && width >= 0);
  if (!Array.isArray(widths) || widths.length > x.rank || !widths.every(isWidths)) {
    refuse(
      `at most ${x.rank} pairs [before, after] of whole numbers of at least 0`,
      shown(widths),
      "Pass a pair for each of the last axes, such as [[1, 1], [1, 1]] for images; slice() takes values away.",
    );
  }
  if (!["constant", "reflect", "replicate"].includes(mode)) {
    refuse('mode to be "constant", "reflect" or "replicate"', String(mode), "Choose one of them.");
  }
  if (typeof value !== "number") refuse("value to be a number", String(value), "Pass a number.");
}

/** Reflection leaves the edge out, so that it needs one value more than it adds. */
function checkSize(x: Tensor, axis: number, mode: string, width: number): void {
  const least = mode === "reflect" ? width + 1 : 1;
  if (x.shape[axis] >= least) return;
  throw new ShapeError({
    where: `pad(x, widths, { mode: "${mode}" })`,
    expected: `at least ${least} values along axis ${axis}`,
    received: `${x.shape[axis]} (shape ${formatShape(x.shape as Shape)})`,
    cure: "Pad by less, or with a constant.",
  });
}
