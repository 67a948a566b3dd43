import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { inspectOnnx } from "evenkeel/onnx";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evenkeelIn } from "../support/command.js";
import { temporaryFolder } from "../support/idx-files.js";
import { npyBytes } from "../support/npy-files.js";
import { deviates, normConstants, normNode, onnxModel } from "../support/onnx-models.js";

const folder = temporaryFolder();
const evenkeel = (...args: string[]) => evenkeelIn(folder, ...args);
const put = (path: string, content: Uint8Array | string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
};
/** A model that begins with a batch norm, so that its statistics are those of the data. */
const model = (shape: (number | string)[], channels: number) =>
  onnxModel({
    inputs: { x: shape },
    outputs: ["y"],
    nodes: [normNode("n", "x", "a"), ["Relu", ["a"], ["b"]], normNode("o", "b", "y")],
    constants: { ...normConstants("n", channels), ...normConstants("o", channels, 9) },
  });
/** What the first norm's statistics are. */
const statistics = async (file: string): Promise<{ min: number; max: number; mean: number }[]> => {
  const { norms } = await inspectOnnx(readFileSync(join(folder, file)));
  return [norms[0].parameters["mean"], norms[0].parameters["variance"]];
};
const image = (red: number, green: number, blue: number) =>
  sharp({ create: { width: 8, height: 8, channels: 3, background: { r: red, g: green, b: blue } } })
    .png()
    .toBuffer();

