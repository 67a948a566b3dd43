import { BatchNorm, Linear, Module, ReLU, Sequential, summary, type Tensor } from "evenkeel";
import { expect, test } from "vitest";
import { TwoInputs } from "../support/own-networks.js";

test("a summary lists layers, output shapes and parameters, and what is trained", () => {
  const model = new Sequential(new Linear(4, 8), new BatchNorm(8), new ReLU(), new Linear(8, 3));
  for (const p of model.layers[0].parameters()) p.requiresGrad = false;
  expect(summary(model, [4])).toMatchInlineSnapshot(`
    "node   layer or op   takes  output  parameters
    ──────────────────────────────────────────────
    input                       N×4
    0      Linear(4, 8)  input  N×8             40
    1      BatchNorm(8)  0      N×8             16
    2      ReLU()        1      N×8              0
    3      Linear(8, 3)  2      N×3             27
    ──────────────────────────────────────────────
    returns 3; 83 parameters
    43 parameters are trained, 40 are not"
  `);
  expect(model.training).toBe(true);
  expect(
    summary(new TwoInputs(), [[3], [5]])
      .split("\n")
      .slice(-2),
  ).toMatchInlineSnapshot(`
    [
      "returns head; 147 parameters",
      "147 parameters are trained, 0 are not",
    ]
  `);
});

test("a summary says what cannot be listed", () => {
  class Branches extends Module {
    override forward(x: Tensor): Tensor {
      return x.sum().item() > 0 ? x : x.neg();
    }
  }
  expect(() => summary(new Branches(), [2])).toThrowErrorMatchingInlineSnapshot(
    `[TraceError: trace(Branches), dataSync(): expected a network whose steps do not depend on values, got a look at the values of sum, shape scalar. Compute with tensors instead of numbers, or put that part into a customOp or after the network.]`,
  );
  expect(() => summary(new Linear(3, 1), [2])).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: Linear(3, 1).forward(x): expected 3 features in axis 1, got 2 (shape 2×2). Build the layer with 2 features, or reshape x.]`,
  );
  expect(() => summary(new Linear(3, 1), [-2])).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: summary(model, inputShape): expected an array of at most 5 sizes, each a whole number of at least 0, got [-2]. Correct the shape, an array such as [2, 3].]`,
  );
});
