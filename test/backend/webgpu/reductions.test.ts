import { test } from "vitest";
import { describeWebgpu } from "../../support/gpu.js";
import { normalValues } from "../../support/seeded.js";

/** (outer, count, inner): short, long, few and many lines; inner values; nothing. */
const shapes = [
  [3, 5, 1],
  [5, 300, 1],
  [2, 40, 7],
  [1, 20000, 1],
  [1, 9000, 3],
  [4, 1, 33],
  [0, 4, 1],
  [2, 64, 600],
] as const;

describeWebgpu("reductions", (twins) => {
  test.each(shapes)("of (%i, %i, %i)", async (outer, count, inner) => {
    const t = twins();
    const size = outer * count * inner;
    const values = normalValues(size, 5, 0, 3);
    if (size > 100) values[70] = Number.NaN;
    const [x, dy, dLines] = [t.of(values), t.of(normalValues(size, 6)), t.of(normalValues(outer * inner, 7))];
    const lines = () => t.output(outer * inner);
    const all = () => t.output(size);
    const [sum, max, maxGradient, forwards, backwards, soft, logSoft] = [
      lines(),
      lines(),
      all(),
      all(),
      all(),
      all(),
      all(),
    ];
    const [softGradient, logGradient] = [all(), all()];
    t.call((backend, block) => {
      backend.sum(block(x), block(sum), outer, count, inner);
      backend.max(block(x), block(max), outer, count, inner);
      backend.maxGradient(block(dLines), block(x), block(maxGradient), outer, count, inner);
      backend.cumSum(block(x), block(forwards), outer, count, inner, false);
      backend.cumSum(block(x), block(backwards), outer, count, inner, true);
      backend.softmax(block(x), block(soft), outer, count, inner);
      backend.logSoftmax(block(x), block(logSoft), outer, count, inner);
      backend.softmaxGradient(block(dy), block(soft), block(softGradient), outer, count, inner);
      backend.logSoftmaxGradient(block(dy), block(logSoft), block(logGradient), outer, count, inner);
    });
    await t.expectClose(sum, 2e-7);
    await t.expectEqual(max);
    await t.expectEqual(maxGradient);
    await t.expectClose(forwards, 2e-7);
    await t.expectClose(backwards, 2e-7);
    await t.expectClose(soft, 1e-6);
    await t.expectClose(logSoft, 1e-6);
    await t.expectClose(softGradient, 1e-6);
    await t.expectClose(logGradient, 1e-6);
  });
});
