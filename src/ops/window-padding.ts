import { ArgumentError } from "../errors.js";
import { shown } from "../shown.js";
import type { PadWidths } from "./pad.js";
import type { AxisWindows, Pair, Triple } from "./windows.js";

/**
 * What stands around signals (N, C, L): as many places on both sides, `[before, after]`, or `"same"`: what it takes
 * for ⌈L / stride⌉ windows, the odd place behind.
 */
export type SignalPadding = number | PadWidths | "same";

/**
 * What stands around planes (N, C, H, W): as many places on all sides; `[height, width]`; `[before, after]` for each
 * of the two axes; or `"same"`: what it takes for ⌈size / stride⌉ windows along each axis, the odd place behind.
 */
export type PlanePadding = Pair | readonly [PadWidths, PadWidths] | "same";

/** What stands around volumes (N, C, D, H, W), in the same ways as {@link PlanePadding}. */
export type VolumePadding = Triple | readonly [PadWidths, PadWidths, PadWidths] | "same";

/** Padding of one axis. */
export type AxisPadding = PadWidths | "same";

const isWidth = (width: unknown): width is number => Number.isInteger(width) && Number(width) >= 0;

function isWidths(given: unknown): given is PadWidths {
  return Array.isArray(given) && given.length === 2 && given.every(isWidth);
}

/** The padding of each axis as it was given, checked. */
export function resolvePadding(where: string, given: unknown, axes: number): AxisPadding[] {
  if (given === "same" || isWidth(given)) {
    return new Array<AxisPadding>(axes).fill(given === "same" ? given : [given, given]);
  }
  if (axes === 1 && isWidths(given)) return [given];
  if (axes > 1 && Array.isArray(given) && given.length === axes) {
    if (given.every(isWidth)) return given.map((width) => [width, width]);
    if (given.every(isWidths)) return given;
  }
  const forms = ["", "[before, after]", "two of them, two [before, after]", "three of them, three [before, after]"];
  throw new ArgumentError({
    where,
    expected: `padding to be a whole number of at least 0, ${forms[axes]} or "same"`,
    received: shown(given),
    cure: "Correct padding.",
  });
}

/** How many places stand on both sides of an axis of this size. */
export function widthsAlong(padding: AxisPadding, size: number, windows: Omit<AxisWindows, "padding">): PadWidths {
  if (padding !== "same") return padding;
  const { kernel, stride, dilation } = windows;
  // An axis without values stays one without windows.
  const last = size === 0 ? 0 : (Math.ceil(size / stride) - 1) * stride - size + 1;
  const total = Math.max(0, last + dilation * (kernel - 1));
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

/** The padding of each axis where its size is known. */
export function paddingWidths(
  padding: readonly AxisPadding[],
  sizes: readonly number[],
  { kernel, stride, dilation }: Readonly<Record<"kernel" | "stride" | "dilation", readonly number[]>>,
): PadWidths[] {
  return padding.map((one, k) =>
    widthsAlong(one, sizes[k], { kernel: kernel[k], stride: stride[k], dilation: dilation[k] }),
  );
}

/** The shortest way to write padding down: a number for each axis where both sides are alike. */
export function shortestPadding(padding: readonly AxisPadding[]): "same" | number[] | PadWidths[] {
  const widths = padding.filter((one) => one !== "same");
  if (widths.length === 0 && padding.length > 0) return "same";
  return widths.every(([before, after]) => before === after) ? widths.map(([before]) => before) : widths;
}

/** The padding of a layer over signals, checked. */
export function signalPadding(where: string, given: SignalPadding): SignalPadding {
  const padding = shortestPadding(resolvePadding(where, given, 1));
  return padding === "same" ? padding : padding[0];
}

/** The padding of a layer over planes, checked: both numbers, both pairs, or `"same"`. */
export function planePadding(where: string, given: PlanePadding): Exclude<PlanePadding, number> {
  return shortestPadding(resolvePadding(where, given, 2)) as Exclude<PlanePadding, number>;
}

/** The padding of a layer over volumes, checked: three numbers, three pairs, or `"same"`. */
export function volumePadding(where: string, given: VolumePadding): Exclude<VolumePadding, number> {
  return shortestPadding(resolvePadding(where, given, 3)) as Exclude<VolumePadding, number>;
}
