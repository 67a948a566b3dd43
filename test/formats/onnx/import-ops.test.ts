import { noGrad, type Tensor, tensor } from "evenkeel";
import { importOnnx } from "evenkeel/onnx";
import { expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import { type ConstantParts, deviates, type ModelParts, type NodeParts, onnxModel } from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

const ints = (...values: number[]): ConstantParts => ({ shape: [values.length], values, type: "int64" });
const scalar = (value: number): ConstantParts => ({ shape: [], values: [value] });
const whole = (value: number): ConstantParts => ({ shape: [], values: [value], type: "int64" });
const less: NodeParts = ["Less", ["x", "half"], ["a"]];
const greater: NodeParts = ["Greater", ["x", "low"], ["b"]];
const real: NodeParts = ["Cast", ["c"], ["y"], { to: 1 }];
const limits = { half: scalar(0.5), low: scalar(-0.5) };

/** Operators that no export of Evenkeel writes so, each in a model of x. */
const models: Readonly<Record<string, Omit<ModelParts, "outputs"> & { readonly shape?: readonly number[] }>> = {
  "Cast to whole numbers": { nodes: [["Cast", ["x"], ["c"], { to: 7 }], real] },
  "Cast to booleans": { nodes: [["Cast", ["x"], ["c"], { to: 9 }], real] },
  And: { nodes: [less, greater, ["And", ["a", "b"], ["c"]], real], constants: limits },
  Or: { nodes: [less, greater, ["Or", ["a", "b"], ["c"]], real], constants: limits },
  Xor: { nodes: [less, greater, ["Xor", ["a", "b"], ["c"]], real], constants: limits },
  Not: { nodes: [less, ["Not", ["a"], ["c"]], real], constants: limits },
  Tan: { nodes: [["Tan", ["x"], ["y"]]] },
  "Min of three": { nodes: [["Min", ["x", "half", "low"], ["y"]]], constants: limits },
  "Max of one": { nodes: [["Max", ["x"], ["y"]]] },
  "Clip of version 6": { nodes: [["Clip", ["x"], ["y"], { min: { f: -0.5 }, max: { f: 0.25 } }]], opset: 10 },
  "Clip without limits": { nodes: [["Clip", ["x"], ["c"]], ["Neg", ["c"], ["y"]]] }, // biome-ignore format: nodes
  "Clip from above": { nodes: [["Clip", ["x", "", "half"], ["y"]]], constants: limits },
  ReduceSumSquare: { nodes: [["ReduceSumSquare", ["x"], ["y"], { axes: [1], keepdims: 0 }]] },
  ReduceLogSum: { nodes: [["Abs", ["x"], ["c"]], ["ReduceLogSum", ["c"], ["y"], { axes: [-1] }]] }, // biome-ignore format: nodes
  "ReduceMin of all": { nodes: [["ReduceMin", ["x"], ["y"], { keepdims: 0 }]] },
  "CumSum, reversed": { nodes: [["CumSum", ["x", "axis"], ["y"], { reverse: 1 }]], constants: { axis: whole(1) } },
  "CumSum, exclusive": { nodes: [["CumSum", ["x", "axis"], ["y"], { exclusive: 1 }]], constants: { axis: whole(-1) } },
  "CumSum, both": {
    nodes: [["CumSum", ["x", "axis"], ["y"], { exclusive: 1, reverse: 1 }]],
    constants: { axis: whole(1) },
  },
  "DepthToSpace, depth first": { nodes: [["DepthToSpace", ["x"], ["y"], { blocksize: 2 }]], shape: [2, 8, 3, 2] },
  "Upsample of version 9": {
    nodes: [["Upsample", ["x", "scales"], ["y"], { mode: "nearest" }]],
    constants: { scales: { shape: [4], values: [1, 1, 2, 3] } },
    opset: 9,
    shape: [2, 3, 4, 2],
  },
  "Resize to the nearest, by default": {
    nodes: [["Resize", ["x", "", "scales"], ["y"]]],
    constants: { scales: { shape: [4], values: [1, 1, 3, 2] } },
    shape: [2, 3, 4, 2],
  },
  "OneHot of other values": {
    nodes: [
      ["ArgMax", ["x"], ["c"], { axis: 2, keepdims: 0 }],
      ["OneHot", ["c", "depth", "values"], ["y"]],
    ],
    constants: { depth: whole(6), values: { shape: [2], values: [-1, 3] } },
  },
  "a Pad that differs between two sides, before a Conv": {
    nodes: [
      ["Pad", ["x", "pads"], ["c"]],
      ["Conv", ["c", "k"], ["y"]],
    ],
    constants: { pads: ints(0, 0, 0, 1, 0, 0, 1, 0), k: { shape: [2, 3, 2, 2] } },
    shape: [2, 3, 4, 5],
  },
  "Gather by a scalar of the file": {
    nodes: [["Gather", ["x", "i"], ["y"], { axis: 1 }]],
    constants: { i: whole(-2) },
  },
  "Where of a constant condition": {
    nodes: [["Where", ["m", "x", "half"], ["y"]]],
    constants: { ...limits, m: { shape: [5], values: [1, 0, 0, 1, 1], type: "bool" } },
  },
  "Expand by ones": { nodes: [["Expand", ["x", "s"], ["y"]]], constants: { s: ints(1, 4, 1) } },
};

test.each(Object.entries(models))("%s is what onnxruntime computes", async (_, { shape = [3, 4, 5], ...parts }) => {
  const bytes = onnxModel({ ...parts, inputs: { x: ["N", ...shape.slice(1)] }, outputs: ["y"] });
  const values = deviates(
    shape.reduce((a, b) => a * b),
    7,
    0,
    1.5,
  );
  const { y: expected } = await runOnnx(bytes, { x: { shape, values } });
  const { model } = await importOnnx(bytes);
  const y = noGrad(() => model.eval().forward(tensor(values, shape))) as Tensor;
  expect(y.shape).toEqual(expected.dims);
  const worst = y.dataSync().reduce((most, value, i) => {
    return Math.max(most, Math.abs(value - expected.values[i]) / Math.max(1, Math.abs(value)));
  }, 0);
  expect(worst).toBeLessThan(1e-5);
});

test("what these operators cannot do here is named", async () => {
  const refusals: Readonly<Record<string, Omit<ModelParts, "outputs"> & { readonly shape?: readonly number[] }>> = {
    texts: { nodes: [["Cast", ["x"], ["y"], { to: 8 }]] },
    last: { nodes: [["ArgMax", ["x"], ["y"], { select_last_index: 1 }]] },
    smoothed: {
      nodes: [["Resize", ["x", "", "scales"], ["y"], { mode: "linear", antialias: 1 }]],
      constants: { scales: { shape: [4], values: [1, 1, 2, 2] } },
      shape: [2, 3, 4, 2],
      opset: 18,
    },
    aspect: {
      nodes: [["Resize", ["x", "", "scales"], ["y"], { mode: "linear", keep_aspect_ratio_policy: "not_larger" }]],
      constants: { scales: { shape: [4], values: [1, 1, 2, 2] } },
      shape: [2, 3, 4, 2],
      opset: 18,
    },
    wrap: { nodes: [["Pad", ["x", "pads"], ["y"], { mode: "wrap" }]], constants: { pads: ints(0, 0, 1, 0, 0, 1) } },
    crop: { nodes: [["Pad", ["x", "pads"], ["y"]]], constants: { pads: ints(0, 0, -1, 0, 0, 0) } },
    part: {
      nodes: [["GatherElements", ["x", "i"], ["y"], { axis: 2 }]],
      constants: { i: { shape: [1, 2, 1], values: [0, 1], type: "int64" } },
    },
  };
  const messages = Object.entries(refusals).map(async ([name, { shape = [3, 4, 5], ...parts }]) => {
    const bytes = onnxModel({ ...parts, inputs: { x: ["N", ...shape.slice(1)] }, outputs: ["y"] });
    const error: unknown = await importOnnx(bytes).catch((cause: unknown) => cause);
    return [name, String(error)];
  });
  expect(Object.fromEntries(await Promise.all(messages))).toMatchInlineSnapshot(`
    {
      "aspect": "FormatError: importOnnx(bytes), Resize Resize_y: expected what a layer or op of Evenkeel does, got keep_aspect_ratio_policy not_larger. Leave this node out of the model, or build the network by hand and load its weights.",
      "crop": "FormatError: importOnnx(bytes), Pad Pad_y: expected what a layer or op of Evenkeel does, got widths below 0. Leave this node out of the model, or build the network by hand and load its weights.",
      "last": "FormatError: importOnnx(bytes), ArgMax ArgMax_y: expected what a layer or op of Evenkeel does, got the last of equal ones. Leave this node out of the model, or build the network by hand and load its weights.",
      "part": "FormatError: importOnnx(bytes), GatherElements GatherElements_y: expected what a layer or op of Evenkeel does, got indices that leave a part of the values out. Leave this node out of the model, or build the network by hand and load its weights.",
      "smoothed": "FormatError: importOnnx(bytes), Resize Resize_y: expected what a layer or op of Evenkeel does, got antialias. Leave this node out of the model, or build the network by hand and load its weights.",
      "texts": "FormatError: importOnnx(bytes), Cast Cast_y: expected what a layer or op of Evenkeel does, got a type 8, which is no number. Leave this node out of the model, or build the network by hand and load its weights.",
      "wrap": "FormatError: importOnnx(bytes), Pad Pad_y: expected what a layer or op of Evenkeel does, got mode wrap. Leave this node out of the model, or build the network by hand and load its weights.",
    }
  `);
});

test("more axes than five are taken where a Transpose moves several as one: windows of planes", async () => {
  const bytes = onnxModel({
    inputs: { x: ["N", 4, 6, 3] },
    outputs: ["y"],
    nodes: [
      ["Reshape", ["x", "apart"], ["a"]],
      ["Transpose", ["a"], ["b"], { perm: [0, 1, 3, 2, 4, 5] }],
      ["Reshape", ["b", "windows"], ["w"]],
      ["Relu", ["w"], ["r"]],
      ["Reshape", ["r", "grid"], ["c"]],
      ["Transpose", ["c"], ["d"], { perm: [0, 1, 3, 2, 4, 5] }],
      ["Reshape", ["d", "whole"], ["y"]],
    ],
    constants: {
      apart: ints(-1, 2, 2, 3, 2, 3),
      windows: ints(-1, 4, 3),
      grid: ints(-1, 2, 3, 2, 2, 3),
      whole: ints(-1, 4, 6, 3),
    },
  });
  const values = deviates(144, 4);
  const { y } = await runOnnx(bytes, { x: { shape: [2, 4, 6, 3], values } });
  const { model } = await importOnnx(bytes);
  const own = model.forward(tensor(values, [2, 4, 6, 3])) as Tensor;
  expect(own.shape).toEqual(y.dims);
  expectClose(own.dataSync(), y.values, 0);
});
