import { noGrad, type Tensor, tensor } from "evenkeel";
import { importOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import {
  type ConstantParts,
  deviates,
  type ModelParts,
  normConstants,
  normNode,
  onnxModel,
} from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

type Parts = Omit<ModelParts, "inputs" | "outputs"> & { readonly shape?: readonly number[] };

const ints = (...values: number[]): ConstantParts => ({ shape: [values.length], values, type: "int64" });

async function expectAsOnnxruntime({ shape = [2, 6, 4, 4], ...parts }: Parts, opset: number): Promise<void> {
  const bytes = onnxModel({ ...parts, opset, inputs: { x: ["N", ...shape.slice(1)] }, outputs: ["y"] });
  const values = deviates(
    shape.reduce((a, b) => a * b),
    7,
  );
  const { y: expected } = await runOnnx(bytes, { x: { shape, values } });
  const { model } = await importOnnx(bytes);
  const y = noGrad(() => model.eval().forward(tensor(values, shape))) as Tensor;
  expect(y.shape).toEqual(expected.dims);
  expectClose(y.dataSync(), expected.values, 1e-5);
}

/** A network of the operators that have had the same form since version 7. */
const network: Parts = {
  nodes: [
    ["Conv", ["x", "w"], ["c"], { pads: [1, 1, 1, 1] }],
    normNode("n", "c", "b"),
    ["Relu", ["b"], ["r"]],
    ["MaxPool", ["r"], ["m"], { kernel_shape: [2, 2], strides: [2, 2] }],
    ["AveragePool", ["m"], ["v"], { kernel_shape: [2, 2], pads: [1, 1, 0, 0] }],
    ["Flatten", ["v"], ["f"]],
    ["Gemm", ["f", "g", "d"], ["h"], { transB: 1 }],
    ["Softmax", ["h"], ["y"], { axis: 1 }],
  ],
  constants: {
    w: { shape: [4, 6, 3, 3] },
    ...normConstants("n", 4),
    g: { shape: [3, 16] },
    d: { shape: [3] },
  },
};

test.each(Array.from({ length: 16 }, (_, k) => 7 + k))("a network of opset %i is what onnxruntime computes", (opset) =>
  expectAsOnnxruntime(network, opset),
);

/** Forms that came with a version, each at it and at the newest. */
const forms: Readonly<Record<string, readonly [since: number, until: number, Parts]>> = {
  ...Object.fromEntries(
    ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"].map((name) => {
      const nodes = [["Abs", ["x"], ["p"]], [`Reduce${name}`, ["p", "axes"], ["y"], { keepdims: 0 }]] as const; // biome-ignore format: nodes
      return [`Reduce${name} with axes as an input`, [18, 22, { nodes, constants: { axes: ints(1, -1) } }]];
    }),
  ),
  "ReduceSum of no axes, which changes nothing": [
    13, 22, { nodes: [["ReduceSum", ["x"], ["y"], { noop_with_empty_axes: 1 }]] },
  ], // biome-ignore format: one form
  "Split into so many parts": [
    18,
    22,
    {
      shape: [2, 7, 3, 2],
      nodes: [
        ["Split", ["x"], ["a", "b", "c", "d"], { axis: 1, num_outputs: 4 }],
        ["Concat", ["d", "b"], ["y"], { axis: 1 }],
      ],
    },
  ],
  LayerNormalization: [
    17,
    22,
    {
      nodes: [["LayerNormalization", ["x", "w", "b"], ["y"], { axis: 2 }]],
      constants: { w: { shape: [4, 4] }, b: { shape: [4, 4] } },
    },
  ],
  "GroupNormalization by groups": [
    18,
    20,
    {
      nodes: [["GroupNormalization", ["x", "w", "b"], ["y"], { num_groups: 3 }]],
      constants: { w: { shape: [3] }, b: { shape: [3] } },
    },
  ],
  "GroupNormalization by channels": [
    21,
    22,
    {
      nodes: [["GroupNormalization", ["x", "w", "b"], ["y"], { num_groups: 3 }]],
      constants: { w: { shape: [6] }, b: { shape: [6] } },
    },
  ],
  Gelu: [20, 22, { nodes: [["Gelu", ["x"], ["y"]]] }],
  "Gelu by tanh": [20, 22, { nodes: [["Gelu", ["x"], ["y"], { approximate: "tanh" }]] }],
  Mish: [18, 22, { nodes: [["Mish", ["x"], ["y"]]] }],
  "AveragePool with dilations": [
    19,
    22,
    { nodes: [["AveragePool", ["x"], ["y"], { kernel_shape: [2, 2], dilations: [2, 1] }]] },
  ],
  "Pad of some axes": [
    18,
    22,
    { nodes: [["Pad", ["x", "pads", "", "axes"], ["y"]]], constants: { pads: ints(1, 0, 2, 1), axes: ints(-1, 1) } },
  ],
  "ScatterElements that takes the largest": [
    18,
    22,
    {
      nodes: [
        ["Reshape", ["x", "flat"], ["f"]],
        ["ScatterElements", ["f", "i", "u"], ["s"], { axis: 1, reduction: "max" }],
        ["Neg", ["s"], ["y"]],
      ],
      constants: {
        flat: ints(2, 96),
        i: { shape: [2, 2], values: [3, 3, 0, 95], type: "int64" },
        u: { shape: [2, 2] },
      },
    },
  ],
};

describe("forms that came with a version are what onnxruntime computes", () => {
  test.each(Object.entries(forms))("%s", async (_, [since, until, parts]) => {
    await expectAsOnnxruntime(parts, since);
    await expectAsOnnxruntime(parts, until);
  });
});
