import { avgPool2d, maxPool2d, scope, setBackend, type Tensor, tensor } from "evenkeel";
import { describe, expect, test } from "vitest";
import { expectClose } from "../support/close.js";
import { normalValues } from "../support/seeded.js";

const works: Record<string, (x: Tensor) => Tensor> = {
  "maxima of 2 × 2": (x) => maxPool2d(x, 2),
  "means of 2 × 2": (x) => avgPool2d(x, 2),
  "maxima of 3 × 3 at steps of 2": (x) => maxPool2d(x, 3, { stride: 2, padding: 1 }),
  "maxima of 3 × 3 at steps of 1": (x) => maxPool2d(x, 3, { stride: 1, padding: 1 }),
  "maxima of 5 × 2 at steps of 1 and 3": (x) => maxPool2d(x, [5, 2], { stride: [1, 3], padding: [2, 1] }),
  "maxima of 3 × 3 padded by 2": (x) => maxPool2d(x, 3, { stride: 1, padding: 2 }),
  "maxima of 4 × 5 padded by 3 and 4, at steps of 2": (x) => maxPool2d(x, [4, 5], { stride: 2, padding: [3, 4] }),
  "maxima of 2 × 2, rounded up": (x) => maxPool2d(x, 2, { ceilMode: true }),
  "maxima of 4 × 4 at steps of 3, rounded up": (x) => maxPool2d(x, 4, { stride: 3, ceilMode: true }),
  "maxima of 4 × 6 padded behind": (x) => maxPool2d(x, [4, 6], { stride: 1, padding: [[0, 3], [1, 5]] }), // biome-ignore format: pairs
  "maxima of 3 × 4, same": (x) => maxPool2d(x, [3, 4], { stride: [1, 2], padding: "same" }),
  "means of 2 × 2, rounded up": (x) => avgPool2d(x, 2, { ceilMode: true }),
  "means of 2 × 1 at steps of 1": (x) => avgPool2d(x, [2, 1], { stride: 1 }),
};
/** Of other counts than powers of two, which are rounded. */
const roundedWorks: Record<string, (x: Tensor) => Tensor> = {
  "means of 3 × 3 padded by 2": (x) => avgPool2d(x, 3, { stride: 1, padding: 2 }),
  "means of 4 × 5 padded by 3 and 4, at steps of 3": (x) => avgPool2d(x, [4, 5], { stride: 3, padding: [3, 4] }),
  "means of 3 × 1 padded by 1 and 2, at steps of 1": (x) =>
    avgPool2d(x, [3, 1], { stride: 1, padding: [[1, 2], [0, 0]] }), // biome-ignore format: pairs
  "means of 3 × 1 at steps of 2 and 1": (x) => avgPool2d(x, [3, 1], { stride: [2, 1], padding: [1, 0] }),
  "means of 3 × 5 padded behind, rounded up": (x) =>
    avgPool2d(x, [3, 5], { stride: 2, padding: [[0, 2], [0, 4]], ceilMode: true, countIncludePad: true }), // biome-ignore format: pairs
};
/** Around the ends of vectors: 1 to 9 windows in a row, of even and odd width. */
const widths = Array.from({ length: 17 }, (_, k) => k + 2);

/** Halves: many are equal, so that which one wins is tested too, and all sums are exact. */
function halves(length: number, seed: number): Float32Array {
  return normalValues(length, seed).map((v) => Math.round(2 * v) / 2 + 0);
}

/** What plain loops and kernels make of values in rows of some width, forward and backward. */
function onBoth(pool: (x: Tensor) => Tensor, values: Float32Array, width: number) {
  return (["cpu", "wasm"] as const).map((name) => {
    setBackend(name);
    return scope(() => {
      const x = tensor(values, [1, 3, 5, width], { requiresGrad: true });
      const y = pool(x);
      y.backward(halves(y.size, 2));
      return { y: y.dataSync(), dx: x.grad?.dataSync() ?? new Float32Array() };
    });
  });
}

describe.each(Object.entries(works))("%s", (_, pool) => {
  test.each(widths)("and their gradients are those of plain loops in rows of %i", (width) => {
    const values = halves(3 * 5 * width, width);
    values[values.length - 2 * width] = Number.NaN;
    values.fill(Number.NEGATIVE_INFINITY, 5 * width, 8 * width);
    const [plain, fast] = onBoth(pool, values, width);
    expect(fast).toEqual(plain);
  });
});

describe.each(Object.entries(roundedWorks))("%s", (_, pool) => {
  test.each(widths)("and their gradients are near those of plain loops in rows of %i", (width) => {
    const [plain, fast] = onBoth(pool, halves(3 * 5 * width, width), width);
    expectClose(fast.y, plain.y, 2e-7);
    expectClose(fast.dx, plain.dx, 5e-7);
  });
});
