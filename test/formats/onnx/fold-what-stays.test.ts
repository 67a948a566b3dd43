import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { foldOnnx, inspectOnnx } from "evenkeel/onnx";
import fc from "fast-check";
import { ModelProtoSchema } from "onnx-buf";
import { afterEach, describe, expect, test, vi } from "vitest";
import { expectSameWhenFolded, smallModels } from "../../support/onnx-graphs.js";
import { deviates, type ModelParts, normConstants, normNode, onnxModel } from "../../support/onnx-models.js";
import { relativeDifference, runOnnx } from "../../support/onnx-runtime.js";

const parts: ModelParts = {
  inputs: { x: ["N", 3, 5, 5] },
  outputs: ["y"],
  nodes: [["Conv", ["x", "w"], ["c"]], normNode("n", "c", "y")],
  constants: { w: { shape: [4, 3, 3, 3] }, ...normConstants("n", 4) },
};
const graphOf = (bytes: Uint8Array) => {
  const { graph } = fromBinary(ModelProtoSchema, bytes);
  if (graph === undefined) throw new Error("no graph");
  return graph;
};
const reasons = async (more: Partial<ModelParts>) =>
  (await foldOnnx(onnxModel({ ...parts, ...more }), { verify: false })).left.map(({ reason }) => reason);

afterEach(() => {
  vi.doUnmock("onnx-buf");
  vi.doUnmock("onnxruntime-web/wasm");
  vi.resetModules();
});

