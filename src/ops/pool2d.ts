import { record } from "../autograd.js";
import type { PoolGeometry } from "../backend/backend.js";
import type { Shape } from "../shape.js";
import { empty, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { mean } from "./mean.js";
import { checkImages, checkReach, outputSize, type Pair, resolvePair } from "./windows.js";

/** Options of {@link maxPool2d} and {@link avgPool2d}. */
export interface PoolOptions {
  /** Step between windows. @defaultValue the kernel */
  readonly stride?: Pair;
  /** Places around each plane that hold no value; fewer than the kernel has, so that every window reaches a value. @defaultValue 0 */
  readonly padding?: Pair;
}

function geometryOf(where: string, x: Tensor, kernelSize: Pair, options: PoolOptions): PoolGeometry {
  checkImages(where, x);
  const kernel = resolvePair(where, "kernel", kernelSize, 1);
  const stride = resolvePair(where, "stride", options.stride ?? kernel, 1);
  const padding = resolvePair(where, "padding", options.padding ?? 0, 0);
  checkReach(where, { kernel, padding });
  const [outHeight, outWidth] = outputSize(where, x, { kernel, stride, padding, dilation: [1, 1] });
  const [batch, channels, height, width] = x.shape;
  return { planes: batch * channels, height, width, outHeight, outWidth, kernel, stride, padding };
}

/**
 * What all windows of planes without values have, since they lie on padding alone; null if the planes have values. The gradient is
 * as empty as the planes.
 */
function ofPaddingAlone(op: string, x: Tensor, shape: Shape, value: number): Tensor | null {
  const { backend, shape: before } = x;
  if (before[2] * before[3] > 0) return null;
  const y = empty(op, backend, shape);
  backend.fill(y.block, y.size, value);
  return record(op, y, [x], [], () => [empty(op, backend, before)]);
}

/**
 * The largest value of each window; padding never wins. The gradient goes to the first of equal ones.
 * Planes without values have windows of padding alone, whose maximum is −∞.
 *
 * @param x - (N, C, H, W)
 * @param kernel - size of the windows
 * @throws ShapeError if no window fits
 * @throws ArgumentError if the padding is not smaller than the kernel
 */
export const maxPool2d = defineOp("maxPool2d", (x: Tensor, kernel: Pair, options: PoolOptions = {}): Tensor => {
  const geometry = geometryOf("maxPool2d(x, kernel)", x, kernel, options);
  const { backend, shape: before } = x;
  const shape = [x.shape[0], x.shape[1], geometry.outHeight, geometry.outWidth];
  const constant = ofPaddingAlone("maxPool2d", x, shape, Number.NEGATIVE_INFINITY);
  if (constant !== null) return constant;
  const y = empty("maxPool2d", backend, shape);
  const indices = empty("maxPool2d", backend, shape);
  backend.maxPool2d(x.block, y.block, indices.block, geometry);
  record("maxPool2d", y, [x], [indices], (dy, [places]) => {
    const dx = empty("maxPool2d", backend, before);
    backend.maxPool2dGradient(dy.block, places.block, dx.block, geometry);
    return [dx];
  });
  indices.dispose();
  return y;
});

/**
 * The mean of each window; padding is not counted, so that borders are means of real values.
 * Planes without values have windows of padding alone, whose mean is NaN.
 *
 * @param x - (N, C, H, W)
 * @param kernel - size of the windows
 * @throws ShapeError if no window fits
 * @throws ArgumentError if the padding is not smaller than the kernel
 */
export const avgPool2d = defineOp("avgPool2d", (x: Tensor, kernel: Pair, options: PoolOptions = {}): Tensor => {
  const geometry = geometryOf("avgPool2d(x, kernel)", x, kernel, options);
  const { backend, shape: before } = x;
  const shape = [x.shape[0], x.shape[1], geometry.outHeight, geometry.outWidth];
  const constant = ofPaddingAlone("avgPool2d", x, shape, Number.NaN);
  if (constant !== null) return constant;
  const y = empty("avgPool2d", backend, shape);
  backend.avgPool2d(x.block, y.block, geometry);
  return record("avgPool2d", y, [x], [], (dy) => {
    const dx = empty("avgPool2d", backend, before);
    backend.avgPool2dGradient(dy.block, dx.block, geometry);
    return [dx];
  });
});

/** The mean of each plane, NaN if it has no values. @param x - (N, C, H, W) @returns (N, C) */
export const globalAvgPool2d = defineOp("globalAvgPool2d", (x: Tensor): Tensor => {
  checkImages("globalAvgPool2d(x)", x);
  return mean(x, [2, 3]);
});
