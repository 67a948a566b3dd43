import { type Graph, noGrad, type Tensor, tensor } from "evenkeel";
import { importOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import { expectAsOnnxruntime } from "../../support/onnx-imported.js";
import {
  type Attributes,
  type ConstantParts,
  deviates,
  type ModelParts,
  type NodeParts,
  onnxModel,
} from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

const ints = (...values: number[]): ConstantParts => ({ shape: [values.length], values, type: "int64" });
const end = 2 ** 53;

type Step = readonly [axis: number, start: number, step: number];

/** x[…, start::step] along axes. */
const everySo = (...parts: readonly Step[]) => ({
  nodes: [["Slice", ["x", "starts", "ends", "axes", "steps"], ["y"]]] as const,
  constants: {
    starts: ints(...parts.map(([, start]) => start)),
    ends: ints(...parts.map(() => end)),
    axes: ints(...parts.map(([axis]) => axis)),
    steps: ints(...parts.map(([, , step]) => step)),
  },
});

/** The halves of channels as exporters of `chunk(2, 1)` work them out, in the other order. */
const halves: readonly NodeParts[] = [
  ["Shape", ["s"], ["shape"]],
  ["Gather", ["shape", "one"], ["channels"], { axis: 0 }],
  ["Add", ["channels", "one"], ["more"]],
  ["Div", ["more", "two"], ["half"]],
  ["Mul", ["half", "one"], ["middle"]],
  ["Mul", ["half", "two"], ["last"]],
  ["Slice", ["s", "zero", "middle", "one"], ["a"]],
  ["Slice", ["s", "middle", "last", "one"], ["b"]],
  ["Concat", ["b", "a"], ["y"], { axis: 1 }],
];

describe("along axes of open size, what onnxruntime computes", () => {
  test.each<[string, readonly Step[], readonly number[], readonly number[]]>([
    ["pixels", [[2, 0, 2], [3, 1, 2]], [3, 8, 6], [3, 5, 9]],
    ["pixels whose channels are last", [[1, 1, 2], [2, 0, 3]], [8, 6, 3], [5, 7, 3]],
    ["channels between open planes", [[1, 1, 2]], [6, 4, 4], [6, 5, 3]],
    ["places of a sequence", [[2, 2, 3]], [4, 9], [4, 13]],
    ["tokens", [[1, 1, 2]], [9, 4], [4, 4]],
    ["voxels", [[2, 0, 2], [4, 3, 2]], [2, 4, 5, 6], [2, 7, 5, 9]],
    ["one step beside others", [[2, 1, 1], [3, 1, 2]], [2, 4, 5], [2, 6, 8]],
  ])("every so many %s", async (_, parts, sample, other) => {
    await expectAsOnnxruntime(everySo(...parts), sample, other);
  }); // biome-ignore format: rows

  test("channels in halves that exporters work out of the shape, behind a Slice by steps", async () => {
    const { nodes, constants } = everySo([3, 0, 2]);
    const [[, inputs]] = nodes;
    const model: Omit<ModelParts, "inputs" | "outputs"> = {
      nodes: [["Slice", [...inputs], ["s"]], ...halves],
      constants: { ...constants, zero: ints(0), one: ints(1), two: ints(2) },
    };
    await expectAsOnnxruntime(model, [6, 4, 6], [6, 5, 9]);
  });

  test.each<[string, Attributes]>([
    ["with strides", { strides: [2, 2, 2] }],
    ["whose taps overlap", { pads: [1, 1, 1, 1, 1, 1] }],
    ["whose sides differ", { pads: [1, 0, 1, 2, 1, 0], strides: [3, 2, 1], output_padding: [1, 1, 0] }],
  ])("ConvTranspose of volumes of open depth, %s", async (_, attributes) => {
    const constants = { w: { shape: [4, 3, 3, 2, 3] }, b: { shape: [3] } };
    const nodes: NodeParts[] = [["ConvTranspose", ["x", "w", "b"], ["y"], attributes]];
    await expectAsOnnxruntime({ nodes, constants }, [4, 3, 4, 5], [4, 6, 4, 5]);
  });
});

test("halves of the samples of two inputs, as contrastive networks take both through one encoder", async () => {
  const zero = { axis: 0 };
  const bytes = onnxModel({
    inputs: { a: ["N", 3], b: ["N", 3] },
    outputs: ["y"],
    nodes: [
      ["Concat", ["a", "b"], ["both"], zero],
      ["MatMul", ["both", "w"], ["s"]],
      ["Shape", ["s"], ["shape"]],
      ["Gather", ["shape", "zero"], ["samples"], zero],
      ["Add", ["samples", "one"], ["more"]],
      ["Div", ["more", "two"], ["middle"]],
      ["Mul", ["middle", "two"], ["last"]],
      ["Slice", ["s", "zero", "middle", "zero"], ["first"]],
      ["Slice", ["s", "middle", "last", "zero"], ["second"]],
      ["Tanh", ["second"], ["t"]],
      ["Mul", ["first", "t"], ["y"]],
    ],
    constants: { w: { shape: [3, 4] }, zero: ints(0), one: ints(1), two: ints(2) },
  });
  const { model } = await importOnnx(bytes);
  for (const samples of [2, 5]) {
    const [a, b] = [1, 2].map((seed) => ({ shape: [samples, 3], values: deviates(samples * 3, seed) }));
    const { y: expected } = await runOnnx(bytes, { a, b });
    const inputs = [a, b].map(({ shape, values }) => tensor(values, shape));
    const y = noGrad(() => (model as Graph).forward(...inputs)) as Tensor;
    expect(y.shape).toEqual(expected.dims);
    expectClose(y.dataSync(), expected.values, 1e-5);
  }
});

test("what needs the size of an open axis is named, and nothing that is worked out of it", async () => {
  const { nodes, constants } = everySo([3, -3, 2]);
  const [[, inputs]] = nodes;
  const model: Omit<ModelParts, "inputs" | "outputs"> = {
    nodes: [["Slice", [...inputs], ["s"]], ...halves],
    constants: { ...constants, zero: ints(0), one: ints(1), two: ints(2) },
  };
  await expect(expectAsOnnxruntime(model, [6, 4, 6], [6, 5, 9])).rejects.toThrowErrorMatchingInlineSnapshot(
    `[FormatError: importOnnx(bytes), Slice Slice_s: expected what a layer or op of Evenkeel does, got input 0 of unknown size. Leave this node out of the model, or build the network by hand and load its weights.]`,
  );
  const volumes: Omit<ModelParts, "inputs" | "outputs"> = {
    nodes: [["ConvTranspose", ["x", "w"], ["y"]]],
    constants: { w: { shape: [4, 3, 2, 2, 2] } },
  };
  await expect(expectAsOnnxruntime(volumes, [4, 3, 4, 5], [4, 3, 6, 5])).rejects.toThrowErrorMatchingInlineSnapshot(
    `[FormatError: importOnnx(bytes), ConvTranspose ConvTranspose_y: expected what a layer or op of Evenkeel does, got input 0 of unknown size. Leave this node out of the model, or build the network by hand and load its weights.]`,
  );
});
