import { BatchNorm, Module, onWarning, SplitBatchNorm, type Tensor, trace, zeros } from "evenkeel";
import { exportOnnx } from "evenkeel/onnx";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { messageOf } from "../../support/message-of.js";
import { describeNorm, Grid, meanOf, settle, varianceOf } from "../../support/norm-cases.js";
import { runOnnx } from "../../support/onnx-runtime.js";
import { normal } from "../../support/seeded.js";

describeNorm(
  "SplitBatchNorm",
  {
    images: { make: () => new SplitBatchNorm(3, 2, { eps: 0.01 }), shapes: [[8, 3, 2, 3]] },
    rows: { make: () => new SplitBatchNorm(4, 3, { momentum: 0.6, warmUp: false }), shapes: [[9, 4]] },
  },
  ({ norms: [norm], weight, bias }, x) => {
    const grid = new Grid(x);
    const [gamma, beta, mean, variance] = [weight, bias, norm.runningMean, norm.runningVar].map((t) => t?.dataSync());
    return grid.map((value, _, c) => {
      const channel = grid.where((__, k) => k === c);
      const [centre, spread] =
        norm.normalizeWith === "running"
          ? [mean?.[c] ?? 0, variance?.[c] ?? 0]
          : [meanOf(channel), varianceOf(channel)];
      return ((gamma?.[c] ?? 0) * (value - centre)) / Math.sqrt(spread + norm.eps) + (beta?.[c] ?? 0);
    });
  },
);

/** A network that was built for the second domain. */
class Second extends Module {
  readonly norm = new SplitBatchNorm(3, 2);
  override forward(x: Tensor): Tensor {
    return this.norm.forward(x, { split: 1 });
  }
}

describeEachBackend("the domains of SplitBatchNorm", () => {
  test("move and use their own statistics alone, with one weight and bias", async () => {
    onWarning(() => {});
    const model = new Second();
    const { norm } = model;
    settle(norm);
    const plain = new BatchNorm(3);
    plain.loadStateDict({ weight: norm.weight, bias: norm.bias }, { strict: false });
    const [first, second] = [normal([9, 3, 4], 1), normal([9, 3, 4], 2).mul(3).add(5)];
    for (let k = 0; k < 3; k++) {
      norm.forward(first);
      expectClose(norm.forward(second, { split: 1 }).dataSync(), plain.forward(second).dataSync(), 1e-6);
    }
    expect(norm.norms[1].runningMean?.dataSync()).toEqual(plain.runningMean?.dataSync());
    expect(norm.norms[0].runningMean?.dataSync()).not.toEqual(plain.runningMean?.dataSync());
    model.eval();
    plain.eval();
    const expected = plain.forward(first).dataSync();
    expectClose(norm.forward(first, { split: 1 }).dataSync(), expected, 1e-6);
    const bytes = await exportOnnx(trace(model, first));
    const { output } = await runOnnx(bytes, { input: { shape: first.shape, values: [...first.dataSync()] } });
    expectClose(output.values, expected);
  });

  test("are refused where there are none", () => {
    const norm = new SplitBatchNorm(3, 2);
    const refused = [
      () => new SplitBatchNorm(3, 0),
      () => norm.forward(zeros([9, 3]), { split: 2 }),
      () => norm.forward(zeros([9, 3]), { split: 0.5 }),
      () => norm.forward(zeros([9, 4])),
    ];
    expect(refused.map(messageOf)).toMatchInlineSnapshot(`
      [
        "ArgumentError: new SplitBatchNorm(numFeatures, splits): expected splits to be a whole number of at least 1, got 0. Correct splits.",
        "ArgumentError: SplitBatchNorm(3, 2).forward(x, { split }): expected a whole number from 0 to 1, got 2. Pass the number of a domain, or build the layer with more splits.",
        "ArgumentError: SplitBatchNorm(3, 2).forward(x, { split }): expected a whole number from 0 to 1, got 0.5. Pass the number of a domain, or build the layer with more splits.",
        "ShapeError: SplitBatchNorm(3, 2).forward(x): expected 3 channels in axis 1, got 4 (shape 9×4). Build the layer with 4 channels, or reshape x.",
      ]
    `);
  });
});
