import { PixelNorm, tensor, zeros } from "evenkeel";
import { expect, test } from "vitest";
import { messageOf } from "../../support/message-of.js";
import { describeNorm, Grid, meanOf } from "../../support/norm-cases.js";

const make = (): PixelNorm => new PixelNorm({ eps: 0.01 });

describeNorm(
  "PixelNorm",
  {
    images: { make, shapes: [[2, 5, 3, 4]] },
    signals: { make, shapes: [[3, 4, 7]] },
    volumes: { make, shapes: [[1, 3, 2, 3, 2]] },
    rows: { make, shapes: [[4, 9]] },
    "one channel": { make, shapes: [[2, 1, 3]] },
  },
  ({ eps }, x) => {
    const grid = new Grid(x);
    return grid.map((value, n, _, s) => {
      const row = grid.where((m, __, t) => m === n && t === s);
      return value / Math.sqrt(meanOf(row.map((one) => one ** 2)) + eps);
    });
  },
);

test("refuses what it cannot normalise", () => {
  const x = tensor([[1, 2]]);
  const refused = [
    () => new PixelNorm({ eps: -1 }),
    () => new PixelNorm({ eps: 0 }).forward(x),
    () => new PixelNorm().forward(zeros([3])),
    () => new PixelNorm().forward(x, { mask: x }),
    () => new PixelNorm().forward(x, { activation: "relu" }),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: PixelNorm().eps: expected a finite number of at least 0, got -1. Pass a small one such as 1e-5.",
      "ArgumentError: PixelNorm().forward(x): expected eps above 0, got 0. Set eps to a small positive number such as 1e-5.",
      "ShapeError: PixelNorm().forward(x): expected rank 2 to 5: (N, C, …), got rank 1 (shape 3). Reshape x so that channels are axis 1.",
      "ArgumentError: PixelNorm().forward(x, { mask }): expected no mask, got one. Use a norm that takes masks, such as GroupNorm.",
      "ArgumentError: PixelNorm().forward(x, { activation }): expected no activation, got one. Apply it to the output.",
    ]
  `);
});
