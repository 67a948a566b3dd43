import * as evenkeel from "evenkeel";
import { alone } from "evenkeel";
import { describe, expect, test } from "vitest";
import { onRanks } from "../support/ranks.js";

/**
 * Trains for 50 steps on batches of 64 of which a rank has those from `cuts[rank]` to `cuts[rank + 1]`, and returns
 * losses, running statistics and the last layer's weight.
 */
const program = `
  const { cuts, sync, dropout, backend } = argument;
  evenkeel.setBackend(backend);
  evenkeel.seed(5);
  const generator = new evenkeel.Generator(9);
  const all = Array.from({ length: 50 }, () => {
    const labels = Int32Array.from({ length: 64 }, () => generator.below(3));
    const values = Float32Array.from({ length: 64 * 50 }, (_, i) => generator.normal(labels[Math.floor(i / 50)] * ((i % 5) - 2) * 0.3));
    return { labels, values };
  });
  const { Sequential, Conv2d, BatchNorm, ReLU, Flatten, Linear, Dropout, Sgd, fit, syncBatchNorm } = evenkeel;
  const model = new Sequential(
    new Conv2d(2, 4, 3, { padding: 1, bias: false }), new BatchNorm(4, { momentum: 0.9 }), new ReLU(), new Flatten(),
    new Linear(100, 16), new BatchNorm(16, { momentum: 0.9, affine: false }), new ReLU(), new Dropout(dropout), new Linear(16, 3),
  );
  if (sync) syncBatchNorm(model, communicator);
  const [from, to] = [cuts[communicator.rank], cuts[communicator.rank + 1]];
  const data = all.map(({ labels, values }) => ({
    inputs: { values: values.slice(from * 50, to * 50), shape: [to - from, 2, 5, 5] }, targets: labels.slice(from, to),
  }));
  const losses = [];
  const optimizer = new Sgd(model.parameters(), { lr: 0.05, momentum: 0.9, weightDecay: 1e-4 });
  await fit(model, data, { epochs: 1, optimizer, communicator, clipNorm: 5, onStep: ({ loss }) => { losses.push(loss); } });
  const state = model.stateDict();
  return {
    losses,
    running: ["1.running_mean", "1.running_var", "5.running_mean", "5.running_var"].flatMap((name) => [...state[name].dataSync()]),
    weight: [...state["8.weight"].dataSync()],
  };`;

interface Result {
  readonly losses: number[];
  readonly running: number[];
  readonly weight: number[];
}

type Program = (library: typeof evenkeel, communicator: evenkeel.Communicator, argument: unknown) => Promise<Result>;

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
const inOneProcess: Program = new AsyncFunction("evenkeel", "communicator", "argument", program);

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i])));
}

describe.each(["cpu", "wasm"] as const)("data-parallel training on %s", (backend) => {
  test.each([
    { name: "halves", cuts: [0, 32, 64], dropout: 0 },
    { name: "uneven parts", cuts: [0, 40, 64], dropout: 0 },
    { name: "an empty part", cuts: [0, 64, 64], dropout: 0 },
    { name: "three ranks, the first empty, with dropout", cuts: [0, 0, 23, 64], dropout: 0.25 },
  ])("with synchronised statistics follows one process: $name", async ({ cuts, dropout }) => {
    const argument = { cuts, dropout, sync: true, backend };
    const whole = await inOneProcess(evenkeel, alone, { ...argument, cuts: [0, 64], sync: false });
    const ranks = (await onRanks(cuts.length - 1, program, argument)) as Result[];
    for (const other of ranks) expect(other, "the same bits on every rank").toEqual(ranks[0]);
    expect(whole.losses[49]).toBeLessThan(0.8 * whole.losses[0]);
    expect(distance(ranks[0].losses, whole.losses)).toBeLessThan(1e-5);
    expect(distance(ranks[0].running, whole.running)).toBeLessThan(1e-5);
    expect(distance(ranks[0].weight, whole.weight)).toBeLessThan(1e-5);
  });

  test("without them it does not: statistics of half a batch are others", async () => {
    const argument = { cuts: [0, 32, 64], dropout: 0, sync: false, backend };
    const whole = await inOneProcess(evenkeel, alone, { ...argument, cuts: [0, 64] });
    const [first] = (await onRanks(2, program, argument)) as Result[];
    expect(distance(first.losses, whole.losses)).toBeGreaterThan(0.01);
    expect(distance(first.running, whole.running)).toBeGreaterThan(0.01);
  });
});

