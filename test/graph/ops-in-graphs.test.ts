import {
  BatchNorm,
  Conv2d,
  foldBatchNorm,
  Identity,
  loadModel,
  noGrad,
  Pad,
  Sequential,
  saveModel,
  type Tensor,
  tensor,
  trace,
  Upsample,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { moduleOf, opRows } from "../support/op-rows.js";
import { normal, normalValues } from "../support/seeded.js";

describeEachBackend("ops in graphs", () => {
  for (const [name, f, sample = [4, 5], map = (v: number): number => v] of opRows) {
    test(`${name} is traced, saved and loaded, and gives the same bits for any batch`, () => {
      const batchOf = (count: number): Tensor => {
        const shape = [count, ...sample];
        return tensor(
          normalValues(
            shape.reduce((a, b) => a * b),
            7,
          ).map(map),
          shape,
        );
      };
      const model = moduleOf(f);
      const loaded = loadModel(saveModel(model, {}, { probe: batchOf(2) })).model;
      for (const count of [1, 3, 5]) {
        const x = batchOf(count);
        const expected = noGrad(() => model.eval().forward(x));
        for (const graph of [trace(model, batchOf(2)), loaded]) {
          const y = noGrad(() => graph.eval().forward(x)) as Tensor;
          expect(y.shape).toEqual(expected.shape);
          expect(y.dataSync()).toEqual(expected.dataSync());
        }
      }
    });
  }

  test("a norm is folded through Upsample, Identity and a Pad that repeats, and not through one that adds numbers", () => {
    const networkOf = (pad: Pad): Sequential => {
      const model = new Sequential(
        new BatchNorm(3),
        new Upsample(2, { mode: "bilinear" }),
        new Identity(),
        pad,
        new Conv2d(3, 4, 3),
      );
      model.forward(normal([9, 3, 4, 4], 1).mul(2).add(1));
      return model.eval();
    };
    const widths = [[1, 2], [0, 1]] as const; // biome-ignore format: pairs
    const repeated = networkOf(new Pad(widths, { mode: "replicate" }));
    const { model: folded, folded: norms } = foldBatchNorm(trace(repeated, normal([2, 3, 4, 4], 3)));
    expect(norms.length).toBe(1);
    const x = normal([2, 3, 4, 4], 2);
    expectClose((folded.forward(x) as Tensor).dataSync(), (repeated.forward(x) as Tensor).dataSync(), 1e-5);
    expect(foldBatchNorm(trace(networkOf(new Pad(widths)), x)).folded.length).toBe(0);
  });
});
