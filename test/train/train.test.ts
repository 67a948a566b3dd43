import {
  Adam,
  AdamW,
  arrayDataset,
  BatchNorm,
  batches,
  binaryCrossEntropy,
  clipGradNorm,
  constantLr,
  cosineLr,
  crossEntropy,
  DivergedError,
  Dropout,
  evaluate,
  fit,
  Generator,
  Linear,
  mse,
  oneCycleLr,
  predict,
  ReLU,
  Sequential,
  Sgd,
  scaledLr,
  seed,
  stepLr,
  type Tensor,
  tensor,
  warmUpLr,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { allowFreshStatistics } from "../support/fresh-statistics.js";
import { normal, normalValues } from "../support/seeded.js";

/** Two clouds of points around (±1, ±1). */
function clouds(length: number) {
  const labels = Int32Array.from({ length }, (_, k) => k % 2);
  const inputs = normalValues(length * 2, 5, 0, 0.5).map((v, k) => v + (labels[k >> 1] === 0 ? -1 : 1));
  return arrayDataset({ inputs, shape: [2], labels });
}

function network(): Sequential {
  return new Sequential(new Linear(2, 16), new BatchNorm(16, { momentum: 0.9 }), new ReLU(), new Linear(16, 2));
}

describeEachBackend("fit", () => {
  test("learns to tell two clouds apart, and equal seeds give equal bits", async () => {
    const run = async () => {
      seed(11);
      const model = network();
      const steps: number[] = [];
      const { epochs } = await fit(model, batches(clouds(200), { batchSize: 16, shuffle: true }), {
        epochs: 5,
        optimizer: new Adam(model.parameters(), { lr: 0 }),
        schedule: oneCycleLr(0.02),
        clipNorm: 5,
        onStep: ({ loss }) => {
          steps.push(loss);
        },
      });
      return { model, epochs, steps };
    };
    const first = await run();
    const { accuracy, loss, samples } = await evaluate(first.model, batches(clouds(200), { batchSize: 64 }));
    expect(samples).toBe(200);
    expect(accuracy).toBeGreaterThan(0.97);
    expect(loss).toBeLessThan(0.2);
    expect(first.epochs.length).toBe(5);
    expect(first.epochs[4].steps).toBe(65);
    expect((await run()).steps).toEqual(first.steps);
  });

  test("takes any async iterable, tensors as targets, and another loss", async () => {
    const model = new Sequential(new Linear(2, 1));
    const x = normal([32, 2], 1);
    const target = x.matmul(tensor([[2], [-1]])).add(0.5);
    const data = {
      length: 4,
      async *[Symbol.asyncIterator]() {
        for (let k = 0; k < 4; k++) yield { inputs: x, targets: target };
      },
    };
    const optimizer = new Sgd(model.parameters(), { lr: 0.1, momentum: 0.9 });
    await fit(model, data, { epochs: 40, optimizer, loss: mse });
    expect((await evaluate(model, data, { loss: mse })).loss).toBeLessThan(1e-6);
    expect((await evaluate(model, data, { loss: mse })).accuracy).toBeNull();
  });

  test("stops on a signal, between steps", async () => {
    const model = network();
    const abort = new AbortController();
    let steps = 0;
    const run = fit(model, batches(clouds(64), { batchSize: 8 }), {
      epochs: 3,
      optimizer: new Sgd(model.parameters(), { lr: 0.1 }),
      signal: abort.signal,
      onStep: () => {
        if (++steps === 5) abort.abort(new Error("enough"));
      },
    });
    await expect(run).rejects.toThrow("enough");
    expect(steps).toBe(5);
  });

  test("a loss that is not finite stops it, names the layer, and leaves parameters finite", async () => {
    const model = network();
    const inputs = normalValues(64, 1);
    inputs[40] = Number.NaN;
    const data = arrayDataset({ inputs, shape: [2], labels: new Int32Array(32) });
    const optimizer = new Sgd(model.parameters(), { lr: 0.1 });
    const error = await fit(model, batches(data, { batchSize: 8 }), { epochs: 1, optimizer }).catch((e) => e);
    expect(error).toBeInstanceOf(DivergedError);
    expect(error.step).toBe(2);
    expect(error.message).toMatchInlineSnapshot(
      `"fit(model, data), step 2: expected a finite loss, finite gradients and a step that fits float32, got a loss of NaN; the first layer whose output is not finite is 0: Linear(2, 16). Lower the learning rate (now 0.1), clip gradients, or look for non-finite values in the data."`,
    );
    for (const t of Object.values(model.stateDict())) expect(t.dataSync().every(Number.isFinite)).toBe(true);
  });

  test("evaluate and predict leave the mode, the switches and the statistics as they were", async () => {
    allowFreshStatistics();
    const model = new Sequential(new Linear(2, 4), new BatchNorm(4), new Dropout(0.5), new Linear(4, 2));
    const norm = model.layers[1] as BatchNorm;
    norm.updateRunning = false;
    const x = normal([700, 2], 1);
    const y = await predict(model, x, { batchSize: 256 });
    expect([norm.normalizeWith, norm.updateRunning, model.training]).toEqual(["batch", false, true]);
    expect(norm.runningMean?.dataSync()).toEqual(new Float32Array(4));
    expect(y.shape).toEqual([700, 2]);
    expect(y.requiresGrad).toBe(false);
    expectClose(y.dataSync(), (await predict(model, x, { batchSize: 1000 })).dataSync(), 1e-6);
    model.eval();
    norm.normalizeWith = "batch";
    await evaluate(model, batches(clouds(16), { batchSize: 16 }));
    expect(norm.normalizeWith).toBe("batch");
  });

  test("refuses data that cannot be trained on", async () => {
    const model = network();
    const optimizer = new Sgd(model.parameters(), { lr: 0.1 });
    const endless = (function* () {})();
    await expect(fit(model, endless, { epochs: 1, optimizer })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data): expected samples in epoch 0, got none. Pass data that can be gone through once for each epoch; a generator is spent after one pass.]`,
    );
    await expect(
      fit(model, endless, { epochs: 1, optimizer, schedule: 0.1 as never }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { schedule }): expected a schedule, got 0.1. Pass one such as cosineLr(0.1), or leave it out: the rate is then the optimiser's.]`,
    );
    await expect(
      fit(model, endless, { epochs: 1, optimizer, schedule: constantLr(1) }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { schedule }): expected data with a length, from which a schedule knows how far training has come, got data without one. Give the iterable a length: the number of batches in an epoch.]`,
    );
    await expect(evaluate(model, [])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: evaluate(model, data): expected at least one sample, got none. Pass data that can be gone through again; a generator is spent after one pass.]`,
    );
    const five = arrayDataset({
      inputs: new Float32Array(16),
      shape: [2],
      labels: Int32Array.of(0, 1, 0, 1, 0, 1, 5, 1),
    });
    await expect(
      fit(model, batches(five, { batchSize: 8 }), { epochs: 1, optimizer }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DataError: crossEntropy(logits, labels): expected labels from 0 to 1, got 5 in row 6. Number the classes from 0, and give the network one output for each.]`,
    );
    await expect(
      fit(model, batches(five, { batchSize: 8 }), { epochs: 0, optimizer }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { epochs }): expected epochs to be a whole number of at least 1, got 0. Correct epochs.]`,
    );
  });
});

