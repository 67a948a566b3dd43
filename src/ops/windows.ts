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

/** How windows move over a plane. */
export interface Windows {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
}

/** How many windows fit: ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1 each way. @throws ShapeError if none does */
export function outputSize(where: string, x: Tensor, { kernel, stride, padding, dilation }: Windows): [number, number] {
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
 * Checks that every window reaches a value, which a maximum and a mean need: the padding is smaller than the kernel, and the planes have
 * values. A convolution needs none of that, since its padding is zeros.
 */
export function checkReach(where: string, x: Tensor, { kernel, padding }: Pick<Windows, "kernel" | "padding">): void {
  if (padding.some((count, k) => count >= kernel[k])) {
    throw new ArgumentError({
      where,
      expected: `padding smaller than the kernel ${kernel.join("×")}`,
      received: padding.join("×"),
      cure: "Use less padding, so that every window reaches a value.",
    });
  }
  checkHasValues(where, x.shape, [2, 3], "Pass planes that have values.");
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