beforeAll(async () => {
  put("model.onnx", model(["N", 3, 4, 4], 3));
  put("one.onnx", model([1, 3, "h", "w"], 3));
  put("last.onnx", model(["N", 4, 4, 3], 4));
  put("row.onnx", model(["N", 2], 2));
  put("photos/a.png", await image(255, 51, 0));
  put("photos/b.png", await image(51, 255, 0));
  put("shots/day/a.png", await image(255, 51, 0));
  put("shots/night/b.png", await image(51, 255, 0));
  put("photo.onnx", await image(0, 0, 0));
  put("rows.csv", "a,id,b\n1,7,10\n3,8,30\n");
  put("bad.csv", "a,b\n1,2\n3,x\n");
  put("x.npy", npyBytes("<f4", [6, 3, 4, 4], Float32Array.from(deviates(6 * 48, 3, 2, 3))));
  mkdirSync(join(folder, "empty"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("evenkeel recalibrate model.onnx", () => {
  test("gives norms the statistics of images, shows how far they have moved, and leaves the model as it was", async () => {
    const before = readFileSync(join(folder, "model.onnx"));
    const { code, stdout, stderr } = evenkeel("recalibrate", "model.onnx", "--data", "photos", "-o", "sub/new.onnx");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.replaceAll(/\d+\.\d+/g, "#")).toMatchInlineSnapshot(`
      "2 samples; in units of each channel's deviation:

      norm                  mean moved by  deviation by
      BatchNormalization_a         #       #
      BatchNormalization_y        #        #

      wrote sub/new.onnx
      "
    `);
    // Red and green are 1 and 0.2 in turn, blue is 0.
    const [mean, variance] = await statistics("sub/new.onnx");
    expect([mean.min, mean.max]).toEqual([0, Math.fround(0.6)]);
    expect(variance.max).toBeCloseTo(0.16, 6);
    expect(readFileSync(join(folder, "model.onnx"))).toEqual(before);
  });

  test("--mean, --std, --scale and --size prepare images as the model was trained, one at a time where it takes one", async () => {
    const flags = ["--mean", "0.1,0.2,0.3", "--std", "0.5", "--scale", "0.01", "--size", "4x6"];
    const { stdout, stderr } = evenkeel(
      "recalibrate",
      "one.onnx",
      "--data",
      "shots",
      "-o",
      "o.onnx",
      ...flags,
      "--json",
    );
    expect(stderr).toBe("");
    const { norms, samples } = JSON.parse(stdout);
    expect([samples, norms[0].values]).toEqual([2, 2 * 4 * 6]);
    const [mean] = await statistics("o.onnx");
    expect(mean.max).toBeCloseTo((1.53 - 0.1) / 0.5, 5);
    expect(mean.min).toBeCloseTo(-0.3 / 0.5, 5);
  });

  test("takes arrays and tables as they are, and nhwc by the model's sizes", async () => {
    evenkeel("recalibrate", "row.onnx", "--data", "rows.csv", "--ignore", "id", "-o", "row-new.onnx");
    expect((await statistics("row-new.onnx")).map(({ min, max }) => [min, max])).toEqual([
      [2, 20],
      [1, 100],
    ]);
    const split = evenkeel(
      "recalibrate",
      "model.onnx",
      "--data",
      "x.npy",
      "-o",
      "npy.onnx",
      "--batch-size",
      "4",
      "--json",
    );
    expect(JSON.parse(split.stdout).norms[0].values).toBe(6 * 16);
    const [mean] = await statistics("npy.onnx");
    expect(mean.mean).toBeCloseTo(deviates(6 * 48, 3, 2, 3).reduce((a, b) => a + b, 0) / (6 * 48), 4);
    evenkeel("recalibrate", "last.onnx", "--data", "photos", "-o", "last-new.onnx");
    // Axis 1 of N×4×4×3 are rows, which hold all three colours.
    const [rows] = await statistics("last-new.onnx");
    expect(rows.max).toBeCloseTo(0.4, 6);
  });

  test("--blend, --samples and --mode batch do what they say", async () => {
    const run = async (name: string, ...flags: string[]) => {
      const { stdout } = evenkeel("recalibrate", "model.onnx", "--data", "x.npy", "-o", name, "--json", ...flags);
      return [JSON.parse(stdout), (await statistics(name))[0].mean];
    };
    const own = (await statistics("model.onnx"))[0].mean;
    const [{ samples }, alone] = await run("alone.onnx", "--samples", "4", "--mode", "batch");
    const [, mixed] = await run("mixed.onnx", "--samples", "4", "--blend", "12");
    expect(samples).toBe(4);
    expect(mixed).toBeCloseTo(0.75 * own + 0.25 * alone, 5);
  });

  test("each mistake is told in one line, and writes nothing", () => {
    const calls = [
      ["photo.onnx", "--data", "photos"],
      ["absent.onnx", "--data", "photos"],
      ["model.onnx", "--data", "nowhere"],
      ["model.onnx", "--data", "empty"],
      ["model.onnx", "--data", "photos/a.png"],
      ["model.onnx", "--data", "rows.csv"],
      ["model.onnx", "--data", "photos", "--size", "8"],
      ["model.onnx", "--data", "photos", "--size", "big"],
      ["model.onnx", "--data", "photos", "--mean", "1,2"],
      ["model.onnx", "--data", "photos", "--mean", "1,x"],
      ["model.onnx", "--data", "photos", "--std", "0"],
      ["model.onnx", "--data", "photos", "--layout", "hwc"],
      ["model.onnx", "--data", "photos", "--layout", "nhwc"],
      ["model.onnx", "--data", "photos", "--part", "test"],
      ["model.onnx", "--data", "photos", "--blend", "-1"],
      ["model.onnx", "--data", "photos", "--mode", "precise"],
      ["model.onnx", "--data", "photos", "--model", "cnn"],
      ["one.onnx", "--data", "photos", "--batch-size", "2"],
      ["row.onnx", "--data", "bad.csv"],
      ["row.onnx", "--data", "rows.csv"],
      ["row.onnx", "--data", "rows.csv", "--size", "4"],
    ];
    const said = calls.map((args) => {
      const { code, stdout, stderr } = evenkeel("recalibrate", ...args, "-o", "bad.onnx");
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
      return stderr.trimEnd();
    });
    const same = evenkeel("recalibrate", "model.onnx", "--data", "photos", "-o", "model.onnx");
    const run = evenkeel("recalibrate", "run", "--data", "photos", "-o", "bad.onnx", "--mean", "0.5");
    expect([...said, same.stderr.trimEnd(), run.stderr.trimEnd()]).toMatchInlineSnapshot(`
      [
        "evenkeel: photo.onnx: expected an ONNX model, got a PNG image. Check that the file is a complete .onnx file.",
        "evenkeel: absent.onnx: expected a file that can be read, got ENOENT: no such file or directory, stat 'absent.onnx'. Check the path and its permissions.",
        "evenkeel: loadData(nowhere): expected mnist, fashion-mnist, or a file or folder of data, got no such file or folder. Check the path.",
        "evenkeel: empty: expected images, or folders of images, got an empty folder. Name a folder of PNG or JPEG images.",
        "evenkeel: loadData(photos/a.png): expected a folder, or a file that ends in .csv, .tsv, .npz or .npy, got .png. Name such a file.",
        "evenkeel: rows.csv: expected samples of 3×4×4, as the model's input x takes them, got 3. Reshape the data, or pass another --size or --layout.",
        "evenkeel: --size: expected the 4x4 that the model's input x takes, got 8x8. Leave it out.",
        "evenkeel: --size: expected a height and width, such as 224 or 48x320, got big. Write it so.",
        "evenkeel: --mean: expected 1 or 3 finite numbers, one for each channel, got 1,2. Pass one for each of the 3 channels of nchw, or one for all.",
        "evenkeel: --mean: expected a finite number, got x. Pass a number.",
        "evenkeel: --std: expected 1 or 3 finite numbers above 0, one for each channel, got 0. Pass one for each of the 3 channels of nchw, or one for all.",
        "evenkeel: --layout: expected nchw or nhwc, got hwc. Did you mean nhwc?",
        "evenkeel: photos: expected samples of 3×4×4, as the model's input x takes them, got 3×4×3. Reshape the data, or pass another --size or --layout.",
        "evenkeel: --part: expected a part that photos has, got test. Leave it out.",
        "evenkeel: recalibrateOnnx(bytes, data): expected blend to be a finite number of samples, at least 0, got -1. Pass how many samples the old statistics count for.",
        "evenkeel: --mode: expected sequential or batch, got precise. Pass one of them.",
        "evenkeel: --model: expected a run, which may need it, got model.onnx. Leave it out: the file holds its network.",
        "evenkeel: --batch-size: expected 1, since the model's input x is 1×3×h×w, got 2. Leave it out, or export the model with a dynamic batch axis.",
        "evenkeel: bad.csv, row 3, column b: expected a finite number, got "x". Correct it, leave the column out (--ignore), or drop such rows (--skip-bad-rows).",
        "evenkeel: rows.csv: expected samples of 2, as the model's input x takes them, got 3. Reshape the data, or pass another --size or --layout.",
        "evenkeel: --size: expected no size, since the model's input x of shape 2 takes no images, got 4x4. Leave it out.",
        "evenkeel: model.onnx: expected another file than those that are read, got the same. Name a new file: what is read is never changed.",
        "evenkeel: --mean: expected an .onnx model, got run. Leave it out: a run knows how its data were prepared.",
      ]
    `);
    expect(existsSync(join(folder, "bad.onnx"))).toBe(false);
    expect(evenkeel("recalibrate", "model.onnx", "--data", "photos").code).toBe(2);
  });
});

test("evenkeel fold compares on real inputs too", () => {
  put(
    "conv.onnx",
    onnxModel({
      inputs: { x: ["N", 3, 4, 4] },
      outputs: ["y"],
      nodes: [["Conv", ["x", "w"], ["c"]], normNode("n", "c", "y")],
      constants: { w: { shape: [2, 3, 3, 3] }, ...normConstants("n", 2) },
    }),
  );
  const { stdout, stderr } = evenkeel("fold", "conv.onnx", "-o", "folded.onnx", "--data", "photos", "--json");
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toMatchObject({ verification: { runs: 1 }, left: [] });
  expect(evenkeel("fold", "conv.onnx", "-o", "none.onnx", "--data", "rows.csv").stderr.trimEnd()).toMatchInlineSnapshot(
    `"evenkeel: rows.csv: expected samples of 3×4×4, as the model's input x takes them, got 3. Reshape the data, or pass another --size or --layout."`,
  );
  expect(existsSync(join(folder, "none.onnx"))).toBe(false);
});
