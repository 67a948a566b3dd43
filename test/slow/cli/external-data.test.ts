import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, StringStringEntryProtoSchema } from "onnx-buf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evenkeelIn } from "../../support/command.js";
import { temporaryFolder } from "../../support/idx-files.js";
import { normConstants, normNode, onnxModel } from "../../support/onnx-models.js";

let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const evenkeel = (line: string) => evenkeelIn(folder, ...line.split(" "));

/** A model that keeps the factor 2.5 in another file. */
function writeModel(path: string, location: string, offset = 4): void {
  const nodes = [
    ["Conv", ["x", "w"], ["c"]],
    normNode("n", "c", "d"),
    ["Relu", ["d"], ["r"]],
    ["Mul", ["r", "factor"], ["y"]],
  ] as const;
  const constants = { factor: { shape: [1] }, w: { shape: [4, 3, 3, 3] }, ...normConstants("n", 4) };
  const bytes = onnxModel({ inputs: { x: ["N", 3, 6, 6] }, outputs: ["y"], nodes, constants });
  const model = fromBinary(ModelProtoSchema, bytes);
  const entries = { location, offset: String(offset), length: "4" };
  Object.assign(model.graph?.initializer.find(({ name }) => name === "factor") ?? {}, {
    rawData: new Uint8Array(0),
    dataLocation: 1,
    externalData: Object.entries(entries).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
  });
  writeFileSync(path, toBinary(ModelProtoSchema, model));
}

/** Where a model keeps the factor, and what it is there. */
function factorOf(path: string): { readonly location: string; readonly value: number } {
  const model = fromBinary(ModelProtoSchema, readFileSync(at(path)));
  const { externalData = [] } = model.graph?.initializer.find(({ name }) => name === "factor") ?? {};
  const { location, offset } = Object.fromEntries(externalData.map(({ key, value }) => [key, value]));
  return { location, value: readFileSync(at(path, "..", location)).readFloatLE(Number(offset)) };
}

beforeAll(() => {
  folder = temporaryFolder();
  mkdirSync(at("from/sub"), { recursive: true });
  for (const name of ["package.json", "sub/weights.bin"])
    writeFileSync(at("from", name), Buffer.from(Float32Array.of(9, 2.5).buffer));
  writeModel(at("from/a.onnx"), "package.json");
  writeModel(at("from/b.onnx"), "sub/weights.bin");
  writeModel(at("from/missing.onnx"), "gone.bin");
  writeModel(at("from/short.onnx"), "package.json", 5);
  for (const location of ["../outside/escape.js", "/etc/hostname", ""]) {
    writeModel(at(`from/outside-${location.length}.onnx`), location);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

test("outputs keep tensors in one new file that Evenkeel names, and write over nothing", () => {
  for (const [k, line] of [
    "fold from/a.onnx -o out-0/package.onnx",
    "fold from/b.onnx -o out-1/package.onnx",
    "repair from/b.onnx -o out-2/package.onnx",
    "fold from/b.onnx -o from/folded.onnx",
  ].entries()) {
    const out = k === 3 ? "from" : `out-${k}`;
    mkdirSync(at(out), { recursive: true });
    if (k < 3) for (const name of ["package.json", "weights.bin"]) writeFileSync(at(out, name), "MY OWN");
    const before = new Set<unknown>(readdirSync(at(out), { recursive: true }));
    const { code, stderr } = evenkeel(line);
    expect([code, stderr]).toEqual([0, ""]);
    const path = line.split(" ").at(-1) ?? "";
    const { location, value } = factorOf(path);
    expect(value).toBe(2.5);
    expect(location).toMatch(/^(package|folded)\.onnx\.[0-9a-f]{16}\.data$/);
    const after = readdirSync(at(out), { recursive: true }).filter((name) => !before.has(name));
    expect(after.sort()).toEqual([path.split("/")[1], location].sort());
    if (k < 3)
      for (const name of ["package.json", "weights.bin"]) expect(readFileSync(at(out, name), "utf8")).toBe("MY OWN");
  }
  const weights = readFileSync(at("from/sub/weights.bin"));
  expect(evenkeel("fold from/b.onnx -o from/sub/weights.bin")).toMatchObject({
    code: 1,
    stderr:
      "evenkeel: from/sub/weights.bin: expected another file than those that are read, got the same. Name a new file: what is read is never changed.\n",
  });
  expect(readFileSync(at("from/sub/weights.bin"))).toEqual(weights);
  // Once more gives the same files.
  expect(evenkeel("fold from/a.onnx -o out-0/package.onnx").code).toBe(0);
  expect(readdirSync(at("out-0"))).toHaveLength(4);
  // The output is a whole model, of which another is made.
  expect(evenkeel("fold out-0/package.onnx -o again/package.onnx").code).toBe(0);
  expect(factorOf("again/package.onnx").value).toBe(2.5);
  const { location } = factorOf("out-0/package.onnx");
  mkdirSync(at("taken"));
  writeFileSync(at("taken", location), "MY OWN");
  const { code, stderr } = evenkeel("fold from/a.onnx -o taken/package.onnx");
  expect([code, stderr.replace(/[0-9a-f]{16}/, "HASH")]).toMatchInlineSnapshot(`
    [
      1,
      "evenkeel: taken/package.onnx.HASH.data: expected no file, or one of the same content, got another. Move it, or choose another place to write to.
    ",
    ]
  `);
  expect(readdirSync(at("taken"))).toEqual([location]);
});

test("what is missing, or lies elsewhere, is told, and no model is written without its weights", () => {
  const lines = [
    "fold from/missing.onnx --no-verify -o nowhere/x.onnx",
    "repair from/missing.onnx -o nowhere/x.onnx",
    "repair from/short.onnx -o nowhere/x.onnx",
    "inspect from/outside-20.onnx",
    "repair from/outside-13.onnx -o nowhere/x.onnx",
    "repair from/outside-0.onnx -o nowhere/x.onnx",
  ];
  const answers = lines.map((line) => {
    const { code, stderr } = evenkeel(line);
    expect(code).toBe(1);
    return stderr.trim();
  });
  expect(answers).toMatchInlineSnapshot(`
    [
      "evenkeel: from/missing.onnx: expected the files in which it keeps tensors beside it, got none of the name "gone.bin". Put them there, as they were downloaded or exported: no model is written without its weights.",
      "evenkeel: from/missing.onnx: expected the files in which it keeps tensors beside it, got none of the name "gone.bin". Put them there, as they were downloaded or exported: no model is written without its weights.",
      "evenkeel: from/short.onnx: expected the values of "factor", got none: bytes 5 to 9 are not in "package.json" of 8. Put the model's files beside it: no model is written without its weights.",
      "evenkeel: from/outside-20.onnx: expected tensors in files of its own folder, got "../outside/escape.js". A model from elsewhere must not choose what is read: move the file beside it.",
      "evenkeel: from/outside-13.onnx: expected tensors in files of its own folder, got "/etc/hostname". A model from elsewhere must not choose what is read: move the file beside it.",
      "evenkeel: from/outside-0.onnx: expected tensors in files of its own folder, got "". A model from elsewhere must not choose what is read: move the file beside it.",
    ]
  `);
  expect(existsSync(at("nowhere"))).toBe(false);
  const { code, stdout } = evenkeel("inspect from/missing.onnx");
  expect(code).toBe(0);
  expect(stdout).toContain('missing: the file "gone.bin", in which it keeps tensors\n');
});
