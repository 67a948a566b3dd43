import { ArgumentError, ShapeError } from "../errors.js";
import { formatShape, type Shape } from "../shape.js";
import { shown } from "../shown.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { checkHasValues } from "./empty-axes.js";
import type { PadWidths } from "./pad.js";

/** A size along height and width: one number for both, or `[height, width]`. */
export type Pair = number | readonly [number, number];

/** A size along depth, height and width: one number for all, or `[depth, height, width]`. */
export type Triple = number | readonly [number, number, number];

const manyOf = ["", "a whole number", "two of them", "three of them"];

/** A number for each of some axes, checked to be whole and at least `minimum`. */
export function resolveSizes(where: string, name: string, value: unknown, minimum: number, axes: number): number[] {
  const sizes: unknown = typeof value === "number" ? new Array<number>(axes).fill(value) : value;
  if (Array.isArray(sizes) && sizes.length === axes && sizes.every((n) => Number.isInteger(n) && n >= minimum)) {
    return [...sizes];
  }
  throw new ArgumentError({
    where,
    expected: `${name} to be a whole number of at least ${minimum}${axes === 1 ? "" : `, or ${manyOf[axes]}`}`,
    received: shown(value),
    cure: `Correct ${name}.`,
  });
}

/** Both numbers, checked to be whole and at least `minimum`. */
export function resolvePair(where: string, name: string, value: Pair, minimum: number): readonly [number, number] {
  const [first, second] = resolveSizes(where, name, value, minimum, 2);
  return [first, second];
}

/** All three numbers, checked to be whole and at least 1. */
export function resolveTriple(where: string, name: string, value: Triple): readonly [number, number, number] {
  const [first, second, third] = resolveSizes(where, name, value, 1, 3);
  return [first, second, third];
}

/** How windows move over signals, planes or volumes, along each axis. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly PadWidths[];
  readonly dilation: readonly number[];
}

/** What lies along one, two or three axes behind batch and channels. */
const kinds = [
  { name: "", axes: "", larger: "", count: "", taps: "" },
  { name: "signals", axes: "(N, C, L)", larger: "longer signals", count: "three", taps: "k" },
  { name: "images", axes: "(N, C, H, W)", larger: "larger images", count: "four", taps: "kh, kw" },
  { name: "volumes", axes: "(N, C, D, H, W)", larger: "larger volumes", count: "five", taps: "kd, kh, kw" },
];

/** Kernels count the places along an axis in 32 bits. */
const mostPlaces = 2 ** 31 - 1;

/**
 * Checks that no count of places along the axes of planes, padded, or of windows overflows.
 *
 * @param sizes - of the planes, one for each axis of the windows
 * @throws ShapeError if one does
 */
export function checkPlaces(where: string, sizes: readonly number[], windows: Windows): void {
  const { kernel, stride, padding, dilation } = windows;
  const planes = sizes.map((size, k) => size + padding[k][0] + padding[k][1]);
  const reaches = sizes.map((_, k) => dilation[k] * (kernel[k] - 1) + 1);
  if ([...planes, ...reaches, ...stride].every((count) => count <= mostPlaces)) return;
  throw new ShapeError({
    where,
    expected: `padded planes, windows and strides of at most ${mostPlaces} places along each axis`,
    received: [planes, reaches, stride].map((counts) => counts.join("×")).join(", "),
    cure: "Use less padding, a smaller stride or a smaller dilation.",
  });
}

/** One axis of {@link Windows}. */
export interface AxisWindows {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padding: PadWidths;
}

/**
 * How many windows fit along an axis: ⌊(size + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1.
 *
 * @param isCeil - rounds up, but for a window that begins behind all values
 */
export function countWindows(size: number, windows: AxisWindows, isCeil = false): number {
  const { kernel, stride, dilation } = windows;
  const [before, after] = windows.padding;
  const steps = (size + before + after - dilation * (kernel - 1) - 1) / stride;
  if (!isCeil) return Math.floor(steps) + 1;
  const last = Math.ceil(steps);
  return last * stride >= size + before ? last : last + 1;
}

