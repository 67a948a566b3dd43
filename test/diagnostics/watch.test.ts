import {
  Adam,
  arrayDataset,
  BatchNorm,
  batches,
  Conv2d,
  type Distribution,
  evaluate,
  Flatten,
  fit,
  GELU,
  LayerNorm,
  Linear,
  loadModel,
  type Module,
  memoryInUse,
  ReLU,
  Residual,
  Sequential,
  saveModel,
  seed,
  type Tensor,
  tensor,
  threads,
  trace,
  type WatchRecord,
  watch,
} from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { allowFreshStatistics } from "../support/fresh-statistics.js";
import { Shared, SqueezeExcite, TwoInputs, UNet } from "../support/own-networks.js";
import { normalValues } from "../support/seeded.js";

/** What watch says of the input of a layer that is given these values. */
async function seen(
  values: Float32Array,
  shape: readonly number[],
  range: [number, number] | null,
  bins = 8,
): Promise<Distribution> {
  const model = new Sequential(new GELU());
  const watcher = watch(model, { bins, range });
  model.forward(tensor(values, shape));
  const [{ layers }] = await watcher.stop();
  return layers[0].input;
}

const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

const data = batches(
  arrayDataset({
    inputs: normalValues(48 * 36, 2),
    shape: [1, 6, 6],
    labels: Array.from({ length: 48 }, (_, k) => k % 3),
  }),
  { batchSize: 12 },
);

function smallNet(): Sequential {
  seed(3);
  return new Sequential(
    new Conv2d(1, 4, 3, { padding: 1 }),
    new BatchNorm(4),
    new ReLU(),
    new Flatten(),
    new Linear(144, 8),
    new LayerNorm(8),
    new GELU(),
    new Linear(8, 3),
  );
}

async function train(model: Sequential, onStep: () => void | Promise<void> = () => {}, epochs = 2): Promise<void> {
  await fit(model, data, { epochs, optimizer: new Adam(model.parameters(), { lr: 0.01 }), onStep });
}

