import {
  arrayDataset,
  BatchNorm,
  batches,
  Conv2d,
  evaluate,
  Flatten,
  fit,
  freezeNorms,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  Linear,
  loadModel,
  type Norm,
  noGrad,
  onWarning,
  ReLU,
  RmsNorm,
  Sequential,
  Sgd,
  type Shape,
  saveModel,
  seed,
  setBackend,
  type Tensor,
  tensor,
  zeros,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend, onGpu } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { allowFreshStatistics } from "../../support/fresh-statistics.js";
import { expectGradient, input } from "../../support/gradient.js";
import { normal, normalValues } from "../../support/seeded.js";

// What users of other libraries have reported, and what happens here. Each name ends with where it was reported.

const message = (body: () => unknown): string => {
  try {
    body();
    return "nothing was thrown";
  } catch (error) {
    return String(error);
  }
};

/** The running statistics of a norm. */
function running(norm: BatchNorm | InstanceNorm): Float32Array[] {
  return [norm.runningMean, norm.runningVar].map((t) => t?.dataSync() ?? new Float32Array(0));
}

/** Steps of gradient descent that pull the output to targets; the loss before and after. */
function descend(model: Norm | Sequential, shape: Shape): [first: number, last: number] {
  const x = normal(shape, 1);
  const target = normal(shape, 2, {}).mul(0.5).add(0.3);
  const optimizer = new Sgd(model.parameters(), { lr: 1 });
  const losses = Array.from({ length: 20 }, () => {
    optimizer.zeroGrad();
    const d = model.forward(x).sub(target);
    const loss = d.mul(d).mean();
    loss.backward();
    optimizer.step();
    return loss.item();
  });
  return [losses[0], losses[19]];
}

/** Mean and biased variance in float64. */
function momentsOf(values: Float32Array): { mean: number; variance: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, variance: values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length };
}

