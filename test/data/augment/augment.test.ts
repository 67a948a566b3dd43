import {
  arrayDataset,
  augment,
  batches,
  type Dataset,
  Generator,
  seed,
  streamBatches,
  subset,
  type TensorData,
  tensor,
} from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const image = Float32Array.from({ length: 2 * 3 * 4 }, (_, k) => k);
const data = arrayDataset({ inputs: image, shape: [2, 3, 4], labels: [7] });

const changed = (dataset: Dataset, options: Parameters<typeof augment>[1], seed: number): number[] => {
  const { inputs } = augment(dataset, options, new Generator(seed)).batch([0]);
  return [...(inputs as TensorData).values];
};

describe("augment", () => {
  test("leaves labels, shapes and the stored values alone", () => {
    const before = [...image];
    const batch = augment(data, { crop: 0.5, shift: 2, flip: true, noise: 1 }, new Generator(1)).batch([0, 0]);
    expect(batch.inputs.shape).toEqual([2, 2, 3, 4]);
    expect([...batch.targets]).toEqual([7, 7]);
    expect([...image]).toEqual(before);
  });

  test("flips half of the images, all channels alike", () => {
    const mirrored = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 19, 18, 17, 16, 23, 22, 21, 20];
    const flipped = Array.from({ length: 200 }, (_, seed) => changed(data, { flip: true }, seed)[0] === 3);
    expect(flipped.filter(Boolean).length).toBeGreaterThan(70);
    expect(flipped.filter(Boolean).length).toBeLessThan(130);
    expect(changed(data, { flip: true }, flipped.indexOf(true))).toEqual(mirrored);
    expect(changed(data, { flip: true }, flipped.indexOf(false))).toEqual([...image]);
  });

  test("shifts by whole pixels up to the most, repeating the edge", () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 300; seed++) {
      const values = changed(data, { shift: 1 }, seed);
      // Where the pixel in the middle came from says how far all were moved.
      const from = values[5];
      const [down, right] = [1 - Math.floor(from / 4), 1 - (from % 4)];
      seen.add(`${down} ${right}`);
      for (let k = 0; k < 24; k++) {
        const y = Math.min(Math.max((Math.floor(k / 4) % 3) - down, 0), 2);
        const x = Math.min(Math.max((k % 4) - right, 0), 3);
        expect(values[k]).toBe(Math.floor(k / 12) * 12 + y * 4 + x);
      }
    }
    expect(seen.size).toBe(9);
  });

  test("a crop stays within the image's values and keeps a plane that rises evenly rising evenly", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.double({ min: 0.3, max: 1, noNaN: true }), (seed, crop) => {
        const values = changed(data, { crop }, seed);
        for (let k = 0; k < 12; k++) {
          expect(values[k]).toBeGreaterThanOrEqual(0);
          expect(values[k]).toBeLessThanOrEqual(11);
          if (k % 4 > 0) expect(values[k]).toBeGreaterThanOrEqual(values[k - 1]);
          expect(values[12 + k]).toBeCloseTo(values[k] + 12, 4);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("noise has the deviation that is asked for, on samples of any shape", () => {
    const flat = arrayDataset({ inputs: new Float32Array(20_000), shape: [20_000], labels: [0] });
    const values = changed(flat, { noise: 0.5 }, 3);
    expect(Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)).toBeCloseTo(0.5, 1);
  });

  test("the generator's state between two batches continues the run exactly", () => {
    const generator = new Generator(5);
    const augmented = augment(data, { crop: 0.6, shift: 1, flip: true, noise: 0.1 }, generator);
    augmented.batch([0]);
    const { state } = generator;
    const expected = augmented.batch([0, 0]);
    const later = new Generator(0);
    later.state = state;
    expect(augment(data, { crop: 0.6, shift: 1, flip: true, noise: 0.1 }, later).batch([0, 0])).toEqual(expected);
    // Batches name it to whoever takes a checkpoint.
    expect(batches(subset(augmented, [0, 0]), { batchSize: 1 }).generators).toEqual([generator]);
  });

  test("refuses options out of range, and samples that are no images", () => {
    const generator = new Generator(1);
    expect(() => augment(data, { crop: 0 }, generator)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: augment(dataset, options): expected crop to be a share above 0, at most 1, got 0. Correct it.]`,
    );
    expect(() => augment(data, { shift: 1.5 }, generator)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: augment(dataset, options): expected shift to be a whole number of at least 0, got 1.5. Correct shift.]`,
    );
    expect(() => augment(data, { noise: Number.NaN }, generator)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: augment(dataset, options): expected noise to be a finite number of at least 0, got NaN. Correct it.]`,
    );
    const flat = arrayDataset({ inputs: new Float32Array(3), shape: [3], labels: [0] });
    expect(() => augment(flat, { flip: true }, generator).batch([0])).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: augment(dataset, options): expected images (C, H, W), got samples of shape 3. Leave crop, shift and flip out.]`,
    );
  });
});

