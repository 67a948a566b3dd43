import { readFileSync } from "node:fs";
import { LocalResponseNorm, tensor, zeros } from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { messageOf } from "../../support/message-of.js";
import { describeNorm, Grid } from "../../support/norm-cases.js";
import type { Stored } from "../../support/stored.js";

const sharp = { alpha: 2, beta: 0.6, k: 0.5 };

describeNorm(
  "LocalResponseNorm",
  {
    "an odd size": { make: () => new LocalResponseNorm(3, sharp), shapes: [[2, 5, 3, 4]] },
    "an even size": { make: () => new LocalResponseNorm(4, sharp), shapes: [[3, 7, 5]] },
    "more neighbours than channels": { make: () => new LocalResponseNorm(9, sharp), shapes: [[2, 3, 2, 3, 2]] },
    "rows of features": { make: () => new LocalResponseNorm(2, sharp), shapes: [[4, 6]] },
  },
  ({ size, alpha, beta, k }, x) => {
    const grid = new Grid(x);
    return grid.map((value, n, c, s) => {
      const around = Array.from({ length: size }, (_, i) => c - Math.floor(size / 2) + i);
      const squares = around.filter((j) => j >= 0 && j < grid.channels).map((j) => grid.at(n, j, s) ** 2);
      return value / (k + (alpha / size) * squares.reduce((a, b) => a + b, 0)) ** beta;
    });
  },
);

interface Case {
  readonly size: number;
  readonly options: object;
  readonly x: Stored;
  readonly cotangent: Stored;
  readonly output: Stored;
  readonly gradient: Stored;
}

const fixtures: Case[] = JSON.parse(
  readFileSync(new URL("../../fixtures/local-response-norm.json", import.meta.url), "utf8"),
);

describeEachBackend("PyTorch's local response norm", () => {
  test.each(fixtures.map((one) => [one.size, one.options, one.x.shape.join("×"), one] as const))(
    "of size %i, %o, of %s has the same outputs and gradients",
    (size, options, _, one) => {
      const x = tensor(one.x.values, one.x.shape, { requiresGrad: true });
      const y = new LocalResponseNorm(size, options).forward(x);
      y.backward(Float32Array.from(one.cotangent.values));
      expectClose(y.dataSync(), one.output.values, 1e-6);
      expectClose(x.grad?.dataSync() ?? [], one.gradient.values, 1e-6);
    },
  );
});

test("refuses what it cannot normalise", () => {
  const refused = [
    () => new LocalResponseNorm(0),
    () => new LocalResponseNorm(3, { k: 0 }),
    () => new LocalResponseNorm(3).forward(zeros([4])),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: new LocalResponseNorm(size): expected size to be a whole number of at least 1, got 0. Correct size.",
      "ArgumentError: new LocalResponseNorm(size): expected finite numbers with alpha ≥ 0 and k > 0, got alpha 0.0001, beta 0.75, k 0. Pass e.g. { alpha: 1e-4, beta: 0.75, k: 1 }.",
      "ShapeError: LocalResponseNorm(3).forward(x): expected rank 2 to 5: (N, C, …), got rank 1 (shape 4). Reshape x so that channels are axis 1.",
    ]
  `);
});