describeEachBackend("Layers of TF.js:", () => {
  const expectTrains = (norm: Norm, shape: Shape): void => {
    const [first, last] = descend(norm, shape);
    expect(last).toBeLessThan(first);
  };

  test("scale off trains (tfjs#2868)", () => {
    const norm = new BatchNorm(3);
    norm.weight = null;
    expectTrains(norm, [8, 3, 4]);
    expect(norm.bias?.dataSync().every((v) => v !== 0)).toBe(true);
  });

  test("centre off trains (tfjs#2868)", () => {
    const norm = new BatchNorm(3);
    norm.bias = null;
    expectTrains(norm, [8, 3, 4]);
    expect(norm.weight?.dataSync().every((v) => v !== 1)).toBe(true);
  });

  test("layer norm without centre works (tfjs#5939)", () => {
    const norm = new LayerNorm(4);
    norm.bias = null;
    expectTrains(norm, [8, 3, 4]);
  });

  test("affine off passes gradients on (tfjs#2868, pytorch#61924)", () => {
    const norm = new BatchNorm(3, { affine: false });
    expectGradient((x) => norm.forward(x), [input([8, 3, 2], 1)]);
  });

  test("a frozen norm neither moves its statistics nor uses the batch's", () => {
    const norm = new BatchNorm(2, { momentum: 0.5 });
    noGrad(() => norm.forward(normal([8, 2], 1)));
    norm.freeze().train();
    const before = running(norm);
    const x = normal([8, 2], 2);
    const together = noGrad(() => norm.forward(x)).dataSync();
    expect(running(norm)).toEqual(before);
    expect(norm.forward(x.slice(0, 1)).dataSync()).toEqual(together.slice(0, 2));
  });

  test("NCHW trains (tfjs#2120)", () => {
    expectTrains(new BatchNorm(3), [8, 3, 4, 4]);
  });

  test("rank 5 input works", () => {
    for (const norm of [new BatchNorm(2), new InstanceNorm(2), new GroupNorm(1, 2), new LayerNorm(3), new RmsNorm(3)]) {
      expectTrains(norm, [8, 2, 2, 2, 3]);
    }
  });

  test("a batch of one is refused, where TF.js lets the variance decay", () => {
    const norm = new BatchNorm(2);
    const before = running(norm);
    expect(message(() => norm.forward(normal([1, 2], 1)))).toMatchInlineSnapshot(
      `"ShapeError: BatchNorm(2).forward(x): expected at least 2 values per channel for batch statistics, got 1 (shape 1×2). Use a batch of 2 or more, call eval() first, or normalise with GroupNorm or LayerNorm."`,
    );
    expect(running(norm)).toEqual(before);
  });

  test("one NaN batch does not poison", () => {
    const norm = new BatchNorm(2, { momentum: 0.5 });
    const clean = new BatchNorm(2, { momentum: 0.5 });
    const values = normalValues(16, 1);
    values[3] = Number.NaN;
    noGrad(() => norm.forward(tensor(values, [8, 2])));
    for (let k = 2; k < 5; k++) for (const one of [norm, clean]) noGrad(() => one.forward(normal([8, 2], k)));
    expect(running(norm)).toEqual(running(clean));
    expect([norm.skippedBatches, clean.skippedBatches]).toEqual([1, 0]);
  });

  test("momentum 1.5 is refused (keras#23623)", () => {
    const norm = new BatchNorm(2);
    expect([1.5, 1, -0.1, Number.NaN].map((momentum) => message(() => new BatchNorm(2, { momentum })))).toEqual(
      ["1.5", "1", "-0.1", "NaN"].map(
        (got) =>
          `ArgumentError: BatchNorm(2).momentum: expected a number from 0 up to, not including, 1, or "cumulative", got ${got}. It weighs the old running value: pass e.g. 0.99.`,
      ),
    );
    expect(message(() => Object.assign(norm, { momentum: 1.5 }))).toMatch("got 1.5");
    expect(norm.momentum).toBe(0.99);
  });

  test("batch statistics at inference are honoured, and survive evaluate() (tfjs#7250, tfjs#562)", async () => {
    const norm = new BatchNorm(2).eval();
    norm.normalizeWith = "batch";
    const { mean, variance } = momentsOf(norm.forward(normal([64, 2], 3).mul(5).add(2)).dataSync());
    expect(mean).toBeCloseTo(0, 5);
    expect(variance).toBeCloseTo(1, 3);
    await evaluate(norm, [{ inputs: normal([8, 2], 4), targets: new Int32Array(8) }]);
    expect([norm.normalizeWith, norm.updateRunning, norm.training]).toEqual(["batch", false, false]);
    expect(running(norm)).toEqual([new Float32Array(2), Float32Array.of(1, 1)]);
  });

  test("a norm that always uses the batch's statistics is still one after it was saved and loaded (tfjs#7250)", () => {
    const { model } = loadModel(saveModel(new Sequential(new BatchNorm(2, { trackRunningStats: false }))));
    const { variance } = momentsOf(
      model
        .eval()
        .forward(normal([64, 2], 3).mul(5))
        .dataSync(),
    );
    expect(variance).toBeCloseTo(1, 3);
  });

  test("layers may be called one by one (tfjs#7506)", () => {
    const model = new Sequential(new Linear(3, 4), new BatchNorm(4), new ReLU());
    const x = normal([8, 3], 5);
    const one = model.layers.reduce((y: Tensor, layer) => layer.forward(y), x);
    expect(one.dataSync()).toEqual(model.forward(x).dataSync());
  });

  test("options may be left out (tfjs#661)", () => {
    expect(String([new BatchNorm(2), new InstanceNorm(2), new LayerNorm(2), new GroupNorm(1, 2), new RmsNorm(2)])).toBe(
      "BatchNorm(2),InstanceNorm(2),LayerNorm(2),GroupNorm(1, 2),RmsNorm(2)",
    );
  });

  test("weights without a home are named, all at once (tfjs#755, tfjs#3004)", () => {
    const state = { gamma: zeros([2]), running_mean: zeros([3]) };
    expect(message(() => new BatchNorm(2).loadStateDict(state))).toMatchInlineSnapshot(
      `"StateDictError: BatchNorm(2).loadStateDict(state): expected the entries and shapes of this module's own stateDict(), got missing weight, bias, running_var; unexpected gamma; mis-shaped running_mean (expected 2, got 3). Build the module with the sizes it was saved with, or keep the module's own values there: { skip: "running_mean" }."`,
    );
  });

  test("every norm that is saved is known when it is loaded (tfjs#1752, tfjs#626)", () => {
    allowFreshStatistics();
    const norms = [new BatchNorm(4), new InstanceNorm(4), new LayerNorm(4), new GroupNorm(2, 4), new RmsNorm(4)];
    const model = new Sequential(...norms);
    expect(String(loadModel(saveModel(model)).model)).toBe(String(model));
  });
});