test("augment draws from a generator of its own where none is given, which seed() sets", () => {
  const draws = (): number[] => {
    seed(3);
    const augmented = augment(data, { noise: 1 });
    expect(augmented.generators).toHaveLength(1);
    return [...(augmented.batch([0]).inputs as TensorData).values];
  };
  expect(draws()).toEqual(draws());
  expect(draws()).not.toEqual([...image]);
});

describe("datasets", () => {
  test("numbers to be told are gathered with their scale, in any order", () => {
    const targetScale = { mean: [10, 0], deviation: [10, 2] };
    const options = {
      inputs: Uint8Array.of(1, 2, 3),
      shape: [1],
      targets: [10, 2, 20, 4, 30, 6],
      outputs: 2,
      targetScale,
    };
    const { inputs, targets } = subset(arrayDataset(options), [2, 1, 0]).batch([0, 2]);
    expect(targets).toEqual({ values: Float32Array.of(2, 3, 0, 1), shape: [2, 2] });
    expect((inputs as TensorData).values).toEqual(Float32Array.of(3, 1));
  });

  test("refuse targets that are not finite or do not fit, and numbers beyond a subset", () => {
    const one = { inputs: Float32Array.of(1, 2), shape: [1] };
    expect(() => arrayDataset({ ...one, targets: [1, Number.NaN] })).toThrowErrorMatchingInlineSnapshot(
      `[DataError: arrayDataset({ targets, outputs }): expected finite numbers, got NaN in row 1. Leave such samples out.]`,
    );
    expect(() => arrayDataset({ ...one, targets: [1, 2, 3] })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: arrayDataset({ inputs, shape, targets }): expected 3 values for 3 samples of shape 1, got 2. Correct the shape, or pass one target for each sample.]`,
    );
    expect(() => arrayDataset({ ...one, targets: [1, 2, 3], outputs: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[DataError: arrayDataset({ targets, outputs }): expected 2 numbers for each sample, got 3 in all. Correct outputs.]`,
    );
    const part = subset(arrayDataset({ ...one, targets: [1, 2] }), [1]);
    expect(() => part.batch([1])).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: dataset.batch(indices): expected sample numbers from 0 to 1, got undefined. Number the samples from 0.]`,
    );
  });

  test("a stream is cut into batches, a single sample at its end joining the last or dropped, as often as it is gone through", async () => {
    async function* samples() {
      for (let k = 0; k < 5; k++) yield { input: [k], target: [k, -k] };
    }
    const sizes = async (last: "keep" | "drop") => {
      const stream = streamBatches(samples, { shape: [1], batchSize: 2, last });
      const seen: number[] = [];
      for (let epoch = 0; epoch < 2; epoch++) for await (const { targets } of stream) seen.push(targets.shape[0]);
      return seen;
    };
    expect(await sizes("keep")).toEqual([2, 3, 2, 3]);
    expect(await sizes("drop")).toEqual([2, 2, 2, 2]);
    const wrong = streamBatches(samples, { shape: [2], batchSize: 2 });
    await expect(wrong[Symbol.asyncIterator]().next()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: streamBatches(samples, { shape }): expected 2 values in each sample, for shape 2, got 1. Correct the shape.]`,
    );
  });
});