describeEachBackend("optimisers", () => {
  test("decay only what `decays` names", () => {
    const vector = tensor([1, 1], { requiresGrad: true });
    const matrix = tensor([[1, 1]], { requiresGrad: true });
    const optimizer = new AdamW([vector, matrix], { lr: 0.1, weightDecay: 0.5, decays: (p) => p.rank > 1 });
    vector.add(matrix).mul(0).sum().backward();
    optimizer.step();
    expect(vector.dataSync()).toEqual(Float32Array.of(1, 1));
    expectClose(matrix.dataSync(), [0.95, 0.95]);
  });

  test("continue from their state dict as if never stopped", () => {
    const make = () => tensor([1, -2, 3], { requiresGrad: true });
    for (const build of [
      (p: ReturnType<typeof make>) => new Adam([p], { lr: 0.1 }),
      (p: ReturnType<typeof make>) => new Sgd([p], { lr: 0.1, momentum: 0.9, nesterov: true }),
    ]) {
      const [a, b] = [make(), make()];
      const first = build(a);
      const stepOn = (p: typeof a, optimizer: typeof first) => {
        p.mul(p).sum().backward();
        optimizer.step();
        optimizer.zeroGrad();
      };
      for (let k = 0; k < 3; k++) stepOn(a, first);
      const second = build(b);
      second.loadStateDict(first.stateDict());
      b.backend.write(b.block, a.dataSync());
      for (let k = 0; k < 3; k++) {
        stepOn(a, first);
        stepOn(b, second);
      }
      expect(b.dataSync()).toEqual(a.dataSync());
      expect(() => second.loadStateDict({ "7.first": tensor(1) })).toThrow("unexpected 7.first");
    }
  });

  test("gradients are measured, and clipped together", async () => {
    const [a, b] = [tensor([3], { requiresGrad: true }), tensor([4], { requiresGrad: true })];
    a.mul(a).mul(0.5).add(b.mul(b).mul(0.5)).backward(Float32Array.of(1));
    expect(await clipGradNorm([a, b], 1)).toBeCloseTo(5, 6);
    expectClose([a.grad?.item() ?? 0, b.grad?.item() ?? 0], [0.6, 0.8]);
    expect(await clipGradNorm([a, b], 10)).toBeCloseTo(1, 6);
  });

  test("gradients whose norm is not finite are told, and left as they are", async () => {
    for (const bad of [Number.POSITIVE_INFINITY, Number.NaN]) {
      const [a, b] = [tensor([3, 4], { requiresGrad: true }), tensor([1], { requiresGrad: true })];
      a.backward(Float32Array.of(3, bad));
      b.backward(Float32Array.of(2));
      expect(await clipGradNorm([a, b], 1)).toBe(bad);
      expect([a.grad?.dataSync(), b.grad?.dataSync()]).toEqual([Float32Array.of(3, bad), Float32Array.of(2)]);
    }
  });

  test.each([
    ["Sgd", (p: Tensor[]) => new Sgd(p, { lr: 0.1, weightDecay: 0.01 })],
    ["Sgd with momentum", (p: Tensor[]) => new Sgd(p, { lr: 0.1, momentum: 0.9, nesterov: true })],
    ["Adam", (p: Tensor[]) => new Adam(p, { lr: 0.1, weightDecay: 0.01 })],
    ["AdamW", (p: Tensor[]) => new AdamW(p, { lr: 0.1, weightDecay: 0.01 })],
  ])("%s with a gradientScale gives the bits of gradients clipped before", async (_name, make) => {
    const lengths = [1, 37, 4099];
    const trained = async (clips: boolean): Promise<Float32Array[]> => {
      const parameters = lengths.map((length, k) => {
        const p = tensor(normalValues(length, k));
        p.requiresGrad = true;
        return p;
      });
      const optimizer = make(parameters);
      for (let step = 0; step < 3; step++) {
        for (const [k, p] of parameters.entries()) p.backward(normalValues(lengths[k], 10 * step + k));
        const norm = await clipGradNorm(parameters, clips ? 1 : Number.POSITIVE_INFINITY);
        optimizer.step(clips ? {} : { gradientScale: 1 / norm });
        optimizer.zeroGrad();
      }
      return parameters.map((p) => p.dataSync());
    };
    expect(await trained(false)).toEqual(await trained(true));
  });

  test("a gradientScale below 0 is refused", () => {
    const optimizer = new Sgd([tensor([1], { requiresGrad: true })], { lr: 0.1 });
    expect(() => optimizer.step({ gradientScale: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: Sgd.step(options): expected gradientScale to be a finite number of at least 0, got -1. Correct gradientScale.]`,
    );
  });
});

describe("schedules", () => {
  const values = (schedule: (step: number, steps: number) => number, steps: number) =>
    Array.from({ length: steps }, (_, step) => schedule(step, steps));

  test("follow their formulas", () => {
    expectClose(values(constantLr(0.1), 3), [0.1, 0.1, 0.1], 1e-12);
    expectClose(values(stepLr(1, { every: 2, factor: 0.5 }), 5), [1, 1, 0.5, 0.5, 0.25], 1e-12);
    expectClose(values(cosineLr(1), 5), [1, 0.853553391, 0.5, 0.146446609, 0], 1e-8);
    expectClose(values(warmUpLr(constantLr(1), 4), 6), [0.25, 0.5, 0.75, 1, 1, 1], 1e-12);
  });

  test("are for another batch size by the rule that was chosen", () => {
    expectClose([scaledLr(0.1, "none", 256, 64), scaledLr(0.1, "linear", 256, 64)], [0.1, 0.4], 1e-12);
    expectClose([scaledLr(0.1, "root", 256, 64), scaledLr(0.1, "linear", 16, 64)], [0.2, 0.025], 1e-12);
    expect(() => scaledLr(0.1, "linear", 0, 64)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: scaledLr(lr, rule, batchSize, reference): expected batchSize to be a whole number of at least 1, got 0. Correct batchSize.]`,
    );
  });

  test("one-cycle is PyTorch's OneCycleLR", () => {
    // torch 1.13, OneCycleLR(max_lr=1, total_steps=10).get_last_lr() before each step.
    const expected = [0.04, 0.52, 1, 0.950485, 0.811746, 0.611262, 0.388742, 0.188258, 0.049519, 0.000004];
    expectClose(values(oneCycleLr(1), 10), expected, 1e-5);
    // total_steps=3: the rise ends before the first step.
    expectClose(values(oneCycleLr(1), 3), [0.9944154354509117, 0.46263710266697505, 4e-6], 1e-9);
    expectClose(values(oneCycleLr(1), 2), [0.811745653949763, 4e-6], 1e-9);
  });

  test("a run of one step trains at the highest rate", () => {
    for (const schedule of [oneCycleLr(1), cosineLr(1), constantLr(1)]) expect(values(schedule, 1)).toEqual([1]);
  });
});

describe("losses", () => {
  test("refuse labels and shapes that do not fit", () => {
    const x = normal([2, 3], 1);
    expect(() => crossEntropy(x, [0, 3])).toThrowErrorMatchingInlineSnapshot(
      `[DataError: crossEntropy(logits, labels): expected labels from 0 to 2, got 3 in row 1. Number the classes from 0, and give the network one output for each.]`,
    );
    expect(() => crossEntropy(x, [0, 1.5])).toThrowErrorMatchingInlineSnapshot(
      `[DataError: crossEntropy(logits, labels): expected labels from 0 to 2, got 1.5 in row 1. Number the classes from 0, and give the network one output for each.]`,
    );
    expect(() => crossEntropy(x, [0])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: crossEntropy(logits, labels): expected logits (N, classes) with N ≥ 1, and N labels, got 2×3 and 1 labels. Pass one label for each row of logits.]`,
    );
    expect(() => crossEntropy(x, [0, 1], { classWeights: [1] })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: crossEntropy(logits, labels): expected 3 finite class weights of at least 0, got [1]. Pass one weight for each class.]`,
    );
    expect(() => crossEntropy(x, [0, 1], { labelSmoothing: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: crossEntropy(logits, labels): expected labelSmoothing from 0 up to, not including, 1, got 1. Pass a share such as 0.1.]`,
    );
    expect(() => mse(x, normal([3], 1))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: mse(a, b): expected two tensors of one shape, got 2×3 and 3. Reshape one of them; a loss does not broadcast.]`,
    );
    expect(() => binaryCrossEntropy(x, normal([3], 1))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: binaryCrossEntropy(logits, targets): expected two tensors of one shape, got 2×3 and 3. Reshape one of them; a loss does not broadcast.]`,
    );
  });

  test("refuse numbers out of range in optimisers and schedules", () => {
    const w = [tensor([1], { requiresGrad: true })];
    expect(() => new Sgd([], { lr: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new Sgd(parameters): expected a list of at least one parameter, got an empty one. Pass model.parameters(), of a model whose layers are its own properties.]`,
    );
    expect(() => new Sgd(w, { lr: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: Sgd.lr: expected lr to be a finite number of at least 0, got -1. Correct lr.]`,
    );
    expect(() => new Sgd(w, { lr: 1, nesterov: true })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new Sgd(options): expected momentum above 0 with nesterov, got 0. Set momentum, e.g. 0.9.]`,
    );
    expect(() => new Adam(w, { lr: 1, betas: [1, 0.9] })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new Adam(options): expected betas[0] to be from 0 up to, not including, 1, got 1. Correct betas[0].]`,
    );
    expect(() => constantLr(Number.NaN)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: constantLr(lr): expected lr to be a finite number of at least 0, got NaN. Correct lr.]`,
    );
  });
});

