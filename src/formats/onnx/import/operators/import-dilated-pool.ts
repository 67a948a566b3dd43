import type { Argument } from "../../../../graph/argument.js";
import { type AxisPadding, widthsAlong } from "../../../../ops/window-padding.js";
import { countWindows } from "../../../../ops/windows.js";
import type { ImportStep } from "../import-step.js";

/** Windows whose values lie apart. */
export interface DilatedWindows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly AxisPadding[];
  readonly isCeil: boolean;
}

/** The windows of one axis: the places that each has, and how many of them are counted. */
interface AxisPlaces {
  readonly places: readonly (readonly number[])[];
  readonly counts: readonly number[];
}

/**
 * The largest value or the mean of windows whose values lie apart, axis by axis: the values of each window are
 * gathered, and reduced. The sizes of the planes must be known.
 *
 * @param mean - whether padding counts in the mean; null: the largest value
 */
export function dilatedPool(
  at: ImportStep,
  windows: DilatedWindows,
  mean: { readonly countsPadding: boolean } | null,
): Argument {
  const axes = windows.kernel.map((_, k) => 2 + k);
  if (axes.length > 2) throw at.refuse(`dilations of ${axes.length} spatial axes`);
  const sizes = at.sizes(0, axes);
  const all = axes.map((axis, k) => placesOf(at, sizes[axis], windows, k, mean !== null, mean?.countsPadding ?? false));
  let x = at.input(0);
  for (const [k, { places }] of all.entries()) {
    const axis = axes[k];
    // Behind the values stands one 0, for places outside; a window's largest value is sought among those inside.
    const widths = axes.slice(k).map((_, i) => (i === 0 ? [0, 1] : [0, 0]));
    const padded = mean === null ? x : at.op("pad", x, widths);
    const values = at.op("gather", padded, places, axis);
    x = at.op(mean === null ? "max" : "sum", values, [axis + 1], { keepDims: false });
  }
  if (mean === null) return x;
  const shape = all.map(({ counts }) => counts.length);
  const [rows, columns = { counts: [1] }] = all;
  const counts = rows.counts.flatMap((one) => columns.counts.map((other) => one * other));
  return at.op("div", x, at.constant(shape, Float32Array.from(counts)));
}

function placesOf(
  at: ImportStep,
  size: number,
  { kernel, stride, dilation, padding, isCeil }: DilatedWindows,
  k: number,
  isMean: boolean,
  countsPadding: boolean,
): AxisPlaces {
  const moves = { kernel: kernel[k], stride: stride[k], dilation: dilation[k] };
  const [before, after] = widthsAlong(padding[k], size, moves);
  const count = countWindows(size, { ...moves, padding: [before, after] }, isCeil);
  if (count < 1) throw at.refuse(`windows that reach further than ${size} places`);
  at.graph.model.spend(count * moves.kernel);
  const windows = Array.from({ length: count }, (_, one) =>
    Array.from({ length: moves.kernel }, (_place, i) => one * moves.stride - before + i * moves.dilation),
  );
  const inside = windows.map((places) => places.filter((place) => place >= 0 && place < size));
  if (inside.some(({ length }) => length === 0)) throw at.refuse("windows that hold no value");
  const counts = windows.map((places, one) =>
    countsPadding ? places.filter((place) => place < size + after).length : inside[one].length,
  );
  const places = windows.map((window, one) =>
    window.map((place) => (place >= 0 && place < size ? place : isMean ? size : inside[one][0])),
  );
  return { places, counts };
}
