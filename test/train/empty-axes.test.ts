import {
  Adam,
  AdamW,
  augment,
  BatchNorm,
  clipGradNorm,
  type Dataset,
  Generator,
  ReLU,
  Sequential,
  Sgd,
  type Shape,
  tensor,
  watch,
  zeros,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";

describeEachBackend("axes of size 0 in training", () => {
  test.each([
    ["Sgd", (list) => new Sgd(list, { lr: 0.1 })],
    ["Sgd with momentum", (list) => new Sgd(list, { lr: 0.1, momentum: 0.9, weightDecay: 0.1 })],
    ["Adam", (list) => new Adam(list, { lr: 0.1 })],
    ["AdamW", (list) => new AdamW(list, { lr: 0.1, weightDecay: 0.1 })],
  ] as const satisfies [string, (list: ReturnType<typeof zeros>[]) => Sgd | Adam][])(
    "%s steps over a parameter without values and moves the others",
    (_, make) => {
      const none = zeros([0, 3], { requiresGrad: true });
      const one = tensor([1], { requiresGrad: true });
      const optimizer = make([none, one]);
      for (let step = 0; step < 2; step++) {
        none.mul(2).sum().add(one.mul(3).sum()).backward();
        optimizer.step();
        optimizer.zeroGrad();
      }
      expect(none.dataSync()).toHaveLength(0);
      expect(one.item()).toBeLessThan(1);
      expect(Object.values(optimizer.stateDict()).every((t) => t.dataSync().every(Number.isFinite))).toBe(true);
    },
  );

  test("gradients without values count 0 in the norm", async () => {
    const none = zeros([3, 0], { requiresGrad: true });
    const one = tensor([3, 4], { requiresGrad: true });
    none.sum().add(one.mul(one).sum()).backward();
    expect(await clipGradNorm([none], 1)).toBe(0);
    expect(await clipGradNorm([none, one], 1)).toBe(10);
    expect(one.grad?.dataSync()[1]).toBeCloseTo(0.8, 6);
  });

  test.each([[[0, 3, 4]], [[8, 3, 0]]] as const)(
    "an empty batch of %j is watched, and its statistics move nothing",
    async (shape) => {
      const norm = new BatchNorm(3);
      const model = new Sequential(norm, new ReLU());
      const before = norm.runningVar?.dataSync();
      const watcher = watch(model);
      model
        .forward(zeros(shape, { requiresGrad: true }))
        .sum()
        .backward();
      const [{ layers }] = await watcher.stop();
      expect(layers.map(({ output }) => [output.mean, output.deviation])).toMatchInlineSnapshot(`
        [
          [
            0,
            0,
          ],
          [
            0,
            0,
          ],
        ]
      `);
      expect(norm.runningVar?.dataSync()).toEqual(before);
    },
  );
});

test.each([[[0, 1, 2, 2]], [[1, 0, 2, 2]], [[1, 1, 0, 2]], [[1, 1, 2, 0]]] as [Shape][])(
  "images of %j are augmented to as many values, whichever axis is empty",
  (shape) => {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
    const data: Dataset<null> = { length: shape[0], batch: () => ({ inputs: { values, shape }, targets: null }) };
    const augmented = augment(data, { crop: 0.5, shift: 1, flip: true, noise: 1 }, new Generator(1));
    const { inputs } = augmented.batch([]);
    expect("values" in inputs && [inputs.values.length, inputs.shape]).toEqual([0, shape]);
  },
);
