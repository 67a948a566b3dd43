import {
  type Batch,
  BatchNorm,
  Conv2d,
  crossEntropy,
  Dropout,
  evaluate,
  GlobalAvgPool2d,
  InstanceNorm,
  LayerNorm,
  Linear,
  loadModel,
  Module,
  noGrad,
  onWarning,
  ReLU,
  Residual,
  recalibrate,
  Sequential,
  saveModel,
  scope,
  seed,
  type Tensor,
  tensor,
  trace,
} from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { allowFreshStatistics } from "../../support/fresh-statistics.js";
import { Shared, SqueezeExcite, TwoInputs, UNet } from "../../support/own-networks.js";
import { normal, normalValues } from "../../support/seeded.js";

const samples = 24;
const shape = [2, 5, 5];
const size = 50;
const values = normalValues(samples * size, 3, 1.5, 2);

/** The samples in batches that end where `cuts` say. */
function batchesOf(cuts: readonly number[]): Tensor[] {
  const ends = [...new Set([...cuts, samples])].sort((a, b) => a - b).filter((end) => end > 0);
  return ends.map((end, k) => {
    const start = ends[k - 1] ?? 0;
    return tensor(values.slice(start * size, end * size), [end - start, ...shape]);
  });
}

/** Three norms in a row and two beside one another, with drop-out between. */
function network(seed: number, options = {}): Sequential {
  const model = new Sequential(
    ...[new Conv2d(2, 3, 2), new BatchNorm(3, options), new ReLU(), new Dropout(0.5)],
    new Residual(
      new Sequential(new Conv2d(3, 3, 1), new BatchNorm(3, options)),
      new Sequential(new BatchNorm(3, options), new ReLU(), new BatchNorm(3, options)),
    ),
    ...[new BatchNorm(3, options), new GlobalAvgPool2d(), new Linear(3, 2)],
  );
  const state = model.stateDict();
  let k = 0;
  for (const name of Object.keys(state)) {
    if (name.includes("running") || name.includes("tracked")) continue;
    state[name] = normal(state[name].shape, 100 * seed + k++).add(name.includes("1.weight") ? 1.5 : 0);
  }
  model.loadStateDict(state);
  return model.eval();
}

const norms = (model: Module): BatchNorm[] =>
  model.namedModules().flatMap(([, module]) => (module instanceof BatchNorm ? [module] : []));

const statistics = (norm: BatchNorm | InstanceNorm): Float32Array[] =>
  [norm.runningMean, norm.runningVar].map((t) => t?.dataSync() ?? new Float32Array(0));

/** What each norm is given in a forward pass, by onForward. */
function inputsOfNorms(model: Module, x: Tensor): Map<BatchNorm, Float32Array> {
  const seen = new Map<BatchNorm, Float32Array>();
  const stops = norms(model).map((norm) => norm.onForward((_, input) => seen.set(norm, input.dataSync())));
  scope(() => noGrad(() => model.forward(x)));
  for (const stop of stops) stop();
  return seen;
}

/** Mean and variance of each channel of (N, channels, S), in float64 and two passes. */
function population(input: Float32Array, channels: number, n: number, unbiased = false): [number[], number[]] {
  const inner = input.length / n / channels;
  const moments = Array.from({ length: channels }, (_, c) => {
    const own = Array.from(input).filter((_, i) => Math.floor(i / inner) % channels === c);
    const mean = own.reduce((a, b) => a + b, 0) / own.length;
    const m2 = own.reduce((a, b) => a + (b - mean) ** 2, 0);
    return [mean, m2 / (unbiased ? own.length - 1 : own.length)];
  });
  return [moments.map(([mean]) => mean), moments.map(([, variance]) => variance)];
}

/** Expects each norm to hold the statistics of what it is given in evaluation. */
function expectPopulation(model: Module, unbiased = false): void {
  const whole = tensor(values, [samples, ...shape]);
  for (const [norm, input] of inputsOfNorms(model, whole)) {
    const expected = population(input, norm.numFeatures, samples, unbiased);
    statistics(norm).forEach((actual, k) => {
      expectClose(actual, expected[k], 1e-6);
    });
  }
}

