import { conv2d, scope, setBackend, tensor, threads } from "evenkeel";
import { describe, expect, test } from "vitest";
import { relativeError } from "../support/close.js";
import { normalValues } from "../support/seeded.js";

type Pair = readonly [number, number];

interface Case {
  readonly x: readonly [batch: number, channels: number, height: number, width: number];
  readonly weight: readonly [results: number, channels: number, height: number, width: number];
  readonly stride?: number | Pair;
  readonly padding?: number | Pair;
  readonly dilation?: number | Pair;
}

/** Results, dx and dweight of a convolution with a bias. */
function run({ x: shape, weight: [results, channels, kh, kw], ...options }: Case): Float32Array[] {
  return scope(() => {
    const size = shape.reduce((a, b) => a * b);
    const x = tensor(normalValues(size, 1), shape, { requiresGrad: true });
    const scale = 1 / Math.sqrt(channels * kh * kw);
    const drawn = normalValues(results * channels * kh * kw, 2).map((v) => v * scale);
    const weight = tensor(drawn, [results, channels, kh, kw], { requiresGrad: true });
    const bias = tensor(normalValues(results, 3));
    const y = conv2d(x, weight, bias, { ...options, groups: shape[1] / channels });
    y.backward(normalValues(y.size, 4));
    return [y, x.grad, weight.grad].map((t) => t?.dataSync() ?? new Float32Array(0));
  });
}

const kinds: Readonly<Record<string, readonly Case[]>> = {
  "1 × 1, panels of 16 columns from image to image": [
    { x: [9, 5, 1, 3], weight: [7, 5, 1, 1] },
    { x: [3, 12, 7, 7], weight: [16, 12, 1, 1] },
    { x: [2, 300, 3, 7], weight: [9, 300, 1, 1] },
    { x: [3, 12, 5, 5], weight: [9, 4, 1, 1] },
    { x: [1, 8, 16, 16], weight: [1, 8, 1, 1] },
    { x: [3, 20, 11, 13], weight: [199, 20, 1, 1] },
    { x: [3, 199, 11, 13], weight: [18, 199, 1, 1] },
  ],
  "depthwise 3 × 3": [
    { x: [3, 5, 7, 9], weight: [5, 1, 3, 3], padding: 1 },
    { x: [2, 3, 6, 20], weight: [3, 1, 3, 3], padding: [0, 2] },
    { x: [2, 3, 40, 37], weight: [3, 1, 3, 3], padding: 1 },
    { x: [1, 4, 3, 3], weight: [4, 1, 3, 3] },
    { x: [2, 3, 9, 5], weight: [6, 1, 3, 3], padding: 1 },
  ],
  "depthwise, any other": [
    { x: [2, 3, 9, 21], weight: [3, 1, 5, 5], padding: 2 },
    { x: [2, 4, 11, 10], weight: [4, 1, 3, 3], padding: 1, stride: 2 },
    { x: [2, 4, 11, 40], weight: [4, 1, 3, 3], padding: 1, stride: [1, 2] },
    { x: [2, 3, 12, 11], weight: [3, 1, 3, 3], padding: 2, dilation: 2 },
    { x: [2, 3, 12, 11], weight: [3, 1, 3, 3], padding: [2, 1], dilation: [2, 1] },
    { x: [2, 2, 8, 9], weight: [2, 1, 2, 2], stride: 3 },
    { x: [2, 3, 1, 33], weight: [3, 1, 1, 7], padding: [0, 3] },
    { x: [1, 1, 1, 2600], weight: [1, 1, 1, 3], padding: [0, 1] },
    { x: [2, 3, 5, 6], weight: [6, 1, 4, 4], stride: 2, padding: 1 },
  ],
  "one channel on one side, few on both": [
    { x: [2, 1, 28, 27], weight: [5, 1, 3, 3], padding: 1 },
    { x: [2, 7, 9, 8], weight: [1, 7, 3, 3], padding: 1 },
    { x: [2, 3, 10, 11], weight: [4, 3, 3, 3], padding: 1, stride: 2 },
    { x: [2, 12, 9, 7], weight: [12, 4, 3, 3], padding: 1 },
    { x: [2, 1, 20, 19], weight: [3, 1, 7, 7], padding: 3, stride: 2 },
  ],
};

const cases = Object.entries(kinds).flatMap(([kind, list]) => list.map((geometry) => ({ kind, geometry })));

describe("convolutions with kernels of their own", () => {
  test.each(cases)("are those of plain sums in float64: $kind, $geometry", ({ geometry }) => {
    setBackend("cpu");
    const plain = run(geometry);
    setBackend("wasm");
    run(geometry).forEach((values, k) => {
      expect(values.length).toBe(plain[k].length);
      expect(relativeError(values, plain[k])).toBeLessThan(2e-6);
    });
  });

  test("give the same bits on any number of threads", async () => {
    setBackend("wasm");
    const bits: string[] = [];
    for (const count of [1, 2, 3]) {
      await threads(count);
      bits.push(
        Object.values(kinds)
          .flatMap(([geometry]) => run({ ...geometry, x: [30, geometry.x[1], 20, 19] }))
          .map((values) => Buffer.from(values.buffer).toString("base64"))
          .join(),
      );
    }
    await threads(1);
    expect(bits[1] === bits[0] && bits[2] === bits[0]).toBe(true);
  });
});
