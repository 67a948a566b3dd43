import { type ModelParts, normConstants, normNode } from "./onnx-models.js";

const image = { x: ["N", 3, 6, 6] as const };
const row = { x: ["N", 5] as const };
const weight = (...shape: number[]) => ({ shape });

/** Patterns that fold: the model, and the operators that are left. */
export const foldingPatterns: readonly (readonly [name: string, model: ModelParts, left: readonly string[]])[] = [
  [
    "Conv without a bias",
    {
      inputs: image,
      outputs: ["y"],
      nodes: [["Conv", ["x", "w"], ["c"], { pads: [1, 1, 1, 1] }], normNode("n", "c", "y")],
      constants: { w: weight(4, 3, 3, 3), ...normConstants("n", 4) },
    },
    ["Conv"],
  ],
  [
    "Conv with a bias, in three groups",
    {
      inputs: image,
      outputs: ["y"],
      nodes: [["Conv", ["x", "w", "b"], ["c"], { group: 3 }], normNode("n", "c", "y", { epsilon: { f: 0.01 } })],
      constants: { w: weight(6, 1, 3, 3), b: weight(6), ...normConstants("n", 6) },
    },
    ["Conv"],
  ],
  [
    "a depthwise Conv with two outputs for each channel",
    {
      inputs: image,
      outputs: ["y"],
      nodes: [
        ["Conv", ["x", "w"], ["c"], { group: 3 }],
        ["Relu", ["c"], ["r"]],
        normNode("n", "r", "m"),
        ["Conv", ["m", "v"], ["y"], { group: 6 }],
      ],
      constants: { w: weight(6, 1, 3, 3), v: weight(6, 1, 2, 2), ...normConstants("n", 6) },
    },
    ["Conv", "Relu", "Conv"],
  ],
  [
    "ConvTranspose in two groups, behind a constant Add",
    {
      inputs: { x: ["N", 4, 5, 5] },
      outputs: ["y"],
      nodes: [
        ["ConvTranspose", ["x", "w"], ["c"], { group: 2, strides: [2, 2] }],
        ["Add", ["c", "a"], ["d"]],
        normNode("n", "d", "y"),
      ],
      constants: { w: weight(4, 3, 2, 2), a: weight(1, 6, 1, 1), ...normConstants("n", 6) },
    },
    ["ConvTranspose"],
  ],
  [
    "Conv of one axis, behind Mul, Sub, Div and Identity",
    {
      inputs: { x: ["N", 3, 9] },
      outputs: ["y"],
      nodes: [
        ["Conv", ["x", "w"], ["c"]],
        ["Mul", ["m", "c"], ["c1"]],
        ["Sub", ["s", "c1"], ["c2"]],
        ["Div", ["c2", "d"], ["c3"]],
        ["Identity", ["c3"], ["c4"]],
        normNode("n", "c4", "y"),
      ],
      constants: {
        w: weight(4, 3, 3),
        m: weight(4, 1),
        s: weight(1, 4, 1),
        d: { shape: [], values: [0.5] },
        ...normConstants("n", 4),
      },
    },
    ["Conv"],
  ],
  [
    "Gemm with transB, alpha and beta",
    {
      inputs: row,
      outputs: ["y"],
      nodes: [
        ["Gemm", ["x", "w", "b"], ["c"], { transB: 1, alpha: { f: 0.7 }, beta: { f: 1.5 } }],
        normNode("n", "c", "y"),
      ],
      constants: { w: weight(4, 5), b: weight(1, 4), ...normConstants("n", 4) },
    },
    ["Gemm"],
  ],
  [
    "Gemm whose beta hides its bias",
    {
      inputs: row,
      outputs: ["y"],
      nodes: [["Gemm", ["x", "w", "b"], ["c"], { beta: { f: 0 } }], normNode("n", "c", "y")],
      constants: { w: weight(5, 4), b: weight(4), ...normConstants("n", 4) },
    },
    ["Gemm"],
  ],
  [
    "MatMul and a constant Add",
    {
      inputs: row,
      outputs: ["y"],
      nodes: [["MatMul", ["x", "w"], ["c"]], ["Add", ["c", "b"], ["d"]], normNode("n", "d", "y")],
      constants: { w: weight(5, 4), b: weight(4), ...normConstants("n", 4) },
    },
    ["Gemm"],
  ],
  [
    "norms in a row, the second behind a constant Mul",
    {
      inputs: image,
      outputs: ["y"],
      nodes: [
        ["Conv", ["x", "w"], ["c"]],
        normNode("n", "c", "d"),
        ["Mul", ["d", "m"], ["e"]],
        normNode("o", "e", "y"),
      ],
      constants: { w: weight(4, 3, 3, 3), m: weight(4, 1, 1), ...normConstants("n", 4), ...normConstants("o", 4, 9) },
    },
    ["Conv"],
  ],
  [
    "two norms with nothing before them into a Conv after them",
    {
      inputs: image,
      outputs: ["y"],
      nodes: [normNode("n", "x", "c"), normNode("o", "c", "d"), ["Conv", ["d", "w"], ["y"], { group: 3 }]],
      constants: { w: weight(6, 1, 3, 3), ...normConstants("n", 3), ...normConstants("o", 3, 9) },
    },
    ["Conv"],
  ],
  [
    "a norm into Gemm after it, and one into MatMul after that",
    {
      inputs: row,
      outputs: ["y"],
      nodes: [
        normNode("n", "x", "c"),
        ["Gemm", ["c", "w", "b"], ["d"], { alpha: { f: 2 }, beta: { f: 0.5 } }],
        ["Sigmoid", ["d"], ["e"]],
        normNode("o", "e", "f"),
        ["MatMul", ["f", "v"], ["y"]],
      ],
      constants: {
        w: weight(5, 4),
        b: { shape: [], values: [3] },
        v: weight(4, 2),
        ...normConstants("n", 5),
        ...normConstants("o", 4, 9),
      },
    },
    ["Gemm", "Sigmoid", "Gemm"],
  ],
  [
    "weights that two layers share",
    {
      inputs: image,
      outputs: ["y", "z"],
      nodes: [
        ["Conv", ["x", "w", "b"], ["c"]],
        normNode("n", "c", "y"),
        ["Conv", ["x", "w", "b"], ["d"]],
        normNode("o", "d", "z"),
      ],
      constants: { w: weight(4, 3, 3, 3), b: weight(4), ...normConstants("n", 4), ...normConstants("o", 4, 9) },
    },
    ["Conv", "Conv"],
  ],
  [
    "a weight and statistics that nodes make of constants, behind Dropout",
    {
      inputs: row,
      outputs: ["y"],
      nodes: [
        ["Transpose", ["w"], ["v"]],
        ["Gemm", ["x", "v", "b"], ["c"]],
        ["Dropout", ["c"], ["d"]],
        ["Reshape", ["m", "s"], ["n.mean"]],
        normNode("n", "d", "y"),
      ],
      constants: {
        w: weight(4, 5),
        b: weight(4),
        m: weight(2, 2),
        s: { shape: [1], values: [-1], type: "int64" },
        ...without(normConstants("n", 4), "n.mean"),
      },
    },
    ["Gemm"],
  ],
  [
    "MatMul, reshaped to rows as long",
    {
      inputs: row,
      outputs: ["y"],
      nodes: [["MatMul", ["x", "w"], ["c"]], ["Reshape", ["c", "s"], ["d"]], normNode("n", "d", "y")],
      constants: { w: weight(5, 4), s: { shape: [2], values: [-1, 4], type: "int64" }, ...normConstants("n", 4) },
    },
    ["Gemm"],
  ],
  [
    "Conv behind a constant Add, an average of positions and a constant Mul",
    {
      inputs: image,
      outputs: ["y"],
      nodes: [
        ["Conv", ["x", "w"], ["c"]],
        ["Add", ["c", "a"], ["d"]],
        ["AveragePool", ["d"], ["e"], { kernel_shape: [2, 2], strides: [2, 2], count_include_pad: 1 }],
        ["Mul", ["m", "e"], ["f"]],
        normNode("n", "f", "y"),
      ],
      constants: { w: weight(4, 3, 3, 3), a: weight(1, 4, 1, 1), m: weight(4, 1, 1), ...normConstants("n", 4) },
    },
    ["Conv", "AveragePool"],
  ],
  [
    "a norm behind padded averages, which count no zeros, into Gemm behind a Flatten",
    {
      inputs: image,
      outputs: ["y"],
      nodes: [
        normNode("n", "x", "c"),
        ["Add", ["a", "c"], ["d"]],
        ["AveragePool", ["d"], ["e"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
        ["Identity", ["e"], ["f"]],
        ["Flatten", ["f"], ["g"]],
        ["Gemm", ["g", "w", "b"], ["y"], { transB: 1 }],
      ],
      constants: { w: weight(2, 108), b: weight(2), a: weight(3, 1, 1), ...normConstants("n", 3) },
    },
    ["AveragePool", "Flatten", "Gemm"],
  ],
  [
    "a norm into MatMul behind the averages of its channels",
    {
      inputs: image,
      outputs: ["y"],
      nodes: [
        normNode("n", "x", "c"),
        ["GlobalAveragePool", ["c"], ["d"]],
        ["Flatten", ["d"], ["e"]],
        ["MatMul", ["e", "w"], ["y"]],
      ],
      constants: { w: weight(3, 2), ...normConstants("n", 3) },
    },
    ["GlobalAveragePool", "Flatten", "Gemm"],
  ],
];

function without<T>(constants: Readonly<Record<string, T>>, name: string): Record<string, T> {
  return Object.fromEntries(Object.entries(constants).filter(([key]) => key !== name));
}
