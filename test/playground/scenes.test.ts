import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { formatAddress, parseAddress, settingsOf } from "../../playground/src/address.js";
import { scenes } from "../../playground/src/scenes.js";
import { initialSettings } from "../../playground/src/settings.js";
import { Contest } from "../../playground/src/training/contest.js";
import { superposition } from "../../playground/src/training/linearity.js";
import { badBatch, renewStatistics } from "../../playground/src/training/repair.js";
import { parametersOf } from "../../playground/src/training/train-and-test.js";

type SceneId = (typeof scenes)[number]["id"];

/** A scene after so many steps, and the share of new samples that A and B are right on. */
async function play(id: SceneId, steps: number): Promise<{ contest: Contest; accuracy: readonly number[] }> {
  const contest = await Contest.open(settingsOf(id).experiment);
  for (let step = 0; step < steps; step++) await contest.step();
  return { contest, accuracy: contest.trainers.map((trainer) => trainer.test().testAccuracy) };
}

test("each scene is a link of its own, and what is changed in it stands behind its name", () => {
  for (const { id, settings } of scenes) {
    const opened = parseAddress(`#scene=${id}`);
    expect(opened.problems).toEqual([]);
    expect(opened.settings).toEqual(settingsOf(id));
    expect(parseAddress(`#${settings}`).problems).toEqual([]);
    const address = formatAddress(opened.settings);
    expect(address).toBe(id === "deep" ? "" : `scene=${id}`);
    const { experiment, view } = opened.settings;
    const changed = { experiment: { ...experiment, seed: 7, a: { ...experiment.a, depth: 2 } }, view };
    expect(formatAddress(changed)).toBe(`${id === "deep" ? "" : `scene=${id}&`}seed=7&a.depth=2`);
    expect(parseAddress(formatAddress(changed)).settings).toEqual(changed);
  }
  expect(settingsOf("deep")).toEqual(initialSettings);
  expect(parseAddress("#scene=nowhere").problems).toEqual(["“nowhere” is not a value of scene, so it is deep."]);
});

test("docs/study.md leads through the scenes by the names that their buttons have", () => {
  const named = [...readFileSync("docs/study.md", "utf8").matchAll(/[Ss]cene\s_([^_]+)_/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(5);
  expect(scenes.map(({ title }) => title)).toEqual(expect.arrayContaining(named));
});

test("twelve ReLU layers: without a norm the network guesses, with batch norm it learns", async () => {
  const { accuracy } = await play("deep", 200);
  expect(accuracy[0]).toBeCloseTo(0.5, 1);
  expect(accuracy[1]).toBeGreaterThan(0.95);
});

test("a batch of two: batch norm fails where group norm learns", async () => {
  const { accuracy } = await play("batch-of-two", 500);
  expect(accuracy[0]).toBeLessThan(0.75);
  expect(accuracy[1]).toBeGreaterThan(0.95);
});

test("an empty memory: both train, and only the one that warms up evaluates well", async () => {
  const { contest, accuracy } = await play("empty-memory", 200);
  const training = contest.trainers.map((trainer) => trainer.curves.columns().loss.at(-1));
  expect(training[0]).toEqual(training[1]);
  expect(accuracy[0]).toBeLessThan(0.75);
  expect(accuracy[1]).toBeGreaterThan(0.95);
});

test("linear at inference, not in training", async () => {
  const { contest } = await play("linear", 60);
  const found = superposition(contest, { network: 1, layer: 1, seed: 3 });
  expect(found?.inference.difference).toBeLessThan(1e-5);
  expect(found?.training.difference).toBeGreaterThan(0.01);
  expect(superposition(contest, { network: 0, layer: 1, seed: 3 })).toBeNull();
});

test("γ and β begin at 1 and 0, and learn", async () => {
  const { contest } = await play("parameters", 61);
  const { columns, gamma, beta } = parametersOf(contest, { network: 1, layer: 0 }) ?? {};
  expect([columns?.step[0], columns?.gammaLow[0], columns?.gammaHigh[0], columns?.betaLow[0]]).toEqual([0, 1, 1, 0]);
  expect(columns?.step.at(-1)).toBe(60);
  expect(Math.max(...(gamma ?? []))).toBeGreaterThan(1.05);
  expect(Math.min(...(beta ?? []))).toBeLessThan(-0.05);
  expect(parametersOf(contest, { network: 0, layer: 0 })).toBeNull();
});

test("a batch with a NaN leaves the running statistics as they were, and training goes on", async () => {
  const { contest } = await play("bad-batch", 20);
  expect(badBatch(contest, 1)).toMatchObject({ skipped: [0, 1], unchanged: true, plain: Number.NaN });
  expect(badBatch(contest, 0)).toBeNull();
  await contest.step();
  expect(contest.trainers[1].error).toBeNull();
  expect(contest.trainers[1].test().testLoss).toBeLessThan(10);
});

test("recalibrate mends the accuracy of a network whose memory lags, and nothing else of it", async () => {
  const { contest, accuracy } = await play("recalibrate", 200);
  const weights = contest.trainers[0].network.hidden[0].linear.weight.dataSync();
  const found = await renewStatistics(contest, 0);
  expect(found?.before).toBe(accuracy[0]);
  expect(found?.before).toBeLessThan(0.75);
  expect(found?.after).toBeGreaterThan(0.95);
  expect(contest.trainers[0].network.hidden[0].linear.weight.dataSync()).toEqual(weights);
  expect(contest.trainers[0].network.model.training).toBe(true);
});
