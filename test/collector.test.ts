import {
  Adam,
  arrayDataset,
  type Batch,
  BatchNorm,
  BatchRenorm,
  batches,
  Conv2d,
  cnn,
  conv1d,
  convertNorm,
  crossEntropy,
  diagnose,
  evaluate,
  Flatten,
  fit,
  foldBatchNorm,
  GroupNorm,
  type LayerTraits,
  Linear,
  loadModel,
  MaxPool2d,
  Module,
  memoryInUse,
  mlp,
  mse,
  noGrad,
  predict,
  ReLU,
  Residual,
  recalibrate,
  relu6,
  Sequential,
  Sgd,
  SpectralNorm,
  saveModel,
  scope,
  setBackend,
  Tanh,
  type Tensor,
  tensor,
  WeightNorm,
  watch,
} from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import { beforeAll, describe, expect, test } from "vitest";
import { describeEachBackend } from "./support/backends.js";
import { allowFreshStatistics } from "./support/fresh-statistics.js";
import { normal, normalValues } from "./support/seeded.js";

const shape = [8, 1, 6, 6];
const labels = Int32Array.from({ length: 8 }, (_, k) => k % 3);

function network(): Sequential {
  return new Sequential(
    new Conv2d(1, 4, 3, { padding: 1 }),
    new BatchNorm(4),
    new ReLU(),
    new Residual(new Sequential(new Conv2d(4, 4, 3, { padding: 1 }), new BatchNorm(4), new ReLU())),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(36, 3),
  );
}

/** Bytes that 5 runs of a loop's body leave, after 2 that warm it up. No garbage collection has a part in it. */
async function leftBy(body: () => unknown): Promise<number> {
  for (let k = 0; k < 2; k++) await body();
  const before = memoryInUse();
  for (let k = 0; k < 5; k++) await body();
  return memoryInUse() - before;
}