test("ranks begin with the values of rank 0; each parameter gets the gradients of those that use it", async () => {
  // The second of two samples alone goes through ofOne, and none through unused, whose weights must not decay.
  const program = `
    const { Linear, Module, Sgd, fit, seed, tensor } = evenkeel;
    const { rank, size } = communicator;
    seed(rank);
    class Net extends Module {
      used = new Linear(2, 2);
      ofOne = new Linear(2, 2);
      unused = new Linear(2, 2);
      forward(x) {
        const y = this.used.forward(x);
        if (size === 1) return y.add(this.ofOne.forward(x).mul(tensor([[0], [1]])));
        return rank === 0 ? y : y.add(this.ofOne.forward(x));
      }
    }
    const model = new Net();
    const own = (values) => (size === 1 ? values : values.slice(rank * values.length / 2, (rank + 1) * values.length / 2));
    const batch = { inputs: { values: own(Float32Array.of(1, 2, 3, 4)), shape: [2 / size, 2] }, targets: own(Int32Array.of(0, 1)) };
    const optimizer = new Sgd(model.parameters(), { lr: 0.1, weightDecay: 0.5 });
    await fit(model, [batch, batch, batch], { epochs: 1, optimizer, communicator });
    return Object.values(model.stateDict()).flatMap((t) => [...t.dataSync()]);`;
  const run: (...given: unknown[]) => Promise<number[]> = new AsyncFunction("evenkeel", "communicator", program);
  const whole = await run(evenkeel, alone);
  const [first, second] = (await onRanks(2, program)) as number[][];
  expect(second).toEqual(first);
  expect(distance(first, whole)).toBeLessThan(1e-6);
});

