import {
  Adam,
  arrayDataset,
  BatchNorm,
  batches,
  fit,
  Linear,
  mse,
  recalibrate,
  Sequential,
  Sgd,
  type Tensor,
  tensor,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { messageOf } from "../support/message-of.js";
import { normal, normalValues } from "../support/seeded.js";

const dataset = arrayDataset({ inputs: normalValues(16 * 3, 1), shape: [3], targets: normalValues(16, 2) });
const data = () => batches(dataset, { batchSize: 8 });

/** What `fit` says, and whether the parameters are as before. */
async function failureOf(run: (model: Linear) => Promise<unknown>): Promise<[message: string, isSame: boolean]> {
  const model = new Linear(3, 1);
  const before = Object.values(model.stateDict()).map((t) => t.dataSync());
  const message = await run(model).then(() => "none", String);
  const after = Object.values(model.stateDict()).map((t) => t.dataSync());
  return [
    message,
    JSON.stringify(before) === JSON.stringify(after) && model.parameters().every((p) => p.grad === null),
  ];
}

describeEachBackend("fit", () => {
  test("refuses a step that is too far, and leaves the parameters as they were", async () => {
    const loss = (y: Tensor, targets: Tensor): Tensor => mse(y, targets.reshape([-1, 1]));
    const found = await failureOf((model) =>
      fit(model, data(), { epochs: 1, loss, optimizer: new Sgd(model.parameters(), { lr: 1e31 }) }),
    );
    expect(found[0]).toMatch(
      /^DivergedError: fit\(model, data\), step 0: expected a finite loss, finite gradients and a step/,
    );
    expect(found[1]).toBe(true);
  });

  test("refuses a gradient that is not finite where the loss is, and leaves the parameters as they were", async () => {
    // √(0·y) is 0, and its slope ∞.
    const loss = (y: Tensor): Tensor => y.mul(0).sqrt().mean();
    const found = await failureOf((model) =>
      fit(model, data(), { epochs: 1, loss, optimizer: new Adam(model.parameters(), { lr: 0.01 }) }),
    );
    expect(found[0]).toMatch(/^DivergedError: .* got gradients of norm NaN; all outputs of layers are finite/);
    expect(found[1]).toBe(true);
  });

  test("refuses gradients whose squares leave float32 with Adam, not with SGD, and goes on after them", async () => {
    let scale = 1e21;
    const loss = (y: Tensor): Tensor => y.mul(scale).mean();
    const model = new Linear(3, 1);
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    const before = model.weight.dataSync();
    await expect(fit(model, data(), { epochs: 1, loss, optimizer })).rejects.toThrow("a step that fits float32");
    expect(model.weight.dataSync()).toEqual(before);
    scale = 1;
    await fit(model, data(), { epochs: 1, loss, optimizer });
    const moved = model.weight.dataSync().map((v, k) => Math.abs(v - before[k]));
    for (const way of moved) expect(way).toBeGreaterThan(0.005);
    const [, isSame] = await failureOf((other) =>
      fit(other, data(), {
        epochs: 1,
        loss: (y) => y.mul(1e21).mean(),
        optimizer: new Sgd(other.parameters(), { lr: 1e-21 }),
      }),
    );
    expect(isSame).toBe(false);
  });
});

describeEachBackend("an optimiser", () => {
  test.each([
    ["Adam", (p: Tensor[]) => new Adam(p, { lr: 0.1 })],
    ["Sgd", (p: Tensor[]) => new Sgd(p, { lr: 0.1, momentum: 0.9 })],
  ])("%s forgets its moments where the state that it loads has none", (_, make) => {
    const stepOf = (isReset: boolean): Float32Array => {
      const p = tensor([1, 2], [2], { requiresGrad: true });
      const optimizer = make([p]);
      if (isReset) {
        p.mul(tensor([5, -7]))
          .sum()
          .backward();
        optimizer.step();
        optimizer.zeroGrad();
        optimizer.loadStateDict({});
        p.storage.backend.write(p.block, Float32Array.of(1, 2));
      }
      p.mul(tensor([1, 3]))
        .sum()
        .backward();
      optimizer.step();
      return p.dataSync();
    };
    expect(stepOf(true)).toEqual(stepOf(false));
  });
});

describeEachBackend("values that were changed since the forward pass", () => {
  const changes: [name: string, change: (norm: BatchNorm) => unknown][] = [
    ["loadStateDict", (norm) => norm.loadStateDict(norm.stateDict())],
    ["another forward pass in training", (norm) => norm.forward(normal([8, 3], 5))],
    ["resetRunningStats", (norm) => norm.resetRunningStats()],
    ["recalibrate", (norm) => recalibrate(new Sequential(norm), [normal([8, 3], 6)])],
    [
      "a step of an optimiser",
      (norm) => {
        norm
          .forward(normal([8, 3], 5))
          .mean()
          .backward();
        new Sgd(norm.parameters(), { lr: 0.1 }).step();
      },
    ],
  ];
  test.each(changes)("are refused by backward(): %s", async (_, change) => {
    const norm = new BatchNorm(3);
    norm.forward(normal([8, 3], 1));
    const x = tensor(normalValues(24, 2), [8, 3], { requiresGrad: true });
    const y = x.mul(norm.runningVar as Tensor).mul(norm.weight as Tensor);
    await change(norm);
    expect(messageOf(() => y.backward(new Float32Array(24).fill(1)))).toMatch(/changed since/);
  });
});
