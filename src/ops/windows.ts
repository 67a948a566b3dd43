import { ArgumentError, ShapeError } from "../errors.js";
import { formatShape } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { checkHasValues } from "./empty-axes.js";

/** A size along height and width: one number for both, or `[height, width]`. */
export type Pair = number | readonly [number, number];

/** Both numbers, checked to be whole and at least `minimum`. */
export function resolvePair(where: string, name: string, value: Pair, minimum: number): readonly [number, number] {
  const pair = typeof value === "number" ? ([value, value] as const) : value;
  if (Array.isArray(pair) && pair.length === 2 && pair.every((n) => Number.isInteger(n) && n >= minimum))
    return [pair[0], pair[1]];
  throw new ArgumentError({
    where,
    expected: `${name} to be a whole number of at least ${minimum}, or two of them`,
    received: JSON.stringify(value),
    cure: `Correct ${name}.`,
  });
}

/** How windows move over a plane, along each axis: two of them, or one of signals. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

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
  const planes = sizes.map((size, k) => size + 2 * padding[k]);
  const reaches = sizes.map((_, k) => dilation[k] * (kernel[k] - 1) + 1);
  if ([...planes, ...reaches, ...stride].every((count) => count <= mostPlaces)) return;
  throw new ShapeError({
    where,
    expected: `padded planes, windows and strides of at most ${mostPlaces} places along each axis`,
    received: [planes, reaches, stride].map((counts) => counts.join("×")).join(", "),
    cure: "Use less padding, a smaller stride or a smaller dilation.",
  });
}

/**
 * How many windows fit: ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1 each way.
 *
 * @throws ShapeError if none does, or one is larger than 2³¹ places
 */
export function outputSize(where: string, x: Tensor, windows: Windows): [number, number] {
  const { kernel, stride, padding, dilation } = windows;
  checkPlaces(where, x.shape.slice(2), windows);
  const count = (axis: 0 | 1): number =>
    Math.floor((x.shape[2 + axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;
  const size: [number, number] = [count(0), count(1)];
  if (size[0] >= 1 && size[1] >= 1) return size;
  throw new ShapeError({
    where,
    expected: `planes of at least ${[0, 1].map((k) => dilation[k] * (kernel[k] - 1) + 1 - 2 * padding[k]).join("×")}`,
    received: `${x.shape[2]}×${x.shape[3]} (shape ${formatShape(x.shape)})`,
    cure: "Use larger images, a smaller kernel, or more padding.",
  });
}

/**
 * Checks that the padding is smaller than the kernel: every window then reaches a value, if there are any. A convolution needs
 * none of that, since its padding is zeros.
 */
export function checkReach(where: string, { kernel, padding }: Pick<Windows, "kernel" | "padding">): void {
  if (padding.every((count, k) => count < kernel[k])) return;
  throw new ArgumentError({
    where,
    expected: `padding smaller than the kernel ${kernel.join("×")}`,
    received: padding.join("×"),
    cure: "Use less padding, so that every window reaches a value.",
  });
}

/** Checks that a kernel has taps: the axes of a weight behind its channels. */
export function checkTaps(where: string, weight: Tensor): void {
  const axes = weight.shape.map((_, axis) => axis).slice(2);
  checkHasValues(where, weight.shape, axes, "Pass a weight whose kernel has at least one tap.");
}

/** Checks that x is (N, C, H, W). */
export function checkImages(where: string, x: Tensor): void {
  checkTensor(where, x);
  if (x.rank === 4) return;
  throw new ShapeError({
    where,
    expected: "images (N, C, H, W)",
    received: `rank ${x.rank} (shape ${formatShape(x.shape)})`,
    cure: "Reshape to four axes.",
  });
}
