import {
  Adam,
  arrayDataset,
  augment,
  BatchNorm,
  batches,
  Conv2d,
  Embedding,
  evaluate,
  fit,
  Generator,
  Linear,
  LSTM,
  Module,
  ReLU,
  recalibrate,
  Sequential,
  seed,
  sequenceDataset,
  type Tensor,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { messageOf } from "../support/message-of.js";
import { onRanks } from "../support/ranks.js";

/** Images whose pixels are bright where the mask is 1. */
function brightSpots(count: number) {
  const generator = new Generator(4);
  const labels = Int32Array.from({ length: count * 36 }, () => Number(generator.uniform() < 0.3));
  const inputs = Float32Array.from(labels, (label) => label + 0.3 * generator.normal());
  labels[5] = -100;
  return arrayDataset({ inputs, shape: [1, 6, 6], labels, labelShape: [6, 6] });
}

describe("images with masks", () => {
  test("are learned, pixel by pixel", async () => {
    seed(1);
    const data = batches(augment(brightSpots(24), { flip: true, shift: 1, crop: 0.8 }, new Generator(2)), {
      batchSize: 8,
      shuffle: true,
    });
    const model = new Sequential(
      new Conv2d(1, 8, 3, { padding: 1 }),
      new BatchNorm(8),
      new ReLU(),
      new Conv2d(8, 2, 1),
    );
    await fit(model, data, { epochs: 25, optimizer: new Adam(model.parameters(), { lr: 0.03 }) });
    const { accuracy, metrics } = await evaluate(model, batches(brightSpots(24), { batchSize: 8 }), {
      metrics: ["meanIou"],
    });
    expect(accuracy).toBeGreaterThan(0.85);
    expect(metrics?.meanIou).toBeGreaterThan(0.7);
  });

  test("are moved with their masks, whatever is done to them", () => {
    const labels = Int32Array.from({ length: 4 * 30 }, (_, i) => (i * 7) % 11);
    const inputs = Float32Array.from(labels);
    const images = arrayDataset({ inputs, shape: [1, 5, 6], labels, labelShape: [5, 6] });
    const masks = {
      ...images,
      batch: (rows: ArrayLike<number>) => {
        const batch = images.batch(rows);
        return { ...batch, targets: { values: Float32Array.from(batch.targets), shape: [rows.length, 1, 5, 6] } };
      },
    };
    for (const options of [{ flip: true }, { shift: 2 }, { flip: true, shift: 1 }]) {
      const { inputs: seen, targets } = augment(images, options, new Generator(3)).batch([3, 1, 2]);
      expect([...targets]).toEqual([...seen.values]);
      expect(seen.values).not.toEqual(images.batch([3, 1, 2]).inputs.values);
      expect(augment(masks, options, new Generator(3)).batch([3, 1, 2]).targets.values).toEqual(seen.values);
    }
    // A crop interpolates pixels, and takes the nearest label.
    const { targets } = augment(images, { crop: 0.5 }, new Generator(3)).batch([0]);
    expect([...targets].every((label) => Number.isInteger(label) && label >= 0 && label < 11)).toBe(true);
  });

  test("are cut among ranks with all labels of a sample", async () => {
    const program = `
      const { arrayDataset, augment, batches, Generator } = evenkeel;
      const labels = Int32Array.from({ length: 5 * 4 }, (_, i) => i);
      const data = augment(arrayDataset({ inputs: Float32Array.from(labels), shape: [1, 2, 2], labels, labelShape: [2, 2] }), { flip: true }, new Generator(1));
      return [...batches(data, { batchSize: 3, communicator })].map(({ inputs, targets }) => [inputs.values, targets].map((one) => [...one]));`;
    const [whole] = (await onRanks(1, program)) as number[][][][];
    const parts = (await onRanks(2, program)) as number[][][][];
    for (const [k, [inputs, targets]] of whole.entries()) {
      expect(parts.flatMap((rank) => rank[k][0])).toEqual(inputs);
      expect(parts.flatMap((rank) => rank[k][1])).toEqual(targets);
    }
  });
});

/** Tags each step: classes on axis 1. */
class Tagger extends Module<[x: Tensor, options?: { mask?: Tensor | null }]> {
  readonly table = new Embedding(6, 8);
  readonly lstm = new LSTM(8, 12);
  readonly norm = new BatchNorm(12);
  readonly head = new Linear(12, 2);

  override forward(x: Tensor, { mask = null }: { mask?: Tensor | null } = {}): Tensor {
    const states = this.lstm.forward(this.table.forward(x), { mask }).permute([0, 2, 1]);
    const [samples, steps] = x.shape;
    const y = this.norm.forward(states, { mask: mask?.reshape([samples, 1, steps]) ?? null });
    return this.head.forward(y.permute([0, 2, 1])).permute([0, 2, 1]);
  }
}

describe("padded sequences", () => {
  const sequences = Array.from({ length: 40 }, (_, k) =>
    Array.from({ length: 2 + (k % 5) }, (_, t) => (k * 3 + t * t) % 6),
  );
  // Whether the numbers so far are even in sum.
  const labels = sequences.map((steps) => steps.map((_, t) => steps.slice(0, t + 1).reduce((a, b) => a + b) % 2));

  test("are learned step by step, and padding changes nothing", async () => {
    seed(2);
    const tagger = new Tagger() as unknown as Module;
    const data = sequenceDataset({ sequences, labels });
    await fit(tagger, batches(data, { batchSize: 10, shuffle: true }), {
      epochs: 40,
      optimizer: new Adam(tagger.parameters(), { lr: 0.03 }),
      recalibrate: 40,
    });
    const found = await evaluate(tagger, batches(data, { batchSize: 40 }));
    expect(found.accuracy).toBeGreaterThan(0.95);
    // Alone, without padding, each sequence gets the same answers.
    const logits = new Map<number, Float32Array>();
    await evaluate(tagger, batches(data, { batchSize: 1 }), {
      onOutput: (output) => logits.set(logits.size, output.slice()),
    });
    await evaluate(tagger, [data.batch([0, 4])], {
      onOutput(output, { mask }) {
        expect([...(mask as { values: Float32Array }).values]).toEqual([1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
        const [short, long] = [logits.get(0), logits.get(4)] as [Float32Array, Float32Array];
        // (2, 2 classes, 6 steps)
        expect(output[0]).toBeCloseTo(short[0], 5);
        expect(output[6]).toBeCloseTo(short[2], 5);
        for (let i = 0; i < 12; i++) expect(output[12 + i]).toBeCloseTo(long[i], 5);
      },
    });
  });

  test("leave padding out of the statistics of recalibrate", async () => {
    seed(2);
    const tagger = new Tagger();
    const data = sequenceDataset({ sequences: [[1, 2, 3, 4], [5]], labels: [0, 1] });
    await recalibrate(tagger, [data.batch([0, 1])]);
    const padded = [...(tagger.norm.runningMean?.dataSync() ?? [])];
    const alone = sequenceDataset({ sequences: [[1, 2, 3, 4]], labels: [0] });
    const last = sequenceDataset({ sequences: [[5]], labels: [0] });
    const { norms } = await recalibrate(tagger, [alone.batch([0]), last.batch([0])]);
    expect(norms[0].values).toBe(5);
    const apart = [...(tagger.norm.runningMean?.dataSync() ?? [])];
    for (const [c, mean] of padded.entries()) expect(apart[c]).toBeCloseTo(mean, 5);
  });

  test("have several values in a step, and one label each, if so wanted", () => {
    const data = sequenceDataset({
      sequences: [
        [1, 2, 3, 4],
        [5, 6],
      ],
      features: 2,
      labels: [3, 1],
    });
    const { inputs, targets, mask } = data.batch([1, 0]);
    expect(inputs).toEqual({ values: Float32Array.of(5, 6, 0, 0, 1, 2, 3, 4), shape: [2, 2, 2] });
    expect([...targets]).toEqual([1, 3]);
    expect(mask).toEqual({ values: Float32Array.of(1, 0, 1, 1), shape: [2, 2] });
  });
});

test("what such data refuse", () => {
  const image = { inputs: new Float32Array(8), shape: [1, 2, 2] };
  const refused: (() => unknown)[] = [
    () => arrayDataset({ ...image, labels: new Int32Array(7), labelShape: [2, 2] }),
    () => arrayDataset({ ...image, labels: [0, 0, 0, 0, 0, -1, 0, 0], labelShape: [2, 2] }),
    () => arrayDataset({ ...image, labels: [-100, 0] }),
    () => sequenceDataset({ sequences: [[1], []], labels: [0, 0] }),
    () => sequenceDataset({ sequences: [[1, 2, 3]], features: 2, labels: [0] }),
    () => sequenceDataset({ sequences: [[1], [2]], labels: [0] }),
    () => sequenceDataset({ sequences: [[1, 2], [2]], labels: [[0], [1]] }),
    () => sequenceDataset({ sequences: [[1, 2], [2]], labels: [[0, 0.5], [1]] }),
    () => sequenceDataset({ sequences: [[1]], labels: [0] }).batch([1]),
  ];
  expect(refused.map(messageOf).join("\n")).toMatchInlineSnapshot(`
    "DataError: arrayDataset({ labels }): expected 4 labels for each sample, of shape 2×2, got 7 in all. Correct labelShape.
    DataError: arrayDataset({ labels }): expected whole numbers from 0, got -1 in row 5. Number the classes from 0.
    DataError: arrayDataset({ labels }): expected whole numbers from 0, got -100 in row 0. Number the classes from 0.
    DataError: sequenceDataset({ sequences, labels }): expected at least one step of 1 values in each sequence, got 0 values in sequence 1. Correct features, or leave it out.
    DataError: sequenceDataset({ sequences, labels }): expected at least one step of 2 values in each sequence, got 3 values in sequence 0. Correct features, or leave it out.
    DataError: sequenceDataset({ sequences, labels }): expected labels for 2 sequences, got 1. Pass one, or one list, for each.
    DataError: sequenceDataset({ sequences, labels }): expected a label for each of the 2 steps of sequence 0, got 1. Label every step; -100 does not count.
    DataError: sequenceDataset({ sequences, labels }): expected whole numbers from 0, got 0.5 in row 0. Number the classes from 0; numbers to predict are { targets } of arrayDataset, and lists in a stream.
    ArgumentError: dataset.batch(indices): expected sample numbers from 0 to 0, got 1. Number the samples from 0."
  `);
});
