import { type Shape, scope, type Tensor, tensor } from "evenkeel";
import { expect } from "vitest";
import { normalValues } from "./seeded.js";

/** An input of a function under test. */
export interface Input {
  readonly shape: Shape;
  readonly values: Float32Array;
}

/** Normal deviates of a shape, or what `map` makes of them. */
export function input(shape: Shape, seed: number, map: (value: number) => number = (value) => value): Input {
  return {
    shape,
    values: normalValues(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ).map(map),
  };
}

/**
 * Expects the gradients of ⟨cotangent, f(inputs)⟩ for every input to match central differences along random directions.
 * The cotangent is random, since under a plain sum the gradient of a normalisation is 0 and a missing one would pass.
 * Richardson extrapolation over steps h and h/2 leaves an error of h⁴.
 */
export function expectGradient(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Input[],
  { step = 0.02, tolerance = 2e-3 }: { step?: number; tolerance?: number } = {},
): void {
  const cotangent = scope(() => {
    const leaves = inputs.map(({ values, shape }) => tensor(values, shape));
    return normalValues(f(...leaves).size, 99);
  });
  const along = (directions: readonly Float32Array[], h: number): number =>
    scope(() => {
      const moved = inputs.map(({ values, shape }, k) =>
        tensor(
          values.map((v, i) => v + h * directions[k][i]),
          shape,
        ),
      );
      const y = f(...moved).dataSync();
      return y.reduce((total, value, i) => total + value * cotangent[i], 0);
    });
  const gradients = scope(() => {
    const leaves = inputs.map(({ values, shape }) => tensor(values, shape, { requiresGrad: true }));
    f(...leaves).backward(cotangent);
    const read = leaves.map(({ grad, size }) => grad?.dataSync() ?? new Float32Array(size));
    for (const leaf of leaves) {
      leaf.grad?.dispose();
      leaf.dispose();
    }
    return read;
  });
  inputs.forEach(({ values }, k) => {
    for (let trial = 0; trial < 3; trial++) {
      const directions = inputs.map((other, j) =>
        j === k ? normalValues(values.length, 1000 + 10 * k + trial) : new Float32Array(other.values.length),
      );
      const slope = (h: number): number => (along(directions, h) - along(directions, -h)) / (2 * h);
      const numeric = (4 * slope(step / 2) - slope(step)) / 3;
      const exact = gradients[k].reduce((total, g, i) => total + g * directions[k][i], 0);
      const norm = Math.sqrt(gradients[k].reduce((total, g) => total + g * g, 0));
      const scale = Math.max(1e-3, Math.abs(exact), norm);
      expect(
        Math.abs(numeric - exact) / scale,
        `input ${k}: ${exact} by backward(), ${numeric} numerically`,
      ).toBeLessThan(tolerance);
    }
  });
}
