import { ScaleNorm, zeros } from "evenkeel";
import { expect, test } from "vitest";
import { messageOf } from "../../support/message-of.js";
import { describeNorm } from "../../support/norm-cases.js";

describeNorm(
  "ScaleNorm",
  {
    rows: { make: () => new ScaleNorm(7), shapes: [[5, 7]] },
    tokens: { make: () => new ScaleNorm(9, { eps: 0.1 }), shapes: [[2, 3, 9]] },
    "one feature": { make: () => new ScaleNorm(1, { eps: 0.5 }), shapes: [[4, 1]] },
  },
  ({ dim, eps, g }, x) => {
    const values = Float64Array.from(x.dataSync());
    const [length] = g.dataSync();
    return Array.from(values, (value, i) => {
      const start = i - (i % dim);
      const squares = values.slice(start, start + dim).reduce((sum, one) => sum + one ** 2, 0);
      return (length * value) / Math.sqrt(squares + dim * eps);
    });
  },
);

test("begins with the length √dim, and refuses what does not fit", () => {
  expect(new ScaleNorm(16).g.item()).toBe(4);
  const refused = [
    () => new ScaleNorm(0),
    () => new ScaleNorm(3, { eps: Number.NaN }),
    () => new ScaleNorm(3).forward(zeros([2, 4])),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: new ScaleNorm(dim): expected dim to be a whole number of at least 1, got 0. Correct dim.",
      "ArgumentError: ScaleNorm(3).eps: expected a finite number of at least 0, got NaN. Pass a small one such as 1e-5.",
      "ShapeError: ScaleNorm(3).forward(x): expected 3 features in axis 1, got 4 (shape 2×4). Build the layer with 4 features, or reshape x.",
    ]
  `);
});
