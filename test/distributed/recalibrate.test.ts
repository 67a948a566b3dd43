import * as evenkeel from "evenkeel";
import { alone } from "evenkeel";
import { beforeEach, describe, expect, test } from "vitest";
import { onRanks } from "../support/ranks.js";

/** Gives a network the statistics of 30 samples in batches of 12, 12 and 6, of which a rank has its cuts. */
const program = `
  const { kind, sync, cuts, samples, blend, backend, poison } = argument;
  evenkeel.setBackend(backend);
  evenkeel.seed(7);
  const { Sequential, Linear, Conv2d, BatchNorm, InstanceNorm, WhiteningBatchNorm, Flatten, recalibrate, syncBatchNorm, tensor } = evenkeel;
  const norm = {
    BatchNorm: () => new BatchNorm(4, { unbiased: true }),
    InstanceNorm: () => new InstanceNorm(4, { trackRunningStats: true, unbiased: true }),
    WhiteningBatchNorm: () => new WhiteningBatchNorm(4),
  }[kind]();
  const last = new BatchNorm(3);
  const model = new Sequential(new Conv2d(2, 4, 3), norm, new Flatten(), new Linear(36, 3), last);
  if (sync) syncBatchNorm(model, communicator);
  const generator = new evenkeel.Generator(9);
  const values = Float32Array.from({ length: 30 * 50 }, (_, i) => generator.normal() * (1 + (i % 50) / 25) + Math.floor(i / 500));
  if (poison) values[13 * 50] = NaN;
  const from = [0, 12, 24];
  const data = [12, 12, 6].map((size, k) => {
    const [start, end] = cuts[k].slice(communicator.rank);
    return tensor(values.slice((from[k] + start) * 50, (from[k] + end) * 50), [end - start, 2, 5, 5]);
  });
  const seen = [];
  const found = await recalibrate(model, data, {
    mode: "batch", communicator, blend, ...(samples === null ? {} : { samples }), onProgress: ({ samples }) => { seen.push(samples); },
  });
  const state = model.stateDict();
  return {
    found, seen,
    statistics: Object.entries(state).filter(([name]) => name.includes("running")).flatMap(([, t]) => [...t.dataSync()]),
  };`;

interface Result {
  readonly found: evenkeel.Recalibration;
  readonly seen: number[];
  readonly statistics: number[];
}
type Program = (library: typeof evenkeel, communicator: evenkeel.Communicator, argument: unknown) => Promise<Result>;
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
const inOneProcess: Program = new AsyncFunction("evenkeel", "communicator", "argument", program);

const whole = [
  [0, 12],
  [0, 12],
  [0, 6],
];
/** Where two ranks cut each batch. */
const halves = [
  [0, 6, 12],
  [0, 6, 12],
  [0, 3, 6],
];
const common = { kind: "BatchNorm", sync: true, samples: null, blend: 0, backend: "wasm", poison: false };

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i])));
}

async function compare(options: Partial<typeof common> | object, cuts: readonly (readonly number[])[]) {
  const argument = { ...common, ...options };
  const one = await inOneProcess(evenkeel, alone, { ...argument, cuts: whole, sync: false });
  const ranks = (await onRanks(cuts[0].length - 1, program, { ...argument, cuts })) as Result[];
  for (const other of ranks) expect(other, "the same on every rank").toEqual(ranks[0]);
  return { one, ranks: ranks[0] };
}

beforeEach(() => {
  // Of batches of fewer than 8 samples.
  evenkeel.onWarning(() => {});
});

