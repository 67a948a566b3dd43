import * as evenkeel from "evenkeel";
import { alone } from "evenkeel";
import { describe, expect, test } from "vitest";
import { onRanks } from "../support/ranks.js";

/**
 * Trains for 50 steps on batches of 64 of which a rank has those from `cuts[rank]` to `cuts[rank + 1]`, and returns losses, running statistics and
 * the last layer's weight.
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