describeEachBackend("recalibrate, sequential", () => {
  test("gives every norm the statistics of its input, for every split into batches", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: samples }), { maxLength: 6 }),
        fc.nat(3),
        async (cuts, seed) => {
          const model = network(seed);
          const { norms: done, left, samples: seen } = await recalibrate(model, batchesOf(cuts));
          expect(done.map(({ norm }) => norm)).toEqual(["1", "4.body.1", "4.shortcut.0", "4.shortcut.2", "5"]);
          expect([left, seen]).toEqual([[], samples]);
          expectPopulation(model);
        },
      ),
      { numRuns: 12, seed: 1 },
    );
  });

  test("norms beside one another share a pass, whatever runs between them", async () => {
    const passesOf = async (model: Module): Promise<number> => {
      const seen = new Set<number>();
      await recalibrate(model, batchesOf([5, 11]), { onProgress: ({ pass }) => void seen.add(pass) });
      return seen.size;
    };
    const model = network(2);
    // 1; 4.body.1 and 4.shortcut.0; 4.shortcut.2; 5.
    expect(await passesOf(model)).toBe(4);
    expectPopulation(model);
    class Branches extends Module {
      readonly first = new BatchNorm(2);
      readonly second = new BatchNorm(2);
      readonly third = new BatchNorm(2);
      readonly reads: boolean;
      constructor(reads: boolean) {
        super();
        this.reads = reads;
      }
      override forward(x: Tensor): Tensor {
        const a = this.first.forward(x);
        // Detached and read values are followed too.
        const factor = this.reads ? a.sum().detach().item() * 0 + 2 : 2;
        const b = this.second.forward(x.mul(factor));
        return this.third.forward(noGrad(() => a.detach().add(b.detach()).add(3)));
      }
    }
    const [beside, behind] = [new Branches(false), new Branches(true)];
    expect([await passesOf(beside), await passesOf(behind)]).toEqual([2, 3]);
    for (const one of [beside, behind]) expectPopulation(one.eval());
  });

  test("respects unbiased, and leaves momentum, modes and the count of batches alone", async () => {
    const model = network(1, { unbiased: true, momentum: 0.7 });
    const [first] = norms(model);
    model.train();
    first.normalizeWith = "running";
    await recalibrate(model, batchesOf([7]));
    expect([first.momentum, first.normalizeWith, first.updateRunning, model.training]).toEqual([
      0.7,
      "running",
      true,
      true,
    ]);
    expect(model.stateDict()["1.num_batches_tracked"].item()).toBe(0);
    model.eval();
    expectPopulation(model, true);
  });

  test("frozen norms and such without running statistics stay, and are told", async () => {
    class Net extends Module {
      readonly a = new BatchNorm(2).freeze();
      readonly b = new BatchNorm(2, { trackRunningStats: false });
      readonly c = new BatchNorm(2);
      readonly unused = new BatchNorm(2);
      readonly d = new LayerNorm(5);
      override forward(x: Tensor): Tensor {
        return this.d.forward(this.c.forward(this.b.forward(this.a.forward(x))));
      }
    }
    const model = new Net().eval();
    const { norms: done, left } = await recalibrate(model, batchesOf([12]));
    expect(done.map(({ norm, values: count }) => [norm, count])).toEqual([["c", 24 * 25]]);
    expect(left).toMatchInlineSnapshot(`
      [
        {
          "norm": "a",
          "reason": "it is frozen",
        },
        {
          "norm": "b",
          "reason": "it has no running statistics",
        },
        {
          "norm": "unused",
          "reason": "the model does not apply it",
        },
      ]
    `);
    expect(statistics(model.a)).toEqual([Float32Array.of(0, 0), Float32Array.of(1, 1)]);
  });

  test("tells how far statistics moved, in deviations", async () => {
    const model = new Sequential(new BatchNorm(2, { eps: 0 }));
    const x = tensor([
      [1, 10],
      [3, 10],
      [5, 30],
      [7, 30],
    ]);
    const { norms: done } = await recalibrate(model, [x]);
    // Means 4 and 20, deviations √5 and 10; before 0 and 1.
    const rms = (a: number, b: number): number => Math.sqrt((a * a + b * b) / 2);
    expect(done[0].drift.mean).toBeCloseTo(rms(4 / Math.sqrt(5), 2), 6);
    expect(done[0].drift.deviation).toBeCloseTo(rms(1 - 1 / Math.sqrt(5), 0.9), 6);
    const again = await recalibrate(model, [x]);
    expect(again.norms[0].drift.mean).toBeLessThan(1e-6);
  });

  test("samples cuts each pass, within a batch where it must", async () => {
    const [a, b] = [network(1), network(1)];
    const { samples: seen } = await recalibrate(a, batchesOf([8, 16]), { samples: 12 });
    expect(seen).toBe(12);
    await recalibrate(b, [tensor(values.slice(0, 12 * size), [12, ...shape])]);
    norms(a).forEach((norm, k) => {
      statistics(norm).forEach((actual, j) => {
        expectClose(actual, statistics(norms(b)[k])[j], 1e-6);
      });
    });
  });

  test.each([
    ["a mean of NaN", Number.NaN, 1],
    ["an infinite mean", Number.POSITIVE_INFINITY, 1],
    ["an infinite variance", 0, Number.POSITIVE_INFINITY],
    ["a variance of NaN", 0, Number.NaN],
  ])("%s is replaced, also where the old statistics are blended in", async (_, mean, variance) => {
    for (const options of [{}, { mode: "batch" }, { blend: 5 }] as const) {
      const model = new Sequential(new BatchNorm(2));
      model.loadStateDict({
        ...model.stateDict(),
        "0.running_mean": tensor([mean, 1]),
        "0.running_var": tensor([variance, 3]),
      });
      const { norms: done } = await recalibrate(model, batchesOf([10]), options);
      const [norm] = norms(model);
      const [means, variances] = population(Float32Array.from(values), 2, samples);
      expect(norm.runningMean?.dataSync()[0]).toBeCloseTo(means[0], 5);
      expect(norm.runningVar?.dataSync()[0]).toBeCloseTo(variances[0], 5);
      expect(
        done[0].drift.mean === Number.POSITIVE_INFINITY || done[0].drift.deviation === Number.POSITIVE_INFINITY,
      ).toBe(true);
    }
  });

  test("takes any forward signature, and batches that only the caller knows", async () => {
    class Pair extends Module<[a: Tensor, b: Tensor]> {
      readonly norm = new BatchNorm(2);
      override forward(a: Tensor, b: Tensor): Tensor {
        return this.norm.forward(a.add(b));
      }
    }
    const model = new Pair();
    const data = batchesOf([12]).map((x): [Tensor, Tensor] => [x, x]);
    await recalibrate(model, data, { forward: (net, [a, b]) => net.forward(a, b) });
    const [mean, variance] = population(
      values.map((v) => 2 * v),
      2,
      samples,
    );
    expectClose(statistics(model.norm)[0], mean, 1e-6);
    expectClose(statistics(model.norm)[1], variance, 1e-6);
  });

  test("instance norms average the statistics of samples", async () => {
    const norm = new InstanceNorm(2, { trackRunningStats: true, unbiased: true });
    await recalibrate(new Sequential(norm), batchesOf([1, 5]));
    const each = Array.from({ length: samples }, (_, k) =>
      population(values.slice(k * size, (k + 1) * size), 2, 1, true),
    );
    const average = (j: 0 | 1): number[] => [0, 1].map((c) => each.reduce((sum, one) => sum + one[j][c], 0) / samples);
    expectClose(statistics(norm)[0], average(0), 1e-6);
    expectClose(statistics(norm)[1], average(1), 1e-6);
  });

  test("evaluation on the data is then what training's normalisation promised (keras#7265, pytorch#4741)", async () => {
    const slow = (): BatchNorm => new BatchNorm(8, { warmUp: false });
    const model = new Sequential(new Linear(2, 8), slow(), new ReLU(), slow(), new Linear(8, 2));
    const inputs = tensor(normalValues(80, 5, 40, 3), [40, 2]);
    const targets = Int32Array.from({ length: 40 }, (_, k) => k % 2);
    const data: Batch[] = [{ inputs, targets }];
    const output = noGrad(() => model.forward(inputs));
    const trainingOutput = output.dataSync();
    const trainingLoss = crossEntropy(output, targets).item();
    const stale = await evaluate(model, data);
    await recalibrate(model, data);
    const fresh = await evaluate(model, data);
    expectClose(noGrad(() => model.eval().forward(inputs)).dataSync(), trainingOutput, 1e-5);
    expect(fresh.loss).toBeCloseTo(trainingLoss, 5);
    expect(Math.abs(stale.loss - trainingLoss)).toBeGreaterThan(1e-4);
  });
});

