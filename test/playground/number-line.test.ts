import fc from "fast-check";
import { expect, test } from "vitest";
import { formatValue } from "../../playground/src/ui/format-value.js";
import { axisOf } from "../../playground/src/views/step-by-step/axis.js";

test("an axis holds 0 and every value between round numbers, of which there are 2 to 8", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1e9, max: 1e9 }), { maxLength: 16 }), (thousandths) => {
      const values = thousandths.map((value) => value / 1000);
      const { low, high, ticks } = axisOf(values);
      for (const value of [0, ...values]) expect(value >= low && value <= high).toBe(true);
      expect(ticks[0]).toBeCloseTo(low, 9);
      expect(ticks[ticks.length - 1]).toBeCloseTo(high, 9);
      expect(ticks.length).toBeGreaterThanOrEqual(2);
      expect(ticks.length).toBeLessThanOrEqual(8);
    }),
    { seed: 1 },
  );
});

test("numbers are written as a person writes them", () => {
  const values = [0, -0, 2, -1.5, 0.1875, -0.09375, 1e-5, 2.5e-5, 1e-7, 123456.78, 1.5e6, -3e8, 1 / 0, Number.NaN];
  expect(values.map(formatValue)).toMatchInlineSnapshot(`
    [
      "0",
      "0",
      "2",
      "−1.5",
      "0.1875",
      "−0.0938",
      "10⁻⁵",
      "2.5·10⁻⁵",
      "0",
      "123456.78",
      "1.5·10⁶",
      "−3·10⁸",
      "∞",
      "not a number",
    ]
  `);
});