describeEachBackend("watch", () => {
  test("counts what plain loops count, of channels and images of any size", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(
          fc.integer({ min: 1, max: 6 }),
          fc.integer({ min: 1, max: 9 }),
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 1, max: 5 }),
        ),
        fc.integer({ min: 1, max: 1000 }),
        async (shape, seedOfValues) => {
          const size = shape.reduce((a, b) => a * b, 1);
          // Every channel k ≡ 1 modulo 3 is 0, and so is every fifth value.
          const inner = shape[2] * shape[3];
          const values = normalValues(size, seedOfValues, 0.5, 2).map((value, i) =>
            (Math.floor(i / inner) % shape[1]) % 3 === 1 || i % 5 === 0 ? 0 : value,
          );
          const list = Array.from(values);
          const found = await seen(values, shape, [-2, 2]);
          const mean = sum(list) / size;
          expect(found.mean).toBeCloseTo(mean, 5);
          expect(found.deviation).toBeCloseTo(Math.sqrt(sum(list.map((value) => (value - mean) ** 2)) / size), 4);
          expect([found.least, found.largest]).toEqual([Math.min(...list), Math.max(...list)]);
          expect(found.zeros).toBeCloseTo(list.filter((value) => value === 0).length / size, 12);
          const channels = Array.from({ length: shape[1] }, (_, k) =>
            list.filter((_, i) => Math.floor(i / inner) % shape[1] === k),
          );
          expect(found.dead).toBe(
            channels.filter((channel) => channel.every((value) => value === 0)).length / shape[1],
          );
          const bin = (value: number): number => Math.floor((value + 2) * 2);
          expect(found.outside).toEqual([
            list.filter((value) => value < -2).length,
            list.filter((value) => value > 2).length,
          ]);
          expect(found.histogram).toEqual({
            range: [-2, 2],
            counts: Array.from({ length: 8 }, (_, k) => list.filter((value) => bin(value) === k).length),
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  test("ranges over four deviations, where there are values, and loses nothing at mean 10⁴", async () => {
    const values = normalValues(3000, 5, 10_000, 1);
    values[7] = 10_400;
    const { mean, deviation, histogram, outside } = await seen(values, [500, 6], null, 32);
    expectClose([mean ?? 0, deviation ?? 0], [10_000.13, 7.37], 0.02);
    const [low, high] = histogram?.range ?? [0, 0];
    expect(low).toBe(Math.min(...values));
    expect(high).toBeCloseTo((mean ?? 0) + 4 * (deviation ?? 0), 6);
    expect(outside).toEqual([0, 1]);
    expect(sum(histogram?.counts ?? [])).toBe(2999);
  });

  test("tells of constant values, of values that are not finite, and of none", async () => {
    expect(await seen(new Float32Array(10).fill(3), [5, 2], null, 4)).toEqual({
      mean: 3,
      deviation: 0,
      least: 3,
      largest: 3,
      zeros: 0,
      dead: 0,
      histogram: { range: [3, 3], counts: [10, 0, 0, 0] },
      outside: [0, 0],
    });
    const infinite = await seen(Float32Array.of(Number.POSITIVE_INFINITY, -1, 2, Number.NaN), [2, 2], [0, 10], 2);
    expect(infinite).toMatchObject({ mean: null, largest: null, histogram: null, outside: [1, 1] });
    const broken = await seen(Float32Array.of(0, Number.NaN, 0, 1, 0, 5), [3, 2], [0, 10], 2);
    expect(broken).toMatchObject({ mean: null, deviation: null, least: 0, dead: 0.5, histogram: null });
    expect(await seen(new Float32Array(0), [0, 2], null, 2)).toMatchObject({ zeros: 0, dead: 0, histogram: null });
  });

  test("sees norms and activations before and behind, in the steps asked for, and the gradients that come back", async () => {
    const model = smallNet();
    const watcher = watch(model, { every: 3 });
    await train(model);
    const records = await watcher.stop();
    expect(records.map(({ step }) => step)).toEqual([0, 3, 6]);
    for (const { layers } of records) {
      expect(layers.map(({ layer, module }) => `${layer} ${module}`)).toEqual([
        "1 BatchNorm(4)",
        "2 ReLU()",
        "5 LayerNorm(8)",
        "6 GELU()",
      ]);
      const [norm, relu] = layers;
      expect(relu.input).toEqual(norm.output);
      expect(Math.abs(relu.output.zeros - 0.5)).toBeLessThan(0.1);
      for (const { gradientNorm } of layers) expect(gradientNorm).toBeGreaterThan(0);
    }
    // γ = 1 and β = 0 at first.
    expect(records[0].layers[0].output.mean).toBeCloseTo(0, 5);
    expect(records[0].layers[0].output.deviation).toBeCloseTo(1, 4);
    expect(JSON.parse(JSON.stringify(records))).toEqual(records);
  });

  test("the gradient's norm is that of ∂loss/∂output", async () => {
    const model = new Sequential(new Linear(3, 2), new ReLU());
    const watcher = watch(model);
    const y = model.forward(tensor(normalValues(12, 7), [4, 3]));
    const cotangent = normalValues(8, 8);
    y.backward(cotangent);
    model.forward(tensor(normalValues(12, 9), [4, 3]));
    const [first, second] = await watcher.stop();
    expect(first.layers[0].gradientNorm).toBeCloseTo(Math.hypot(...cotangent), 5);
    expect(second.layers[0].gradientNorm).toBeNull();
  });

  test("changes nothing in training, passes evaluations over, and frees what it holds", async () => {
    const bare = smallNet();
    await train(bare);
    const model = smallNet();
    const watcher = watch(model, { every: 2 });
    const inUse: number[] = [];
    const steps: number[] = [];
    await train(model, async () => {
      await evaluate(model, data);
      steps.push(...(await watcher.take()).map(({ step }) => step));
      inUse.push(memoryInUse());
    });
    expect(steps).toEqual([0, 2, 4, 6]);
    expect(await watcher.stop()).toEqual([]);
    expect(new Set(inUse.slice(1)).size).toBe(1);
    for (const [name, expected] of Object.entries(bare.stateDict())) {
      expect(model.stateDict()[name].dataSync()).toEqual(expected.dataSync());
    }
    expect(model.namedModules().some(([, module]) => module.hooked)).toBe(false);
  });

  test("looks at other layers when asked, inside blocks, and at a model that is one layer", async () => {
    const model = new Sequential(new Residual(new Sequential(new Linear(3, 3), new ReLU())));
    const watcher = watch(model, { layers: (module) => module instanceof Linear });
    model.forward(tensor([[1, 2, 3]]));
    const [record] = await watcher.stop();
    expect(record.layers.map(({ layer }) => layer)).toEqual(["0.body.0"]);
    const norm = new BatchNorm(3);
    const watched = watch(norm);
    for (let k = 0; k < 2; k++) norm.forward(tensor(normalValues(30, k), [10, 3]));
    expect((await watched.stop()).map(({ step, layers }) => [step, layers.length])).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });
});

describe("watch", () => {
  test("gives the same bits on any number of threads", async () => {
    const run = async (): Promise<WatchRecord[]> => {
      const model = new Sequential(new BatchNorm(5), new ReLU());
      const watcher = watch(model);
      model.forward(tensor(normalValues(70 * 5 * 33 * 31, 4), [70, 5, 33, 31]));
      return watcher.stop();
    };
    const alone = await run();
    await threads(3);
    expect(await run()).toEqual(alone);
    await threads(1);
  });

  test("refuses what is out of range", () => {
    const model = new Sequential(new ReLU());
    const texts = [{ every: 0 }, { bins: 5000 }, { range: [1, 1] as const }].map((options) => {
      try {
        return String(watch(model, options));
      } catch (error) {
        return String(error);
      }
    });
    expect(texts).toMatchInlineSnapshot(`
      [
        "ArgumentError: watch(model, { every, bins, range }): expected every to be a whole number of at least 1, got 0. Correct every.",
        "ArgumentError: watch(model, { every, bins, range }): expected bins to be at most 4096, got 5000. Correct bins.",
        "ArgumentError: watch(model, { every, bins, range }): expected range to be two finite numbers, the lower first, or null, got [1,1]. Pass e.g. range: [-4, 4].",
      ]
    `);
  });
});

describe("watch a graph", () => {
  type Network = Module<Tensor[]>;
  const networks: [name: string, make: () => Network, sizes: number[][]][] = [
    ["a U-Net", () => new UNet() as Network, [[1, 8, 8]]],
    ["squeeze and excite", () => new SqueezeExcite() as Network, [[1, 5, 5]]],
    ["two inputs", () => new TwoInputs() as unknown as Network, [[3], [5]]],
    ["a shared layer and a tied weight", () => new Shared() as Network, [[4]]],
  ];

  test.each(networks)("%s: sees what is seen in the module", async (_, make, sizes) => {
    allowFreshStatistics();
    const batch = (at: number): Tensor[] =>
      sizes.map((size, k) => tensor(normalValues(9 * sizeOf(size), 10 * at + k), [9, ...size]));
    const records = async (model: Network): Promise<WatchRecord[]> => {
      const watcher = watch(model);
      for (let step = 0; step < 3; step++) {
        seed(step);
        const y = model.forward(...batch(step));
        y.mul(y).sum().backward();
      }
      return watcher.stop();
    };
    seed(2);
    const model = make();
    const state = model.stateDict();
    const expected = await records(model);
    expect(expected.map(({ step }) => step)).toEqual([0, 1, 2]);
    expect(expected[0].layers.length).toBeGreaterThan(0);
    model.loadStateDict(state);
    const graph = trace(model, ...batch(0)) as Network;
    const loaded = loadModel(saveModel(graph)).model as unknown as Network;
    for (const other of [graph, loaded]) expect(await records(other)).toEqual(expected);
  });
});

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