describe("recalibrate among ranks", () => {
  test.each([
    {
      name: "halves",
      cuts: halves,
    },
    {
      name: "uneven and empty parts of three",
      cuts: [
        [0, 0, 5, 12],
        [0, 7, 7, 12],
        [0, 6, 6, 6],
      ],
    },
    {
      name: "of a part of the samples",
      cuts: halves,
      samples: 16,
    },
    {
      name: "of so few that later ranks give none",
      cuts: halves,
      samples: 5,
    },
    {
      name: "blended with what was there",
      cuts: halves,
      blend: 10,
    },
    {
      name: "on cpu",
      cuts: halves,
      backend: "cpu",
    },
    {
      name: "with a batch that is not finite",
      cuts: halves,
      poison: true,
    },
  ])("gives synchronised norms what one process gives them: $name", async ({ cuts, ...options }) => {
    const { one, ranks } = await compare(options, cuts);
    expect(distance(ranks.statistics, one.statistics)).toBeLessThan(2e-6);
    expect(ranks.seen).toEqual(one.seen);
    const facts = ({ norms, left, samples }: evenkeel.Recalibration) => ({
      norms: norms.map(({ norm, values, skipped }) => ({ norm, values, skipped })),
      left,
      samples,
    });
    expect(facts(ranks.found)).toEqual(facts(one.found));
  });

  test("merges what instance norms saw of samples", async () => {
    const cuts = [
      [0, 6, 12],
      [0, 0, 12],
      [0, 2, 6],
    ];
    const { one, ranks } = await compare({ kind: "InstanceNorm" }, cuts);
    expect(distance(ranks.statistics.slice(0, 8), one.statistics.slice(0, 8))).toBeLessThan(1e-6);
    expect(ranks.found.norms[0].values).toBe(one.found.norms[0].values);
  });

  test("merges what norms of each rank by itself saw", async () => {
    const { one, ranks } = await compare({ sync: false }, [
      [0, 6, 12],
      [0, 4, 12],
      [0, 3, 6],
    ]);
    // The first norm's inputs depend on no norm before it.
    expect(distance(ranks.statistics.slice(0, 8), one.statistics.slice(0, 8))).toBeLessThan(1e-6);
    expect(ranks.found.norms.map(({ values }) => values)).toEqual(one.found.norms.map(({ values }) => values));
    // What the second is given was normalised by statistics of half a batch.
    expect(distance(ranks.statistics.slice(8), one.statistics.slice(8))).toBeGreaterThan(1e-3);
  });

  test("counts the parts that any rank left out", async () => {
    // What is not finite lies in the first rank's part of the second batch.
    const cuts = [
      [0, 6, 12],
      [0, 6, 12],
      [0, 3, 6],
    ];
    const { ranks } = await compare({ sync: false, poison: true }, cuts);
    expect(ranks.found.norms.map(({ skipped }) => skipped)).toEqual([1, 1]);
    expect(ranks.statistics.every(Number.isFinite)).toBe(true);
  });

  test("averages the matrices of whitening norms over the batches of all ranks", async () => {
    // One rank has all of the first batch, the other all of the others: their matrices are those of one process.
    const cuts = [
      [0, 12, 12],
      [0, 0, 12],
      [0, 0, 6],
    ];
    const { one, ranks } = await compare({ kind: "WhiteningBatchNorm" }, cuts);
    expect(distance(ranks.statistics, one.statistics)).toBeLessThan(1e-5);
  });

  test("stops on all ranks where one is told to, and leaves the statistics", async () => {
    const stopped = `
      const model = new evenkeel.Sequential(new evenkeel.BatchNorm(2));
      const controller = new AbortController();
      const data = Array.from({ length: 3 }, () => evenkeel.ones([4, 2]));
      const message = await evenkeel.recalibrate(model, data, {
        mode: "batch", communicator, signal: controller.signal,
        onProgress() { if (communicator.rank === 1) controller.abort(new Error("enough")); },
      }).then(() => "nothing", (error) => error.message);
      return [message, ...model.layers[0].runningMean.dataSync()];`;
    expect(await onRanks(2, stopped)).toEqual([
      ["recalibrate(model, data): rank 1 was told to stop", 0, 0],
      ["enough", 0, 0],
    ]);
  });

  test("takes one pass", async () => {
    const sequential =
      "await evenkeel.recalibrate(new evenkeel.BatchNorm(2), [evenkeel.ones([4, 2])], { communicator });";
    await expect(onRanks(2, sequential)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: recalibrate(model, data, { communicator }): expected mode "batch", with 2 ranks, got "sequential". Pass { mode: "batch" }, or leave the communicator out and give one rank the whole data.]`,
    );
  });
});

describe("fit among ranks", () => {
  const trained = `
    const { cuts, sync } = argument;
    evenkeel.seed(7);
    const { Sequential, Linear, BatchNorm, ReLU, Sgd, fit, movingAverage, syncBatchNorm } = evenkeel;
    const model = new Sequential(new Linear(3, 8), new BatchNorm(8), new ReLU(), new Linear(8, 4), new BatchNorm(4), new Linear(4, 2));
    if (sync) syncBatchNorm(model, communicator);
    const generator = new evenkeel.Generator(9);
    const data = Array.from({ length: 20 }, () => {
      const labels = Int32Array.from({ length: 16 }, () => generator.below(2));
      const values = Float32Array.from({ length: 48 }, (_, i) => generator.normal() + labels[Math.floor(i / 3)] * (i % 3));
      const [from, to] = cuts.slice(communicator.rank);
      return { inputs: { values: values.slice(3 * from, 3 * to), shape: [to - from, 3] }, targets: labels.slice(from, to) };
    });
    const average = movingAverage(model, { decay: 0.9 });
    const optimizer = new Sgd(model.parameters(), { lr: 0.1 });
    await fit(model, data, { epochs: 2, optimizer, communicator, average, recalibrate: 200 });
    const valuesOf = (one) => Object.values(one.stateDict()).flatMap((t) => [...t.dataSync()]);
    return { model: valuesOf(model), average: valuesOf(average.model), shares: average.model.layers[1].sync !== null };`;
  type Trained = Record<"model" | "average", number[]> & { readonly shares: boolean };
  const inOne: (...given: unknown[]) => Promise<Trained> = new AsyncFunction(
    "evenkeel",
    "communicator",
    "argument",
    trained,
  );

  test.each([{ cuts: [0, 8, 16] }, { cuts: [0, 16, 16] }])(
    "renews the statistics of the model and of its average as one process does: cut at $cuts",
    async ({ cuts }) => {
      const one = await inOne(evenkeel, alone, { cuts: [0, 16], sync: false });
      const ranks = (await onRanks(2, trained, { cuts, sync: true })) as Trained[];
      expect(ranks[1]).toEqual(ranks[0]);
      expect(distance(ranks[0].model, one.model)).toBeLessThan(1e-5);
      expect(distance(ranks[0].average, one.average)).toBeLessThan(1e-5);
      expect(distance(one.average, one.model)).toBeGreaterThan(1e-3);
      expect(ranks[0].shares).toBe(false);
    },
  );
});
