import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  batches,
  confusionMatrix,
  Flatten,
  Linear,
  loadModel,
  Sequential,
  saveModel,
  setBackend,
  tensor,
} from "evenkeel";
import { loadDataAs } from "evenkeel/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evenkeelIn } from "../support/command.js";
import { idxBytes, temporaryFolder, writeSmallImages } from "../support/idx-files.js";

let folder = "";
const evenkeel = (...args: string[]) => evenkeelIn(folder, ...args);

/** Four images of two pixels, and what a network that takes the brighter pixel makes of them: 0, 0, 1, 1. */
function writeTinyImages(name: string, shape = [4, 1, 2], labels = [0, 1, 1, 1]): void {
  writeSmallImages(join(folder, name), { train: 4, test: 4 });
  const pixels = Array.from(
    { length: shape[0] * shape[1] * shape[2] },
    (_, k) => [200, 10, 90, 30, 7, 8, 0, 250][k % 8],
  );
  for (const prefix of ["train", "t10k"]) {
    writeFileSync(join(folder, name, `${prefix}-images-idx3-ubyte`), idxBytes(shape, pixels));
    writeFileSync(join(folder, name, `${prefix}-labels-idx1-ubyte`), idxBytes([shape[0]], labels));
  }
}

beforeAll(() => {
  setBackend("wasm");
  folder = temporaryFolder();
  writeTinyImages("tiny");
  const model = new Sequential(new Flatten(), new Linear(2, 2, { bias: false }));
  model.loadStateDict({
    "1.weight": tensor([
      [1, 0],
      [0, 1],
    ]),
  });
  const meta = { inputShape: [1, 1, 2], classes: ["left", "right"], preprocessing: { scale: 1 / 255, mean: [0.5] } };
  writeFileSync(join(folder, "tiny.safetensors"), saveModel(model, meta));
  const wide = new Sequential(new Flatten(), new Linear(2, 21));
  writeFileSync(join(folder, "wide.safetensors"), saveModel(wide, { inputShape: [1, 1, 2] }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("evenkeel evaluate", () => {
  test("prints loss, accuracy and an aligned table of which class was taken for which", () => {
    const { code, stdout, stderr } = evenkeel("evaluate", "tiny.safetensors", "--data", "tiny");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "4 samples (test): loss 0.5540, accuracy 0.7500, F1 0.7333, AUC 1.0000

      true \\ predicted    left   right  recall
      left                   1       0  1.0000
      right                  1       2  0.6667
      precision         0.5000  1.0000
      "
    `);
  });

  test("--json gives all numbers, with the model's own preprocessing and whatever the batch size", async () => {
    const { stdout } = evenkeel("evaluate", "tiny.safetensors", "--data", "tiny", "--json", "--batch-size", "3");
    const { model, meta } = loadModel(readFileSync(join(folder, "tiny.safetensors")));
    const { dataset } = await loadDataAs(meta, join(folder, "tiny"));
    const expected = await confusionMatrix(model, batches<unknown>(dataset, { batchSize: 3 }));
    expect(JSON.parse(stdout)).toEqual({
      model: "tiny.safetensors",
      data: "tiny",
      part: "test",
      classes: ["left", "right"],
      ...expected,
      // Of two right of three and one of one: F1 of left 2/3, of right 4/5; every right is above every left.
      metrics: { f1: expect.closeTo((2 / 3 + 4 / 5) / 2), auc: 1, meanIou: expect.closeTo((1 / 2 + 2 / 3) / 2) },
    });
    // By hand: logits are pixel / 255 − 0.5, the differences of the two 190, 60, −1 and −250 of 255.
    const margins = [190, -60, 1, 250].map((difference) => difference / 255);
    const loss = margins.reduce((total, margin) => total + Math.log1p(Math.exp(-margin)), 0) / 4;
    expect(expected.loss).toBeCloseTo(loss, 6);
    expect(expected.counts).toEqual([
      [1, 0],
      [1, 2],
    ]);
  });

  test("with more classes than a terminal shows, prints recall, precision and F1 only", () => {
    const { stdout } = evenkeel("evaluate", "wide.safetensors", "--data", "tiny");
    const lines = stdout.trimEnd().split("\n");
    expect(lines.length).toBe(2 + 1 + 21);
    expect(lines[2]).toMatch(/^class +recall +precision +F1$/);
  });

  test("answers each mistake in one clear line and exits 1", () => {
    writeTinyImages("high", [4, 2, 1]);
    writeTinyImages("strange", [4, 1, 2], [0, 1, 2, 0]);
    writeFileSync(join(folder, "bare.safetensors"), saveModel(new Linear(2, 2)));
    const mistakes = [
      ["nowhere", "--data", "tiny"],
      ["tiny.safetensors", "--data", "nowhere"],
      ["tiny.safetensors", "--data", "high"],
      ["tiny.safetensors", "--data", "strange"],
      ["bare.safetensors", "--data", "tiny"],
    ];
    const answers = mistakes.map((args) => {
      const { code, stdout, stderr } = evenkeel("evaluate", ...args);
      expect(code, stderr).toBe(1);
      expect(stdout).toBe("");
      return stderr.trim();
    });
    expect(answers).toMatchInlineSnapshot(`
      [
        "evenkeel: loadRun(nowhere): expected the folder of a run or a .safetensors file, got no such file or folder. Check the name.",
        "evenkeel: loadData(nowhere): expected mnist, fashion-mnist, or a file or folder of data, got no such file or folder. Check the path.",
        "evenkeel: high: expected inputs of shape 1×1×2, which the model was trained on, got 1×2×1. Pass data like the training data.",
        "evenkeel: strange: expected classes of the training data (left, right), got 2. Correct the label, or train with this class.",
        "evenkeel: the model's metadata: expected inputShape, the shape of one input, got none. Save it with one: saveModel(model, { inputShape, preprocessing, classes }).",
      ]
    `);
  });

  test("a command line that cannot be understood exits 2", () => {
    for (const args of [[], ["tiny.safetensors"], ["tiny.safetensors", "--data", "tiny", "--typo"]]) {
      const { code, stderr } = evenkeel("evaluate", ...args);
      expect(code, stderr).toBe(2);
      expect(stderr).toMatch(/^error: /);
    }
  });
});
