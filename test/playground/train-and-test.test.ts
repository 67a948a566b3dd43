import { BatchNorm } from "evenkeel";
import { expect, test } from "vitest";
import { initialSettings } from "../../playground/src/settings.js";
import { Contest } from "../../playground/src/training/contest.js";
import { momenta } from "../../playground/src/training/momenta.js";
import { batchMates, layerTwice, statisticsOf } from "../../playground/src/training/train-and-test.js";
import type { Trainer } from "../../playground/src/training/trainer.js";

const b = { network: 1, layer: 2 } as const;

/** Both networks of the page after so many steps. */
async function trained(steps: number): Promise<{ contest: Contest; trainer: Trainer; norm: BatchNorm }> {
  const contest = await Contest.open(initialSettings.experiment);
  for (let step = 0; step < steps; step++) await contest.step();
  const trainer = contest.trainers[1];
  const { norm } = trainer.network.hidden[b.layer];
  if (!(norm instanceof BatchNorm)) throw new Error("network B has batch norm at first");
  return { contest, trainer, norm };
}

test("the running mean drawn for the layer's own momentum is the one that the layer has", async () => {
  const { contest, norm } = await trained(41);
  const columns = statisticsOf(contest, b);
  const own = momenta.findIndex((one) => one === norm.momentum && one > 0);
  expect(columns?.step.at(-1)).toBe(40);
  expect(columns?.[`${own}`].at(-1)).toBeCloseTo(norm.runningMean?.dataSync()[0] ?? Number.NaN, 6);
  expect(columns?.["0"]).toEqual(columns?.batch);
});

test("a sample's output moves with its batch-mates in training, and stands still at test time", async () => {
  const { contest } = await trained(60);
  const asked = { network: 1, rounds: 6, seed: 1 } as const;
  const few = batchMates(contest, { ...asked, size: 4 });
  const spread = (values: Float32Array = new Float32Array()): number => Math.max(...values) - Math.min(...values);
  expect(spread(few?.training)).toBeGreaterThan(0.01);
  expect(spread(few?.test)).toBe(0);
  expect(few?.mates.every((mates) => mates.length === 3 && !mates.includes(few.sample))).toBe(true);
  const many = batchMates(contest, { ...asked, size: 200 });
  expect(spread(many?.training)).toBeLessThan(spread(few?.training) / 2);
});

test("a batch of one is refused in the library's words", async () => {
  const { contest } = await trained(1);
  expect(() => batchMates(contest, { network: 1, size: 1, rounds: 1, seed: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: BatchNorm(24).forward(x): expected at least 2 values per channel for batch statistics, got 1 (shape 1×24). Use a batch of 2 or more, call eval() first, or normalise with GroupNorm or LayerNorm.]`,
  );
});

test("the same layer gives mean β and spread γ by the batch, and something else by what it remembers", async () => {
  const { contest } = await trained(3);
  const twice = await layerTwice(contest, b);
  expect(twice?.batch.mean).toBeCloseTo(0, 1);
  expect(twice?.batch.deviation).toBeCloseTo(1, 1);
  expect(Math.abs((twice?.running.deviation ?? 1) - 1)).toBeGreaterThan(0.1);
  expect(twice?.difference).toBeGreaterThan(0.1);
});

test("looking changes nothing", async () => {
  const [seen, alone] = [await trained(10), await trained(10)];
  statisticsOf(seen.contest, b);
  await layerTwice(seen.contest, b);
  batchMates(seen.contest, { network: 1, size: 4, rounds: 3, seed: 5 });
  await seen.contest.step();
  await alone.contest.step();
  const valuesOf = ({ trainer }: { trainer: Trainer }): number[][] =>
    Object.values(trainer.network.model.stateDict()).map((value) => Array.from(value.dataSync()));
  expect(valuesOf(seen)).toEqual(valuesOf(alone));
});

test("a network without running statistics has none to show", async () => {
  const { contest } = await trained(1);
  expect([
    statisticsOf(contest, { network: 0, layer: 0 }),
    await layerTwice(contest, { network: 0, layer: 0 }),
  ]).toEqual([null, null]);
});