describeEachBackend("without scope, what a program does not hold is freed at once:", () => {
  const host = (): Batch<Int32Array>[] => [
    { inputs: { values: normalValues(8 * 36, 1), shape }, targets: labels },
    { inputs: { values: normalValues(8 * 36, 2), shape }, targets: labels },
  ];

  test("training, by what it made itself", async () => {
    const model = network();
    const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
    const left = await leftBy(() => {
      using x = normal(shape, 1);
      using logits = model.forward(x);
      using loss = crossEntropy(logits, labels);
      loss.backward();
      optimizer.step();
      for (const parameter of model.parameters()) parameter.grad = null;
    });
    expect(left).toBe(0);
  });

  test("accumulation over several backward passes", async () => {
    const model = network();
    const optimizer = new Sgd(model.parameters(), { lr: 1e-3 });
    using x = normal(shape, 1);
    const left = await leftBy(() => {
      for (let part = 0; part < 3; part++) {
        using logits = model.forward(x);
        using loss = crossEntropy(logits, labels);
        loss.backward();
      }
      optimizer.step();
      optimizer.zeroGrad();
    });
    expect(left).toBe(0);
  });

  test("evaluation, prediction and training by fit", async () => {
    allowFreshStatistics();
    const model = network();
    const optimizer = new Sgd(model.parameters(), { lr: 1e-3 });
    using x = normal(shape, 1);
    expect(await leftBy(() => evaluate(model, host()))).toBe(0);
    expect(await leftBy(() => fit(model, host(), { epochs: 1, optimizer }))).toBe(0);
    const left = await leftBy(async () => {
      (await predict(model, x)).dispose();
      (await predict(model, x, { batchSize: 3 })).dispose();
    });
    expect(left).toBe(0);
  });

  test("hooks, watchers, also of passes that throw", async () => {
    const model = network();
    const optimizer = new Sgd(model.parameters(), { lr: 1e-3 });
    using x = normal(shape, 1);
    const watched = await leftBy(async () => {
      const watcher = watch(model);
      await fit(model, host(), { epochs: 1, optimizer });
      expect((await watcher.stop()).length).toBe(2);
    });
    expect(watched).toBe(0);
    const thrown = await leftBy(async () => {
      const watcher = watch(model);
      const stop = model.layers[6].onForward(() => {
        throw new Error("late");
      });
      expect(() => scope(() => model.forward(x))).toThrow("late");
      stop();
      await watcher.stop();
    });
    expect(thrown).toBe(0);
  });

  test("models made, saved, loaded, folded, converted and dropped", async () => {
    allowFreshStatistics();
    const model = network().eval();
    using x = normal(shape, 1);
    expect(await leftBy(() => network().dispose())).toBe(0);
    expect(await leftBy(() => mlp({ inputShape: [8], classes: 3, norm: "renorm" }).dispose())).toBe(0);
    expect(await leftBy(() => loadModel(saveModel(model)).model.dispose())).toBe(0);
    expect(await leftBy(() => foldBatchNorm(model, { probe: x }).model.dispose())).toBe(0);
    const left = await leftBy(() => {
      const own = network();
      const converted = convertNorm(own, (norm) => norm instanceof BatchNorm && new GroupNorm(2, 4, { affine: false }));
      for (const { from } of converted) from.dispose();
      own.dispose();
    });
    expect(left).toBe(0);
  });

  test("recalibration and diagnosis", async () => {
    const model = network();
    expect(await leftBy(() => recalibrate(model, host()))).toBe(0);
    expect(await leftBy(() => recalibrate(model, host(), { mode: "batch" }))).toBe(0);
    expect(await leftBy(() => diagnose(model, host()))).toBe(0);
  });

  test("composites and layers that compute their weights", async () => {
    using x = normal([4, 6], 1);
    using signal = normal([2, 3, 9], 2);
    using taps = normal([5, 3, 3], 3);
    const layers = [new WeightNorm(new Linear(6, 5)), new SpectralNorm(new Linear(6, 5))];
    using images = normal([8, 3, 5], 4);
    using mask = tensor([1, 1, 1, 0, 0], [1, 1, 5]);
    const norms = [new BatchNorm(3, { virtualBatchSize: 4 }), new BatchRenorm(3), new GroupNorm(1, 3)];
    for (const record of [true, false]) {
      const makers: (() => Tensor)[] = [
        () => x.mean(),
        () => x.max([0, 1]),
        () => x.mul(3),
        () => relu6(x),
        () => mse(x, x),
        () => conv1d(signal, taps),
        ...layers.map((layer) => () => layer.forward(x)),
        ...norms.map((norm) => () => norm.forward(images)),
        ...norms.map((norm) => () => norm.forward(images, { mask, maskedOutput: "input", activation: "relu" })),
      ];
      for (const t of [x, images]) t.requiresGrad = record;
      for (const make of makers) expect(await leftBy(() => make().dispose()), String(make)).toBe(0);
    }
  });

  test("export to ONNX and import", async () => {
    const model = network().eval();
    const left = await leftBy(async () => {
      const bytes = await exportOnnx(model, { inputShape: [1, 6, 6] });
      const imported = await importOnnx(bytes);
      imported.model.dispose();
    });
    expect(left).toBe(0);
  });

  test("a module of one's own that says it keeps nothing is passed through as the library's are", async () => {
    class Scaled extends Module {
      forward(x: Tensor): Tensor {
        return x.mul(2);
      }
      protected override traits(): LayerTraits {
        return { constructorArguments: [], isElementwise: true, keepsNothing: true };
      }
    }
    class Body extends Sequential {}
    const model = new Sequential(new Tanh(), new Scaled(), new Body(new Scaled(), new Tanh()), new Scaled());
    using x = normal([4, 6], 1);
    expect(await leftBy(() => model.forward(x).dispose())).toBe(0);
  });

  test("a model that cannot be copied whole is folded without leaving what was tried", async () => {
    class Private extends Module {
      #factor = 2;
      readonly inner = new WeightNorm(new Linear(6, 6));
      forward(x: Tensor): Tensor {
        // A trace refuses the look at values.
        return this.inner.forward(x).mul(x.dataSync().length > 0 ? this.#factor : 1);
      }
    }
    const model = new Sequential(
      new Linear(6, 6),
      new BatchNorm(6),
      new Private(),
      new WeightNorm(new Linear(6, 3)),
    ).eval();
    using x = normal([4, 6], 1);
    const left = await leftBy(() => {
      const { model: folded } = foldBatchNorm(model, { probe: x });
      if (!(folded instanceof Sequential)) throw new Error("traced");
      for (const k of [0, 2]) folded.layers[k].dispose();
    });
    expect(left).toBe(0);
    expect(model.forward(x).shape).toEqual([4, 3]);
  });

  test("a model that is traced is folded without leaving anything but the graph", async () => {
    class Adds extends Module {
      readonly inner = new Sequential(new Linear(6, 6), new BatchNorm(6));
      forward(x: Tensor): Tensor {
        return this.inner.forward(x).add(tensor([1, 2, 3, 4, 5, 6]));
      }
    }
    const model = new Adds().eval();
    using x = normal([4, 6], 1);
    expect(await leftBy(() => foldBatchNorm(model, { probe: x }).model.dispose())).toBe(0);
  });

  test("what a module of one's own keeps of its input or output lives on", () => {
    class Features extends Module {
      seen: Tensor | null = null;
      forward(x: Tensor): Tensor {
        this.seen = x;
        return x.mul(2);
      }
    }
    const own = new Features();
    const model = new Sequential(new Linear(2, 2), own, new Flatten(), new ReLU(), new Linear(2, 1));
    const given: Tensor[] = [];
    model.layers[3].onForward((_, x) => given.push(x));
    noGrad(() => model.forward(normal([1, 2], 1)));
    expect(own.seen?.dataSync().length).toBe(2);
    expect(given[0].dataSync().length).toBe(2);
  });
});

describe("awaited loops without scope, on wasm,", () => {
  beforeAll(() => setBackend("wasm"));
  /** The most memory in use while a body is awaited so often that its garbage, were it kept, would be 400 MB. */
  async function peakOf(body: () => Promise<unknown>): Promise<number> {
    let peak = 0;
    for (let k = 0; k < 100; k++) {
      await body();
      peak = Math.max(peak, memoryInUse());
    }
    return peak;
  }
  const values = new Float32Array(1e6);

  test("of predict() stay bounded", async () => {
    const model = new Linear(1000, 10);
    expect(await peakOf(() => predict(model, tensor(values, [1000, 1000])))).toBeLessThan(300e6);
  });

  test("of evaluate() stay bounded", async () => {
    const model = new Linear(1000, 10);
    const targets = new Int32Array(1000);
    const body = () => evaluate(model, [{ inputs: tensor(values, [1000, 1000]), targets }]);
    expect(await peakOf(body)).toBeLessThan(300e6);
  });

  test("of many models stay bounded", async () => {
    allowFreshStatistics();
    const x = normal([1, 200_000], 1);
    expect(await peakOf(() => predict(new BatchNorm(200_000), x))).toBeLessThan(300e6);
  });

  test("of fit with data made in the loop stay bounded", async () => {
    const model = new Linear(1000, 10);
    const optimizer = new Sgd(model.parameters(), { lr: 1e-3 });
    const targets = new Int32Array(1000);
    const data = () => [{ inputs: tensor(values, [1000, 1000]), targets }];
    expect(await peakOf(() => fit(model, data(), { epochs: 1, optimizer }))).toBeLessThan(300e6);
  });

  test("of many small tensors stay bounded", async () => {
    const small = new Float32Array(10_000);
    const body = async () => {
      let last = tensor(small);
      for (let k = 0; k < 100; k++) last = tensor(small);
      await last.data();
    };
    expect(await peakOf(body)).toBeLessThan(300e6);
  });
});

test("batches of an epoch take no more memory the longer it is", async () => {
  setBackend("wasm");
  const model = cnn({ inputShape: [1, 8, 8], classes: 3 });
  const data = arrayDataset({ inputs: normalValues(64 * 64, 1), shape: [1, 8, 8], labels: new Int32Array(64) });
  const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
  const seen: number[] = [];
  const onStep = () => {
    seen.push(memoryInUse());
  };
  await fit(model, batches(data, { batchSize: 8 }), { epochs: 3, optimizer, onStep });
  expect(new Set(seen.slice(1)).size).toBe(1);
});
