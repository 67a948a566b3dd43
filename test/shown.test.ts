import { type BackendName, BatchNorm, conv2d, scaledLr, setBackend, zeros } from "evenkeel";
import { expect, test } from "vitest";
import { messageOf } from "./support/message-of.js";

test("errors show what is no JSON: whole numbers without end, and what contains itself", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  const x = zeros([1, 1, 3, 3]);
  expect([
    messageOf(() => setBackend(circle as unknown as BackendName)),
    messageOf(() => scaledLr(1, 1n as never, 2, 1)),
    messageOf(() => conv2d(x, x, null, { stride: 1n as never })),
    messageOf(() => conv2d(x, x, null, { padding: circle as never })),
    messageOf(() => new BatchNorm(1).forward(x, { activation: circle as never })),
  ]).toMatchInlineSnapshot(`
    [
      "ArgumentError: setBackend(name): expected "cpu", "wasm" or "webgpu", got [[[[[…]]]]]. Pass one of the three.",
      "ArgumentError: scaledLr(lr, rule, batchSize, reference): expected rule to be "none", "linear" or "root", got 1n. Choose one of them.",
      "ArgumentError: conv2d(x, weight, bias): expected stride to be a whole number of at least 1, or two of them, got 1n. Correct stride.",
      "ArgumentError: conv2d(x, weight, bias): expected padding to be a whole number of at least 0, two of them, two [before, after] or "same", got [[[[[…]]]]]. Correct padding.",
      "ArgumentError: BatchNorm(1).forward(x, { activation }): expected "relu" or none, got [[[[[…]]]]]. Apply other activations to the output.",
    ]
  `);
});