test("both backends agree on a network with every norm (tfjs#1112)", () => {
  const outputs = (["cpu", "wasm"] as const).map((backend) => {
    setBackend(backend);
    seed(3);
    const model = new Sequential(
      new Conv2d(2, 4, 3, { padding: 1 }),
      new BatchNorm(4),
      new InstanceNorm(4),
      new GroupNorm(2, 4),
      new Flatten(),
      new LayerNorm(4 * 25),
      new RmsNorm(4 * 25),
    );
    return model.forward(normal([8, 2, 5, 5], 6)).dataSync();
  });
  expectClose(outputs[0], outputs[1], 1e-5);
});

describeEachBackend("One value per channel:", () => {
  test("one value is refused in training with a cure, and works at inference (pytorch#4534, tensorflow#34062)", () => {
    const norm = new BatchNorm(2);
    expect(message(() => norm.forward(normal([1, 2, 1, 1], 1)))).toMatch(
      "Use a batch of 2 or more, call eval() first,",
    );
    expect(norm.eval().forward(normal([1, 2, 1, 1], 1)).shape).toEqual([1, 2, 1, 1]);
    expect(running(norm)).toEqual([new Float32Array(2), Float32Array.of(1, 1)]);
  });

  test("a last batch of one sample does not end the training (fastai#1352, scvi-tools#2314)", async () => {
    const data = arrayDataset({ inputs: normalValues(34, 1), shape: [2], labels: new Int32Array(17) });
    const model = new Sequential(new Linear(2, 4), new BatchNorm(4), new Linear(4, 2));
    const optimizer = new Sgd(model.parameters(), { lr: 0.1 });
    const { epochs } = await fit(model, batches(data, { batchSize: 8 }), { epochs: 1, optimizer });
    expect(epochs[0].steps).toBe(2);
  });

  test("instance norm of single positions is refused", () => {
    expect(message(() => new InstanceNorm(2).forward(normal([8, 2, 1], 1)))).toMatchInlineSnapshot(
      `"ShapeError: InstanceNorm(2).forward(x): expected at least 2 positions per channel, got 1 (shape 8×2×1). Use larger images or signals, or normalise with LayerNorm or GroupNorm."`,
    );
  });
});

describeEachBackend("Conventions of momentum and variance:", () => {
  test("momentum weighs the old value (pytorch/examples#289, keras#6839)", () => {
    const norm = new BatchNorm(1, { momentum: 0.9, warmUp: false });
    noGrad(() => norm.forward(tensor(Array.from({ length: 8 }, (_, k) => [k % 2 === 0 ? 9 : 11]))));
    expectClose(running(norm)[0], [1]);
    expectClose(running(norm)[1], [1]);
  });

  test("PyTorch's 0.1 is told apart from 0.9", () => {
    const warnings: string[] = [];
    onWarning((warning) => warnings.push(warning));
    new BatchNorm(1, { momentum: 0.1 });
    expect(warnings.join()).toMatch("PyTorch's 0.1 is 0.9");
  });

  test("running variance is the biased one, PyTorch's if asked (pytorch#7028, tensorflow#55545)", () => {
    onWarning(() => {});
    const variances = [false, true].map((unbiased) => {
      const norm = new BatchNorm(1, { momentum: 0, unbiased });
      noGrad(() => norm.forward(tensor([[0], [2]])));
      return running(norm)[1][0];
    });
    expect(variances).toEqual([1, 2]);
  });

  test("either way x is normalised by the biased variance", () => {
    for (const unbiased of [false, true]) {
      const y = new BatchNorm(1, { eps: 0, unbiased }).forward(tensor([[0], [2], [0], [2], [0], [2], [0], [2]]));
      expectClose(y.dataSync(), [-1, 1, -1, 1, -1, 1, -1, 1], 1e-6);
    }
  });

  test("momentum does not change what training gives (onnxruntime#29790)", () => {
    onWarning(() => {});
    const outputs = [0, 0.5, 0.9, "cumulative" as const].map((momentum) =>
      new BatchNorm(2, { momentum }).forward(normal([8, 2], 1)).dataSync(),
    );
    for (const y of outputs) expect(y).toEqual(outputs[0]);
  });

  test("a file without num_batches_tracked loads (jax-js)", () => {
    const { num_batches_tracked: _, ...state } = new BatchNorm(2).stateDict();
    expect(new BatchNorm(2).loadStateDict(state)).toEqual({ missing: [], unexpected: [] });
  });
});

