import { expect, test } from "vitest";
import { describeWebgpu } from "../../support/gpu.js";
import { normalValues } from "../../support/seeded.js";

describeWebgpu("summaries", (twins) => {
  test.each([
    ["a given range", [-2, 1.5] as const],
    ["its own range", null],
  ])("moments, extremes, zeros and a histogram over %s", async (_name, range) => {
    const t = twins();
    const [outer, kept, inner, bins] = [3, 4, 50, 7];
    const values = normalValues(outer * kept * inner, 1);
    values[5] = 0;
    values[60] = -0;
    const [x, summary] = [t.of(values), t.output(2 * (4 + bins + 6 * kept))];
    t.call((backend, block) =>
      backend.summarize(block(x), { outer, kept, inner }, { range, bins, counted: 500 }, block(summary)),
    );
    const { actual, expected } = await t.wideResults(summary);
    for (let i = 0; i < expected.length; i++) expect(actual[i], `number ${i}`).toBeCloseTo(expected[i], 4);
  });

  test("what is not a number is passed over", async () => {
    const t = twins();
    const values = Float32Array.of(Number.NaN, 1, 2, Number.NaN, Number.NaN, Number.NaN);
    const [x, summary] = [t.of(values), t.output(2 * (4 + 2 + 12))];
    t.call((backend, block) =>
      backend.summarize(
        block(x),
        { outer: 1, kept: 2, inner: 3 },
        { range: [0, 2], bins: 2, counted: 6 },
        block(summary),
      ),
    );
    const { actual, expected } = await t.wideResults(summary);
    expect(Array.from(actual)).toEqual(Array.from(expected));
  });
});
