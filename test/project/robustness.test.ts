import {
  arrayDataset,
  BatchNorm,
  batches,
  crossEntropy,
  customOp,
  DivergedError,
  Dropout,
  evaluate,
  fit,
  Linear,
  loadModel,
  MaxPool2d,
  Module,
  memoryInUse,
  noGrad,
  oneCycleLr,
  ones,
  predict,
  ReLU,
  Sequential,
  Sgd,
  saveModel,
  scope,
  setBackend,
  type Tensor,
  tensor,
  writeSafetensors,
  zeros,
} from "evenkeel";
import { beforeAll, describe, expect, test } from "vitest";
import { normal, normalValues } from "../support/seeded.js";

beforeAll(() => setBackend("wasm"));

const message = (body: () => unknown): string => {
  try {
    body();
    return "nothing was thrown";
  } catch (error) {
    return String(error);
  }
};

describe("mistakes that would corrupt or mislead", () => {
  test("a norm's parameters of the wrong size", () => {
    const norm = new BatchNorm(256);
    norm.weight = ones([1], { requiresGrad: true });
    expect(message(() => norm.forward(normal([8, 256], 1)))).toMatchInlineSnapshot(
      `"ShapeError: standardize(x): expected a weight and a bias of 256 values each, got 1. Give the layer parameters of its own size."`,
    );
    expect(message(() => norm.eval().forward(normal([8, 256], 1)))).toMatchInlineSnapshot(
      `"ShapeError: applyStatistics(x): expected a weight and a bias of 256 values each, got 1. Give the layer parameters of its own size."`,
    );
  });

  test("backward() after the parameters it needs have changed", () => {
    const layer = new Linear(1, 1);
    const optimizer = new Sgd(layer.parameters(), { lr: 1 });
    const x = tensor([[1]], { requiresGrad: true });
    const y = layer.forward(x);
    layer.forward(x).sum().backward();
    optimizer.step();
    expect(message(() => y.backward())).toMatchInlineSnapshot(
      `"GraphError: backward() through linear: expected values as they were in the forward pass, got ones that step() or loadStateDict() has changed since. Call backward() before step(), and compute forward again after it."`,
    );
  });

  test("a step so long that parameters would overflow", async () => {
    const data = arrayDataset({ inputs: normalValues(32, 1), shape: [2], labels: new Int32Array(16) });
    const model = new Linear(2, 2);
    const optimizer = new Sgd(model.parameters(), { lr: 1e38 });
    const error = await fit(model, batches(data, { batchSize: 8 }), { epochs: 3, optimizer }).catch((e) => e);
    expect(error).toBeInstanceOf(DivergedError);
    for (const p of model.parameters()) expect(p.dataSync().every(Number.isFinite)).toBe(true);
  });

  test("outputs that are NaN are never right", async () => {
    const model = new Linear(2, 2);
    model.weight = tensor(
      [
        [Number.NaN, 0],
        [0, 0],
      ],
      { requiresGrad: true },
    );
    const data = arrayDataset({ inputs: normalValues(16, 1), shape: [2], labels: new Int32Array(8) });
    expect((await evaluate(model, batches(data, { batchSize: 8 }))).accuracy).toBe(0);
  });

  test("a one-cycle schedule of any length is finite", () => {
    for (const rise of [0.1, 0.25, 0.3, 0.99]) {
      for (let steps = 1; steps < 30; steps++) {
        const schedule = oneCycleLr(1, { rise });
        for (let step = 0; step < steps; step++) expect(schedule(step, steps)).toBeGreaterThan(0);
      }
    }
    expect(message(() => oneCycleLr(1, { rise: 0 }))).toMatchInlineSnapshot(
      `"ArgumentError: oneCycleLr(maxLr): expected rise to be from 0.001 up to, not including, 1, got 0. Correct rise."`,
    );
  });

  test("labels and sample numbers that are none", () => {
    const inputs = new Float32Array(4);
    expect(message(() => arrayDataset({ inputs, shape: [2], labels: [0, Number.NaN] }))).toMatchInlineSnapshot(
      `"DataError: arrayDataset({ labels }): expected whole numbers from 0, got NaN in row 1. Number the classes from 0."`,
    );
    const data = arrayDataset({ inputs, shape: [2], labels: [0, 1] });
    expect(message(() => data.batch([5]))).toMatchInlineSnapshot(
      `"ArgumentError: dataset.batch(indices): expected sample numbers from 0 to 1, got 5. Number the samples from 0."`,
    );
  });

  test("what is no tensor, no shape, no list, no file", () => {
    const x = tensor([1]);
    const wrong = (value: unknown) => value as never;
    expect([
      message(() => x.add(wrong(undefined))),
      message(() => x.add(wrong([1]))),
      message(() => zeros(wrong(3))),
      message(() => zeros([1e9, 1e9])).replace(/with .* in use/, "with … in use"),
      message(() => new Sgd(wrong(new Linear(1, 1)), { lr: 1 })),
      message(() => loadModel(wrong(new ArrayBuffer(8)))),
      message(() => new MaxPool2d(wrong("2"))),
      message(() => noGrad(async () => 1)),
    ]).toMatchInlineSnapshot(`
      [
        "ArgumentError: Tensor(1), arithmetic: expected a tensor or a number, got undefined. Wrap arrays with tensor().",
        "ArgumentError: Tensor(1), arithmetic: expected a tensor or a number, got object. Wrap arrays with tensor().",
        "ShapeError: zeros(shape): expected an array of at most 5 sizes, each a whole number of at least 0, got 3. Correct the shape, an array such as [2, 3].",
        "OutOfMemoryError: full: expected room for 3.5 EiB on the wasm backend, got a refusal with … in use. Use a smaller batch, or open a scope() around each step.",
        "ArgumentError: new Sgd(parameters): expected a list of at least one parameter, got Linear(1, 1). Pass model.parameters(), of a model whose layers are its own properties.",
        "FormatError: readSafetensors(bytes): expected a Uint8Array, got ArrayBuffer. Check that the file is a complete .safetensors file.",
        "ArgumentError: new MaxPool2d(kernel): expected kernel to be a whole number of at least 1, or two of them, got "2". Correct kernel.",
        "ArgumentError: noGrad(fn): expected a synchronous function, got one that returns a promise. Await outside of it, or wrap each synchronous part.",
      ]
    `);
  });
});

