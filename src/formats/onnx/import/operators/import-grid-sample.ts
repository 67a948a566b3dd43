import { type Argument, SizeRef } from "../../../../graph/argument.js";
import { intOf, textOf } from "../../file/attributes.js";
import type { ImportStep } from "../import-step.js";

/** What one axis of the planes is asked for: real places, and how many there are. */
interface Axis {
  /** (N, 1, P) */
  readonly places: Argument;
  readonly size: number;
}

/** Values of planes along one corner: indices within the plane, and how much each counts. */
interface Corner {
  readonly index: Argument;
  readonly weight: Argument;
}

/**
 * Values of planes (N, C, H, W) at places of a grid (N, H′, W′, 2), x before y, from −1 to 1. Indices pass no gradient;
 * the weights of the four values around a place do, so that the grid trains.
 */
export function importGridSample(at: ImportStep): Argument {
  const { node } = at;
  const mode = textOf(node, "mode", at.graph.model.opset < 20 ? "bilinear" : "linear");
  const padding = textOf(node, "padding_mode", "zeros");
  const isNearest = mode === "nearest";
  if (!isNearest && mode !== "bilinear" && mode !== "linear") throw at.refuse(`mode ${mode}`);
  if (!["zeros", "border", "reflection"].includes(padding)) throw at.refuse(`padding_mode ${padding}`);
  if (at.rank(0) !== 4) throw at.refuse(`${at.rank(0)} axes`);
  const [, channels, height, width] = at.sizes(0, [1, 2, 3]);
  const [, rows, columns] = at.sizes(1, [1, 2]);
  const [batch] = at.shape(0) ?? [];
  const samples = batch instanceof SizeRef || typeof batch === "number" ? batch : -1;
  const places = at.op("reshape", at.input(1), [-1, 1, rows * columns, 2]);
  const isAligned = intOf(node, "align_corners", 0) !== 0;
  const axes = [height, width].map((size, k): Axis => {
    const one = at.op("squeeze", at.op("slice", places, 1 - k, 2 - k, 3), 3);
    // −1 and 1 are the middles of the outermost values, or their outer edges.
    const whole = at.op("mul", at.op("add", one, 1), (isAligned ? size - 1 : size) / 2);
    const raw = isAligned ? whole : at.op("sub", whole, 0.5);
    return { size, places: padding === "zeros" ? raw : inside(at, raw, size, padding === "reflection", isAligned) };
  });
  const [down, across] = axes.map((axis) => cornersOf(at, axis, isNearest));
  const flat = at.op("reshape", at.input(0), [samples, channels, height * width]);
  const parts = down.flatMap((upper) =>
    across.map((left) => {
      const index = at.op("add", at.op("mul", upper.index, width), left.index);
      const values = at.op("takeAlongAxis", flat, at.op("tile", index, [1, channels, 1]), 2);
      return at.op("mul", values, at.op("mul", upper.weight, left.weight));
    }),
  );
  const sum = parts.reduce((all, part) => at.op("add", all, part));
  return at.op("reshape", sum, [samples, channels, rows, columns]);
}

/** Places brought between the first and the last value: at the border, or as a mirror shows them. */
function inside(at: ImportStep, places: Argument, size: number, isMirrored: boolean, isAligned: boolean): Argument {
  if (!isMirrored) return at.op("clamp", places, 0, size - 1);
  const low = isAligned ? 0 : -0.5;
  const span = isAligned ? size - 1 : size;
  if (span === 0) return at.op("mul", places, 0);
  // The distance to the nearest even multiple of the span.
  const turns = at.op("div", at.op("sub", places, low), 2 * span);
  const rest = at.op("sub", turns, at.op("floor", at.op("add", turns, 0.5)));
  const mirrored = at.op("add", at.op("mul", at.op("abs", rest), 2 * span), low);
  return at.op("clamp", mirrored, 0, size - 1);
}

/** The values around a place of an axis; those outside count nothing. */
function cornersOf(at: ImportStep, { places, size }: Axis, isNearest: boolean): Corner[] {
  const first = at.op(isNearest ? "round" : "floor", places);
  const within = (place: Argument): Argument => at.op("clamp", place, 0, size - 1);
  const counts = (place: Argument): Argument => at.op("equal", place, within(place));
  if (isNearest) return [{ index: within(first), weight: counts(first) }];
  const share = at.op("sub", places, first);
  const next = at.op("add", first, 1);
  return [
    { index: within(first), weight: at.op("mul", at.op("sub", next, places), counts(first)) },
    { index: within(next), weight: at.op("mul", share, counts(next)) },
  ];
}
