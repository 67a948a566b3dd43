import { EvoNorm, onWarning, recalibrate, Sequential, SwitchableNorm, type Tensor, WhiteningBatchNorm } from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { Grid, meanOf, varianceOf } from "../../support/norm-cases.js";
import { normal } from "../../support/seeded.js";

const variants = [
  ["EvoNorm B0", () => new EvoNorm(3)],
  ["SwitchableNorm", () => new SwitchableNorm(3)],
  ["WhiteningBatchNorm", () => new WhiteningBatchNorm(3)],
] as const;

const batch = (seed: number): Tensor => normal([9, 3, 4], seed).mul(2).add(seed);

describeEachBackend("the running statistics", () => {
  test.each(variants)("of %s are those of the first batch after it, and follow the momentum", (_, make) => {
    onWarning(() => {});
    const norm = make();
    norm.momentum = 0;
    for (const seed of [1, 2]) {
      const x = batch(seed);
      norm.forward(x);
      const grid = new Grid(x);
      const channels = [0, 1, 2].map((c) => grid.where((__, k) => k === c));
      expectClose(norm.runningMean?.dataSync() ?? [], channels.map(meanOf));
      expectClose(norm.runningVar?.dataSync() ?? [], channels.map(varianceOf));
    }
    expect(norm.stateDict()["num_batches_tracked"].item()).toBe(2);
  });

  test.each(variants)(
    "of %s stay in evaluation and when frozen, and a batch that is not finite moves none",
    (_, make) => {
      onWarning(() => {});
      const norm = make();
      norm.forward(batch(1));
      const state = (): Float32Array[] => Object.values(norm.stateDict()).map((t) => t.dataSync());
      const before = state();
      const y = norm.eval().forward(batch(2)).dataSync();
      norm.train().freeze();
      expect(norm.forward(batch(2)).dataSync()).toEqual(y);
      norm.unfreeze();
      norm.forward(batch(3).mul(Number.POSITIVE_INFINITY));
      expect([state(), norm.skippedBatches]).toEqual([before, 1]);
    },
  );

  test.each(variants)("of %s are renewed by recalibrate, and are no part of what folds", async (_, make) => {
    onWarning(() => {});
    const norm = make();
    norm.forward(batch(1));
    const { norms } = await recalibrate(new Sequential(norm), [batch(4), batch(5)]);
    expect(norms.map(({ values }) => values)).toEqual([72]);
    const grids = [batch(4), batch(5)].map((x) => new Grid(x));
    const channels = [0, 1, 2].map((c) => grids.flatMap((grid) => grid.where((__, k) => k === c)));
    expectClose(norm.runningMean?.dataSync() ?? [], channels.map(meanOf));
    expectClose(norm.runningVar?.dataSync() ?? [], channels.map(varianceOf));
    expect(norm.eval().channelMap()).toBeNull();
  });
});
