import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { batches, type Dataset, onWarning, type TensorData } from "evenkeel";
import { type LoadDataOptions, loadData, loadDataAs, loadInputsAs } from "evenkeel/node";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder, writeSmallImages } from "../support/idx-files.js";
import { npyBytes, npzBytes } from "../support/npy-files.js";

let folder = "";
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (...names: string[]): string => join(folder, ...names);

function write(name: string, content: string | Uint8Array): string {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(at(name), content);
  return at(name);
}

/** All samples of a dataset: inputs, and labels or numbers. */
function whole(dataset: Dataset<Int32Array> | Dataset<TensorData>): { inputs: number[]; targets: number[] } {
  const { inputs, targets } = dataset.batch([...Array(dataset.length).keys()]);
  const values = (inputs as TensorData).values;
  return { inputs: [...values], targets: [...(targets instanceof Int32Array ? targets : targets.values)] };
}

const moments = (values: number[]): number[] => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return [mean, Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)];
};

async function writePng(name: string, pixels: number[], [width, height]: [number, number], channels: 1 | 3 | 4 = 3) {
  const raw = { width, height, channels };
  return write(name, await sharp(Uint8Array.from(pixels), { raw }).png().toBuffer());
}

describe("a CSV file", () => {
  const rows = Array.from({ length: 50 }, (_, k) => `${k % 7 === 3 ? "" : k},${["a", "b"][k % 2]},${2 * k + 5}`);
  const csv = `x;kind;y\n${rows.join("\n").replaceAll(",", ";")}\n`;

  test("becomes parts by the seed, standardised by the training part, and its numbers too", async () => {
    const data = await loadData(write("numbers.csv", csv), { seed: 4, split: [0.6, 0.2, 0.2] });
    expect(data.task).toBe("regression");
    expect([data.train.length, data.validation?.length, data.test.length]).toEqual([30, 10, 10]);
    expect(data.description).toBe("30 training, 10 validation and 10 test rows of 3 inputs, regression of y");
    const { targets } = whole(data.train);
    const [mean, deviation] = moments(targets);
    expect(mean).toBeCloseTo(0, 5);
    expect(deviation).toBeCloseTo(1, 5);
    const scale = data.meta.targetScale;
    const back = [data.train, data.validation, data.test].flatMap((part) =>
      part === null
        ? []
        : whole(part).targets.map((t) => Math.round(t * (scale?.deviation[0] ?? 0) + (scale?.mean[0] ?? 0))),
    );
    expect(back.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, k) => 2 * k + 5));
    expect(whole((await loadData(at("numbers.csv"), { seed: 4, split: [0.6, 0.2, 0.2] })).test)).toEqual(
      whole(data.test),
    );
    expect(whole((await loadData(at("numbers.csv"), { seed: 5, split: [0.6, 0.2, 0.2] })).test)).not.toEqual(
      whole(data.test),
    );
  });

  test("is met again as the model saw it: its test part if it is the same file, all rows of another", async () => {
    const data = await loadData(at("numbers.csv"), { seed: 4, split: [0.6, 0.4] });
    const meta = JSON.parse(JSON.stringify(data.meta));
    const again = await loadDataAs(meta, at("numbers.csv"));
    expect(again.part).toBe("test");
    expect(whole(again.dataset)).toEqual(whole(data.test));
    expect(whole((await loadDataAs(meta, at("numbers.csv"), { part: "train" })).dataset)).toEqual(whole(data.train));
    const warnings: string[] = [];
    onWarning((message) => warnings.push(message.replaceAll(folder, "FOLDER")));
    const other = await loadDataAs(meta, write("other.csv", "y,kind,x\n5,b,0\n7,new,1\n"));
    expect([other.part, other.dataset.length]).toEqual(["all", 2]);
    await expect(loadDataAs(meta, at("other.csv"), { part: "validation" })).rejects.toThrow(
      "expected a part that the data have, got validation, of data that the model was not trained on. Leave the part out.",
    );
    // The target may be absent where only inputs are needed.
    const inputs = await loadInputsAs(meta, write("inputs.csv", "kind,x\nb,0\n\nnew,1\n"));
    expect(whole(inputs.dataset).inputs).toEqual(whole(other.dataset).inputs);
    expect([inputs.rowNumber(0), inputs.rowNumber(1)]).toEqual([2, 4]);
    expect(warnings).toMatchInlineSnapshot(`
      [
        "FOLDER/other.csv, column kind: expected categories of the training data, got "new" in 1 row, where the column says nothing to the model. Correct them, or train with such rows.",
        "FOLDER/inputs.csv, column kind: expected categories of the training data, got "new" in 1 row, where the column says nothing to the model. Correct them, or train with such rows.",
      ]
    `);
  });

  test("keeps each class's share in each part", async () => {
    const classes = Array.from({ length: 40 }, (_, k) => `${k},${k < 10 ? "rare" : "often"}`);
    const data = await loadData(write("classes.csv", `x,class\n${classes.join("\n")}`));
    expect(data.classes).toEqual(["often", "rare"]);
    const rare = [data.train, data.validation, data.test].map((part) =>
      part === null ? -1 : whole(part).targets.filter((label) => label === 1).length,
    );
    expect(rare).toEqual([8, 1, 1]);
  });

  test("bad rows are dropped if asked for, and counted", async () => {
    const good = Array.from({ length: 20 }, (_, k) => `${k},${k % 2 ? "a" : "b"}`).join("\n");
    const path = write("bad.csv", `x,y\n${good}\nold,a\ninf,a\n1,a,2\n3\n4,\n5,a\n`);
    const data = await loadData(path, { skipBadRows: true, split: [0.5, 0.5] });
    expect(data.description).toBe("11 training and 10 test rows of 1 input, 2 classes of y; 5 skipped");
    const inputs = await loadInputsAs(data.meta, path, { skipBadRows: true });
    expect(inputs.rowNumber(20)).toBe(26);
  });
});

