import { conv2d, scope, setBackend, tensor, threads } from "evenkeel";
import { describe, expect, test } from "vitest";
import { relativeError } from "../support/close.js";
import { expectGradient, input } from "../support/gradient.js";
import { normalValues } from "../support/seeded.js";

interface Case {
  readonly x: readonly [batch: number, channels: number, height: number, width: number];
  readonly results: number;
  readonly padding: number | [number, number];
  readonly groups?: number;
}

/** Results, dx and dweight of a 3 × 3 convolution with a bias. */
function run({ x: [n, inChannels, h, w], results, padding, groups = 1 }: Case): Float32Array[] {
  return scope(() => {
    const x = tensor(normalValues(n * inChannels * h * w, 1), [n, inChannels, h, w], { requiresGrad: true });
    const c = inChannels / groups;
    const scale = 1 / Math.sqrt(9 * c);
    const weight = tensor(
      normalValues(results * c * 9, 2).map((v) => v * scale),
      [results, c, 3, 3],
      { requiresGrad: true },
    );
    const y = conv2d(x, weight, tensor(normalValues(results, 3)), { padding, groups });
    y.backward(normalValues(y.size, 4));
    return [y, x.grad, weight.grad].map((t) => t?.dataSync() ?? new Float32Array(0));
  });
}

const cases: Case[] = [
  { x: [1, 8, 3, 3], results: 8, padding: 1 },
  { x: [2, 8, 4, 4], results: 9, padding: 1 },
  { x: [3, 9, 5, 7], results: 8, padding: 0 },
  { x: [5, 11, 6, 5], results: 13, padding: 2 },
  { x: [9, 13, 14, 14], results: 17, padding: 1 },
  { x: [2, 16, 31, 9], results: 8, padding: [0, 2] },
  { x: [1, 13, 70, 66], results: 14, padding: 1 },
  { x: [2, 300, 5, 4], results: 8, padding: 1 },
  { x: [3, 34, 6, 7], results: 36, padding: 1, groups: 2 },
  { x: [3, 24, 5, 9], results: 30, padding: 0, groups: 3 },
  { x: [3, 24, 13, 14], results: 42, padding: 0, groups: 2 },
  // More zeros than its input's gradient can leave out: these are done directly.
  { x: [4, 16, 8, 8], results: 16, padding: 3 },
  { x: [2, 16, 7, 6], results: 16, padding: [1, 4] },
];

/** Those of few channels, whose columns alone are transformed. */
const columnCases: Case[] = [
  { x: [9, 3, 32, 32], results: 16, padding: 1 },
  { x: [2, 12, 14, 14], results: 8, padding: 1 },
  { x: [3, 2, 7, 5], results: 3, padding: 1 },
  { x: [2, 4, 9, 10], results: 5, padding: 0 },
  { x: [2, 3, 6, 3], results: 7, padding: [1, 2] },
  { x: [2, 5, 10, 3], results: 2, padding: [2, 0] },
  { x: [2, 4, 8, 1], results: 3, padding: [1, 2] },
  { x: [1, 3, 40, 333], results: 9, padding: 1 },
  { x: [2, 170, 12, 13], results: 3, padding: 1 },
  { x: [3, 20, 13, 15], results: 18, padding: 1, groups: 2 },
];

describe("3 × 3 convolutions by Winograd's method", () => {
  test.each([...cases, ...columnCases])("are those of plain sums in float64: %o", (geometry) => {
    setBackend("cpu");
    const plain = run(geometry);
    setBackend("wasm");
    run(geometry).forEach((values, k) => {
      expect(values.length).toBe(plain[k].length);
      expect(relativeError(values, plain[k])).toBeLessThan(5e-6);
    });
  });

  test("have the gradients that finite differences have", () => {
    setBackend("wasm");
    for (const channels of [8, 3]) {
      const sizes = [input([2, channels, 7, 6], 1), input([9, channels, 3, 3], 2), input([9], 3)];
      expectGradient((x, weight, bias) => conv2d(x, weight, bias, { padding: 1 }), sizes);
    }
  });

  test.each([
    [8, 10, 11],
    [3, 14, 13],
  ])("give a sample the same bits in any batch: %i×%i×%i", (channels, height, width) => {
    setBackend("wasm");
    const size = channels * height * width;
    const values = normalValues(7 * size, 1);
    const weight = tensor(normalValues(8 * channels * 9, 2), [8, channels, 3, 3]);
    const bitsOf = (x: Float32Array, batch: number): Buffer => {
      const y = conv2d(tensor(x, [batch, channels, height, width]), weight, null, { padding: 1 });
      return Buffer.from(y.dataSync().buffer);
    };
    const together = bitsOf(values, 7);
    for (let k = 0; k < 7; k++) {
      const alone = bitsOf(values.slice(k * size, (k + 1) * size), 1);
      expect(alone.equals(together.subarray(k * alone.length, (k + 1) * alone.length))).toBe(true);
    }
  });

  test("give the same bits on any number of threads, also of one image", async () => {
    setBackend("wasm");
    for (const x of [
      [1, 16, 45, 39],
      [20, 16, 14, 14],
      [20, 12, 14, 14],
      [1, 3, 150, 120],
    ] as const) {
      const bits: string[] = [];
      for (const count of [1, 2, 3]) {
        await threads(count);
        const values = run({ x, results: 20, padding: 1 });
        bits.push(values.map((one) => Buffer.from(one.buffer).toString("base64")).join());
      }
      expect(bits[1] === bits[0] && bits[2] === bits[0]).toBe(true);
    }
    await threads(1);
  });
});
