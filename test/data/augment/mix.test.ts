import {
  arrayDataset,
  batches,
  crossEntropy,
  cutmix,
  fit,
  Generator,
  kFolds,
  Linear,
  mixup,
  Sequential,
  Sgd,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { betaOf } from "../../../src/data/augment/beta.js";
import { messageOf } from "../../support/message-of.js";

describe("mixup", () => {
  const labels = Int32Array.from({ length: 64 }, (_, k) => k % 4);
  // A sample is its label, twice.
  const data = arrayDataset({
    inputs: Float32Array.from({ length: 128 }, (_, i) => labels[i >> 1]),
    shape: [2],
    labels,
  });
  const all = Int32Array.from(labels, (_, k) => k);

  test("blends inputs and targets by the same share", () => {
    const { inputs, targets } = mixup(data, { classes: 4, alpha: 1 }, new Generator(2)).batch(all);
    expect(targets.shape).toEqual([64, 4]);
    for (let row = 0; row < 64; row++) {
      const probabilities = [...targets.values.slice(4 * row, 4 * row + 4)];
      expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
      const mean = probabilities.reduce((sum, p, k) => sum + p * k, 0);
      expect(inputs.values[2 * row]).toBeCloseTo(mean, 5);
    }
    expect(targets.values.some((p) => p > 0.1 && p < 0.9)).toBe(true);
  });

  test("trains on what it makes", async () => {
    const model = new Sequential(new Linear(2, 4));
    const mixed = batches(mixup(data, { classes: 4 }, new Generator(3)), { batchSize: 16 });
    const loss = crossEntropy;
    const { epochs } = await fit(model, mixed, {
      epochs: 5,
      optimizer: new Sgd(model.parameters(), { lr: 0.1 }),
      loss,
    });
    expect(epochs[4].loss).toBeLessThan(epochs[0].loss);
    expect(epochs[4].accuracy).toBe(null);
  });
});

test("cutmix pastes a rectangle, and its targets are the shares of the area", () => {
  const labels = Int32Array.from({ length: 32 }, (_, k) => k % 4);
  const inputs = Float32Array.from({ length: 32 * 2 * 30 }, (_, i) => labels[Math.floor(i / 60)]);
  const data = arrayDataset({ inputs, shape: [2, 5, 6], labels });
  const { inputs: mixed, targets } = cutmix(data, { classes: 4 }, new Generator(5)).batch(
    Int32Array.from(labels, (_, k) => k),
  );
  let pasted = 0;
  for (let row = 0; row < 32; row++) {
    const [first, second] = [0, 1].map((c) => [...mixed.values.slice(60 * row + 30 * c, 60 * row + 30 * c + 30)]);
    expect(first).toEqual(second);
    for (let k = 0; k < 4; k++) {
      const share = first.filter((v) => v === k).length / 30;
      expect(targets.values[4 * row + k]).toBeCloseTo(share, 6);
    }
    const other = first.map((v, i) => [v, i]).filter(([v]) => v !== labels[row]);
    if (other.length === 0) continue;
    pasted++;
    const [ys, xs] = [other.map(([, i]) => Math.floor(i / 6)), other.map(([, i]) => i % 6)];
    const [height, width] = [ys, xs].map((places) => Math.max(...places) - Math.min(...places) + 1);
    expect(height * width).toBe(other.length);
  }
  expect(pasted).toBeGreaterThan(8);
});

test.each([0.2, 1, 3])("shares have the moments of Beta(%d, %d)", (alpha) => {
  const generator = new Generator(7);
  const values = Array.from({ length: 20_000 }, () => betaOf(alpha, generator));
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  expect(mean).toBeCloseTo(0.5, 1.7);
  expect(variance).toBeCloseTo(1 / (4 * (2 * alpha + 1)), 2);
  expect(values.every((v) => v >= 0 && v <= 1)).toBe(true);
});

test("folds test each sample once, and give each class its share", () => {
  const labels = Uint8Array.from({ length: 47 }, (_, k) => (k % 5 === 0 ? 1 : 0));
  const folds = kFolds(labels, { folds: 4, seed: 3 });
  expect(folds.flatMap((fold) => [...fold.test]).sort((a, b) => a - b)).toEqual([...labels.keys()]);
  for (const fold of folds) {
    expect([...fold.train, ...fold.test].sort((a, b) => a - b)).toEqual([...labels.keys()]);
    expect([11, 12]).toContain(fold.test.length);
    expect([2, 3]).toContain([...fold.test].filter((k) => labels[k] === 1).length);
    expect([...fold.test]).toEqual([...fold.test].sort((a, b) => a - b));
  }
  expect(kFolds(labels, { folds: 4, seed: 3 })).toEqual(folds);
  expect(kFolds(labels, { folds: 4, seed: 4 })).not.toEqual(folds);
});

test("what mixing and folding refuse", () => {
  const data = arrayDataset({ inputs: Float32Array.of(1, 2), shape: [1], labels: [0, 5] });
  const refused: (() => unknown)[] = [
    () => mixup(data, { classes: 1 }),
    () => mixup(data, { classes: 6, alpha: 0 }),
    () => mixup(data, { classes: 3 }).batch([0, 1]),
    () => cutmix(data, { classes: 6 }).batch([0, 1]),
    () =>
      mixup(arrayDataset({ inputs: Float32Array.of(1), shape: [1], targets: [1] }) as never, { classes: 2 }).batch([0]),
    () => kFolds([0, 1], { folds: 1, seed: 0 }),
    () => kFolds([0, 1], { folds: 3, seed: 0 }),
  ];
  expect(refused.map(messageOf).join("\n")).toMatchInlineSnapshot(`
    "ArgumentError: mixup(dataset, options): expected classes to be a whole number of at least 2, got 1. Correct classes.
    ArgumentError: mixup(dataset, options): expected alpha to be a finite number above 0, got 0. Pass 0.2 for mixup, 1 for cutmix.
    DataError: mixup(dataset, options): expected labels from 0 to 2, got 5. Pass as many classes as there are.
    ShapeError: cutmix(dataset, options): expected images (C, H, W), got samples of shape 1. Use mixup for others.
    ArgumentError: mixup(dataset, options): expected values on the host with a label each, got others. Mix what arrayDataset({ labels }) gives.
    ArgumentError: kFolds(labels, { folds, seed }): expected folds to be a whole number of at least 2, got 1. Correct folds.
    ArgumentError: kFolds(labels, { folds, seed }): expected at least 3 samples, got 2. Use fewer folds."
  `);
});