describe("NumPy's arrays", () => {
  test("as NumPy itself writes them, plain and packed, in a file or a folder", async () => {
    const plain = await loadData("test/fixtures/arrays.npz", { split: [0.5, 0.5] });
    const packed = await loadData("test/fixtures/arrays-packed.npz", { split: [0.5, 0.5] });
    expect([plain.task, plain.classes, plain.inputShape]).toEqual(["classification", ["0", "1", "2"], [2]]);
    expect(whole(packed.train)).toEqual(whole(plain.train));
    const x = Float32Array.from({ length: 24 }, (_, k) => k);
    write("arrays/x.npy", npyBytes("<f4", [12, 2], x));
    write(
      "arrays/Y.npy",
      npyBytes(
        "|u1",
        [12],
        Uint8Array.from({ length: 12 }, (_, k) => k % 3),
      ),
    );
    expect(whole((await loadData(at("arrays"), { split: [0.5, 0.5] })).train)).toEqual(whole(plain.train));
  });

  test("in parts of their own; bytes with two axes are grey images, numbers that are not whole a regression", async () => {
    const parts = { x_train: 20, x_test: 5 };
    const arrays = Object.entries(parts).flatMap(([name, n]) => [
      [
        name,
        npyBytes(
          "|u1",
          [n, 4, 4],
          Uint8Array.from({ length: n * 16 }, (_, k) => (k * 37) % 251),
        ),
      ],
      [
        name.replace("x", "y"),
        npyBytes(
          "<f8",
          [n, 2],
          Float64Array.from({ length: n * 2 }, (_, k) => k / 4),
        ),
      ],
    ]);
    const data = await loadData(write("parts.npz", npzBytes(Object.fromEntries(arrays))));
    expect(data.description).toBe("20 training and 5 test samples of 1×4×4, regression");
    expect([data.inputShape, data.outputs, data.validation]).toEqual([[1, 4, 4], 2, null]);
    const [mean, deviation] = moments(whole(data.train).inputs);
    expect(mean).toBeCloseTo(0, 5);
    expect(deviation).toBeCloseTo(1, 5);
    const { dataset, part } = await loadDataAs(data.meta, at("parts.npz"));
    expect(part).toBe("test");
    expect(whole(dataset)).toEqual(whole(data.test));
  });

  test("values that are not finite are refused by row and column, or dropped", async () => {
    const x = Float32Array.from({ length: 40 }, (_, k) => (k === 15 ? Number.NaN : k));
    const y = Uint8Array.from({ length: 20 }, (_, k) => k % 2);
    const path = write("nan.npz", npzBytes({ x: npyBytes("<f4", [20, 2], x), y: npyBytes("|u1", [20], y) }));
    await expect(loadData(path)).rejects.toThrow(
      "nan.npz, x, row 7, column 1: expected a finite number, got NaN. Correct",
    );
    const data = await loadData(path, { skipBadRows: true });
    expect(data.train.length + (data.validation?.length ?? 0) + data.test.length).toBe(19);
  });
});

