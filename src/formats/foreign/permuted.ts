import { type Shape, stridesOf } from "../../shape.js";

/** Numbers of a shape, row-major, in the order in which axis `axes[k]` is axis k. */
export function permuted<Numbers extends Float32Array | Float64Array>(
  values: Numbers,
  shape: Shape,
  axes: readonly number[],
): Numbers {
  const strides = stridesOf(shape);
  const sizes = axes.map((axis) => shape[axis]);
  const steps = axes.map((axis) => strides[axis]);
  const result = values.slice() as Numbers;
  const at = axes.map(() => 0);
  for (let i = 0, from = 0; i < result.length; i++) {
    result[i] = values[from];
    for (let k = axes.length - 1; k >= 0; k--) {
      from += steps[k];
      if (++at[k] < sizes[k]) break;
      from -= steps[k] * sizes[k];
      at[k] = 0;
    }
  }
  return result;
}