describe("a gradient that throws", () => {
  test("leaks nothing", () => {
    const bad = customOp({
      name: "bad",
      forward: (x) => x.mul(2),
      backward: () => {
        throw new Error("in backward");
      },
    });
    const w = ones([1000], { requiresGrad: true });
    const step = () => scope(() => bad(w).mul(3).sum().backward());
    expect(step).toThrow("in backward");
    const before = memoryInUse();
    for (let k = 0; k < 100; k++) expect(step).toThrow("in backward");
    expect(memoryInUse()).toBe(before);
  });

  test("or that returns no list is named", () => {
    const bad = customOp({ name: "bad", forward: (x) => x.mul(2), backward: () => [] });
    const w = ones([2], { requiresGrad: true });
    expect(message(() => bad(w).sum().backward())).toMatchInlineSnapshot(
      `"ArgumentError: bad.backward(dy): expected an array of 1 gradients, or nulls, got one of 0. Return one gradient for each input."`,
    );
  });

  test("a layer that throws inside of a network leaks nothing", () => {
    class Broken extends Module {
      override forward(x: Tensor): Tensor {
        x.mul(2);
        throw new Error("in a layer");
      }
    }
    const model = new Sequential(new Linear(4, 4), new ReLU(), new Broken());
    const x = normal([8, 4], 1);
    const before = memoryInUse();
    for (let k = 0; k < 100; k++) expect(() => scope(() => model.forward(x))).toThrow("in a layer");
    expect(memoryInUse()).toBe(before);
  });
});

describe("odd networks", () => {
  test("a shared layer stays shared through a file", () => {
    const shared = new Linear(2, 2);
    const build = (layer: Linear) => new Sequential(layer, new ReLU(), layer);
    const bytes = saveModel(build(shared));
    for (const { model } of [loadModel(bytes), loadModel(bytes, build(new Linear(2, 2)))]) {
      expect(model.parameters().length).toBe(2);
    }
  });

  test("a module that holds its parent has its parameters once", () => {
    class Child extends Module {
      parent: Module | null = null;
      readonly layer = new Linear(2, 2);
      override forward(x: Tensor): Tensor {
        return this.layer.forward(x);
      }
    }
    const child = new Child();
    const parent = new Sequential(child);
    child.parent = parent;
    expect(parent.parameters().length).toBe(2);
    expect(Object.keys(parent.stateDict())).toEqual(["0.layer.weight", "0.layer.bias"]);
  });

  test("predict never hands out the caller's own tensor", async () => {
    const x = normal([4, 2], 1);
    (await predict(new Dropout(0.5), x)).dispose();
    expect(x.dataSync().length).toBe(8);
  });

  test("a damaged architecture is a FormatError", () => {
    for (const layer of [
      { type: "Linear", arguments: [1e6, 1e9] },
      { type: "Linear", arguments: [1, 1, null] },
      { type: "MaxPool2d", arguments: [[null, null]] },
    ]) {
      const bytes = writeSafetensors({}, { evenkeel: JSON.stringify({ format: 1, architecture: layer }) });
      expect(message(() => loadModel(bytes))).toMatch(
        /^FormatError: loadModel\(bytes\): expected (what new|parameters in proportion)/,
      );
    }
  });

  test("both networks of a GAN-like step move", () => {
    const [generator, critic] = [new Linear(2, 2), new Linear(2, 2)];
    const start = [generator, critic].map((net) => net.weight.dataSync());
    scope(() => {
      const logits = critic.forward(generator.forward(normal([8, 2], 1)));
      crossEntropy(logits, new Int32Array(8)).backward();
    });
    for (const net of [generator, critic]) new Sgd(net.parameters(), { lr: 1 }).step();
    expect([generator, critic].map((net) => net.weight.dataSync())).not.toEqual(start);
    expect(generator.weight.dataSync()).not.toEqual(start[0]);
  });
});