describe("a folder of images", () => {
  const colour = (r: number, g: number, b: number, n = 16): number[] =>
    Array.from({ length: n }, () => [r, g, b]).flat();

  test("one folder is split; colours stay, and transparency is laid over white", async () => {
    for (let k = 0; k < 5; k++) {
      await writePng(`pets/cat/${k}.png`, colour(200, 10 * k, 30), [4, 4]);
      await writePng(`pets/dog/${k}.png`, colour(10, 10 * k, 220), [4, 4]);
    }
    // Transparent black is white.
    await writePng("pets/dog/clear.png", Array.from({ length: 16 }, () => [0, 0, 0, 0]).flat(), [4, 4], 4);
    write("pets/.DS_Store", "not an image");
    const data = await loadData(at("pets"), { split: [0.6, 0.4] });
    expect([data.classes, data.inputShape]).toEqual([
      ["cat", "dog"],
      [3, 4, 4],
    ]);
    expect(data.description).toBe("7 training and 4 test images of 3×4×4, 2 classes");
    const again = await loadDataAs(data.meta, at("pets"));
    expect(whole(again.dataset)).toEqual(whole(data.test));
    const all = whole((await loadDataAs(data.meta, at("pets"), { part: "all" })).dataset).inputs;
    const { scale = 0, mean = [], deviation = [] } = data.meta.preprocessing ?? {};
    // The last file by name of class dog.
    for (let c = 0; c < 3; c++) {
      expect(all[10 * 48 + 16 * c] * deviation[c] + mean[c]).toBeCloseTo(255 * scale, 5);
    }
    const grey = await loadData(at("pets"), { channels: 1, imageSize: [2, 3] });
    expect(grey.inputShape).toEqual([1, 2, 3]);
  });

  test("images without colours have one channel, with the same bytes as one read for it", async () => {
    const ramp = Array.from({ length: 256 }, (_, k) => k);
    await writePng("grey/a/ramp.png", ramp, [16, 16], 1);
    await writePng(
      "grey/b/ramp.png",
      ramp.flatMap((v) => [v, v, v]),
      [16, 16],
      3,
    );
    const options: LoadDataOptions = { split: [0.5, 0.5], seed: 1 };
    await writePng(
      "grey/a/dark.png",
      ramp.map((v) => v >> 1),
      [16, 16],
      1,
    );
    await writePng(
      "grey/b/dark.png",
      ramp.map((v) => v >> 1),
      [16, 16],
      1,
    );
    const found = await loadData(at("grey"), options);
    const asked = await loadData(at("grey"), { ...options, channels: 1 });
    expect(found.inputShape).toEqual([1, 16, 16]);
    expect(whole(found.train)).toEqual(whole(asked.train));
    expect(whole(found.test)).toEqual(whole(asked.test));
  });

  test("train, test and validation folders are the parts", async () => {
    for (const [part, n] of [
      ["train", 4],
      ["test", 2],
      ["val", 1],
    ] as const) {
      for (let k = 0; k < n; k++) {
        await writePng(`split/${part}/a/${k}.png`, colour(255, 0, k), [4, 4]);
        await writePng(`split/${part}/b/${k}.png`, colour(0, 255, k), [4, 4]);
      }
    }
    const data = await loadData(at("split"));
    expect([data.train.length, data.test.length, data.validation?.length]).toEqual([8, 4, 2]);
    expect([...batches<unknown>(data.train, { batchSize: 8 })][0].targets).toEqual(
      Int32Array.of(0, 0, 0, 0, 1, 1, 1, 1),
    );
    await expect(loadData(at("split"), { split: [0.5, 0.5] })).rejects.toThrow(
      "expected data in one part, got data that are split already",
    );
  });

  test("unreadable files are all named, or left out", async () => {
    for (let k = 0; k < 3; k++) {
      await writePng(`torn/a/${k}.png`, colour(255, 0, k), [4, 4]);
      await writePng(`torn/b/${k}.png`, colour(0, 255, k), [4, 4]);
    }
    const whole_ = readFileSync(at("torn/a/0.png"));
    write("torn/a/half.png", whole_.subarray(0, whole_.length - 20));
    write("torn/b/note.txt", "a note");
    await expect(loadData(at("torn"))).rejects.toThrow(
      /half\.png \(.*\), .*note\.txt \(a file that begins with the bytes 61 20 6e 6f\)/,
    );
    const data = await loadData(at("torn"), { skipBadRows: true, split: [0.5, 0.5] });
    expect(data.description).toBe("4 training and 2 test images of 3×4×4, 2 classes; 2 skipped");
  });
});

test("IDX files: classes that words name are met by the numbers of the labels", async () => {
  const path = writeSmallImages(at("idx"), { train: 30, test: 9 });
  const { meta } = await loadData(path);
  const named = { ...meta, classes: ["zero", "one", "two"] };
  expect(whole((await loadDataAs(named, path)).dataset)).toEqual(whole((await loadDataAs(meta, path)).dataset));
});
