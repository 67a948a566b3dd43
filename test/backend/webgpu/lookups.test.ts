import { test } from "vitest";
import { describeWebgpu } from "../../support/gpu.js";
import { normalValues } from "../../support/seeded.js";

describeWebgpu("lookups", (twins) => {
  test("rows of a table, their gradient, and places from numbers", async () => {
    const t = twins();
    const [rows, width, count] = [7, 70, 130];
    const places = Int32Array.from({ length: count }, (_, i) => (i * i) % rows);
    const [table, indices, dy] = [
      t.of(normalValues(rows * width, 1)),
      t.of(places),
      t.of(normalValues(count * width, 2)),
    ];
    const [y, all, skipping] = [t.output(count * width), t.output(rows * width), t.output(rows * width)];
    const numbers = [0, 2.9, -1, -7, -8, 7, 1e20, -1e20, Number.NaN, -0.5, Number.POSITIVE_INFINITY];
    const [x, found] = [t.of(Float32Array.from(numbers)), t.output(numbers.length)];
    t.call((backend, block) => {
      backend.gather(block(table), block(indices), block(y), count, width);
      backend.scatterAdd(block(dy), block(indices), block(all), count, rows, width, -1);
      backend.scatterAdd(block(dy), block(indices), block(skipping), count, rows, width, 4);
      backend.toIndices(block(x), block(found), numbers.length, rows);
    });
    await t.expectEqual(y);
    await t.expectClose(all, 2e-7);
    await t.expectClose(skipping, 2e-7);
    await t.expectEqual(found);
  });

  test("no rows are asked for", async () => {
    const t = twins();
    const [indices, dy, dtable] = [t.of(new Int32Array(0)), t.of(new Float32Array(0)), t.output(6)];
    t.call((backend, block) => backend.scatterAdd(block(dy), block(indices), block(dtable), 0, 2, 3, -1));
    await t.expectEqual(dtable);
  });
});

describeWebgpu("losses", (twins) => {
  test.each([
    [40, 10, 0.1, true],
    [40, 10, 0, false],
    [3, 300, 0.2, false],
    [1, 2, 0, true],
  ] as const)("cross-entropy of %i rows and %i classes", async (rows, classes, smoothing, isWeighted) => {
    const t = twins();
    const [logits, dloss] = [t.of(normalValues(rows * classes, 1, 0, 4)), t.of(Float32Array.of(0.7))];
    const labels = t.of(Int32Array.from({ length: rows }, (_, i) => (7 * i) % classes));
    const weights = isWeighted ? t.of(normalValues(classes, 3).map(Math.abs)) : null;
    const [logP, loss, dlogits, correct] = [
      t.output(rows * classes),
      t.output(1),
      t.output(rows * classes),
      t.output(1),
    ];
    t.call((backend, block) => {
      const given = [block(labels), block(weights), smoothing, rows, classes] as const;
      backend.crossEntropy(block(logits), ...given, block(logP), block(loss));
      backend.crossEntropyGradient(block(dloss), block(logP), ...given, block(dlogits));
      backend.countCorrect(block(logits), block(labels), rows, classes, 1, block(correct));
    });
    for (const twin of [logP, loss, dlogits]) await t.expectClose(twin, 1e-6);
    await t.expectEqual(correct);
  });

  test("right answers with classes on axis 1; none of rows with a NaN", async () => {
    const t = twins();
    const [outer, classes, inner] = [3, 4, 30];
    const values = normalValues(outer * classes * inner, 1).map(Math.round);
    values[7] = Number.NaN;
    const labels = t.of(Int32Array.from({ length: outer * inner }, (_, i) => (i % 5) - 1));
    const [logits, correct] = [t.of(values), t.output(1)];
    t.call((backend, block) =>
      backend.countCorrect(block(logits), block(labels), outer, classes, inner, block(correct)),
    );
    await t.expectEqual(correct);
  });
});