describeEachBackend("Numerical stability:", () => {
  const norms = (): [Norm, Shape][] => [
    [new BatchNorm(1), [64, 1]],
    [new BatchNorm(1), [8, 1, 8]],
    [new InstanceNorm(1), [1, 1, 64]],
    [new GroupNorm(1, 4), [1, 4, 16]],
    [new LayerNorm(64), [1, 64]],
  ];

  test("a constant channel of large values gives 0 (pytorch#5410)", () => {
    for (const [norm, shape] of norms()) {
      for (const value of [16777217, -123456.789, 3e30]) {
        const y = norm.forward(tensor(new Float32Array(64).fill(value), shape));
        expect(y.dataSync()).toEqual(new Float32Array(64));
      }
    }
  });

  test("mean 2000 gives variance 1 (pytorch#40302, flax#1491, keras#18795)", () => {
    for (const [mean, deviation] of [
      [2000, 1],
      [5, 0.1],
      [1e4, 1],
    ]) {
      for (const [norm, shape] of norms()) {
        norm.eps = 1e-12;
        const y = momentsOf(norm.forward(tensor(normalValues(64, 1, mean, deviation), shape)).dataSync());
        expect(Math.abs(y.mean)).toBeLessThan(1e-6);
        expect(Math.abs(y.variance - 1)).toBeLessThan(1e-5);
      }
    }
  });

  test("the running variance is never negative, far from 0 (fvcore)", () => {
    const norm = new BatchNorm(1, { momentum: 0.5 });
    for (let k = 0; k < 20; k++) noGrad(() => norm.forward(tensor(new Float32Array(64).fill(1e4 + k), [64, 1])));
    expect(running(norm)[1][0]).toBeGreaterThanOrEqual(0);
    expect(running(norm)[1][0]).toBeLessThan(1e-5);
  });

  test.skipIf(onGpu)("values of about 1e30 do not overflow (pytorch#162489)", () => {
    for (const [norm, shape] of norms()) {
      const y = momentsOf(norm.forward(tensor(normalValues(64, 2, 1e30, 1e30), shape)).dataSync());
      expect(Math.abs(y.variance - 1)).toBeLessThan(1e-5);
    }
  });

  test("a frozen norm keeps its eps (torchvision#2169)", () => {
    const norm = new BatchNorm(2, { eps: 0.1 });
    noGrad(() => norm.forward(normal([8, 2], 3)));
    const x = normal([8, 2], 4);
    const evaluated = norm.eval().forward(x).dataSync();
    expect(norm.train().freeze().forward(x).dataSync()).toEqual(evaluated);
  });

  test("a running variance of 0 gives no NaN (torchvision#2599)", () => {
    const norm = new BatchNorm(1).eval();
    norm.loadStateDict({ ...norm.stateDict(), running_var: zeros([1]) });
    expectClose(norm.forward(tensor([[1], [-1]])).dataSync(), [316.227766, -316.227766], 1e-6);
    norm.eps = 0;
    expect(message(() => norm.forward(tensor([[1], [-1]])))).toMatchInlineSnapshot(
      `"ArgumentError: BatchNorm(1).forward(x): expected variance in every channel, since eps is 0, got none in channel 0. Set eps to a small positive number such as 1e-5."`,
    );
  });
});

describeEachBackend("Poisoning:", () => {
  test("a value too large for float32 statistics is skipped as NaN is (keras#9646, pytorch#1206)", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 3e38]) {
      const norm = new BatchNorm(2, { momentum: 0.5 });
      const values = normalValues(16, 1);
      values[0] = bad;
      noGrad(() => norm.forward(tensor(values, [8, 2])));
      expect(running(norm)).toEqual([new Float32Array(2), Float32Array.of(1, 1)]);
      expect(norm.skippedBatches).toBe(1);
    }
  });

  test("the other channels of a bad batch are left alone too, so that all have seen the same batches", () => {
    const norm = new BatchNorm(2, { momentum: 0.5 });
    const values = normalValues(16, 1);
    values[0] = Number.NaN;
    noGrad(() => norm.forward(tensor(values, [8, 2])));
    expect(running(norm)[0][1]).toBe(0);
    expect(norm.stateDict()["num_batches_tracked"].item()).toBe(0);
  });

  test("a frozen norm passes NaN on and stays as it was", () => {
    const norm = new BatchNorm(1).freeze();
    expect(norm.forward(tensor([[Number.NaN], [1]])).dataSync()[0]).toBeNaN();
    expect(norm.skippedBatches).toBe(0);
  });
});