describe("streamBatches", () => {
  /** The sizes of the batches of so many samples. */
  const sizes = async (count: number, batchSize: number, last: "keep" | "drop" = "keep"): Promise<number[]> => {
    const samples = Array.from({ length: count }, (_, k) => ({ input: [k], target: k }));
    const seen: number[] = [];
    let next = 0;
    for await (const { inputs, targets } of streamBatches(() => samples, { shape: [1], batchSize, last })) {
      seen.push(targets.length);
      for (const [k, target] of targets.entries()) {
        expect([target, (inputs as TensorData).values[k]]).toEqual([next, next]);
        next++;
      }
    }
    return seen;
  };

  test("cuts as batches() does, whatever the sizes", async () => {
    for (let count = 1; count <= 13; count++) {
      for (let batchSize = 1; batchSize <= 6; batchSize++) {
        for (const last of ["keep", "drop"] as const) {
          if (last === "drop" && count < batchSize) continue;
          const labels = Int32Array.from({ length: count }, (_, k) => k);
          const data = arrayDataset({ inputs: new Float32Array(count), shape: [1], labels });
          const expected = [...batches(data, { batchSize, last })].map(({ targets }) => targets.length);
          expect([count, batchSize, last, await sizes(count, batchSize, last)]).toEqual([
            count,
            batchSize,
            last,
            expected,
          ]);
        }
      }
    }
  });

  test("refuses a stream that makes no batch, as batches() does", async () => {
    await expect(sizes(0, 2)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: streamBatches(samples, { batchSize }): expected at least one sample, got 0. Pass a dataset that has samples.]`,
    );
    await expect(sizes(3, 4, "drop")).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: streamBatches(samples, { batchSize }): expected at least 4 samples for one batch, got 3. Use a smaller batch, or keep the last one.]`,
    );
  });

  test("refuses targets that arrayDataset refuses, by row", async () => {
    const errorOf = async (targets: unknown[], input: unknown = [1]): Promise<string> => {
      const samples = () => targets.map((target) => ({ input, target })) as { input: number[]; target: number }[];
      try {
        for await (const _ of streamBatches(samples, { shape: [1], batchSize: 2 }));
        return "none";
      } catch (error) {
        return String(error);
      }
    };
    expect([
      await errorOf([1, 0.7]),
      await errorOf([1, Number.NaN]),
      await errorOf([1, 2 ** 40]),
      await errorOf([-3, 1]),
      await errorOf(["cat", "dog"]),
      await errorOf([3, [1, 2]]),
      await errorOf([[1, 2], 3]),
      await errorOf([
        [1, 2],
        [1, 2, 3],
      ]),
      await errorOf([[1, Number.POSITIVE_INFINITY]]),
      await errorOf([[1], ["2"]]),
      await errorOf([null]),
      await errorOf([1], ["1"]),
      await errorOf([1], [1n]),
    ]).toMatchInlineSnapshot(`
      [
        "DataError: streamBatches(samples): expected whole numbers from 0, got 0.7 in row 1. Number the classes from 0; numbers to predict are { targets } of arrayDataset, and lists in a stream.",
        "DataError: streamBatches(samples): expected whole numbers from 0, got NaN in row 1. Number the classes from 0.",
        "DataError: streamBatches(samples): expected whole numbers from 0, got 1099511627776 in row 1. Number the classes from 0.",
        "DataError: streamBatches(samples): expected whole numbers from 0, got -3 in row 0. Number the classes from 0.",
        "DataError: streamBatches(samples): expected whole numbers from 0, got "cat" in row 0. Number the classes from 0.",
        "DataError: streamBatches(samples): expected whole numbers from 0, got [1,2] in row 1. Number the classes from 0.",
        "DataError: streamBatches(samples): expected 2 numbers as the target of each sample, as of the first, got 3 in row 1. Give all targets the same length.",
        "DataError: streamBatches(samples): expected 2 numbers as the target of each sample, as of the first, got [1,2,3] in row 1. Give all targets the same length.",
        "DataError: streamBatches(samples): expected finite numbers, got Infinity in row 0. Leave such samples out.",
        "DataError: streamBatches(samples): expected finite numbers, got "2" in row 1. Leave such samples out.",
        "DataError: streamBatches(samples): expected whole numbers from 0, got null in row 0. Number the classes from 0.",
        "DataError: streamBatches(samples): expected numbers, got "1". Convert them, for example with Float32Array.from(inputs, Number).",
        "DataError: streamBatches(samples): expected numbers, got 1n. Convert them, for example with Float32Array.from(inputs, Number).",
      ]
    `);
    const inputs = BigInt64Array.of(1n) as unknown as Float32Array;
    expect(() => arrayDataset({ inputs, shape: [1], labels: [0] })).toThrowErrorMatchingInlineSnapshot(
      `[DataError: arrayDataset({ inputs }): expected numbers, got 1n. Convert them, for example with Float32Array.from(inputs, Number).]`,
    );
    expect(() =>
      arrayDataset({ inputs: image, shape: [24], labels: ["cat"] as never }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[DataError: arrayDataset({ labels }): expected whole numbers from 0, got "cat" in row 0. Number the classes from 0.]`,
    );
    expect(() => tensor(BigInt64Array.of(1n) as never)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: tensor(data): expected numbers, got big integers. Convert them with Float32Array.from(data, Number).]`,
    );
  });
});
