import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  BatchNorm,
  Flatten,
  Linear,
  loadModel,
  parseIdx,
  ReLU,
  type RunningNorm,
  Sequential,
  saveModel,
  setBackend,
} from "evenkeel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import { evenkeelIn } from "../../support/command.js";
import { temporaryFolder, writeSmallImages } from "../../support/idx-files.js";

let folder = "";
const evenkeel = (...args: string[]) => evenkeelIn(folder, ...args);
const meta = { inputShape: [1, 8, 8], classes: ["a", "b", "c"], preprocessing: { scale: 1 / 255 } };

beforeAll(() => {
  setBackend("wasm");
  folder = temporaryFolder();
  writeSmallImages(join(folder, "images"));
  const model = new Sequential(
    new BatchNorm(1),
    new Flatten(),
    new Linear(64, 4),
    new BatchNorm(4),
    new ReLU(),
    new Linear(4, 3),
  );
  writeFileSync(join(folder, "model.safetensors"), saveModel(model, meta));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const norm = (file: string, k: number): RunningNorm =>
  (loadModel(readFileSync(join(folder, file))).model as Sequential).layers[k] as RunningNorm;

describe("evenkeel recalibrate", () => {
  test("writes the model with the statistics of the training part", () => {
    const args = ["recalibrate", "model.safetensors", "--data", "images", "-o", "new.safetensors"];
    const { code, stdout, stderr } = evenkeel(...args);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.replaceAll(/\d+\.\d+/g, "#")).toMatchInlineSnapshot(`
      "240 samples (train); in units of each channel's deviation:

      norm  mean moved by  deviation by
      0             #         #
      3             #         #

      wrote new.safetensors
      "
    `);
    const pixels = parseIdx(readFileSync(join(folder, "images/train-images-idx3-ubyte"))).values;
    const values = Array.from(pixels, (pixel) => pixel / 255);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    const { runningMean, runningVar } = norm("new.safetensors", 0);
    expectClose([runningMean?.item() ?? 0, runningVar?.item() ?? 0], [mean, variance], 1e-6);
    expect(loadModel(readFileSync(join(folder, "new.safetensors"))).meta).toEqual(meta);
    // Other batches, the same statistics.
    evenkeel(...args.slice(0, -1), "split.safetensors", "--batch-size", "7");
    for (const k of [0, 3]) {
      const [a, b] = [norm("split.safetensors", k), norm("new.safetensors", k)];
      expectClose(a.runningVar?.dataSync() ?? [], b.runningVar?.dataSync() ?? [], 1e-6);
    }
  });

  test("--mode, --samples, --blend, --part and --json do what they say", () => {
    const { stdout } = evenkeel(
      ...["recalibrate", "model.safetensors", "--data", "images", "-o", "out", "--json"],
      ...["--mode", "batch", "--samples", "40", "--part", "test", "--blend", "40"],
    );
    const { norms, ...rest } = JSON.parse(stdout);
    expect(rest).toMatchInlineSnapshot(`
      {
        "data": "images",
        "left": [],
        "mode": "batch",
        "model": "model.safetensors",
        "output": "out/model.safetensors",
        "part": "test",
        "samples": 40,
      }
    `);
    expect(norms.map((one: { norm: string; values: number }) => [one.norm, one.values])).toEqual([
      ["0", 40 * 64],
      ["3", 40],
    ]);
    expect(existsSync(join(folder, "out/model.safetensors"))).toBe(true);
  });

  test("mistakes are told in one line, and write nothing", () => {
    const mistakes = [
      ["nowhere", "--data", "images", "-o", "bad"],
      ["model.safetensors", "--data", "nowhere", "-o", "bad"],
      ["model.safetensors", "--data", "images", "-o", "model.safetensors"],
      ["model.safetensors", "--data", "images", "-o", "images/train-images-idx3-ubyte"],
      ["model.safetensors", "--data", "images", "-o", ""],
      ["model.safetensors", "--data", "images", "-o", "bad", "--blend", "-1"],
      ["model.safetensors", "--data", "images", "-o", "bad", "--mode", "precise"],
    ];
    const answers = mistakes.map((args) => {
      const { code, stdout, stderr } = evenkeel("recalibrate", ...args);
      expect(code, stderr).toBe(1);
      expect(stdout).toBe("");
      return stderr.trim();
    });
    expect(answers).toMatchInlineSnapshot(`
      [
        "evenkeel: loadRun(nowhere): expected the folder of a run or a .safetensors file, got no such file or folder. Check the name.",
        "evenkeel: loadData(nowhere): expected mnist, fashion-mnist, or a file or folder of data, got no such file or folder. Check the path.",
        "evenkeel: model.safetensors: expected another place than the model's own, got model.safetensors. Name another file or folder.",
        "evenkeel: images/train-images-idx3-ubyte: expected a folder, or a .safetensors file, got another file. Name another place.",
        "evenkeel: --output: expected a value, got an empty text. Pass one, or leave it out.",
        "evenkeel: recalibrate(model, data): expected blend to be a finite number of samples, at least 0, got -1. Pass how many samples the old statistics count for.",
        "evenkeel: --mode: expected sequential or batch, got precise. Pass one of them.",
      ]
    `);
    expect(existsSync(join(folder, "bad"))).toBe(false);
    expect(evenkeel("recalibrate", "model.safetensors", "--data", "images").code).toBe(2);
  });
});
