import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { EvenkeelError } from "evenkeel";
import { foldOnnx, importOnnx, inspectOnnx, recalibrateOnnx, repairOnnx } from "evenkeel/onnx";
import fc from "fast-check";
import { ModelProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import {
  type Attributes,
  type ModelParts,
  type NodeParts,
  normConstants,
  normNode,
  onnxModel,
} from "../../support/onnx-models.js";

const parts: ModelParts = {
  inputs: { x: ["N", 3, 6, 6] },
  outputs: ["y"],
  nodes: [["Conv", ["x", "w"], ["c"]], normNode("n", "c", "y")],
  constants: { w: { shape: [4, 3, 3, 3] }, ...normConstants("n", 4) },
};
const model = onnxModel(parts);

/** What each function says of bytes; null where it takes them. */
async function verdicts(bytes: Uint8Array): Promise<(string | null)[]> {
  const calls = [inspectOnnx, repairOnnx, (file: Uint8Array) => foldOnnx(file, { verify: false }), importOnnx];
  const before = bytes.slice();
  const texts = await Promise.all(
    calls.map((call) =>
      call(bytes).then(
        () => null,
        (error: unknown) => {
          if (!(error instanceof EvenkeelError)) throw error;
          return error.message;
        },
      ),
    ),
  );
  expect(Buffer.compare(bytes, before)).toBe(0);
  return texts;
}

/** A row of nodes from one value to another. */
function row(count: number, opType: string, from: string, to: string, more: readonly string[] = []): NodeParts[] {
  const name = (k: number): string => (k === 0 ? from : k === count ? to : `v${k}`);
  return Array.from({ length: count }, (_, k): NodeParts => [opType, [name(k), ...more], [name(k + 1)]]);
}

function takenTwice(bytes: Uint8Array): Uint8Array {
  const twice = fromBinary(ModelProtoSchema, bytes);
  twice.graph?.input.push(...twice.graph.input);
  return toBinary(ModelProtoSchema, twice);
}

describe("hostile files", () => {
  test("cut short anywhere, changed anywhere or made of noise: taken, or refused in words", async () => {
    const cut = fc.nat(model.length - 1).map((length) => model.slice(0, length));
    const changed = fc
      .array(fc.tuple(fc.nat(model.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map((edits) => {
        const bytes = model.slice();
        for (const [at, value] of edits) bytes[at] = value;
        return bytes;
      });
    const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Uint8Array.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.oneof(cut, changed, noise), async (bytes) => {
        await verdicts(bytes);
      }),
      { numRuns: 400 },
    );
  });

  test("what is no model is refused, and what costs memory before it costs any", async () => {
    const field = (number: number, ...content: number[]): number[] => [
      number * 8 + 2,
      ...length(content.length),
      ...content,
    ];
    const length = (value: number): number[] =>
      value < 128 ? [value] : [(value & 127) | 128, ...length(Math.floor(value / 128))];
    const nested = (depth: number): number[] =>
      depth === 0 ? [] : field(1, ...field(5, ...field(6, ...nested(depth - 1))));
    // A graph of empty nodes: two bytes of file each, hundreds in memory.
    const manyNodes = new Uint8Array(1_000_000);
    for (let i = 0; i < manyNodes.length; i += 2) manyNodes[i] = 10;
    manyNodes.set([0x3a, ...length(manyNodes.length - 4)]);
    const files: Record<string, Uint8Array> = {
      empty: new Uint8Array(0),
      "2 GB claimed": Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x07, 1, 2),
      "no graph": Uint8Array.of(8, 8),
      "another file": new TextEncoder().encode("PK\u0003\u0004 something else"),
      "nested 40 graphs": Uint8Array.from(field(7, ...nested(40))),
      "half a million nodes": manyNodes,
      "a circle": onnxModel({
        ...parts,
        nodes: [
          ["Relu", ["b"], ["a"]],
          ["Relu", ["a"], ["b"]],
          ["Add", ["a", "x"], ["y"]],
        ],
      }),
      "made twice": onnxModel({
        ...parts,
        nodes: [
          ["Relu", ["x"], ["y"]],
          ["Abs", ["x"], ["y"]],
        ],
      }),
      "made and stored": onnxModel({ ...parts, nodes: [...parts.nodes, ["Relu", ["x"], ["w"]]] }),
      "made and taken": onnxModel({
        ...parts,
        nodes: [
          ["Conv", ["c", "w"], ["x"]],
          ["Relu", ["x"], ["y"]],
        ],
      }),
      "taken twice": takenTwice(model),
      "of no version": onnxModel({ ...parts, more: { opsetImport: [{ domain: "com.microsoft", version: 1n }] } }),
      "of version 0": onnxModel({ ...parts, opset: 0 }),
      "eps a whole number": onnxModel({
        ...parts,
        nodes: [["Conv", ["x", "w"], ["c"]], normNode("n", "c", "y", { epsilon: 1 })],
      }),
      "made by nothing": onnxModel({ ...parts, nodes: [["Relu", ["nowhere\u001b[2J"], ["y"]]] }),
    };
    const seen: Record<string, string | null> = {};
    for (const [name, bytes] of Object.entries(files)) {
      const [first, ...others] = await verdicts(bytes);
      seen[name] = first;
      for (const other of others) expect(other?.replace(/^\w+/, "")).toBe(first?.replace(/^\w+/, ""));
    }
    expect(seen).toMatchInlineSnapshot(`
      {
        "2 GB claimed": "inspectOnnx(bytes): expected an ONNX model, got 2147483647 bytes claimed for ModelProto.graph at byte 0, where 2 are left. Check that the file is a complete .onnx file.",
        "a circle": "inspectOnnx(bytes): expected a graph in which every value is made once, before it is read, got a circle of nodes through Relu Relu_a. Export the model again; onnx.checker names the place.",
        "another file": "inspectOnnx(bytes): expected an ONNX model, got a ZIP file, as PyTorch and Keras write. Check that the file is a complete .onnx file.",
        "empty": "inspectOnnx(bytes): expected an ONNX model, got an empty file. Check that the file is a complete .onnx file.",
        "eps a whole number": "ONNX model, BatchNormalization BatchNormalization_y: expected a real number as epsilon, got a whole number. Export the model again; onnx.checker names the place.",
        "half a million nodes": "inspectOnnx(bytes): expected parts in proportion to the size of the file, got more than 1000000 bytes give cause for. Check that it is the file that was saved or exported.",
        "made and stored": "inspectOnnx(bytes): expected a graph in which every value is made once, before it is read, got a node that makes w, which the file stores. Export the model again; onnx.checker names the place.",
        "made and taken": "inspectOnnx(bytes): expected a graph in which every value is made once, before it is read, got a node that makes x, which the file takes as an input. Export the model again; onnx.checker names the place.",
        "made by nothing": "inspectOnnx(bytes): expected a graph in which every value is made once, before it is read, got nowhere�[2J, which nothing makes. Export the model again; onnx.checker names the place.",
        "made twice": "inspectOnnx(bytes): expected a graph in which every value is made once, before it is read, got two nodes that make y. Export the model again; onnx.checker names the place.",
        "nested 40 graphs": "inspectOnnx(bytes): expected an ONNX model, got messages nested more than 100 deep at byte 257. Check that the file is a complete .onnx file.",
        "no graph": "inspectOnnx(bytes): expected an ONNX model, got one without a graph. Check that the file is a complete .onnx file.",
        "of no version": "inspectOnnx(bytes): expected a version of ONNX's own operators (opset_import), got none. Export the model again: what its nodes mean depends on it.",
        "of version 0": "inspectOnnx(bytes): expected a version of ONNX's own operators (opset_import), got 0. Export the model again: what its nodes mean depends on it.",
        "taken twice": "inspectOnnx(bytes): expected a graph in which every value is made once, before it is read, got two inputs called x. Export the model again; onnx.checker names the place.",
      }
    `);
  });

  test("tensors whose shapes claim what they do not hold are left alone", async () => {
    const claims = [
      { w: { shape: [4, 3, 3, 2 ** 40], values: [1, 2] } },
      { "n.mean": { shape: [2 ** 31], values: [0] } },
      { "n.variance": { shape: [2, 2], values: [1, 1, 1, 1] } },
      { "n.bias": { shape: [3], values: [1, 1, 1] } },
    ];
    const reasons = [];
    for (const constants of claims) {
      const bytes = onnxModel({ ...parts, constants: { ...parts.constants, ...constants } });
      const { left, bytes: same } = await foldOnnx(bytes);
      expect(same).toEqual(bytes);
      reasons.push(left[0].reason);
    }
    expect(reasons).toMatchInlineSnapshot(`
      [
        "the weight of Conv Conv_c is not constant: 8 bytes do not hold 39582418599936 values of float32; its output is an output of the model",
        "its mean is not known: 4 bytes do not hold 2147483648 values of float32",
        "its variance has the shape 2×2, its weight 4 values",
        "its bias has the shape 3, its weight 4 values",
      ]
    `);
  });

  test("what asks for more work than its size tells is refused, whoever it asks", async () => {
    const wide = { shape: [50_000], values: new Array(50_000).fill(1) };
    const graphs = { name: "g", graphs: new Array(20_000).fill({}) };
    const files = {
      "a constant that 500 norms share": onnxModel({
        ...parts,
        nodes: row(500, "BatchNormalization", "x", "y", ["p", "p", "p", "p"]),
        constants: { p: wide },
      }),
      "a weight that 150 convolutions share": onnxModel({
        ...parts,
        nodes: row(150, "Conv", "x", "y", ["w"]).flatMap(([, [x, w], [y]]): NodeParts[] => [
          ["Conv", [x, w], [`${y}c`]],
          ["BatchNormalization", [`${y}c`, "p", "p", "p", "p"], [y]],
        ]),
        constants: { w: { shape: [100, 100, 1, 1] }, p: normConstants("p", 100)["p.variance"] },
      }),
      "a long row on many channels": onnxModel({
        ...parts,
        nodes: [
          ["Conv", ["x", "w"], ["c"]],
          ...row(200, "Identity", "c", "d"),
          ["BatchNormalization", ["d", "p", "p", "p", "p"], ["y"]],
        ],
        constants: { p: wide, w: { shape: [50_000, 1, 1, 1], values: wide.values } },
      }),
      "a constant that nodes make of itself, twice, 60 times over": onnxModel({
        ...parts,
        nodes: [
          ...row(60, "Reshape", "one", "made").map(([opType, [x], y]): NodeParts => [opType, [x, x], y]),
          ["BatchNormalization", ["x", "made", "made", "made", "made"], ["y"]],
        ],
        constants: { one: { shape: [1], values: [1], type: "int64" } },
      }),
      "graphs of nothing": onnxModel({
        ...parts,
        more: { graph: { input: [{ name: "x" }], node: [{ opType: "If", input: ["x"], attribute: [graphs] }] } },
      }),
    };
    const seen = [];
    for (const bytes of Object.values(files)) seen.push((await verdicts(bytes)).map((text) => text ?? "taken"));
    expect(seen.flat()).toMatchInlineSnapshot(`
      [
        "inspectOnnx(bytes): expected work in proportion to the size of the file, got more than 235250 bytes give cause for. Check that it is the file that was saved or exported.",
        "repairOnnx(bytes): expected work in proportion to the size of the file, got more than 235250 bytes give cause for. Check that it is the file that was saved or exported.",
        "foldOnnx(bytes): expected work in proportion to the size of the file, got more than 235250 bytes give cause for. Check that it is the file that was saved or exported.",
        "taken",
        "inspectOnnx(bytes): expected work in proportion to the size of the file, got more than 56034 bytes give cause for. Check that it is the file that was saved or exported.",
        "taken",
        "foldOnnx(bytes): expected work in proportion to the size of the file, got more than 56034 bytes give cause for. Check that it is the file that was saved or exported.",
        "taken",
        "inspectOnnx(bytes): expected work in proportion to the size of the file, got more than 407660 bytes give cause for. Check that it is the file that was saved or exported.",
        "taken",
        "foldOnnx(bytes): expected work in proportion to the size of the file, got more than 407660 bytes give cause for. Check that it is the file that was saved or exported.",
        "taken",
        "taken",
        "taken",
        "taken",
        "importOnnx(bytes), BatchNormalization BatchNormalization_y: expected what a layer or op of Evenkeel does, got a weight that is not known: it is of type int64. Leave this node out of the model, or build the network by hand and load its weights.",
        "inspectOnnx(bytes): expected work in proportion to the size of the file, got more than 40041 bytes give cause for. Check that it is the file that was saved or exported.",
        "repairOnnx(bytes): expected work in proportion to the size of the file, got more than 40041 bytes give cause for. Check that it is the file that was saved or exported.",
        "foldOnnx(bytes): expected work in proportion to the size of the file, got more than 40041 bytes give cause for. Check that it is the file that was saved or exported.",
        "importOnnx(bytes): expected work in proportion to the size of the file, got more than 40041 bytes give cause for. Check that it is the file that was saved or exported.",
      ]
    `);
  });

  test("rows of 20,000 nodes, and shapes of 100,000 sizes, are told of as any others", async () => {
    const constants = { w: { shape: [3] }, deep: { shape: new Array(100_000).fill(1), values: [1] } };
    const passed = row(20_000, "Identity", "w", "v");
    const norm = (mean: string): NodeParts => ["BatchNormalization", ["x", "w", "w", mean, "w"], ["y"]];
    const reasons = [];
    for (const nodes of [[...passed, norm("v")], [norm("deep")]]) {
      const bytes = onnxModel({ ...parts, nodes, constants });
      const { left } = await foldOnnx(bytes);
      reasons.push(left[0].reason, await importOnnx(bytes).catch(({ message }) => message));
    }
    expect(reasons).toMatchInlineSnapshot(`
      [
        "its mean is not known: more than 1000 nodes pass it on",
        "importOnnx(bytes), BatchNormalization BatchNormalization_y: expected what a layer or op of Evenkeel does, got a mean that is not known: more than 1000 nodes pass it on. Leave this node out of the model, or build the network by hand and load its weights.",
        "its mean is not known: it has 100000 axes",
        "importOnnx(bytes), BatchNormalization BatchNormalization_y: expected what a layer or op of Evenkeel does, got a mean that is not known: it has 100000 axes. Leave this node out of the model, or build the network by hand and load its weights.",
      ]
    `);
    // An output of training behind 20,000 nodes that pass it on, which a repair takes out.
    const { bytes: repaired } = await repairOnnx(
      onnxModel({
        ...parts,
        opset: 9,
        outputs: ["y", "z"],
        nodes: [["BatchNormalization", ["x", "w", "w", "w", "w"], ["y", "m"]], ...row(20_000, "Identity", "m", "z")],
        constants,
      }),
    );
    expect((await inspectOnnx(repaired)).nodes).toBe(1);
    const many = new Array(200_000).fill("x");
    expect((await inspectOnnx(onnxModel({ ...parts, nodes: [["Sum", many, ["y"]]] }))).norms).toEqual([]);
  });

  test("files of far more norms or values from around a graph than bytes are refused before they cost a second", async () => {
    const shared = { p: { shape: [1], values: [1] }, w: { shape: [1, 1, 1, 1], values: [1] } };
    const reads = Array.from({ length: 12_000 }, (_, k): NodeParts => ["Relu", [`x${k}`], [`q${k}`]]);
    let inner: Attributes = { then_branch: { nodes: [...reads, ["Relu", ["x"], ["z"]]], outputs: ["z"] } };
    for (let k = 0; k < 30; k++)
      inner = { then_branch: { nodes: [["If", ["p"], [`z${k}`], inner]], outputs: [`z${k}`] } };
    const files = {
      "25,000 norms": row(25_000, "BatchNormalization", "x", "y", ["p", "p", "p", "p"]),
      "30 graphs inside one another that read 12,000 values": [
        ...reads.map(([, [name]]): NodeParts => ["Relu", ["x"], [name]]),
        ["If", ["p"], ["y"], inner] as NodeParts,
      ],
    };
    for (const nodes of Object.values(files)) {
      const texts = await verdicts(onnxModel({ ...parts, nodes, constants: shared }));
      for (const text of texts) expect(text).toContain("in proportion to the size of the file");
    }
    const nodes = row(1025, "BatchNormalization", "x", "y", ["p", "p", "p", "p"]);
    const norms = onnxModel({ ...parts, nodes, constants: shared });
    await expect(recalibrateOnnx(norms, [])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DataError: recalibrateOnnx(bytes, data): expected at most 1024 norms in a row, got 1025. Take mode "batch", which needs one pass.]`,
    );
  });

  test("names as long as the file are cut short where they are told of", async () => {
    const name = "n".repeat(500_000);
    const { norms } = await inspectOnnx(
      onnxModel({ ...parts, nodes: [["Conv", ["x", "w"], [name]], normNode("n", name, "y")] }),
    );
    expect(norms[0].input).toHaveLength("Conv ".length + 301);
  });

  test("an input that claims more than memory is not made up to try the model on", async () => {
    const bytes = onnxModel({ ...parts, inputs: { x: [1, 3, 2 ** 20, 2 ** 20] } });
    await expect(foldOnnx(bytes)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DataError: foldOnnx(bytes): expected shapes with which the model runs (it declares x 1×3×1048576×1048576), got the input x of shape 1×3×1048576×1048576. Name them: { shapes: { name: [1, 3, 224, 224] } }.]`,
    );
  });

  test("arguments that are no bytes are refused", async () => {
    await expect(inspectOnnx("model.onnx" as never)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[FormatError: inspectOnnx(bytes): expected an ONNX model, got String. Check that the file is a complete .onnx file.]`,
    );
  });
});
