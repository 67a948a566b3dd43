import { DynamicTanh, zeros } from "evenkeel";
import { expect, test } from "vitest";
import { messageOf } from "../../support/message-of.js";
import { describeNorm } from "../../support/norm-cases.js";

describeNorm(
  "DynamicTanh",
  {
    rows: { make: () => new DynamicTanh(6, { alpha: 0.8 }), shapes: [[5, 6]] },
    tokens: { make: () => new DynamicTanh([3, 4]), shapes: [[2, 5, 3, 4]] },
    images: { make: () => new DynamicTanh(3, { channelsFirst: true }), shapes: [[2, 3, 4, 5]] },
    "channels of rows": { make: () => new DynamicTanh(4, { channelsFirst: true }), shapes: [[3, 4]] },
  },
  ({ alpha, weight, bias, channelsFirst }, x) => {
    const [[a], gamma, beta] = [alpha, weight, bias].map((t) => Float64Array.from(t.dataSync()));
    const behind = channelsFirst ? x.shape.slice(2).reduce((product, size) => product * size, 1) : 1;
    const at = (i: number): number => Math.floor(i / behind) % weight.size;
    return Array.from(x.dataSync(), (value, i) => gamma[at(i)] * Math.tanh(a * value) + beta[at(i)]);
  },
);

test("begins with the alpha that it is given, and refuses what does not fit", () => {
  expect(new DynamicTanh(3, { alpha: 0.25 }).alpha.item()).toBe(0.25);
  const refused = [
    () => new DynamicTanh(0),
    () => new DynamicTanh(3, { alpha: 0 }),
    () => new DynamicTanh([3, 4], { channelsFirst: true }),
    () => new DynamicTanh(3).forward(zeros([2, 4])),
    () => new DynamicTanh(3, { channelsFirst: true }).forward(zeros([2, 4])),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: new DynamicTanh(normalizedShape): expected each size to be a whole number of at least 1, got 0. Correct each size.",
      "ArgumentError: new DynamicTanh(normalizedShape): expected a finite alpha above 0, and one size where channelsFirst is true, got alpha 0, sizes 3. Pass e.g. { alpha: 0.5 }, and the size of axis 1 alone with channelsFirst.",
      "ArgumentError: new DynamicTanh(normalizedShape): expected a finite alpha above 0, and one size where channelsFirst is true, got alpha 0.5, sizes 3×4. Pass e.g. { alpha: 0.5 }, and the size of axis 1 alone with channelsFirst.",
      "ShapeError: DynamicTanh(3).forward(x): expected last axes of 3, got 2×4. Build the layer with the sizes of the last axes of x, or reshape x.",
      "ShapeError: DynamicTanh(3).forward(x): expected 3 channels in axis 1, got 4 (shape 2×4). Build the layer with 4 channels, or reshape x.",
    ]
  `);
});