describeEachBackend("Freezing:", () => {
  test("freeze survives train() of the whole model (pytorch#86590, Lightning#15063)", () => {
    const norm = new BatchNorm(2);
    const model = new Sequential(new Linear(2, 2), norm);
    freezeNorms(model);
    model.train();
    const before = running(norm);
    noGrad(() => model.forward(normal([8, 2], 1)));
    expect(running(norm)).toEqual(before);
    expect([norm.training, norm.frozen, norm.normalizeWith]).toEqual([true, true, "running"]);
  });

  test("what is not trained still tracks, since the two are separate (pytorch#66073, keras#4762)", () => {
    const norm = new BatchNorm(2);
    for (const p of norm.parameters()) p.requiresGrad = false;
    noGrad(() => norm.forward(normal([8, 2], 1)));
    expect(running(norm)[0]).not.toEqual(new Float32Array(2));
  });

  test("a frozen norm inside a training model lets weight and bias learn, or not (pytorch#52867)", () => {
    const model = new Sequential(new Linear(2, 2), new BatchNorm(2), new Linear(2, 2));
    const step = (): void => {
      model.forward(normal([8, 2], 2)).backward(normal([8, 2], 3));
    };
    const norm = model.layers[1];
    const { unfreeze } = freezeNorms(model);
    step();
    expect(norm.parameters().map(({ grad }) => grad === null)).toEqual([false, false]);
    unfreeze();
    freezeNorms(model, { affine: true });
    step();
    expect(norm.parameters().map(({ grad }) => grad === null)).toEqual([true, true]);
    expect(model.layers[0].parameters().map(({ grad }) => grad === null)).toEqual([false, false]);
  });

  test("without running statistics the batch's own are used in both modes (pytorch#10856)", () => {
    const norm = new BatchNorm(2, { trackRunningStats: false });
    const x = normal([8, 2], 4);
    expect(norm.eval().forward(x).dataSync()).toEqual(norm.train().forward(x).dataSync());
  });

  test("a batch that is computed twice need not be counted twice (pytorch#62471)", () => {
    const norm = new BatchNorm(2);
    const x = normal([8, 2], 5);
    noGrad(() => norm.forward(x));
    const once = running(norm);
    norm.updateRunning = false;
    const again = noGrad(() => norm.forward(x)).dataSync();
    expect(running(norm)).toEqual(once);
    norm.updateRunning = true;
    expect(noGrad(() => norm.forward(x)).dataSync()).toEqual(again);
    expect(norm.stateDict()["num_batches_tracked"].item()).toBe(2);
  });
});

describeEachBackend("Masks", () => {
  test("a mask is not ignored: rows 2, 4 and two of padding have mean 3 and variance 1 (tfjs, keras#18759)", () => {
    const norm = new BatchNorm(1, { momentum: 0.5, eps: 0, warmUp: false });
    const x = tensor([2, 4, 100, Number.NaN], [1, 1, 4]);
    const handler = onWarning(() => {});
    const y = norm.forward(x, { mask: tensor([1, 1, 0, 0], [1, 1, 4]) });
    onWarning(handler);
    expect([...y.dataSync()]).toEqual([-1, 1, 0, 0]);
    expect([norm.runningMean?.item(), norm.runningVar?.item()]).toEqual([1.5, 1]);
  });
});

describe("Batch norm", () => {
  test("is affine in x in evaluation, and in training it is not", () => {
    setBackend("wasm");
    const norm = new BatchNorm(3);
    noGrad(() => norm.forward(normal([8, 3, 5], 1).mul(3).add(1)));
    const [a, b] = [normal([8, 3, 5], 2), normal([8, 3, 5], 3)];
    const gap = (): number => {
      const mixed = norm.forward(a.mul(0.3).add(b.mul(0.7))).dataSync();
      const apart = norm.forward(a).mul(0.3).add(norm.forward(b).mul(0.7)).dataSync();
      return Math.max(...mixed.map((v, i) => Math.abs(v - apart[i])));
    };
    norm.eval();
    expect(gap()).toBeLessThan(2e-6);
    norm.train();
    expect(gap()).toBeGreaterThan(0.1);
  });

  test("eps changed after construction counts from the next forward pass, in both modes", () => {
    for (const norm of [new BatchNorm(1), new InstanceNorm(1), new GroupNorm(1, 1), new LayerNorm(2), new RmsNorm(2)]) {
      norm.eps = 3;
      const x = tensor(Array.from({ length: 8 }, () => [[-1, 1]]));
      expectClose(norm.forward(x).dataSync().slice(0, 2), [-0.5, 0.5], 1e-6);
    }
    const norm = new BatchNorm(1).eval();
    norm.eps = 3;
    expectClose(norm.forward(tensor([[2]])).dataSync(), [1], 1e-6);
  });
});