describe("batches", () => {
  const data = (length: number) =>
    arrayDataset({ inputs: Float32Array.from({ length }, (_, k) => k), shape: [1], labels: new Int32Array(length) });
  const sizes = (length: number, options: Parameters<typeof batches>[1]) =>
    [...batches(data(length), options)].map(({ targets }) => targets.length);

  test("keep or drop what is left over, and never leave one sample alone", () => {
    expect(sizes(10, { batchSize: 4 })).toEqual([4, 4, 2]);
    expect(sizes(10, { batchSize: 4, last: "drop" })).toEqual([4, 4]);
    expect(sizes(9, { batchSize: 4 })).toEqual([4, 5]);
    expect(sizes(3, { batchSize: 1 })).toEqual([1, 1, 1]);
    expect(sizes(1, { batchSize: 8 })).toEqual([1]);
  });

  test("shuffle by their generator, each pass anew, every sample once", () => {
    const shuffled = batches(data(10), { batchSize: 3, shuffle: new Generator(4) });
    const pass = () => [...shuffled].flatMap(({ inputs }) => ("values" in inputs ? [...inputs.values] : []));
    const [first, second] = [pass(), pass()];
    expect(first).not.toEqual(second);
    expect([...first].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const again = batches(data(10), { batchSize: 3, shuffle: new Generator(4) });
    expect([...again].flatMap(({ inputs }) => ("values" in inputs ? [...inputs.values] : []))).toEqual(first);
  });

  test("preprocess each channel", () => {
    const bytes = arrayDataset({
      inputs: Uint8Array.of(0, 255, 51, 102),
      shape: [2, 2],
      labels: [0],
      preprocessing: { scale: 1 / 255, mean: [0.5, 0.2], deviation: [0.5, 0.1] },
    });
    const { inputs } = bytes.batch([0]);
    expectClose("values" in inputs ? inputs.values : [], [-1, 1, 0, 2], 1e-6);
  });

  test("refuse what cannot be cut", () => {
    expect(() => batches(data(0), { batchSize: 4 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: batches(dataset, { batchSize }): expected at least one sample, got 0. Pass a dataset that has samples.]`,
    );
    expect(() => batches(data(3), { batchSize: 4, last: "drop" })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: batches(dataset, { batchSize }): expected at least 4 samples for one batch, got 3. Use a smaller batch, or keep the last one.]`,
    );
    expect(() => batches(data(3), { batchSize: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: batches(dataset, { batchSize }): expected batchSize to be a whole number of at least 1, got 0. Correct batchSize.]`,
    );
    expect(() =>
      arrayDataset({ inputs: new Float32Array(3), shape: [2], labels: [0] }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: arrayDataset({ inputs, shape, labels }): expected 2 values for 1 samples of shape 2, got 3. Correct the shape, or pass one label for each sample.]`,
    );
    const preprocessing = { deviation: [0] };
    expect(() =>
      arrayDataset({ inputs: new Float32Array(2), shape: [2], labels: [0], preprocessing }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: arrayDataset({ preprocessing }): expected deviation to hold 1 or 2 finite numbers above 0, got [0]. Pass one deviation for each channel.]`,
    );
  });
});
