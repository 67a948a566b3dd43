import type { Backend, ConvGeometry } from "../backend/backend.js";
import { empty, type Tensor, view } from "../tensor.js";
import { expand } from "./sum.js";

/**
 * Whether the sums of a convolution have no terms, or there are no sums: some axis has size 0. Kernels are not asked
 * then.
 */
function isEmpty({ batch, inChannels, height, width, outChannels }: ConvGeometry): boolean {
  return batch * inChannels * height * width * outChannels === 0;
}

function zerosOf(origin: string, backend: Backend, shape: readonly number[]): Tensor {
  const t = empty(origin, backend, shape);
  backend.fill(t.block, t.size, 0);
  return t;
}

/** x ∗ weight + bias, without graph. `origin` names the op. */
export function convolve(
  origin: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  geometry: ConvGeometry,
): Tensor {
  const { backend } = x;
  const { batch, outChannels, outHeight, outWidth } = geometry;
  const shape = [batch, outChannels, outHeight, outWidth];
  if (isEmpty(geometry)) {
    if (bias === null) return zerosOf(origin, backend, shape);
    const column = view(origin, bias, [outChannels, 1, 1]);
    const y = expand(column, shape);
    column.dispose();
    return y;
  }
  const y = empty(origin, backend, shape);
  backend.conv2d(x.block, weight.block, bias?.block ?? null, y.block, geometry);
  return y;
}

/** The gradient of {@link convolve} for x: the transposed convolution of dy. */
export function convolveInputGradient(origin: string, dy: Tensor, weight: Tensor, geometry: ConvGeometry): Tensor {
  const { backend } = dy;
  const { batch, inChannels, height, width } = geometry;
  const shape = [batch, inChannels, height, width];
  if (isEmpty(geometry)) return zerosOf(origin, backend, shape);
  const dx = empty(origin, backend, shape);
  backend.conv2dInputGradient(dy.block, weight.block, dx.block, geometry);
  return dx;
}

/** The gradient of {@link convolve} for the weight. */
export function convolveWeightGradient(origin: string, dy: Tensor, x: Tensor, geometry: ConvGeometry): Tensor {
  const { backend } = dy;
  const { inChannels, outChannels, groups, kernel } = geometry;
  const shape = [outChannels, inChannels / groups, ...kernel];
  if (isEmpty(geometry)) return zerosOf(origin, backend, shape);
  const dweight = empty(origin, backend, shape);
  backend.conv2dWeightGradient(dy.block, x.block, dweight.block, geometry);
  return dweight;
}
