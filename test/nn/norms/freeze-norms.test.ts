import {
  BatchNorm,
  Dropout,
  freezeNorms,
  InstanceNorm,
  LayerNorm,
  Linear,
  noGrad,
  Residual,
  Sequential,
  Sgd,
  setBackend,
} from "evenkeel";
import { beforeAll, describe, expect, test } from "vitest";
import { normal } from "../../support/seeded.js";

beforeAll(() => setBackend("wasm"));

function network(): Sequential {
  return new Sequential(
    new Linear(4, 4),
    new BatchNorm(4),
    new Residual(new Sequential(new BatchNorm(4), new LayerNorm(4))),
    new BatchNorm(4, { trackRunningStats: false }),
  );
}

/** Entries of the state that a step of training changes. */
function changedBy(model: Sequential, optimizer: Sgd): string[] {
  const before = Object.entries(model.stateDict()).map(([name, t]) => [name, t.dataSync()] as const);
  optimizer.zeroGrad();
  model
    .train()
    .forward(normal([8, 4], 1))
    .backward(normal([8, 4], 2));
  optimizer.step();
  const after = model.stateDict();
  return before
    .filter(([name, values]) => after[name].dataSync().some((v, i) => v !== values[i]))
    .map(([name]) => name);
}

describe("freezeNorms", () => {
  test("freezes every norm with running statistics, through train(), and says which", () => {
    const model = network();
    noGrad(() => model.forward(normal([8, 4], 3)));
    const { frozen, unfreeze } = freezeNorms(model);
    expect(frozen).toEqual(["1", "2.body.0"]);
    const optimizer = new Sgd(model.parameters(), { lr: 0.1 });
    const changed = changedBy(model, optimizer);
    expect(changed.filter((name) => /running|tracked/.test(name))).toEqual([]);
    expect(changed.filter((name) => /^(1|2\.body\.0)\./.test(name))).toEqual([
      "1.weight",
      "1.bias",
      "2.body.0.weight",
      "2.body.0.bias",
    ]);
    unfreeze();
    expect(changedBy(model, optimizer)).toContain("1.running_mean");
  });

  test("with affine: true their weights and biases rest too, and are trained again afterwards", () => {
    const model = network();
    const optimizer = new Sgd(model.parameters(), { lr: 0.1, momentum: 0.9 });
    changedBy(model, optimizer);
    const { unfreeze } = freezeNorms(model, { affine: true });
    expect(changedBy(model, optimizer).filter((name) => /^(1|2\.body\.0)\./.test(name))).toEqual([]);
    // A gradient from before the call is not stepped along either.
    optimizer.step();
    unfreeze();
    expect(changedBy(model, optimizer)).toEqual(expect.arrayContaining(["1.weight", "1.running_mean"]));
  });

  test("leaves to others what others have frozen", () => {
    const norm = new BatchNorm(4).freeze();
    if (norm.weight !== null) norm.weight.requiresGrad = false;
    const { unfreeze } = freezeNorms(norm, { affine: true });
    unfreeze();
    expect([norm.frozen, norm.weight?.requiresGrad, norm.bias?.requiresGrad]).toEqual([true, false, true]);
  });

  test("finds instance norm with running statistics, and nothing in a network without any", () => {
    const model = new Sequential(new InstanceNorm(2, { trackRunningStats: true }), new InstanceNorm(2), new Dropout());
    expect(freezeNorms(model).frozen).toEqual(["0"]);
    expect(freezeNorms(new LayerNorm(4)).frozen).toEqual([]);
  });
});
