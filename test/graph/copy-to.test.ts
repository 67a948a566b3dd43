import {
  Adam,
  BatchNorm,
  copyTo,
  Dropout,
  Linear,
  Module,
  memoryInUse,
  predict,
  ReLU,
  Residual,
  Sequential,
  SpectralNorm,
  setBackend,
  type Tensor,
  tensor,
  trace,
  WeightNorm,
} from "evenkeel";
import { beforeEach, expect, test } from "vitest";
import { normal } from "../support/seeded.js";

beforeEach(() => setBackend("wasm"));

const sample = (): Tensor => normal([9, 3], 1);

function net(): Sequential {
  const shared = new Linear(4, 4);
  const model = new Sequential(
    new WeightNorm(new Linear(3, 4)),
    new BatchNorm(4),
    new ReLU(),
    new Residual(new Sequential(shared, new Dropout(0.3), shared)),
    new SpectralNorm(new Linear(4, 2)),
  );
  model.forward(sample()).sum().backward();
  new Adam(model.parameters(), { lr: 0.1 }).step();
  return model;
}

test("a copy on another backend has the same values, modes and switches, and gives the same but for rounding", async () => {
  const model = net();
  (model.layers[1] as BatchNorm).freeze();
  model.layers[3].eval();
  (model.layers[0] as WeightNorm).weight_g.requiresGrad = false;
  const copy = await copyTo(model, "cpu");
  const values = (one: Module): Record<string, Float32Array> =>
    Object.fromEntries(Object.entries(one.stateDict()).map(([name, t]) => [name, t.dataSync()]));
  expect(values(copy)).toEqual(values(model));
  expect(String(copy)).toBe(String(model));
  expect(copy.namedModules().map(([path, module]) => [path, module.training, module.getExtraState()])).toEqual(
    model.namedModules().map(([path, module]) => [path, module.training, module.getExtraState()]),
  );
  expect(copy.namedParameters().map(([name, { requiresGrad }]) => [name, requiresGrad])).toEqual(
    model.namedParameters().map(([name, { requiresGrad }]) => [name, requiresGrad]),
  );
  expect(copy.parameters().every(({ grad }) => grad === null)).toBe(true);
  // What stands in two places does so in the copy.
  expect(copy.parameters().length).toBe(model.parameters().length);
  const y = await (await predict(model, sample())).data();
  setBackend("cpu");
  const again = await (await predict(copy, sample())).data();
  for (const [k, value] of y.entries()) expect(Math.abs(again[k] - value)).toBeLessThan(1e-6);
});

test("the backend in force stays, and the copy is apart from the original", async () => {
  const model = net();
  const before = memoryInUse();
  const copy = await copyTo(model, "cpu");
  expect(memoryInUse()).toBe(before);
  expect(() => copy.forward(sample())).toThrow("expected every tensor on the");
  const twin = await copyTo(model, "wasm");
  expect(memoryInUse()).toBeGreaterThan(before);
  const weight = (model.layers[1] as BatchNorm).weight as Tensor;
  weight.backend.fill(weight.block, weight.size, 7);
  expect((twin.layers[1] as BatchNorm).weight?.dataSync()).not.toEqual(weight.dataSync());
});

test("a graph is copied with its constants", async () => {
  class Shifted extends Module<[Tensor], Tensor> {
    readonly layer = new Linear(3, 2);
    override forward(x: Tensor): Tensor {
      return this.layer.forward(x).add(tensor([1, 2]));
    }
  }
  const graph = trace(new Shifted(), sample());
  const copy = await copyTo(graph, "cpu");
  const y = graph.forward(sample()).dataSync();
  setBackend("cpu");
  const again = copy.forward(sample()).dataSync();
  for (const [k, value] of y.entries()) expect(Math.abs(again[k] - value)).toBeLessThan(1e-6);
});

test("refuses what cannot be copied, and backends that are not there", async () => {
  class Scaled extends Module<[Tensor], Tensor> {
    readonly layer = new Linear(2, 2);
    readonly scale = (x: Tensor): Tensor => x.mul(2);
    override forward(x: Tensor): Tensor {
      return this.scale(this.layer.forward(x));
    }
  }
  await expect(copyTo(new Sequential(new ReLU(), new Scaled()), "cpu")).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ArgumentError: copyTo(model, backend): expected modules whose properties are numbers, texts, tensors, modules, or plain objects and arrays of them, got Scaled() at 1, which holds a function or an object of a class. Build it anew with that backend in force, and load the state dict of the model.]`,
  );
  await expect(copyTo(net(), "webgpu")).rejects.toThrowErrorMatchingInlineSnapshot(
    `[BackendError: copyTo(model, backend): expected a backend that has been started, got "webgpu" before its device was there. Import { webgpu } from "evenkeel/webgpu" and await webgpu() first.]`,
  );
  // @ts-expect-error: not a backend
  await expect(copyTo(net(), "gpu")).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ArgumentError: copyTo(model, backend): expected "cpu", "wasm" or "webgpu", got "gpu". Pass one of the three.]`,
  );
});
