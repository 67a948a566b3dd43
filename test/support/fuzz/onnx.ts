import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { foldOnnx, importOnnx, inspectOnnx, repairOnnx } from "evenkeel/onnx";
import { ModelProtoSchema } from "onnx-buf";
import { normConstants, normNode, onnxModel } from "../onnx-models.js";
import type { Draw } from "./draw.js";
import { damagedBytes, mutateTree, several } from "./mutate.js";
import { target } from "./target.js";

const conv = { w: { shape: [4, 2, 3, 3] }, b: { shape: [4] }, ...normConstants("bn", 4) };
const sources = [
  onnxModel({
    inputs: { x: ["N", 2, 8, 8] },
    outputs: ["y"],
    constants: { ...conv, fc: { shape: [4, 3] }, shape: { shape: [2], values: [-1, 4], type: "int64" } },
    nodes: [
      ["Conv", ["x", "w", "b"], ["c"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] }],
      normNode("bn", "c", "n", { epsilon: { f: 1e-5 } }),
      ["Relu", ["n"], ["r"]],
      ["MaxPool", ["r"], ["m"], { kernel_shape: [2, 2], strides: [2, 2] }],
      ["GlobalAveragePool", ["m"], ["g"]],
      ["Reshape", ["g", "shape"], ["f"]],
      ["Gemm", ["f", "fc"], ["h"]],
      ["Softmax", ["h"], ["y"], { axis: -1 }],
    ],
  }),
  onnxModel({
    constantsAs: "node",
    inputs: { x: ["N", 4] },
    outputs: ["y"],
    constants: {
      ...normConstants("bn", 4),
      k: { shape: [4, 4] },
      s: { shape: [4] },
      one: { shape: [1], values: [1], type: "bool" },
    },
    nodes: [
      ["MatMul", ["x", "k"], ["a"]],
      ["Add", ["a", "s"], ["b"]],
      normNode("bn", "b", "c"),
      ["Sigmoid", ["c"], ["d"]],
      ["Mul", ["c", "d"], ["e"]],
      ["LayerNormalization", ["e", "s", "s"], ["f"], { axis: -1 }],
      [
        "If",
        ["one"],
        ["g"],
        {
          then_branch: { nodes: [["Relu", ["f"], ["t"]]], outputs: ["t"] },
          else_branch: { nodes: [["Tanh", ["f"], ["u"]]], outputs: ["u"] },
        },
      ],
      ["Add", ["g", "x"], ["y"]],
    ],
  }),
];

function damaged(draw: Draw | null): Uint8Array {
  const source = draw?.pick(sources) ?? sources[0];
  if (draw === null) return source;
  if (draw.once(5)) return damagedBytes(draw, source);
  const model = fromBinary(ModelProtoSchema, source);
  several(draw, () => mutateTree(draw, model, true));
  try {
    return toBinary(ModelProtoSchema, model);
  } catch {
    // What the encoding cannot hold.
    return damagedBytes(draw, source);
  }
}

export const onnx = target({
  name: "ONNX",
  sizeOf: ({ length }) => length,
  make: damaged,
  async read(bytes: Uint8Array) {
    const calls = [inspectOnnx, repairOnnx, (file: Uint8Array) => foldOnnx(file, { verify: false }), importOnnx];
    const ends = await Promise.allSettled(calls.map((call) => call(bytes)));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  },
});