describe.each(["cpu", "wasm"] as const)("synchronised batch norm on %s", (backend) => {
  const program = `
    const { cuts, backend, kind } = argument;
    evenkeel.setBackend(backend);
    const [from, to] = [cuts[communicator.rank], cuts[communicator.rank + 1]];
    const generator = new evenkeel.Generator(3);
    const draw = (length, map) => Float32Array.from({ length }, () => map(generator.normal(5)));
    const [x, mask, dy] = [draw(10 * 12, (v) => v), draw(10 * 4, (v) => (v > 4.5 ? 1 : 0)), draw(10 * 12, (v) => v - 5)];
    const part = (values, size) => values.slice(from * size, to * size);
    const norm = kind === "BatchRenorm"
      ? new evenkeel.BatchRenorm(3, { momentum: 0.5, sync: communicator, schedule: null, rmax: 1.2, dmax: 0.3 })
      : new evenkeel.BatchNorm(3, { momentum: 0.5, sync: communicator });
    const leaf = evenkeel.tensor(part(x, 12), [to - from, 3, 4], { requiresGrad: true });
    const y = norm.forward(leaf, { mask: evenkeel.tensor(part(mask, 4), [to - from, 1, 4]), activation: argument.activation });
    y.backward(part(dy, 12));
    const list = (t) => [...t.dataSync()];
    return { y: list(y), dx: leaf.size === 0 ? [] : list(leaf.grad), dweight: list(norm.weight.grad), mean: list(norm.runningMean), variance: list(norm.runningVar) };`;

  test.each([
    { kind: "BatchNorm", activation: null },
    { kind: "BatchNorm", activation: "relu" },
    { kind: "BatchRenorm", activation: null },
  ])(
    "counts masked values of uneven parts as one process does, forward and backward: $kind, $activation",
    async (layer) => {
      type Parts = Record<"y" | "dx" | "dweight" | "mean" | "variance", number[]>;
      const run: (...given: unknown[]) => Promise<Parts> = new AsyncFunction(
        "evenkeel",
        "communicator",
        "argument",
        program,
      );
      const whole = await run(evenkeel, alone, { ...layer, cuts: [0, 10], backend });
      const parts = (await onRanks(3, program, { ...layer, cuts: [0, 7, 7, 10], backend })) as Parts[];
      for (const { mean, variance } of parts) {
        expect(distance(mean, whole.mean)).toBeLessThan(1e-6);
        expect(distance(variance, whole.variance)).toBeLessThan(1e-6);
      }
      for (const name of ["y", "dx"] as const) {
        expect(
          distance(
            parts.flatMap((one) => one[name]),
            whole[name],
          ),
        ).toBeLessThan(2e-6);
      }
      const dweight = whole.dweight.map((_, c) => parts.reduce((sum, one) => sum + one.dweight[c], 0));
      expect(distance(dweight, whole.dweight)).toBeLessThan(1e-5);
    },
  );

  test("one value per channel over all ranks is an error on each", async () => {
    const one =
      "new evenkeel.BatchNorm(2, { sync: communicator }).forward(evenkeel.zeros([1 - communicator.rank, 2]));";
    await expect(onRanks(2, one)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: BatchNorm(2), forward(x): expected at least 2 values per channel over all ranks for batch statistics, got 1. Use a larger batch, or normalise with GroupNorm or LayerNorm.]`,
    );
  });

  test("stretches of a batch and statistics of all ranks exclude each other", async () => {
    const both =
      "new evenkeel.BatchNorm(2, { sync: communicator, virtualBatchSize: 4 }).forward(evenkeel.zeros([8, 2]));";
    await expect(onRanks(2, both)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: BatchNorm(2).forward(x): expected either virtualBatchSize or sync, got both. Build the layer without one of them.]`,
    );
  });

  test("a rank that passes over a layer is told which", async () => {
    const skips = `
      const model = new evenkeel.Sequential(new evenkeel.BatchNorm(2), new evenkeel.BatchNorm(2));
      evenkeel.syncBatchNorm(model, communicator);
      const x = evenkeel.ones([8, 2]);
      if (communicator.rank === 0) model.layers[0].forward(x);
      model.layers[1].forward(x);`;
    await expect(onRanks(2, skips)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: rank 0 of 2, BatchNorm(2) at 0, forward: expected 6 values from every rank, got those of another collective from rank 1. Let every rank run the same steps.]`,
    );
  });
});

describe("batches for ranks", () => {
  test("are parts of the whole batches, without overlap or loss, some of them empty", () => {
    const data = evenkeel.arrayDataset({
      inputs: new Float32Array(11),
      shape: [1],
      labels: Int32Array.from({ length: 11 }, (_, k) => k),
    });
    const labels = (rank: number, size: number): number[][] =>
      [
        ...evenkeel.batches(data, { batchSize: 4, shuffle: new evenkeel.Generator(2), communicator: { rank, size } }),
      ].map(({ targets }) => [...targets]);
    const [whole, first, second, third] = [labels(0, 1), labels(0, 3), labels(1, 3), labels(2, 3)];
    expect(whole.map((_, k) => [...first[k], ...second[k], ...third[k]])).toEqual(whole);
    expect(labels(0, 6).some((part) => part.length === 0)).toBe(true);
  });

  test("of different numbers are refused by fit on every rank", async () => {
    const uneven = `
      const batch = { inputs: { values: new Float32Array(16), shape: [8, 2] }, targets: new Int32Array(8) };
      const model = new evenkeel.Linear(2, 2);
      const optimizer = new evenkeel.Sgd(model.parameters(), { lr: 0.1 });
      await evenkeel.fit(model, Array(3 + communicator.rank).fill(batch), { epochs: 1, optimizer, communicator });`;
    await expect(onRanks(2, uneven)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: fit(model, data, { communicator }): expected the same number of batches on every rank, if need be empty ones, got 3, 4. Cut the data with batches(dataset, { batchSize, communicator }).]`,
    );
  });
});