describeEachBackend("recalibrate, batch", () => {
  test("equals a float64 replay of the same batches", async () => {
    onWarning(() => {});
    for (const cuts of [[], [8, 16], [3, 10, 11]]) {
      const model = network(2);
      const data = batchesOf(cuts);
      await recalibrate(model, data, { mode: "batch" });
      // The replay: each batch in training mode, drop-out off, and what each norm was given kept and pooled.
      const replay = network(2);
      for (const norm of norms(replay)) {
        norm.normalizeWith = "batch";
        norm.updateRunning = false;
      }
      const given = data.map((x) => inputsOfNorms(replay, x));
      norms(replay).forEach((norm, k) => {
        const all = given.flatMap((one) => Array.from(one.get(norm) ?? []));
        const expected = population(Float32Array.from(all), 3, samples);
        statistics(norms(model)[k]).forEach((actual, j) => {
          expectClose(actual, expected[j], 1e-6);
        });
      });
    }
  });

  test("pools all uses of a norm that is applied twice; sequential refuses it", async () => {
    class Shared extends Module {
      readonly norm = new BatchNorm(2);
      override forward(x: Tensor): Tensor {
        return this.norm.forward(x).add(this.norm.forward(x.mul(3)));
      }
    }
    const model = new Shared();
    await expect(recalibrate(model, batchesOf([]))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: recalibrate(model, data): expected each norm applied once in a forward pass, so that its statistics do not depend on themselves, got norm, BatchNorm(2), applied 2 times. Pass { mode: "batch" }, which pools all its uses.]`,
    );
    const { norms: done } = await recalibrate(model, batchesOf([10]), { mode: "batch" });
    expect(done[0].values).toBe(2 * samples * 25);
    const [mean] = population(values, 2, samples);
    expectClose(
      statistics(model.norm)[0],
      mean.map((m) => 2 * m),
      1e-6,
    );
  });

  test("an iterator, spent after one pass, is enough", async () => {
    const model = network(1);
    const { samples: seen } = await recalibrate(model, batchesOf([12]).values(), { mode: "batch" });
    expect(seen).toBe(samples);
  });
});

describeEachBackend("recalibrate", () => {
  test("blends by the sample-size rule of Schneider et al.", async () => {
    const norm = new BatchNorm(2);
    norm.loadStateDict({ ...norm.stateDict(), running_mean: tensor([5, -5]), running_var: tensor([9, 4]) });
    await recalibrate(new Sequential(norm), batchesOf([6]), { blend: 16 });
    const [mean, variance] = population(values, 2, samples);
    const share = 16 / (16 + samples);
    expectClose(
      statistics(norm)[0],
      [5, -5].map((old, c) => share * old + (1 - share) * mean[c]),
      1e-6,
    );
    expectClose(
      statistics(norm)[1],
      [9, 4].map((old, c) => share * old + (1 - share) * variance[c]),
      1e-6,
    );
  });

  test("a batch that is not finite is left out, and told", async () => {
    const model = new Sequential(new BatchNorm(2));
    const poisoned = tensor(new Float32Array(4 * size).fill(Number.NaN), [4, ...shape]);
    const { norms: done } = await recalibrate(model, [poisoned, ...batchesOf([])]);
    expect(done[0].skipped).toBe(1);
    expectPopulation(model);
    const before = statistics(norms(model)[0]);
    const { norms: none, left } = await recalibrate(model, [poisoned]);
    expect(none).toEqual([]);
    expect(left).toMatchInlineSnapshot(`
      [
        {
          "norm": "0",
          "reason": "no batch had a finite mean and variance",
        },
      ]
    `);
    expect(statistics(norms(model)[0])).toEqual(before);
  });

  test("one value in each channel makes no variance: the norm is left, unless the old statistics count", async () => {
    const model = new Sequential(new BatchNorm(2));
    const one = [tensor([[3, 4]])];
    expect(await recalibrate(model, one)).toMatchObject({
      norms: [],
      left: [{ norm: "0", reason: "it saw one value in each channel, where a variance takes 2" }],
    });
    expect([...(model.stateDict()["0.running_var"]?.dataSync() ?? [])]).toEqual([1, 1]);
    await recalibrate(model, one, { blend: 3 });
    expect([...(model.stateDict()["0.running_var"]?.dataSync() ?? [])]).toEqual([0.75, 0.75]);
  });

  test("reports progress, and an aborted run leaves the model as it was", async () => {
    allowFreshStatistics();
    for (const mode of ["sequential", "batch"] as const) {
      const model = network(1).train();
      const bytes = saveModel(model);
      const controller = new AbortController();
      const seen: string[] = [];
      const run = recalibrate(model, batchesOf([8, 16]), {
        mode,
        signal: controller.signal,
        onProgress({ pass, passes, samples: count }) {
          seen.push(`${pass}/${passes} ${count}`);
          if (seen.length === (mode === "batch" ? 2 : 5)) controller.abort(new Error("enough"));
        },
      });
      await expect(run).rejects.toThrow("enough");
      expect(seen).toEqual(mode === "batch" ? ["0/1 8", "0/1 16"] : ["0/4 8", "0/4 16", "0/4 24", "1/4 8", "1/4 16"]);
      expect(saveModel(model)).toEqual(bytes);
      expect(norms(model).every((norm) => norm.normalizeWith === "batch" && norm.updateRunning)).toBe(true);
      noGrad(() => model.forward(batchesOf([])[0]));
      expect(saveModel(model)).not.toEqual(bytes);
    }
  });

  test("refuses what it cannot do", async () => {
    const model = new Sequential(new BatchNorm(2), new BatchNorm(2));
    const data = batchesOf([]);
    let started = 0;
    const failures = [
      () => recalibrate(model, data, { mode: "precise" as "batch" }),
      () => recalibrate(model, data, { samples: 0 }),
      () => recalibrate(model, data, { blend: -1 }),
      () => recalibrate(model, []),
      () => recalibrate(model, [], { mode: "batch" }),
      () => recalibrate(model, data.values()),
      () => recalibrate(model, [[1, 2]] as unknown as Tensor[]),
      () => recalibrate(model, ["a"], { forward: () => {}, samples: 3 }),
      () =>
        recalibrate(model, {
          *[Symbol.iterator]() {
            yield* batchesOf(++started < 3 ? [] : [9]);
          },
        }),
    ];
    const messages: string[] = [];
    for (const failing of failures) {
      const [one] = await Promise.allSettled([failing()]);
      messages.push(one.status === "rejected" ? String(one.reason) : "ok");
    }
    expect(messages).toMatchInlineSnapshot(`
      [
        "ArgumentError: recalibrate(model, data): expected mode to be "sequential" or "batch", got "precise". Choose one of them.",
        "ArgumentError: recalibrate(model, data): expected samples to be a whole number of at least 1, got 0. Correct samples.",
        "ArgumentError: recalibrate(model, data): expected blend to be a finite number of samples, at least 0, got -1. Pass how many samples the old statistics count for.",
        "ArgumentError: recalibrate(model, data): expected at least one batch, got none. Pass data that have samples.",
        "ArgumentError: recalibrate(model, data): expected at least one batch, got none. Pass data that have samples.",
        "ArgumentError: recalibrate(model, data): expected data that can be gone through once for each norm, got an iterator, which is spent after one pass. Pass an array or batches(), or { mode: "batch" }.",
        "ArgumentError: recalibrate(model, data): expected tensors, lists of them, or batches with inputs, got one of type object. Pass { forward: (model, batch) => … } for others.",
        "ArgumentError: recalibrate(model, data): expected batches with inputs, by which samples are counted, got one of type string. Leave samples and blend out.",
        "ArgumentError: recalibrate(model, data): expected the same data in each pass: 24 samples in 1 batches, got 24 samples in 2 batches in pass 2 of 2. Pass data that can be gone through once for each norm.",
      ]
    `);
  });
});

describe("BatchNorm as a map", () => {
  test("is affine in evaluation and not in training", () => {
    const alpha = fc.double({ min: -2, max: 2, noNaN: true });
    fc.assert(
      fc.property(alpha, fc.integer({ min: 1, max: 1000 }), (weight, seed) => {
        const norm = new BatchNorm(3);
        noGrad(() => norm.forward(normal([16, 3, 4], seed)));
        const [a, b] = [normal([8, 3, 4], seed + 1), normal([8, 3, 4], seed + 2)];
        const difference = (): number => {
          const f = (x: Tensor): Tensor => norm.forward(x);
          const mixed = f(a.mul(weight).add(b.mul(1 - weight)));
          const apart = f(a)
            .mul(weight)
            .add(f(b).mul(1 - weight));
          return mixed
            .sub(apart)
            .dataSync()
            .reduce((most, v) => Math.max(most, Math.abs(v)), 0);
        };
        norm.eval();
        expect(difference()).toBeLessThan(1e-4);
        norm.train();
        // At 0 and 1 there is nothing to mix.
        if (Math.abs(weight) > 0.1 && Math.abs(1 - weight) > 0.1) expect(difference()).toBeGreaterThan(1e-3);
      }),
      { numRuns: 50 },
    );
  });
});

describeEachBackend("recalibrate a graph", () => {
  type Network = Module<Tensor[]>;
  const networks: [name: string, make: () => Network, sizes: number[][]][] = [
    ["a U-Net", () => new UNet() as Network, [[1, 8, 8]]],
    ["squeeze and excite", () => new SqueezeExcite() as Network, [[1, 5, 5]]],
    ["two inputs", () => new TwoInputs() as unknown as Network, [[3], [5]]],
    ["a shared layer and a tied weight", () => new Shared() as Network, [[4]]],
  ];
  const statistics = (model: Network): [string, Float32Array][] =>
    Object.entries(model.stateDict()).map(([key, t]) => [key, t.dataSync()]);

  test.each(networks)("of %s gives what recalibrating the module gives, to the bit", async (_, make, sizes) => {
    allowFreshStatistics();
    for (const mode of ["sequential", "batch"] as const) {
      const built = (): Network => {
        seed(3);
        return make();
      };
      const data = [9, 11].map((count, at) => sizes.map((size, k) => normal([count, ...size], 10 * at + k).add(1)));
      const [model, traced] = [built(), built()];
      const graph = trace(traced, ...data[0]) as Network;
      const loaded = loadModel(saveModel(trace(built(), ...data[0]))).model as unknown as Network;
      const evaluated = trace(built().eval(), ...data[0], { mode: "eval" }) as Network;
      const expected = await recalibrate(model, data, { mode, samples: 18, blend: 4 });
      expect(expected.norms.length).toBeGreaterThan(0);
      for (const other of [graph, loaded, evaluated]) {
        expect(await recalibrate(other, data, { mode, samples: 18, blend: 4 })).toEqual(expected);
        expect(statistics(other)).toEqual(statistics(model));
      }
      expect(graph.training).toBe(true);
      // The graph shares its norms with the module.
      expect(statistics(traced)).toEqual(statistics(model));
    }
  });

  test("a norm that is applied twice is named by its path", async () => {
    class Twice extends Module {
      readonly norm = new BatchNorm(3);
      override forward(x: Tensor): Tensor {
        return this.norm.forward(this.norm.forward(x).mul(2));
      }
    }
    const graph = trace(new Twice(), normal([8, 3], 1));
    await expect(recalibrate(graph, [normal([8, 3], 1)])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: recalibrate(model, data): expected each norm applied once in a forward pass, so that its statistics do not depend on themselves, got norm, BatchNorm(3), applied 2 times. Pass { mode: "batch" }, which pools all its uses.]`,
    );
    expect((await recalibrate(graph, [normal([8, 3], 1)], { mode: "batch" })).norms.map(({ norm }) => norm)).toEqual([
      "norm",
    ]);
  });

  test("batches that do not fit the graph are refused", async () => {
    const graph = trace(new TwoInputs(), normal([2, 3], 1), normal([2, 5], 2));
    await expect(recalibrate(graph, [normal([8, 3], 1)])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: Graph.forward(...inputs): expected 2 tensors, got 1. Pass what the network was traced with.]`,
    );
  });
});