/**
 * How many windows fit each way: see {@link countWindows}.
 *
 * @param shape - (N, C, …)
 * @throws ShapeError if none does, or one is larger than 2³¹ places
 */
export function outputSizes(where: string, shape: Shape, windows: Windows, isCeil = false): number[] {
  const sizes = shape.slice(2);
  checkPlaces(where, sizes, windows);
  const { kernel, stride, padding, dilation } = windows;
  const along = (k: number): AxisWindows => ({
    ...{ kernel: kernel[k], stride: stride[k], dilation: dilation[k], padding: padding[k] },
  });
  const counts = sizes.map((size, k) => countWindows(size, along(k), isCeil));
  if (counts.every((count) => count >= 1)) return counts;
  const least = sizes.map((_, k) => dilation[k] * (kernel[k] - 1) + 1 - padding[k][0] - padding[k][1]);
  const { name, larger } = kinds[sizes.length];
  throw new ShapeError({
    where,
    expected:
      sizes.length === 2 ? `planes of at least ${least.join("×")}` : `${name} of at least ${least.join("×")} values`,
    received: `${sizes.join("×")} (shape ${formatShape(shape)})`,
    cure: `Use ${larger}, a smaller kernel, or more padding.`,
  });
}

/**
 * Checks that the padding is smaller than the kernel: every window then reaches a value, if there are any. A
 * convolution needs none of that, since its padding is zeros.
 */
export function checkReach(where: string, { kernel, padding }: Pick<Windows, "kernel" | "padding">): void {
  if (padding.every((widths, k) => Math.max(...widths) < kernel[k])) return;
  throw new ArgumentError({
    where,
    expected: `padding smaller than the kernel ${kernel.join("×")}`,
    received: padding.map(([before, after]) => (before === after ? before : `(${before}, ${after})`)).join("×"),
    cure: "Use less padding, so that every window reaches a value.",
  });
}

/** Checks that x, weight, bias and groups of a convolution, or of a transposed one, fit, and that a kernel has taps. */
export function checkConvolution(
  where: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  { axes, groups, isTransposed = false }: { axes: number; groups: number; isTransposed?: boolean },
): void {
  checkSpatial(where, x, axes);
  const channels = x.shape[1];
  const [first, second] = weight.shape;
  const [inputs, outputs] = isTransposed ? [first, second * groups] : [second * groups, first];
  const fits = weight.rank === x.rank && inputs === channels && (isTransposed ? channels : outputs) % groups === 0;
  if (!fits || (bias !== null && (bias.rank !== 1 || bias.size !== outputs))) {
    const { taps } = kinds[axes];
    throw new ShapeError({
      where,
      expected: isTransposed
        ? `channels divisible by groups = ${groups}, a weight (${channels}, out / ${groups}, ${taps}), and a bias (out) or none`
        : `a weight (out, ${channels / groups}, ${taps}) with out divisible by groups = ${groups}, and a bias (out) or none`,
      received: `${formatShape(weight.shape)} and ${bias === null ? "none" : formatShape(bias.shape)} for x ${formatShape(x.shape)}`,
      cure: "Match the weight's channels to those of x.",
    });
  }
  const kernel = weight.shape.map((_, axis) => axis).slice(2);
  checkHasValues(where, weight.shape, kernel, "Pass a weight whose kernel has at least one tap.");
}

/** Checks that x is (N, C, …) with so many axes behind: signals, images or volumes. */
export function checkSpatial(where: string, x: Tensor, axes: number): void {
  checkTensor(where, x);
  if (x.rank === axes + 2) return;
  const kind = kinds[axes];
  throw new ShapeError({
    where,
    expected: `${kind.name} ${kind.axes}`,
    received: `rank ${x.rank} (shape ${formatShape(x.shape)})`,
    cure: `Reshape to ${kind.count} axes.`,
  });
}
