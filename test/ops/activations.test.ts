import { hardSwish, PReLU, prelu, setBackend, softplus, tensor, zeros } from "evenkeel";
import { beforeAll, describe, expect, test } from "vitest";
import { normalValues } from "../support/seeded.js";

/** Values of every size and sign, and those at which a function may overflow or cancel. */
const points = Float32Array.from([
  ...normalValues(4001, 3).map((value, i) => value * 2 ** ((i % 41) / 4 - 5)),
  ...[0, -0, 1e-30, -1e-30, 1e-8, -1e-8, 80, -80, 88, -88, 1e4, 1e30, -1e30, 3.4e38, -3.4e38],
]);

/** The distance of a float32 from a real number, in units of its last place. */
function ulps(actual: number, exact: number): number {
  const size = Math.abs(Math.fround(exact));
  const unit = size < 2 ** -126 ? 2 ** -149 : 2 ** (Math.floor(Math.log2(size)) - 23);
  return Math.abs(actual - exact) / unit;
}

/** The largest distance of a function's values from a formula in float64, and where it is. */
function worst(
  actual: Float32Array,
  formula: (x: number) => number,
  at: Float32Array = points,
): { ulps: number; x: number } {
  let largest = { ulps: 0, x: 0 };
  for (const [i, x] of at.entries()) {
    const distance = ulps(actual[i], formula(x));
    if (!(distance <= largest.ulps)) largest = { ulps: distance, x };
  }
  return largest;
}

describe.each(["cpu", "wasm"] as const)("activations on %s", (backend) => {
  beforeAll(() => setBackend(backend));

  test("softplus is right to about two units in the last place, and has the slope sigmoid(x)", () => {
    const within = points.filter((x) => x > -87);
    const x = tensor(within, [within.length], { requiresGrad: true });
    const y = softplus(x);
    const formula = (v: number): number => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
    expect(worst(y.dataSync(), formula, within).ulps).toBeLessThan(2.2);
    y.backward(new Float32Array(within.length).fill(1));
    const slopes = x.grad?.dataSync() ?? new Float32Array();
    expect(worst(slopes, (v) => 1 / (1 + Math.exp(-v)), within).ulps).toBeLessThan(4);
  });

  test("hardSwish is right to four units in the last place, 0 up to −3 and x from 3 on, slopes included", () => {
    const x = tensor(points, [points.length], { requiresGrad: true });
    const y = hardSwish(x);
    const formula = (v: number): number => (v * Math.min(Math.max(v + 3, 0), 6)) / 6;
    // Near −3, x + 3 cancels: there the distance is that of the sum, which float32 has exactly.
    expect(worst(y.dataSync(), formula).ulps).toBeLessThan(4);
    const ends = tensor([-3, 3, -1e30, 3e38, Infinity, Number.NaN], [6], { requiresGrad: true });
    const z = hardSwish(ends);
    expect([...z.dataSync()].map((v) => v + 0)).toEqual([0, 3, 0, Math.fround(3e38), Infinity, Number.NaN]);
    z.backward(new Float32Array(6).fill(1));
    expect([...(ends.grad?.dataSync() ?? [])].slice(0, 5).map((v) => v + 0)).toEqual([0, 1, 0, 1, 1]);
  });

  test("prelu at 0 has the slope of its weight, and keeps what is not finite", () => {
    const x = tensor([0, -0, Infinity, -Infinity, Number.NaN, -3e38], [6], { requiresGrad: true });
    const weight = tensor([0.5], [1], { requiresGrad: true });
    const y = prelu(x, weight);
    expect([...y.dataSync()].map((v) => v + 0)).toEqual([0, 0, Infinity, -Infinity, Number.NaN, Math.fround(-1.5e38)]);
    y.backward(new Float32Array([1, 1, 1, 0, 1, 0]));
    expect([...(x.grad?.dataSync() ?? [])].map((v) => v + 0)).toEqual([0.5, 0.5, 1, 0, 0.5, 0]);
  });

  test("the slopes of prelu are one, or as many as channels", () => {
    const x = zeros([2, 3, 4]);
    expect(() => prelu(x, zeros([4]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: prelu(x, weight): expected one slope, or one for each channel of axis 1, got slopes 4 for 3 channels (shape 2×3×4). Give the weight as many values as x has channels, or one.]`,
    );
    expect(() => prelu(x, zeros([3, 1]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: prelu(x, weight): expected one slope, or one for each channel of axis 1, got slopes 3×1 for 3 channels (shape 2×3×4). Give the weight as many values as x has channels, or one.]`,
    );
    expect(() => prelu(zeros([3]), zeros([3]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: prelu(x, weight): expected one slope, or one for each channel of axis 1, got slopes 3 for no channels. Give the weight as many values as x has channels, or one.]`,
    );
    expect(() => new PReLU(4).forward(x)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: PReLU(4).forward(x): expected 4 channels in axis 1, got 3 (shape 2×3×4). Bring channels to the front: x.transpose([0, 2, 1]).]`,
    );
    expect(() => new PReLU(0)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new PReLU(numParameters): expected numParameters to be a whole number of at least 1, got 0. Correct numParameters.]`,
    );
  });

  test("softplus ends where float32 does", () => {
    const y = softplus(tensor([Infinity, -Infinity, Number.NaN, 3.4e38, -3.4e38])).dataSync();
    expect([...y]).toEqual([Infinity, 0, Number.NaN, Math.fround(3.4e38), 0]);
  });
});
