import {
  avgPool2d,
  conv1d,
  conv2d,
  convTranspose2d,
  maxPool2d,
  ones,
  scope,
  setBackend,
  type Tensor,
  zeros,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { normal, normalValues } from "../support/seeded.js";

const billion = 1e9;

/** The message of the error that is thrown. */
function messageOf(body: () => unknown): string {
  try {
    scope(() => void body());
    return "nothing was thrown";
  } catch (error) {
    return String(error);
  }
}

describeEachBackend("counts of places", () => {
  test("that 32 bits do not hold are refused, along each axis", () => {
    const image = zeros([1, 1, 3, 4]);
    const signal = zeros([1, 1, 3]);
    const two = ones([1, 1, 2, 2]);
    const messages = [
      () => conv2d(image, two, null, { dilation: [1, 2 ** 31], padding: [0, 2 ** 30] }),
      () => conv2d(image, two, null, { stride: 2 ** 31 }),
      () => conv2d(image, two, null, { padding: [2 ** 30, 0], dilation: [2 ** 30, 1] }),
      () => conv1d(signal, ones([1, 1, 2]), null, { padding: 2 ** 31, dilation: 2 ** 32 }),
      () => convTranspose2d(image, two, null, { stride: billion, padding: billion / 2 }),
      () => convTranspose2d(image, two, null, { dilation: 2 ** 33, padding: 2 ** 32 }),
      () => maxPool2d(image, [2 ** 31 + 1, 2], { padding: [2 ** 31, 0], stride: 2 ** 31 }),
      () => avgPool2d(image, 2 ** 40, { padding: 2 ** 39 }),
      () => avgPool2d(image, 2, { stride: [1, 2 ** 53] }),
    ].map(messageOf);
    expect(messages).toMatchInlineSnapshot(`
      [
        "ShapeError: conv2d(x, weight, bias): expected padded planes, windows and strides of at most 2147483647 places along each axis, got 3×2147483652, 2×2147483649, 1×1. Use less padding, a smaller stride or a smaller dilation.",
        "ShapeError: conv2d(x, weight, bias): expected padded planes, windows and strides of at most 2147483647 places along each axis, got 3×4, 2×2, 2147483648×2147483648. Use less padding, a smaller stride or a smaller dilation.",
        "ShapeError: conv2d(x, weight, bias): expected padded planes, windows and strides of at most 2147483647 places along each axis, got 2147483651×4, 1073741825×2, 1×1. Use less padding, a smaller stride or a smaller dilation.",
        "ShapeError: conv1d(x, weight, bias): expected padded planes, windows and strides of at most 2147483647 places along each axis, got 4294967299, 4294967297, 1. Use less padding, a smaller stride or a smaller dilation.",
        "ShapeError: convTranspose2d(x, weight, bias): expected padded planes, windows and strides of at most 2147483647 places along each axis, got 2000000002×3000000002, 2×2, 1000000000×1000000000. Use less padding, a smaller stride or a smaller dilation.",
        "ShapeError: convTranspose2d(x, weight, bias): expected padded planes, windows and strides of at most 2147483647 places along each axis, got 8589934595×8589934596, 8589934593×8589934593, 1×1. Use less padding, a smaller stride or a smaller dilation.",
        "ShapeError: maxPool2d(x, kernel): expected padded planes, windows and strides of at most 2147483647 places along each axis, got 4294967299×4, 2147483649×2, 2147483648×2147483648. Use less padding, a smaller stride or a smaller dilation.",
        "ShapeError: avgPool2d(x, kernel): expected padded planes, windows and strides of at most 2147483647 places along each axis, got 1099511627779×1099511627780, 1099511627776×1099511627776, 1099511627776×1099511627776. Use less padding, a smaller stride or a smaller dilation.",
        "ShapeError: avgPool2d(x, kernel): expected padded planes, windows and strides of at most 2147483647 places along each axis, got 3×4, 2×2, 1×9007199254740992. Use less padding, a smaller stride or a smaller dilation.",
      ]
    `);
  });
});

/** Output and gradients on a backend. */
function resultsOn(name: "cpu" | "wasm", run: (x: Tensor, weight: Tensor) => Tensor, shapes: [number[], number[]]) {
  setBackend(name);
  return scope(() => {
    const [x, weight] = shapes.map((shape, k) => normal(shape, k + 1));
    x.requiresGrad = true;
    weight.requiresGrad = true;
    const y = run(x, weight);
    y.backward(normalValues(y.size, 3));
    return [y, x.grad, weight.grad].map((t) => t?.dataSync() ?? new Float32Array());
  });
}

describe("convolutions of unusual windows are those of plain loops:", () => {
  const cases: Record<string, [[number[], number[]], (x: Tensor, weight: Tensor) => Tensor]> = {
    "a stride that leaves most of a plane out": [
      [
        [1, 2, 400, 400],
        [2, 2, 2, 1],
      ],
      (x, weight) => conv2d(x, weight, null, { stride: 399 }),
    ],
    "a stride beyond the plane": [
      [
        [2, 2, 5, 6],
        [3, 2, 2, 2],
      ],
      (x, weight) => conv2d(x, weight, null, { stride: [2 ** 31 - 1, billion] }),
    ],
    "a dilation beyond the plane": [
      [
        [2, 2, 5, 6],
        [3, 2, 2, 1],
      ],
      (x, weight) => conv2d(x, weight, null, { dilation: [1_000_000, 2 ** 31 - 1], padding: [500_000, 0] }),
    ],
    "results far apart": [
      [
        [1, 2, 2, 1],
        [2, 2, 2, 3],
      ],
      (x, weight) => convTranspose2d(x, weight, null, { stride: 300, outputPadding: 299 }),
    ],
    "a signal of many strides": [
      [
        [1, 1, 450_000],
        [1, 1, 3],
      ],
      (x, weight) => conv1d(x, weight, null, { stride: 200_000 }),
    ],
    "a kernel of more taps than a call takes arguments": [
      [
        [1, 1, 150_010],
        [1, 1, 150_000],
      ],
      (x, weight) => conv1d(x, weight, null, { padding: 2, stride: 5 }),
    ],
  };
  test.each(Object.entries(cases))("%s", (_, [shapes, run]) => {
    const [plain, fast] = (["cpu", "wasm"] as const).map((name) => resultsOn(name, run, shapes));
    plain.forEach((values, k) => {
      expectClose(fast[k], values, 3e-5);
    });
  });
});
