import { Generator } from "evenkeel";
import type { DataName } from "../settings.js";

/** Samples with a class each. */
export interface Samples {
  /** One after another. */
  readonly inputs: Float32Array;
  readonly labels: Int32Array;
}

/** What networks are trained and tested on. */
export interface TrainingData {
  /** The shape of one sample. */
  readonly shape: readonly number[];
  readonly classes: number;
  readonly train: Samples;
  readonly test: Samples;
}

/** How many points there are to train on, and how many that training never sees. */
const [trainCount, testCount] = [400, 200];

/** A place without noise, given its class and a number from 0 to 1 that runs along the shape. */
type Place = (label: number, t: number, random: Generator) => readonly [x: number, y: number];

/** Data sets of points. */
export type PointsName = Exclude<DataName, "digits">;

const places: Readonly<Record<PointsName, Place>> = {
  // Two arms that wind 1¾ times around each other.
  spiral(label, t) {
    const angle = 3.5 * Math.PI * Math.sqrt(t) + Math.PI * label;
    const radius = Math.sqrt(t);
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  },
  moons(label, t) {
    const angle = Math.PI * t;
    return label === 0
      ? [0.66 * Math.cos(angle) - 0.33, 0.66 * Math.sin(angle) - 0.17]
      : [0.33 - 0.66 * Math.cos(angle), 0.17 - 0.66 * Math.sin(angle)];
  },
  rings(label, t) {
    const radius = label === 0 ? 0.4 : 0.85;
    return [radius * Math.cos(2 * Math.PI * t), radius * Math.sin(2 * Math.PI * t)];
  },
  xor(label, _, random) {
    const [x, y] = [random.uniform(0.08, 0.95), random.uniform(0.08, 0.95)];
    const side = random.below(2) === 0 ? 1 : -1;
    return [side * x, label === 0 ? side * y : -side * y];
  },
};

/** Points in the plane, of two classes. @param noise - deviation of each coordinate */
export function pointsOf(name: PointsName, noise: number, seed: number): TrainingData {
  const random = new Generator(seed);
  const draw = (count: number): Samples => {
    const inputs = new Float32Array(2 * count);
    const labels = Int32Array.from({ length: count }, (_, k) => k % 2);
    labels.forEach((label, k) => {
      const [x, y] = places[name](label, random.uniform(), random);
      inputs.set([random.normal(x, noise), random.normal(y, noise)], 2 * k);
    });
    return { inputs, labels };
  };
  return { shape: [2], classes: 2, train: draw(trainCount), test: draw(testCount) };
}
