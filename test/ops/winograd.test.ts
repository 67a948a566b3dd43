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
  { x: [9, 8, 14, 14], results: 17, padding: 1 },
  { x: [2, 16, 31, 9], results: 8, padding: [0, 2] },
  { x: [1, 8, 70, 66], results: 10, padding: 1 },
  { x: [2, 300, 5, 4], results: 8, padding: 1 },
  { x: [3, 34, 6, 7], results: 36, padding: 1, groups: 2 },
  { x: [3, 24, 5, 9], results: 30, padding: 0, groups: 3 },
];

describe("3 × 3 convolutions of 8 channels and more", () => {
  test.each(cases)("are those of plain sums in float64: %o", (geometry) => {
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
    const sizes = [input([2, 8, 5, 6], 1), input([9, 8, 3, 3], 2), input([9], 3)];
    expectGradient((x, weight, bias) => conv2d(x, weight, bias, { padding: 1 }), sizes);
  });

  test("give a sample the same bits in any batch", () => {
    setBackend("wasm");
    const values = normalValues(7 * 8 * 10 * 11, 1);
    const weight = tensor(normalValues(8 * 8 * 9, 2), [8, 8, 3, 3]);
    const size = 8 * 10 * 11;
    const options = { padding: 1 };
    const together = conv2d(tensor(values, [7, 8, 10, 11]), weight, null, options).dataSync();
    for (let k = 0; k < 7; k++) {
      const alone = conv2d(tensor(values.slice(k * size, (k + 1) * size), [1, 8, 10, 11]), weight, null, options);
      expect(
        Buffer.from(alone.dataSync().buffer).equals(Buffer.from(together.slice(k * size, (k + 1) * size).buffer)),
      ).toBe(true);
    }
  });

  test("give the same bits on any number of threads, also of one image", async () => {
    setBackend("wasm");
    for (const x of [
      [1, 16, 45, 39],
      [20, 12, 14, 14],
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
