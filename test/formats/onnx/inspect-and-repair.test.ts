import { fromBinary } from "@bufbuild/protobuf";
import { inspectOnnx, repairOnnx } from "evenkeel/onnx";
import { ModelProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { type Attributes, type ModelParts, normConstants, normNode, onnxModel } from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

const image = { x: ["N", 4, 6, 6] as const };
const plain = { shape: [4] };

describe("inspectOnnx", () => {
  test("lists every kind of normalisation with its parameters, what feeds it and whether it folds", async () => {
    const bytes = onnxModel({
      opset: 23,
      inputs: image,
      outputs: ["y"],
      nodes: [
        ["Conv", ["x", "w"], ["c"]],
        normNode("n", "c", "a", { epsilon: { f: 0.001 }, momentum: { f: 0.9 } }),
        ["InstanceNormalization", ["a", "n.weight", "n.bias"], ["b"]],
        ["GroupNormalization", ["b", "n.weight", "n.bias"], ["d"], { num_groups: 2 }],
        ["LayerNormalization", ["d", "l"], ["e"], { axis: -1 }],
        ["RMSNormalization", ["e", "l"], ["f"], { epsilon: { f: 1e-6 } }],
        ["LpNormalization", ["f"], ["g"], { p: 2, axis: 1 }],
        ["LRN", ["g"], ["h"], { size: 3 }],
        ["MeanVarianceNormalization", ["h"], ["y"]],
      ],
      constants: { w: { shape: [4, 4, 3, 3] }, ...normConstants("n", 4), l: plain },
    });
    const { opset, producer, nodes, norms } = await inspectOnnx(bytes);
    expect({ opset, producer, nodes }).toEqual({ opset: 23, producer: "test", nodes: 9 });
    expect(norms.map(({ kind, input, channels, eps }) => [kind, input, channels, eps])).toEqual([
      ["BatchNormalization", "Conv Conv_c", 4, 0.001],
      ["InstanceNormalization", "BatchNormalization BatchNormalization_a", 4, 1e-5],
      ["GroupNormalization", "InstanceNormalization InstanceNormalization_b", 4, 1e-5],
      ["LayerNormalization", "GroupNormalization GroupNormalization_d", 4, 1e-5],
      ["RMSNormalization", "LayerNormalization LayerNormalization_e", 4, 1e-6],
      ["LpNormalization", "RMSNormalization RMSNormalization_f", null, null],
      ["LRN", "LpNormalization LpNormalization_g", null, 1],
      ["MeanVarianceNormalization", "LRN LRN_h", null, null],
    ]);
    const [batch, , group] = norms;
    expect(batch).toMatchObject({ place: "BatchNormalization_a", momentum: 0.9, mode: "inference", findings: [] });
    expect(batch).toMatchObject({ foldsInto: "Conv Conv_c", leftBecause: null });
    expect(Object.keys(batch.parameters)).toEqual(["weight", "bias", "mean", "variance"]);
    expect(batch.parameters["variance"].min).toBeGreaterThan(0.09);
    expect(group).toMatchObject({ settings: { num_groups: 2 }, momentum: null, mode: null, foldsInto: null });
    expect(group.leftBecause).toBe("it takes its statistics from each input");
  });

  const training = "it normalises by the batch (training mode)";
  test.each([
    [
      "statistics that were never updated",
      { "n.mean": [0, 0, 0, 0], "n.variance": [1, 1, 1, 1] },
      {},
      ["its running statistics were never updated (mean 0, variance 1): recalibrate it"],
      null,
    ],
    [
      "negative and small variances",
      { "n.variance": [-1, 1e-7, 0, 2] },
      {},
      [
        "running variance: 1 of 4 values are negative",
        "running variance: 2 of 4 values are below eps: those channels hardly vary",
      ],
      "its variance of channel 0 is -1, with eps 0.00001",
    ],
    [
      "NaN",
      { "n.mean": [Number.NaN, 0, 1, 2] },
      {},
      ["mean: 1 of 4 values are NaN or infinite"],
      "its mean of channel 0 is NaN",
    ],
    [
      "channels switched off",
      { "n.weight": [1e-9, 0, 1, 2] },
      {},
      ["weight: 2 of 4 are next to 0, which switches their channels off"],
      null,
    ],
    [
      "wrong momentum and eps",
      {},
      { momentum: { f: 0.1 }, epsilon: { f: 0 } },
      [
        "eps is 0: a channel without variance gives NaN or infinity",
        "momentum 0.1 weighs the old running value in ONNX: PyTorch's convention, exported by mistake; 0.9 is meant",
      ],
      null,
    ],
    ["training mode", {}, { training_mode: 1 }, [training], `${training}: repair the model first`],
  ])("finds %s", async (_, values, attributes, findings, left) => {
    const constants = { w: { shape: [4, 4, 3, 3] }, ...normConstants("n", 4) };
    for (const [key, list] of Object.entries(values)) Object.assign(constants, { [key]: { shape: [4], values: list } });
    const nodes = [["Conv", ["x", "w"], ["c"]] as const, normNode("n", "c", "y", attributes)];
    const { norms } = await inspectOnnx(onnxModel({ inputs: image, outputs: ["y"], nodes, constants }));
    expect(norms[0]).toMatchObject({ findings, leftBecause: left });
  });

  test("reads statistics of version 1 to 8 with spatial, is_test, and of versions that tell training by their outputs", async () => {
    const model = (opset: number, attributes: Attributes, outputs: string[]): Uint8Array => {
      const [type, inputs] = normNode("n", "x", "y");
      const nodes = [[type, inputs, outputs, attributes] as const];
      return onnxModel({ opset, inputs: image, outputs: ["y"], nodes, constants: normConstants("n", 4) });
    };
    const modes = async (opset: number, attributes: Attributes, outputs = ["y"]) => {
      const [{ mode, settings, leftBecause }] = (await inspectOnnx(model(opset, attributes, outputs))).norms;
      return [mode, settings, leftBecause];
    };
    const first = "nothing stands before it; its output is an output of the model";
    const batch = "it normalises by the batch (training mode): repair the model first";
    expect(await modes(1, { is_test: 1 })).toEqual(["inference", {}, first]);
    expect(await modes(6, {})).toEqual(["training", {}, batch]);
    expect(await modes(7, { spatial: 0 })).toEqual([
      "inference",
      { spatial: 0 },
      "each position has its own statistics (spatial = 0)",
    ]);
    expect(await modes(9, {}, ["y", "m", "v", "sm", "sv"])).toEqual(["training", {}, batch]);
    expect(await modes(14, { training_mode: 1 }, ["y", "m", "v"])).toEqual(["training", {}, batch]);
    expect(await modes(15, {})).toEqual(["inference", {}, first]);
  });
});

describe("repairOnnx", () => {
  const x = { shape: [2, 4, 6, 6], values: Array.from({ length: 288 }, (_, k) => Math.sin(k)) };
  const build = (parts: Partial<ModelParts>, outputs: string[], attributes: Attributes = {}) => {
    const [type, inputs] = normNode("n", "x", "y");
    const nodes = [[type, inputs, outputs, attributes] as const, ...(parts.nodes ?? [])];
    const constants = { ...normConstants("n", 4), ...parts.constants };
    return onnxModel({ opset: 15, inputs: image, outputs: ["y"], ...parts, constants, nodes });
  };

  test("makes an inference model of one in training mode, and drops its extra outputs, also the model's", async () => {
    const training = build({ outputs: ["y", "m", "kept"], nodes: [["Identity", ["v"], ["kept"]]] }, ["y", "m", "v"], {
      training_mode: 1,
    });
    const { bytes, repaired, concerns } = await repairOnnx(training);
    expect(repaired).toEqual([
      { node: "BatchNormalization_y", what: "training_mode = 1 is gone: it uses its running statistics" },
      { node: "BatchNormalization_y", what: "2 extra outputs of training are gone" },
    ]);
    expect(concerns).toEqual([]);
    const inference = build({}, ["y"]);
    expect(await runOnnx(bytes, { x })).toEqual(await runOnnx(inference, { x }));
  });

  test("repairs older versions and Dropout, and leaves what is right as it is, byte for byte", async () => {
    const old = await repairOnnx(build({ opset: 9 }, ["y", "m", "v", "sm", "sv"]));
    expect(await runOnnx(old.bytes, { x })).toEqual(await runOnnx(build({ opset: 9 }, ["y"]), { x }));
    const test6 = await repairOnnx(build({ opset: 6 }, ["y"]));
    expect(test6.repaired.map(({ what }) => what)).toEqual(["is_test = 1: it uses its running statistics"]);
    const right = build({}, ["y"]);
    expect(await repairOnnx(right)).toEqual({ bytes: right, repaired: [], concerns: [] });
    expect((await repairOnnx(test6.bytes)).repaired).toEqual([]);
  });

  test("leaves outputs of training that other nodes read, and names conventions", async () => {
    const read = build({ outputs: ["z"], nodes: [["Mul", ["y", "m"], ["z"]]] }, ["y", "m", "v"], {
      training_mode: 1,
      momentum: { f: 0.1 },
    });
    const { bytes, repaired, concerns } = await repairOnnx(read);
    expect(repaired).toEqual([]);
    expect(bytes).toEqual(read);
    expect(concerns.map(({ what }) => what)).toMatchInlineSnapshot(`
      [
        "it normalises by the batch (training mode)",
        "momentum 0.1 weighs the old running value in ONNX: PyTorch's convention, exported by mistake; 0.9 is meant",
        "it stays as it is, since other nodes read its extra outputs",
      ]
    `);
  });

  test("keeps fields that it does not know, metadata, functions and what nothing uses", async () => {
    const training = build(
      {
        constants: { unused: { shape: [2] } },
        more: {
          metadataProps: [{ key: "author", value: "somebody" }],
          domain: "org.example",
          functions: [
            {
              name: "f",
              domain: "org.example",
              input: ["a"],
              output: ["b"],
              node: [{ opType: "Relu", input: ["a"], output: ["b"] }],
            },
          ],
        },
      },
      ["y"],
      { training_mode: 1 },
    );
    // Field 2000, a text, at the end of the model: a later version's.
    const unknown = Uint8Array.of(0x82, 0x7d, 2, 104, 105);
    const { bytes } = await repairOnnx(Uint8Array.of(...training, ...unknown));
    const model = fromBinary(ModelProtoSchema, bytes);
    expect(bytes.slice(-unknown.length)).toEqual(unknown);
    expect(model.metadataProps[0]).toMatchObject({ key: "author", value: "somebody" });
    expect(model.functions).toEqual(fromBinary(ModelProtoSchema, training).functions);
    expect(model.graph?.initializer.map(({ name }) => name)).toContain("unused");
  });
});
