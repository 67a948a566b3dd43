import {
  BatchNorm,
  Concat,
  Conv2d,
  Dropout2d,
  DropPath,
  foldBatchNorm,
  Generator,
  LayerScale,
  Linear,
  loadModel,
  type Module,
  memoryInUse,
  ones,
  Parallel,
  ReLU,
  Residual,
  Sequential,
  saveModel,
  type Tensor,
  trace,
  zeros,
} from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import { exportTfjs } from "evenkeel/tfjs";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { expectGradient, input } from "../support/gradient.js";
import { messageOf } from "../support/message-of.js";
import { runOnnx } from "../support/onnx-runtime.js";
import { normal } from "../support/seeded.js";

/** The distinct values of each block, and how many blocks have each. */
function countsOf(values: Float32Array, block: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let k = 0; k < values.length; k += block) {
    const key = [...new Set(values.subarray(k, k + block))].join();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

describeEachBackend("layers that drop", () => {
  test("Dropout2d drops whole channels, DropPath whole samples, and what is left makes up for it", () => {
    const planes = countsOf(new Dropout2d(0.25).forward(ones([50, 40, 3, 5])).dataSync(), 15);
    expect([...planes.keys()].sort()).toEqual(["0", String(Math.fround(4 / 3))]);
    expect(Math.abs((planes.get("0") ?? 0) / 2000 - 0.25)).toBeLessThan(0.04);
    const samples = countsOf(new DropPath(0.5).forward(ones([2000, 7])).dataSync(), 7);
    expect([...samples.keys()].sort()).toEqual(["0", "2"]);
    expect(Math.abs((samples.get("0") ?? 0) / 2000 - 0.5)).toBeLessThan(0.05);
  });

  test("they are x itself in evaluation, all zeros at 1, and draw from a generator of their own", () => {
    for (const kind of [Dropout2d, DropPath]) {
      const x = normal([4, 3, 2, 2], 1);
      expect(new kind(0.5).eval().forward(x)).toBe(x);
      expect([...new Set(new kind(1).forward(x).dataSync().map(Math.abs))]).toEqual([0]);
      const runs = [1, 2].map(() => new kind(0.5, { generator: new Generator(7) }).forward(x).dataSync());
      expect(runs[0]).toEqual(runs[1]);
      const drawn = new kind(0.5, { generator: new Generator(7) });
      const state = drawn.getExtraState();
      const first = drawn.forward(x).dataSync();
      drawn.setExtraState(state as never);
      expect(drawn.forward(x).dataSync()).toEqual(first);
    }
  });

  test("gradients go where values have gone", () => {
    for (const kind of [Dropout2d, DropPath]) {
      const x = normal([6, 5, 2], 1);
      x.requiresGrad = true;
      const y = new kind(0.5).forward(x);
      y.sum().backward();
      expectClose(x.mul(x.grad as Tensor).dataSync(), y.dataSync(), 1e-6);
    }
    expectGradient((x) => new DropPath(0.5, { generator: new Generator(3) }).forward(x), [input([5, 1, 3], 1)]);
  });
});

describeEachBackend("scales and branches", () => {
  test("LayerScale multiplies features, first or last, with finite differences for slopes", () => {
    const last = new LayerScale(3, { init: 0.5 });
    const first = new LayerScale(3, { init: 2, channelsFirst: true });
    const x = normal([2, 3, 3], 1);
    expect(last.forward(x).dataSync()).toEqual(x.mul(0.5).dataSync());
    first.loadStateDict({ gamma: normal([3], 2) });
    expect(first.forward(x).dataSync()).toEqual(x.mul(first.gamma.reshape([3, 1])).dataSync());
    const withGamma =
      (layer: LayerScale) =>
      (given: Tensor, gamma: Tensor): Tensor => {
        const own = layer.gamma;
        layer.gamma = gamma;
        try {
          return layer.forward(given);
        } finally {
          layer.gamma = own;
        }
      };
    for (const shape of [[2, 3, 5], [1, 3, 1], [0, 3, 2]]) expectGradient(withGamma(first), [input(shape, 1), input([3], 2)]); // biome-ignore format: shapes
    for (const shape of [[2, 5, 3], [3]]) expectGradient(withGamma(last), [input(shape, 1), input([3], 2)]); // biome-ignore format: shapes
  });

  test("Concat joins what branches make of x, and Parallel returns it", () => {
    const [a, b] = [new Conv2d(2, 3, 1), new Conv2d(2, 4, 3, { padding: 1 })];
    const x = normal([2, 2, 4, 5], 1);
    const joined = new Concat(1, a, b);
    expect(Object.keys(joined.stateDict())).toEqual(["0.weight", "0.bias", "1.weight", "1.bias"]);
    const y = joined.forward(x);
    expect(y.shape).toEqual([2, 7, 4, 5]);
    expect(y.slice(0, 3, 1).dataSync()).toEqual(a.forward(x).dataSync());
    const beside = new Parallel(a, b);
    expect(beside.forward(x).map(({ shape }) => shape)).toEqual([[2, 3, 4, 5], [2, 4, 4, 5]]); // biome-ignore format: shapes
    const own = beside.forward([x, x.mul(2)]);
    expect(own[1].dataSync()).toEqual(b.forward(x.mul(2)).dataSync());
    expectGradient((given) => joined.forward(given), [input([2, 2, 3, 1], 1)]);
    const before = memoryInUse();
    joined.forward(x).dispose();
    expect(memoryInUse()).toBe(before);
  });

  test("they come back from a file and a trace as they were", () => {
    const branch = (): Module => new Sequential(new Linear(4, 3), new ReLU(), new DropPath(0.2));
    const model = new Sequential(
      new Concat(-1, branch(), branch()),
      new Residual(new Sequential(new Linear(6, 6), new LayerScale(6))),
    ).eval();
    const x = normal([3, 4], 1);
    const expected = model.forward(x).dataSync();
    expect(loadModel(saveModel(model)).model.eval().forward(x).dataSync()).toEqual(expected);
    expect((trace(model, x).forward(x) as Tensor).dataSync()).toEqual(expected);
    const heads = new Parallel(new Linear(4, 3), new Linear(4, 1));
    const outputs = heads.forward(x).map((t) => t.dataSync());
    const loaded = loadModel(saveModel(heads)).model as unknown as Parallel;
    expect(loaded.forward(x).map((t) => t.dataSync())).toEqual(outputs);
    const graph = trace(heads as never, x).forward(x) as unknown as Tensor[];
    expect(graph.map((t) => t.dataSync())).toEqual(outputs);
  });

  test("a norm inside a branch is folded", () => {
    const model = new Sequential(
      new Concat(1, new Sequential(new Conv2d(2, 3, 1), new BatchNorm(3)), new Conv2d(2, 2, 1)),
      new ReLU(),
    );
    model.forward(normal([9, 2, 3, 3], 1));
    model.eval();
    const x = normal([2, 2, 3, 3], 2);
    const { model: folded, folded: norms } = foldBatchNorm(model);
    expect(norms.length).toBe(1);
    expectClose(folded.forward(x).dataSync(), model.forward(x).dataSync(), 1e-5);
  });
});

test("onnxruntime computes the same, and TF.js takes them", async () => {
  const model = new Sequential(
    new Concat(1, new Conv2d(2, 3, 1), new Sequential(new Conv2d(2, 2, 1), new Dropout2d(0.5))),
    new Residual(
      new Sequential(new Conv2d(5, 5, 1), new LayerScale(5, { init: 0.3, channelsFirst: true }), new DropPath(0.1)),
    ),
  ).eval();
  const x = normal([3, 2, 4, 3], 1);
  const expected = model.forward(x).dataSync();
  const bytes = await exportOnnx(model, { inputShape: [2, 4, 3] });
  const { output } = await runOnnx(bytes, { input: { shape: [3, 2, 4, 3], values: [...x.dataSync()] } });
  expectClose(output.values, expected, 1e-5);
  const { model: imported } = await importOnnx(bytes);
  expectClose((imported.forward(x) as Tensor).dataSync(), expected, 1e-5);
  const files = await exportTfjs(model, { inputShape: [2, 4, 3] });
  expect(Object.keys(files.shards).length).toBe(1);
});

test("refusals name the cure", () => {
  const layer = new Linear(2, 3);
  expect([
    messageOf(() => new Dropout2d(1.5)),
    messageOf(() => new DropPath(Number.NaN)),
    messageOf(() => new Dropout2d(0.5).forward(zeros([2, 3]))),
    messageOf(() => new LayerScale(0)),
    messageOf(() => new LayerScale(3, { init: Number.POSITIVE_INFINITY })),
    messageOf(() => new LayerScale(3).forward(zeros([3, 2]))),
    messageOf(() => new Concat(1)),
    messageOf(() => new Concat(layer as never, layer)),
    messageOf(() => new Concat(1, [layer] as never)),
    messageOf(() => new Concat(1, layer, new Linear(3, 3)).forward(zeros([2, 2]))),
    messageOf(() => new Concat(0, layer, new Linear(2, 2)).forward(zeros([2, 2]))),
    messageOf(() => new Parallel()),
    messageOf(() => new Parallel(layer, ((x: Tensor) => x) as never)),
    messageOf(() => new Parallel(layer, layer).forward([zeros([2, 2])])),
  ]).toMatchInlineSnapshot(`
    [
      "ArgumentError: new Dropout2d(p): expected a probability from 0 to 1, got 1.5. Pass the share of values to drop, e.g. 0.5.",
      "ArgumentError: new DropPath(p): expected a probability from 0 to 1, got NaN. Pass the share of values to drop, e.g. 0.5.",
      "ShapeError: Dropout2d(0.5).forward(x): expected channels with axes behind them, (N, C, …), got rank 2 (shape 2×3). Use Dropout for single values.",
      "ArgumentError: new LayerScale(features): expected features to be a whole number of at least 1, got 0. Correct features.",
      "ArgumentError: new LayerScale(features): expected init to be a finite number, got Infinity. Pass a small number, such as 1e-5.",
      "ShapeError: LayerScale(3).forward(x): expected 3 features in axis 1, got 2 (shape 3×2). Build the layer with 2 features, or reshape x.",
      "ArgumentError: new Concat(axis, ...branches): expected modules, got none. Spread lists of branches (...branches), and put functions into a class that extends Module.",
      "ArgumentError: new Concat(axis, ...branches): expected an axis, got a module. Pass the axis first: new Concat(1, a, b).",
      "ArgumentError: new Concat(axis, ...branches): expected modules, got an array as branch 0. Spread lists of branches (...branches), and put functions into a class that extends Module.",
      "ShapeError: Linear(3, 3).forward(x): expected 3 features in axis 1, got 2 (shape 2×2). Build the layer with 2 features, or reshape x.",
      "ShapeError: concat(list, axis): expected shapes equal to 2×3 but along axis 0, got 2×2. Reshape or slice the tensors so that only that axis differs.",
      "ArgumentError: new Parallel(...branches): expected modules, got none. Spread lists of branches (...branches), and put functions into a class that extends Module.",
      "ArgumentError: new Parallel(...branches): expected modules, got function as branch 1. Spread lists of branches (...branches), and put functions into a class that extends Module.",
      "ArgumentError: Parallel(Linear(2, 3), Linear(2, 3)).forward(x): expected one tensor, or 2 of them, got 1. Pass an input for each branch.",
    ]
  `);
});
