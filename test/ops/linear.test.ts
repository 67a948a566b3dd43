import {
  BatchNorm,
  Linear,
  linear,
  memoryInUse,
  noGrad,
  predict,
  ReLU,
  Sequential,
  Sgd,
  type Tensor,
  tensor,
} from "evenkeel";
import fc from "fast-check";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { normal } from "../support/seeded.js";

/** What a layer gives outside of a graph; a weight is laid out at its second product. */
function outputs(layer: Linear, x: Tensor): Float32Array {
  return noGrad(() => layer.forward(x).dataSync());
}

describeEachBackend("linear", () => {
  test("gives a row the same bits alone and in any batch, at the first product and at later ones", () => {
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(fc.constantFrom(1, 3, 255, 256, 257, 300), size, fc.integer({ min: 1, max: 12 }), (k, n, m) => {
        const [x, weight, bias] = [normal([m, k], 1), normal([n, k], 2), normal([n], 3)];
        const whole = linear(x, weight, bias).dataSync();
        for (let time = 0; time < 3; time++) {
          expect(noGrad(() => linear(x, weight, bias).dataSync())).toEqual(whole);
          for (const row of [0, m - 1]) {
            const alone = noGrad(() => linear(x.slice(row, row + 1), weight, bias).dataSync());
            expect(alone).toEqual(whole.slice(row * n, (row + 1) * n));
          }
        }
      }),
      { numRuns: 12 },
    );
  });

  test("uses new values of its weight after a step and after loadStateDict", () => {
    const layer = new Linear(5, 3, { bias: false });
    const x = normal([2, 5], 1);
    const fresh = (): Float32Array =>
      outputs(Object.assign(new Linear(5, 3, { bias: false }), { weight: layer.weight.detach().add(0) }), x);
    for (let time = 0; time < 3; time++) outputs(layer, x);
    layer.forward(x).sum().backward();
    new Sgd(layer.parameters(), { lr: 0.5 }).step();
    for (let time = 0; time < 3; time++) expect(outputs(layer, x)).toEqual(fresh());
    layer.loadStateDict({ weight: normal([3, 5], 7) });
    for (let time = 0; time < 3; time++) expect(outputs(layer, x)).toEqual(fresh());
  });
});

test("predict gives a sample the same bits alone and in a batch", async () => {
  const model = new Sequential(new Linear(300, 33), new BatchNorm(33), new ReLU(), new Linear(33, 5));
  model.forward(normal([16, 300], 1));
  const x = normal([9, 300], 2);
  const whole = await predict(model, x);
  for (const row of [0, 4, 8]) {
    const alone = await predict(model, x.slice(row, row + 1));
    expect(alone.dataSync()).toEqual(whole.slice(row, row + 1).dataSync());
  }
});

test("a weight that is laid out gives the memory back when it is trained, and when it is freed", () => {
  const layer = new Linear(64, 32);
  const x = tensor(new Float32Array(64), [1, 64]);
  const before = memoryInUse();
  for (let time = 0; time < 3; time++) noGrad(() => layer.forward(x).dispose());
  expect(memoryInUse() - before).toBe(4 * 64 * 32);
  layer.forward(x).dispose();
  expect(memoryInUse()).toBe(before);
  for (let time = 0; time < 3; time++) noGrad(() => layer.forward(x).dispose());
  const laidOut = memoryInUse();
  layer.dispose();
  expect(memoryInUse() - laidOut).toBe(-4 * (2 * 64 * 32 + 32));
});
