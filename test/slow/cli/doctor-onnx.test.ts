import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importOnnx } from "evenkeel/onnx";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evenkeelIn } from "../../support/command.js";
import { npyBytes, npzBytes } from "../../support/npy-files.js";
import { type ModelParts, normConstants, normNode, onnxModel } from "../../support/onnx-models.js";
import { normalValues } from "../../support/seeded.js";

let folder: string;
const evenkeel = (...args: string[]) => evenkeelIn(folder, ...args);

const one: ModelParts = {
  inputs: { x: ["N", 3, 6, 6] },
  outputs: ["y"],
  nodes: [["Conv", ["x", "w"], ["c"]], normNode("n", "c", "d"), ["Relu", ["d"], ["y"]]],
  constants: { w: { shape: [4, 3, 3, 3] }, ...normConstants("n", 4) },
};
const two: ModelParts = {
  inputs: { image: ["N", 3, 6, 6], extra: ["N", 4] },
  outputs: ["y"],
  nodes: [
    ["Conv", ["image", "w"], ["c"]],
    normNode("n", "c", "d"),
    ["GlobalAveragePool", ["d"], ["p"]],
    ["Flatten", ["p"], ["f"]],
    ["Add", ["f", "extra"], ["y"]],
  ],
  constants: { w: { shape: [4, 3, 3, 3] }, ...normConstants("n", 4) },
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "evenkeel-doctor-onnx-"));
  writeFileSync(join(folder, "model.onnx"), onnxModel(one));
  writeFileSync(join(folder, "two.onnx"), onnxModel(two));
  const image = npyBytes("<f4", [600, 3, 6, 6], normalValues(600 * 108, 1));
  writeFileSync(join(folder, "x.npy"), image);
  const extra = npyBytes("<f4", [600, 4], normalValues(2400, 2));
  writeFileSync(join(folder, "both.npz"), npzBytes({ image, extra, other: extra }));
  writeFileSync(join(folder, "lacking.npz"), npzBytes({ image }));
  writeFileSync(join(folder, "uneven.npz"), npzBytes({ image, extra: npyBytes("<f4", [3, 4], normalValues(12, 2)) }));
  writeFileSync(join(folder, "wrong.npz"), npzBytes({ image: extra, extra }));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("an ONNX model is diagnosed without labels, and recalibrating it as advised cures it", () => {
  const { code, stdout, stderr } = evenkeel("doctor", "model.onnx", "--data", "x.npy", "--mean", "0.1,0.2,0.3");
  expect({ code, stderr }).toEqual({ code: 3, stderr: "" });
  expect(stdout).toContain("wrote doctor.html");
  expect(stdout).toContain("without labels or a loss");
  const [command] = /evenkeel recalibrate .*/.exec(stdout) ?? [""];
  expect(command).toBe("evenkeel recalibrate model.onnx --data x.npy --mean 0.1,0.2,0.3 -o model-recalibrated.onnx");
  expect(existsSync(join(folder, "doctor.html"))).toBe(true);
  expect(evenkeel(...command.split(" ").slice(1)).code).toBe(0);
  const cured = [
    "doctor",
    "model-recalibrated.onnx",
    "--data",
    "x.npy",
    "--mean",
    "0.1,0.2,0.3",
    "--no-page",
    "--json",
  ];
  const { findings } = JSON.parse(evenkeel(...cured).stdout);
  expect(findings.map(({ kind }: { kind: string }) => kind)).not.toContain("drift");
});

test("a model of several inputs takes an array for each, by name", async () => {
  const { norms, samples } = JSON.parse(
    evenkeel("doctor", "two.onnx", "--data", "both.npz", "--no-page", "--json").stdout,
  );
  expect([norms.length, samples]).toEqual([1, 600]);
  const { code, stdout } = evenkeel("recalibrate", "two.onnx", "--data", "both.npz", "-o", "new.onnx");
  expect({ code, stdout: stdout.includes("600 samples") }).toEqual({ code: 0, stdout: true });
  const meanOf = async (file: string): Promise<number[]> => {
    const { model } = await importOnnx(readFileSync(join(folder, file)));
    const [, mean] = Object.entries(model.stateDict()).find(([key]) => key.endsWith("running_mean")) ?? [];
    return [...(mean?.dataSync() ?? [])];
  };
  expect(await meanOf("new.onnx")).not.toEqual(await meanOf("two.onnx"));
});

test("what does not fit is told on one line", () => {
  const calls = [
    ["two.onnx", "--data", "lacking.npz"],
    ["two.onnx", "--data", "uneven.npz"],
    ["two.onnx", "--data", "wrong.npz"],
    ["two.onnx", "--data", "x.npy"],
    ["two.onnx", "--data", "both.npz", "--mean", "0.5"],
    ["model.onnx", "--data", "x.npy", "--model", "mlp"],
  ];
  const said = calls.map((args) => {
    const { code, stderr } = evenkeel("doctor", ...args, "--no-page");
    expect(code).toBe(1);
    return stderr.trimEnd();
  });
  expect(said).toMatchInlineSnapshot(`
    [
      "evenkeel: lacking.npz: expected an array for each input: image, extra, got none for extra. Save them with numpy.savez('data.npz', **{'image': …, 'extra': …}).",
      "evenkeel: uneven.npz: expected as many samples in all arrays, and at least one, got image 600×3×6×6, extra 3×4. Give all the same first axis.",
      "evenkeel: wrong.npz: expected samples of 3×6×6 for image, got 4. Save the array as the model takes it.",
      "evenkeel: two.onnx: expected a model with one input of known rank, the first axis being the samples', got image N×3×6×6, extra N×4. Pass an .npz file with an array for each, under its name.",
      "evenkeel: --mean: expected a model with one input, got two.onnx. Leave it out: arrays of several inputs are taken as they are.",
      "evenkeel: --model: expected a run, which may need it, got model.onnx. Leave it out: the file holds its network.",
    ]
  `);
});
