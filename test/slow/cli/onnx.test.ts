import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evenkeelIn } from "../../support/command.js";
import { npyBytes } from "../../support/npy-files.js";
import { normConstants, normNode, onnxModel } from "../../support/onnx-models.js";
import { normalValues } from "../../support/seeded.js";

let folder: string;
const evenkeel = (...args: string[]) => evenkeelIn(folder, ...args);
const parts = {
  inputs: { x: ["N", 3, 6, 6] },
  outputs: ["y"],
  nodes: [["Conv", ["x", "w"], ["c"]], normNode("n", "c", "d"), ["Relu", ["d"], ["e"]], normNode("o", "e", "y")],
  constants: { w: { shape: [4, 3, 3, 3] }, ...normConstants("n", 4), ...normConstants("o", 4, 9) },
} as const;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "evenkeel-onnx-"));
  writeFileSync(join(folder, "model.onnx"), onnxModel(parts));
  writeFileSync(
    join(folder, "training.onnx"),
    onnxModel({ ...parts, nodes: [normNode("n", "x", "y", { training_mode: 1 })] }),
  );
  writeFileSync(join(folder, "broken.onnx"), onnxModel(parts).slice(0, 300));
  const tensor = onnxModel({ ...parts, constants: {} });
  writeFileSync(join(folder, "nothing.onnx"), tensor);
  mkdirSync(join(folder, "sub"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("inspect lists norms, fold writes a verified model beside an unchanged one, and repair mends", () => {
  const before = readFileSync(join(folder, "model.onnx"));
  expect(evenkeel("inspect", "model.onnx").stdout).toMatchInlineSnapshot(`
    "opset 15, written by test: 4 nodes, 2 normalisations, 1 of them can be folded
    takes x (float32 N×3×6×6)

    norm                                kind        input  channels      eps  momentum             mean       variance         weight   folds into
    BatchNormalization_d  BatchNormalization  Conv Conv_c         4  0.00001       0.9  -0.484 to 0.287  0.374 to 1.81  0.829 to 1.49  Conv Conv_c
    BatchNormalization_y  BatchNormalization  Relu Relu_e         4  0.00001       0.9  -0.0614 to 1.72  0.135 to 2.11  0.637 to 1.21            –

    BatchNormalization_y: cannot be folded: Relu Relu_e stands before it; its output is an output of the model
    "
  `);
  const { norms } = JSON.parse(evenkeel("inspect", "model.onnx", "--json").stdout);
  expect(norms).toHaveLength(2);

  const fold = evenkeel("fold", "model.onnx", "-o", "sub/folded.onnx");
  expect(fold.stderr).toBe("");
  expect(
    fold.stdout.replaceAll(/(onnxruntime: |absolute |relative |, got (?=\S+ \(absolute))\d[\d.e-]*/g, "$1DIFFERENCE"),
  ).toMatchInlineSnapshot(`
    "BatchNormalization_d  into Conv Conv_c
    BatchNormalization_y  left: Relu Relu_e stands before it; its output is an output of the model
    1 folded, 1 left
    largest difference in onnxruntime: DIFFERENCE, relative DIFFERENCE (at most 0.0001 passes; 1 run on noise, x 2×3×6×6)
    wrote sub/folded.onnx, 819 bytes for 1007
    "
  `);
  expect(JSON.parse(evenkeel("fold", "sub/folded.onnx", "--dry-run", "--json").stdout)).toMatchObject({
    folded: [],
    output: null,
  });
  expect(readFileSync(join(folder, "model.onnx"))).toEqual(before);

  expect(evenkeel("repair", "training.onnx", "-o", "repaired.onnx").stdout).toMatchInlineSnapshot(`
    "BatchNormalization_y  repaired: training_mode = 1 is gone: it uses its running statistics
    1 repaired, 0 left to you
    wrote repaired.onnx
    "
  `);
  expect(JSON.parse(evenkeel("inspect", "repaired.onnx", "--json").stdout).norms[0].mode).toBe("inference");
});

test("what cannot be done exits 1 with one line, and writes nothing", () => {
  const calls = [
    ["fold", "model.onnx", "-o", "model.onnx"],
    ["fold", "model.onnx", "-o", "out.onnx", "--tolerance", "0"],
    ["fold", "model.onnx", "-o", "out.onnx", "--shape", "6"],
    ["fold", "model.onnx", "-o", "out.onnx", "--shape", "x=1x4x6x6"],
    ["fold", "broken.onnx", "-o", "out.onnx"],
    ["inspect", "nothing.onnx"],
    ["repair", "absent.onnx", "-o", "out.onnx"],
    ["fold", "model.onnx", "-o", "."],
    ["doctor", "model.onnx", "--data", "images"],
    ["repair", ".", "-o", "out.onnx"],
  ];
  const said = calls.map((args) => {
    const { code, stderr } = evenkeel(...args);
    expect(code).toBe(1);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    return stderr
      .trimEnd()
      .replaceAll(/(onnxruntime: |absolute |relative |, got (?=\S+ \(absolute))\d[\d.e-]*/g, "$1DIFFERENCE");
  });
  expect(said).toMatchInlineSnapshot(`
    [
      "evenkeel: model.onnx: expected another file than those that are read, got the same. Name a new file: what is read is never changed.",
      "evenkeel: foldOnnx(bytes): expected outputs as before, to a relative difference of 0, got DIFFERENCE (absolute DIFFERENCE). Nothing was made of it. Raise the tolerance if that is acceptable.",
      "evenkeel: --shape: expected an input's name and sizes, such as x=1x3x224x224, got 6. Write it so.",
      "evenkeel: foldOnnx(bytes): expected shapes with which the model runs (it declares x N×3×6×6), got its error: failed to call OrtRun(). ERROR_CODE: 2, ERROR_MESSAGE: Got invalid dimensions for input: x for the following indices index: 1 Got: 4 Expected: 3 Please fix either the inputs/outputs or the model. Name them: --shape name=1x3x224x224.",
      "evenkeel: broken.onnx: expected an ONNX model, got 990 bytes claimed for ModelProto.graph at byte 8, where 289 are left. Check that the file is a complete .onnx file.",
      "evenkeel: nothing.onnx: expected a graph in which every value is made once, before it is read, got w, which nothing makes. Export the model again; onnx.checker names the place.",
      "evenkeel: absent.onnx: expected a file that can be read, got ENOENT: no such file or directory, stat 'absent.onnx'. Check the path and its permissions.",
      "evenkeel: .: expected a file, got a folder. Name a file in it.",
      "evenkeel: loadData(images): expected mnist, fashion-mnist, or a file or folder of data, got no such file or folder. Check the path.",
      "evenkeel: .: expected a file that can be read, got EISDIR: illegal operation on a directory, read. Check the path and its permissions.",
    ]
  `);
  expect(existsSync(join(folder, "out.onnx"))).toBe(false);
  for (const command of ["fold", "repair"]) expect(evenkeel(command, "model.onnx").code).toBe(2);
});

test("recalibrate gives norms the statistics of an array, and says how far they have moved", () => {
  const values = Float32Array.from({ length: 4 * 108 }, (_, k) => Math.sin(k));
  writeFileSync(join(folder, "x.npy"), npyBytes("<f4", [4, 3, 6, 6], values));
  const call = ["recalibrate", "model.onnx", "--data", "x.npy"];
  const { stdout, stderr } = evenkeel(...call, "-o", "moved.onnx");
  expect(stderr).toBe("");
  expect(stdout.replaceAll(/ +\d+\.\d+/g, " #")).toMatchInlineSnapshot(`
    "4 samples; in units of each channel's deviation:

    norm                  mean moved by  deviation by
    BatchNormalization_d # #
    BatchNormalization_y # #

    wrote moved.onnx
    "
  `);
  writeFileSync(join(folder, "without.onnx"), onnxModel({ ...parts, nodes: [["Relu", ["x"], ["y"]]], constants: {} }));
  expect(evenkeel("recalibrate", "without.onnx", "--data", "x.npy", "-o", "out.onnx")).toMatchObject({
    code: 1,
    stderr:
      "evenkeel: without.onnx: expected a model with batch norms, got none. Recalibrate before folding: a norm that has been folded has no statistics left.\n",
  });
  const before = readFileSync(join(folder, "x.npy"));
  for (const command of ["recalibrate", "fold", "doctor"]) {
    expect(evenkeel(command, "model.onnx", "--data", "x.npy", "-o", "./x.npy")).toMatchObject({
      code: 1,
      stderr:
        "evenkeel: ./x.npy: expected another file than those that are read, got the same as x.npy. Name a new file: what is read is never changed.\n",
    });
  }
  expect(readFileSync(join(folder, "x.npy"))).toEqual(before);
  writeFileSync(join(folder, "table.csv"), "a,b\n");
  symlinkSync("table.csv", join(folder, "link.onnx"));
  for (const name of ["table.csv", "link.onnx"]) {
    for (const command of ["recalibrate", "fold", "doctor"]) {
      const data = command === "fold" ? [] : ["--data", "x.npy"];
      const { code, stderr } = evenkeel(command, "model.onnx", ...data, "-o", name);
      const ending = command === "doctor" ? ".html" : ".onnx";
      expect([code, stderr]).toEqual([
        1,
        `evenkeel: ${name}: expected a new file, or one whose name ends in ${ending}, got a file of another kind that is there already. Name a new file, or remove this one first.\n`,
      ]);
    }
  }
  expect(readFileSync(join(folder, "table.csv"), "utf8")).toBe("a,b\n");
  const spoilt = evenkeel(...call, "--size", "8", "-o", "out.onnx");
  expect([spoilt.code, spoilt.stderr]).toMatchInlineSnapshot(`
    [
      1,
      "evenkeel: --size: expected the 6x6 that the model's input x takes, got 8x8. Leave it out.
    ",
    ]
  `);
  expect(existsSync(join(folder, "out.onnx"))).toBe(false);
});

test("--initializers-are-constant serves models that list their constants among the inputs, and nothing else", () => {
  const listed = Object.keys(parts.constants);
  writeFileSync(join(folder, "listed.onnx"), onnxModel({ ...parts, listed }));
  expect(evenkeel("fold", "listed.onnx", "--dry-run").stdout).toContain("repair the model first");
  const flag = "--initializers-are-constant";
  expect(evenkeel("fold", "listed.onnx", "--dry-run", flag).stdout).toContain("1 folded, 1 left");
  expect(evenkeel("inspect", "listed.onnx", flag).stdout).toContain("1 of them can be folded");
  writeFileSync(join(folder, "x.npy"), npyBytes("<f4", [4, 3, 6, 6], normalValues(432, 1)));
  const recalibrated = evenkeel("recalibrate", "listed.onnx", "--data", "x.npy", "-o", "moved.onnx", flag);
  expect([recalibrated.stderr, recalibrated.stdout.includes("wrote moved.onnx")]).toEqual(["", true]);
  expect(evenkeel("repair", "listed.onnx", "-o", "unlisted.onnx").stdout).toMatchInlineSnapshot(`
    "the inputs  repaired: 9 constants are no longer inputs, which a caller may replace
    1 repaired, 0 left to you
    wrote unlisted.onnx
    "
  `);
  expect(evenkeel("fold", "unlisted.onnx", "--dry-run").stdout).toContain("1 folded, 1 left");
  for (const command of ["inspect", "fold"]) {
    expect(evenkeel(command, "model.json", ...(command === "fold" ? ["--dry-run"] : []), flag).stderr).toBe(
      `evenkeel: --initializers-are-constant: expected an .onnx model, got model.json. Leave it out: only ONNX models list constants among their inputs.\n`,
    );
  }
});