describe("foldOnnx", () => {
  test.each([
    ["float16", 10],
    ["bfloat16", 16],
    ["float64", 11],
  ] as const)("keeps %s", async (type, dataType) => {
    const { bytes, folded, verification } = await foldOnnx(onnxModel({ ...parts, type }));
    expect(folded).toHaveLength(1);
    expect(graphOf(bytes).initializer.map((tensor) => tensor.dataType)).toEqual([dataType, dataType]);
    expect(verification?.inFloat32).toBe(type !== "float16");
  });

  test("tells a weight that would overflow float16, and leaves its norm", async () => {
    const variance = { shape: [4], values: [1e-7, 1, 1, 1] };
    const weight = { shape: [4], values: [6e4, 1, 1, 1] };
    const constants = { ...parts.constants, "n.weight": weight, "n.variance": variance };
    expect(await reasons({ type: "float16", constants })).toMatchInlineSnapshot(`
      [
        "the folded weights of Conv Conv_c overflow float16; its output is an output of the model",
      ]
    `);
  });

  test.each([1, 6, 7, 8, 9, 13, 14, 15])("folds version %i alike", async (opset) => {
    const nodes = [parts.nodes[0], normNode("n", "c", "y", opset < 7 ? { is_test: 1, spatial: 1 } : {})];
    const { bytes, folded } = await foldOnnx(onnxModel({ ...parts, nodes, opset }), { verify: opset >= 7 });
    expect(folded).toHaveLength(1);
    const values = (file: Uint8Array) => graphOf(file).initializer.map(({ rawData }) => [...rawData]);
    expect(values(bytes)).toEqual(values((await foldOnnx(onnxModel(parts))).bytes));
  });

  test("leaves what would change a result, and says why", async () => {
    const two = [...parts.nodes, ["Relu", ["c"], ["z"]] as const];
    expect({
      output: await reasons({ outputs: ["y", "c"] }),
      read: await reasons({ nodes: two, outputs: ["y", "z"] }),
      spatial: await reasons({ nodes: [parts.nodes[0], normNode("n", "c", "y", { spatial: 0 })], opset: 8 }),
      training: await reasons({ nodes: [parts.nodes[0], normNode("n", "c", "y", { training_mode: 1 })] }),
      untested: await reasons({ opset: 6 }),
      padded: await reasons({
        nodes: [normNode("n", "x", "c"), ["Conv", ["c", "w"], ["y"], { pads: [1, 1, 1, 1] }]],
        constants: { w: { shape: [4, 3, 3, 3] }, ...normConstants("n", 3) },
      }),
      "zeros averaged": await reasons({
        nodes: [
          parts.nodes[0],
          ["AveragePool", ["c"], ["p"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }],
          normNode("n", "p", "y"),
        ],
      }),
      "other channels": await reasons({
        nodes: [parts.nodes[0], ["Flatten", ["c"], ["f"]], normNode("n", "f", "y")],
        constants: { w: { shape: [4, 3, 3, 3] }, ...normConstants("n", 36) },
      }),
      "weight from outside": await reasons({
        inputs: { x: ["N", 3, 5, 5], w: [4, 3, 3, 3] },
        constants: normConstants("n", 4),
      }),
      "weight by default": await reasons({ inputs: { x: ["N", 3, 5, 5], w: [4, 3, 3, 3] } }),
    }).toMatchInlineSnapshot(`
      {
        "other channels": [
          "Conv Conv_c has 4 channels, the norm 36; its output is an output of the model",
        ],
        "output": [
          "the output of Conv Conv_c is an output of the model; its output is an output of the model",
        ],
        "padded": [
          "nothing stands before it; Conv Conv_y, after it, pads with zeros, which the norm would have shifted",
        ],
        "read": [
          "the output of Conv Conv_c is read elsewhere too; its output is an output of the model",
        ],
        "spatial": [
          "each position has its own statistics (spatial = 0)",
        ],
        "training": [
          "it normalises by the batch (training mode): repair the model first",
        ],
        "untested": [
          "it normalises by the batch (training mode): repair the model first",
        ],
        "weight by default": [
          "the weight of Conv Conv_c is not constant: a caller may replace it, since it is also an input: repair the model first; its output is an output of the model",
        ],
        "weight from outside": [
          "the weight of Conv Conv_c is not constant: it is an input of the model; its output is an output of the model",
        ],
        "zeros averaged": [
          "AveragePool AveragePool_p stands before it; its output is an output of the model",
        ],
      }
    `);
  });

  test("walks the branches of If, with weights from the graph around it", async () => {
    const branch = (name: string) => ({
      nodes: [["Conv", ["x", "w"], [`${name}c`]] as const, normNode("n", `${name}c`, name)],
      outputs: [name],
    });
    const bytes = onnxModel({
      ...parts,
      nodes: [
        ["ReduceSum", ["x"], ["s"], { keepdims: 0 }],
        ["Cast", ["s"], ["b"], { to: 9 }],
        ["If", ["b"], ["y"], { then_branch: branch("t"), else_branch: branch("e") }],
      ],
    });
    expect((await inspectOnnx(bytes)).norms.map(({ place }) => place)).toEqual([
      "If_y.then_branch/BatchNormalization_t",
      "If_y.else_branch/BatchNormalization_e",
    ]);
    const { bytes: after, folded } = await foldOnnx(bytes);
    expect(folded).toHaveLength(2);
    const x = { shape: [1, 3, 5, 5], values: deviates(75) };
    expect(relativeDifference(await runOnnx(bytes, { x }), await runOnnx(after, { x }))).toBeLessThan(1e-5);
  });

  test.each([
    [
      "Scan",
      ["Scan", ["s", "xs"], ["z", "y"]],
      { inputs: { s: [2, 4, 3, 3], xs: [5, 2, 3, 5, 5] }, outputs: ["z", "y"] },
      {
        num_scan_inputs: 1,
        body: {
          inputs: { t: [2, 4, 3, 3], e: [2, 3, 5, 5] },
          nodes: [
            ["Conv", ["e", "w"], ["c"]],
            normNode("n", "c", "d"),
            ["Add", ["t", "d"], ["u"]],
            ["Neg", ["d"], ["v"]],
          ],
          outputs: ["u", "v"],
        },
      },
    ],
    [
      "Loop",
      ["Loop", ["trips", "", "xs"], ["y"]],
      { inputs: { xs: [2, 3, 5, 5] }, outputs: ["y"] },
      {
        body: {
          inputs: { i: [], go: [], t: [2, 3, 5, 5] },
          types: { i: "int64", go: "bool", on: "bool" },
          nodes: [["Identity", ["go"], ["on"]], normNode("n", "t", "d"), ["Conv", ["d", "w"], ["u"]]],
          outputs: ["on", "u"],
          constants: { w: { shape: [3, 3, 1, 1] }, ...normConstants("n", 3) },
        },
      },
    ],
  ] as const)("walks the body of %s", async (op, [, reads, makes], ends, attributes) => {
    const trips = { shape: [], values: [3], type: "int64" } as const;
    const outer = op === "Loop" ? { trips } : { ...parts.constants };
    const bytes = onnxModel({ ...ends, nodes: [[op, reads, makes, attributes]], constants: outer });
    const { norms } = await inspectOnnx(bytes);
    expect(norms.map(({ place, foldsInto }) => [place, foldsInto])).toEqual([
      [`${op}_${makes[0]}.body/BatchNormalization_d`, op === "Loop" ? "Conv Conv_u" : "Conv Conv_c"],
    ]);
    const { bytes: after, folded } = await foldOnnx(bytes);
    expect(folded).toHaveLength(1);
    const size = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);
    const inputs = Object.fromEntries(
      Object.entries(ends.inputs).map(([name, shape], k) => [name, { shape, values: deviates(size(shape), k + 1) }]),
    );
    expect(relativeDifference(await runOnnx(bytes, inputs), await runOnnx(after, inputs))).toBeLessThan(1e-5);
  });

  test.each([
    ["Div", [1, 0, 2, 3]],
    ["Mul", [1, Number.POSITIVE_INFINITY, 2, 3]],
    ["Add", [1, Number.NaN, 2, 3]],
  ] as const)("a %s by what makes a channel infinite stays", async (opType, values) => {
    const { left, bytes } = await foldOnnx(
      onnxModel({
        ...parts,
        nodes: [["Conv", ["x", "w"], ["c"]], [opType, ["c", "k"], ["d"]], normNode("n", "d", "y")],
        constants: { ...parts.constants, k: { shape: [4, 1, 1], values } },
      }),
      { verify: false },
    );
    expect(left.map(({ reason }) => reason)).toEqual([
      `${opType} ${opType}_d stands before it; its output is an output of the model`,
    ]);
    expect((await inspectOnnx(bytes)).nodes).toBe(3);
  });

  test("the last of several versions of the operators counts, as in onnxruntime", async () => {
    const opsetImport = [6, 15].map((version) => ({
      domain: version === 6 ? "ai.onnx" : "",
      version: BigInt(version),
    }));
    const bytes = onnxModel({
      ...parts,
      nodes: [["Conv", ["x", "w"], ["c"]], normNode("n", "c", "y")],
      more: { opsetImport },
    });
    expect((await foldOnnx(bytes)).folded).toHaveLength(1);
  });

  test("says how to fold what onnxruntime cannot run", async () => {
    const bytes = onnxModel({
      ...parts,
      opset: 1,
      nodes: [["Conv", ["x", "w"], ["c"]], normNode("n", "c", "y", { is_test: 1 })],
    });
    const message = await foldOnnx(bytes).then(String, (error: Error) => error.message);
    expect(message.replace(/ERROR_CODE.*(?= Where)/, "…")).toMatchInlineSnapshot(
      `"foldOnnx(bytes): expected a model that onnxruntime loads, got its error: Can't create a session. … Where onnxruntime cannot run the model, fold without comparing: { verify: false }."`,
    );
    expect((await foldOnnx(bytes, { verify: false })).folded).toHaveLength(1);
  });

  test("carries over external data, metadata, and nodes of other domains", async () => {
    const model = fromBinary(
      ModelProtoSchema,
      onnxModel({
        ...parts,
        nodes: [...parts.nodes.slice(0, 1), normNode("n", "c", "d"), ["Anything", ["d", "far"], ["y"]]],
      }),
    );
    expect(model.graph).toBeDefined();
    model.metadataProps.push({ $typeName: "onnx.StringStringEntryProto", key: "author", value: "somebody" });
    Object.assign(model.graph?.node[2] ?? {}, { domain: "org.example" });
    model.graph?.initializer.push({
      ...(model.graph.initializer[0] as NonNullable<typeof model.graph>["initializer"][number]),
      name: "far",
      rawData: new Uint8Array(0),
      dataLocation: 1,
      externalData: [{ $typeName: "onnx.StringStringEntryProto", key: "location", value: "weights.bin" }],
    });
    const { bytes, folded } = await foldOnnx(toBinary(ModelProtoSchema, model), { verify: false });
    expect(folded).toHaveLength(1);
    const after = fromBinary(ModelProtoSchema, bytes);
    expect(after.metadataProps).toEqual(model.metadataProps);
    expect(after.graph?.node[1]).toEqual(model.graph?.node[2]);
    expect(after.graph?.initializer.find(({ name }) => name === "far")).toEqual(model.graph?.initializer.at(-1));
  });

  test("names the package that is missing", async () => {
    const message = async (name: string): Promise<string> => {
      vi.resetModules();
      vi.doMock(name, () => {
        throw new Error("not found");
      });
      const { foldOnnx: fold } = await import("evenkeel/onnx");
      return fold(onnxModel(parts)).then(
        () => "folded",
        (error: Error) => `${error.name}: ${error.message.replace(/ \(\[vitest\].*\)\./s, ".")}`,
      );
    };
    expect(await message("onnxruntime-web/wasm")).toMatchInlineSnapshot(
      `"MissingPackageError: foldOnnx(bytes): expected the package onnxruntime-web to run ONNX models, got one that does not load. Run: npm install onnxruntime-web."`,
    );
    expect(await message("onnx-buf")).toMatchInlineSnapshot(
      `"MissingPackageError: foldOnnx(bytes): expected the package onnx-buf to read and write ONNX, got one that does not load. Run: npm install onnx-buf."`,
    );
  });

  test("of any small graph it makes a valid one with the same results", async () => {
    await fc.assert(fc.asyncProperty(smallModels, expectSameWhenFolded), { numRuns: 25 });
  });
});
