import { Graph, loadModel, predict, Sequential, Sgd, saveModel, scope, type Tensor, tensor, trace } from "evenkeel";
import { importOnnx } from "evenkeel/onnx";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import {
  type ConstantParts,
  deviates,
  type ModelParts,
  type NodeParts,
  normConstants,
  normNode,
  onnxModel,
} from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

type Shapes = Readonly<Record<string, readonly number[]>>;
type Network = Graph | Sequential;

/** What a network returns of several inputs, by the names of the outputs. */
function outputsOf(model: Network, outputs: readonly string[], inputs: readonly Tensor[]): Record<string, Tensor> {
  const graph = model as unknown as { forward(...inputs: Tensor[]): Tensor | Record<string, Tensor> };
  const y = graph.forward(...inputs);
  return outputs.length === 1 ? { [outputs[0]]: y as Tensor } : (y as Record<string, Tensor>);
}

/** Compares an imported network with onnxruntime on inputs of some shapes. */
async function expectAsOnnxruntime(parts: ModelParts, shapes: Shapes, tolerance = 1e-5): Promise<Network> {
  const bytes = onnxModel(parts);
  const { model } = await importOnnx(bytes);
  model.eval();
  const values = Object.entries(shapes).map(([name, shape], k) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    return [name, { shape, values: deviates(size, 10 + k) }] as const;
  });
  const expected = await runOnnx(bytes, Object.fromEntries(values));
  scope(() => {
    const inputs = values.map(([, one]) => tensor(Float32Array.from(one.values), one.shape));
    for (const [name, y] of Object.entries(outputsOf(model, parts.outputs, inputs))) {
      expect([...y.shape]).toEqual([...expected[name].dims]);
      expectClose(y.dataSync(), expected[name].values, tolerance);
    }
  });
  return model;
}

const list = (...values: number[]): ConstantParts => ({ shape: [values.length], values, type: "int64" });
const image = { x: ["N", 4, 6, 6] } as const;

/** A squeeze-and-excite block, and a skip by Concat behind it. */
const unet: ModelParts = {
  inputs: image,
  outputs: ["y"],
  nodes: [
    ["Conv", ["x", "w"], ["c"], { pads: [1, 1, 1, 1] }],
    normNode("n", "c", "b"),
    ["Relu", ["b"], ["r"]],
    ["GlobalAveragePool", ["r"], ["p"]],
    ["Conv", ["p", "s", "t"], ["q"]],
    ["Sigmoid", ["q"], ["g"]],
    ["Mul", ["r", "g"], ["e"]],
    ["Concat", ["e", "x"], ["k"], { axis: 1 }],
    ["Conv", ["k", "v"], ["y"]],
  ],
  constants: {
    w: { shape: [4, 4, 3, 3] },
    ...normConstants("n", 4),
    ...{ s: { shape: [4, 4, 1, 1] }, t: { shape: [4] }, v: { shape: [2, 8, 1, 1] } },
  },
};

/** Attention with one head, whose sizes are worked out of shapes. */
const attention: ModelParts = {
  inputs: { x: ["N", 5, 8] },
  outputs: ["y"],
  nodes: [
    ["MatMul", ["x", "q"], ["qs"]],
    ["MatMul", ["x", "k"], ["ks"]],
    ["Shape", ["x"], ["shape"]],
    ["Gather", ["shape", "zero"], ["n"], { axis: 0 }],
    ["Unsqueeze", ["n", "zeros"], ["ns"]],
    ["Concat", ["ns", "heads"], ["to"], { axis: 0 }],
    ["Reshape", ["qs", "to"], ["q4"]],
    ["Reshape", ["ks", "to"], ["k4"]],
    ["Transpose", ["q4"], ["q5"], { perm: [0, 2, 1, 3] }],
    ["Transpose", ["k4"], ["k5"], { perm: [0, 2, 3, 1] }],
    ["MatMul", ["q5", "k5"], ["scores"]],
    ["Div", ["scores", "scale"], ["scaled"]],
    ["Softmax", ["scaled"], ["a"], { axis: -1 }],
    ["MatMul", ["a", "q5"], ["o"]],
    ["Transpose", ["o"], ["o2"], { perm: [0, 2, 1, 3] }],
    ["Reshape", ["o2", "back"], ["o3"]],
    ["Add", ["o3", "x"], ["y"]],
  ],
  constants: {
    ...{ q: { shape: [8, 8] }, k: { shape: [8, 8] }, zero: { shape: [], values: [0], type: "int64" }, zeros: list(0) },
    ...{ heads: list(5, 2, 4), back: list(0, 0, 8), scale: { shape: [], values: [2] } },
  },
};

const twoInputs: ModelParts = {
  inputs: { a: ["N", 3], b: ["N", 3] },
  outputs: ["sum", "product"],
  nodes: [
    ["Gemm", ["a", "w", "c"], ["u"]],
    ["Gemm", ["b", "w", "c"], ["v"]],
    ["Add", ["u", "v"], ["sum"]],
    ["Mul", ["sum", "a"], ["product"]],
  ],
  constants: { w: { shape: [3, 3] }, c: { shape: [3] } },
};

/** Branches that begin inside one another: x read by Add k, and by what Add k − 1 is made of. */
function nested(depth: number): NodeParts[] {
  const open = Array.from({ length: depth }, (_, k): NodeParts => ["Relu", [k === 0 ? "x" : `r${k - 1}`], [`r${k}`]]);
  const close = Array.from({ length: depth }, (_, j): NodeParts => {
    const k = depth - 1 - j;
    const [before, inner] = [k === 0 ? "x" : `r${k - 1}`, j === 0 ? `r${k}` : `s${k + 1}`];
    return ["Add", [inner, before], [k === 0 ? "y" : `s${k}`]];
  });
  return [...open, ...close];
}

describe("importOnnx of graphs", () => {
  test("takes skips by Concat and squeeze-and-excite, and names nodes after the file", async () => {
    const model = await expectAsOnnxruntime(unet, { x: [3, 4, 6, 6] });
    expect(String(model)).toMatchInlineSnapshot(`
      "node                  layer or op      takes                 output   parameters
      ────────────────────────────────────────────────────────────────────────────────
      input                                                        N×4×6×6
      Conv_c                Conv2d(4, 4, 3)  input                 N×4×6×6         144
      BatchNormalization_b  BatchNorm(4)     Conv_c                N×4×6×6           8
      Relu_r                ReLU()           BatchNormalization_b  N×4×6×6           0
      GlobalAveragePool_p   mean             Relu_r                N×4×1×1           0
      Conv_q                Conv2d(4, 4, 1)  GlobalAveragePool_p   N×4×1×1          20
      Sigmoid_g             Sigmoid()        Conv_q                N×4×1×1           0
      Mul_e                 mul              Relu_r, Sigmoid_g     N×4×6×6           0
      Concat_k              concat           Mul_e, input          N×8×6×6           0
      Conv_y                Conv2d(8, 2, 1)  Concat_k              N×2×6×6          16
      ────────────────────────────────────────────────────────────────────────────────
      returns Conv_y; 188 parameters"
    `);
    const { nodes } = await importOnnx(onnxModel(unet));
    expect(nodes["Mul_e"]).toBe("Mul_e");
  });

  test("takes attention whose shapes are worked out, for any batch", async () => {
    await expectAsOnnxruntime(attention, { x: [1, 5, 8] });
    await expectAsOnnxruntime(attention, { x: [4, 5, 8] });
  });

  test("takes two inputs and two outputs, and nodes that share their weights are one layer", async () => {
    const model = await expectAsOnnxruntime(twoInputs, { a: [4, 3], b: [4, 3] });
    expect(String(model)).toMatchInlineSnapshot(`
      "node         layer or op   takes             output  parameters
      ───────────────────────────────────────────────────────────────
      input 0                                      N×3
      input 1                                      N×3
      Gemm_u       Linear(3, 3)  input 0           N×3             12
      Gemm_v       Linear(3, 3)  input 1           N×3              0
      Add_sum      add           Gemm_u, Gemm_v    N×3              0
      Mul_product  mul           Add_sum, input 0  N×3              0
      ───────────────────────────────────────────────────────────────
      returns Add_sum, Mul_product; 12 parameters"
    `);
    expect(Object.keys(model.stateDict())).toEqual(["Gemm_u.weight", "Gemm_u.bias"]);
  });

  test.each([["a U-Net", unet, [8, 4, 6, 6]] as const, ["attention", attention, [4, 5, 8]] as const])(
    "%s trains a step, is saved and loaded to equal bits, and traced again",
    async (_, parts, shape) => {
      const { model } = await importOnnx(onnxModel(parts));
      const x = tensor(Float32Array.from(deviates(shape.reduce((product, size) => product * size, 1))), shape);
      const optimizer = new Sgd(model.parameters(), { lr: 0.05 });
      const losses = [0, 1, 2].map(() =>
        scope(() => {
          optimizer.zeroGrad();
          const y = model.train().forward(x);
          const loss = y.mul(y).mean();
          loss.backward();
          expect(model.parameters().every((p) => p.grad !== null)).toBe(true);
          optimizer.step();
          return loss.item();
        }),
      );
      expect(losses[2]).toBeLessThan(losses[0]);
      const y = (await predict(model, x)).dataSync();
      const { model: loaded } = loadModel(saveModel(model));
      expect(loaded).toBeInstanceOf(Graph);
      expect((await predict(loaded, x)).dataSync()).toEqual(y);
      const again = trace(model, x);
      expect(Object.keys(again.stateDict())).toEqual(Object.keys(model.stateDict()));
      expect((await predict(again, x)).dataSync()).toEqual(y);
    },
  );

  test("a row of layers with residuals is a Sequential, with the keys that 0.1.0 gave it", async () => {
    const { model } = await importOnnx(
      onnxModel({
        inputs: image,
        outputs: ["y"],
        nodes: [
          ["Conv", ["x", "w"], ["c"], { pads: [1, 1, 1, 1] }],
          ["Relu", ["c"], ["r"]],
          ["Conv", ["r", "v"], ["d"], { pads: [1, 1, 1, 1] }],
          ["Add", ["d", "r"], ["y"]],
        ],
        constants: { w: { shape: [4, 4, 3, 3] }, v: { shape: [4, 4, 3, 3] } },
      }),
    );
    expect(model).toBeInstanceOf(Sequential);
    expect(Object.keys(model.stateDict())).toEqual(["0.weight", "2.body.0.weight"]);
  });

  test("a bias for each row, a Reshape that mixes samples and a Softmax over all are what the file says", async () => {
    const vector = { w: { shape: [2, 3] }, c: { shape: [3, 1] } };
    const x = { x: ["N", 2] } as const;
    await expectAsOnnxruntime(
      { inputs: x, outputs: ["y"], nodes: [["Gemm", ["x", "w", "c"], ["y"], { beta: { f: 2 } }]], constants: vector },
      { x: [3, 2] },
    );
    const product: NodeParts[] = [
      ["MatMul", ["x", "w"], ["t"]],
      ["Add", ["t", "c"], ["y"]],
    ];
    await expectAsOnnxruntime({ inputs: x, outputs: ["y"], nodes: product, constants: vector }, { x: [3, 2] });
    for (const to of [
      [-1, 144],
      [-1, 72],
      [0, -1],
      [2, -1],
      [4, -1],
      [0, 2, -1],
      [-1, 0, 36],
    ]) {
      await expectAsOnnxruntime(
        { inputs: image, outputs: ["y"], nodes: [["Reshape", ["x", "s"], ["y"]]], constants: { s: list(...to) } },
        { x: [2, 4, 6, 6] },
      );
    }
    for (const opset of [9, 11, 13]) {
      for (const axis of [0, 1, 2, 3, -1]) {
        for (const op of ["Softmax", "LogSoftmax"]) {
          const nodes: NodeParts[] = [[op, ["x"], ["y"], { axis }]];
          await expectAsOnnxruntime({ opset, inputs: image, outputs: ["y"], nodes }, { x: [2, 4, 6, 6] });
        }
      }
    }
  });

  test("branches in one another are Residuals to a depth of 100, and a graph beyond", async () => {
    for (const [depth, kind] of [
      [100, Sequential],
      [101, Graph],
    ] as const) {
      const parts = { inputs: { x: ["N", 3] }, outputs: ["y"], nodes: nested(depth) };
      expect(await expectAsOnnxruntime(parts, { x: [2, 3] })).toBeInstanceOf(kind);
    }
  });

  test("all that is missing is named at once, without what only depends on it", async () => {
    const nodes: NodeParts[] = [
      ["Unique", ["x"], ["a"]],
      ["Conv", ["a", "w"], ["b"], { pads: [0, 0, 1, 1] }],
      ["Softmax", ["b"], ["c"]],
      ["Reshape", ["c", "to"], ["d"]],
      ["Det", ["d"], ["e"]],
      ["Add", ["e", "x"], ["y"]],
    ];
    const constants = { w: { shape: [4, 4, 3, 3] }, to: list(0, 0, -1) };
    await expect(
      importOnnx(onnxModel({ inputs: image, outputs: ["y"], nodes, constants })),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[FormatError: importOnnx(bytes): expected what layers and ops of Evenkeel do, got Unique Unique_a: an operator that no layer or op here is; Det Det_e: an operator that no layer or op here is. Leave these nodes out of the model, or build the network by hand and load its weights.]`,
    );
    const many = Array.from(
      { length: 30 },
      (_, k): NodeParts => ["Det", [k === 0 ? "x" : `m${k}`], [k === 29 ? "y" : `m${k + 1}`]],
    );
    const { message } = await importOnnx(onnxModel({ inputs: image, outputs: ["y"], nodes: many })).catch(
      (error) => error,
    );
    expect(message).toContain("Det Det_m20: an operator that no layer or op here is; 10 more. Leave these nodes out");
  });

  test("nodes that no output needs are passed over, in whatever order the file has them", async () => {
    const nodes: NodeParts[] = [
      ["Add", ["r", "x"], ["y"]],
      ["Det", ["r"], ["unused"]],
      ["Relu", ["s"], ["r"]],
      ["Mul", ["x", "x"], ["s"]],
    ];
    const { model } = await importOnnx(onnxModel({ inputs: image, outputs: ["y"], nodes }));
    const x = tensor(Float32Array.from(deviates(144)), [1, 4, 6, 6]);
    expectClose((await predict(model, x)).dataSync(), x.mul(x).add(x).dataSync(), 1e-6);
  });

  test("initializers that are inputs are what the file says, or constants by { initializersAreConstant: true }", async () => {
    const parts: ModelParts = {
      inputs: image,
      outputs: ["y"],
      nodes: [["Conv", ["x", "w"], ["y"]]],
      constants: { w: { shape: [4, 4, 3, 3] } },
      listed: ["w"],
    };
    await expect(importOnnx(onnxModel(parts))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[FormatError: importOnnx(bytes), Conv Conv_y: expected what a layer or op of Evenkeel does, got input 1 that is not constant: a caller may replace it, since it is also an input: repair the model first. Pass { initializersAreConstant: true } if nobody replaces it.]`,
    );
    const { model } = await importOnnx(onnxModel(parts), { initializersAreConstant: true });
    expect(String(model)).toBe("Sequential(Conv2d(4, 4, 3))");
  });

  test("initializers with axes train; scalars and Constant nodes stay as they are", async () => {
    const parts: ModelParts = {
      inputs: { x: ["N", 3] },
      outputs: ["y"],
      nodes: [
        ["Mul", ["x", "a"], ["p"]],
        ["Add", ["p", "b"], ["q"]],
        ["Sub", ["b", "q"], ["r"]],
        ["Mul", ["r", "a"], ["y"]],
      ],
      constants: { a: { shape: [3] }, b: { shape: [], values: [2] } },
    };
    const trained = await expectAsOnnxruntime(parts, { x: [2, 3] });
    expect(trained.namedParameters().map(([name]) => name)).toEqual(["a"]);
    const fixed = await expectAsOnnxruntime({ ...parts, constantsAs: "node" }, { x: [2, 3] });
    expect(fixed.namedParameters()).toEqual([]);
  });

  test("names of a file are keys of a state dict, each once", async () => {
    const names = ["/layer1/layer1.0/conv/Gemm", "__proto__", "a.b", "a_b", ""];
    const nodes = names.map(
      (name, k): NodeParts => ["Gemm", [k === 0 ? "x" : `v${k}`, `w.${k}`], [k === 4 ? "y" : `v${k + 1}`], {}, name],
    );
    const constants = Object.fromEntries(names.map((_, k) => [`w.${k}`, { shape: [3, 3] }]));
    const { model } = await importOnnx(onnxModel({ inputs: { x: ["N", 3] }, outputs: ["y", "v2"], nodes, constants }));
    expect(Object.keys(model.stateDict())).toMatchInlineSnapshot(`
      [
        "layer1/layer1_0/conv/Gemm.weight",
        "proto__.weight",
        "a_b.weight",
        "a_b_2.weight",
        "y.weight",
      ]
    `);
    expect(Object.keys(loadModel(saveModel(model)).model.stateDict())).toEqual(Object.keys(model.stateDict()));
  });

  test("a batch that the file declares stays open", async () => {
    const parts: ModelParts = {
      inputs: { x: [1, 4, 6, 6] },
      outputs: ["y"],
      nodes: [
        ["Relu", ["x"], ["r"]],
        ["Reshape", ["r", "s"], ["t"]],
        ["Mul", ["t", "t"], ["y"]],
      ],
      constants: { s: list(1, 4, 36) },
    };
    const { model } = await importOnnx(onnxModel(parts));
    const x = tensor(Float32Array.from(deviates(5 * 144)), [5, 4, 6, 6]);
    expect((await predict(model, x)).shape).toEqual([5, 4, 36]);
  });

  test("means of planes stay planes where something else reads them, or their shape", async () => {
    const pool: NodeParts = ["GlobalAveragePool", ["x"], ["p"]];
    const silu: NodeParts[] = [pool, ["Sigmoid", ["p"], ["s"]], ["Mul", ["p", "s"], ["m"]], ["Flatten", ["m"], ["f"]]];
    const cases: NodeParts[][] = [
      [...silu, ["Unsqueeze", ["f", "axes"], ["u"]], ["Mul", ["x", "p"], ["v"]], ["Add", ["u", "v"], ["y"]]],
      [
        pool,
        ["Shape", ["p"], ["h"]],
        ["Flatten", ["p"], ["f"]],
        ["Reshape", ["f", "h"], ["q"]],
        ["Add", ["q", "x"], ["y"]],
      ],
    ];
    for (const nodes of cases) {
      const constants = { axes: list(2, 3) };
      await expectAsOnnxruntime({ inputs: image, outputs: ["y"], nodes, constants }, { x: [3, 4, 6, 6] });
    }
    const old: NodeParts[] = [
      pool,
      ["Shape", ["p"], ["h"]],
      ["Gather", ["h", "zero"], ["n"]],
      ["Unsqueeze", ["n", "first"], ["b"]],
      ["Concat", ["b", "rest"], ["to"], { axis: 0 }],
      ["Reshape", ["p", "to"], ["y"]],
    ];
    const constants = { zero: { shape: [], values: [0], type: "int64" }, first: list(0), rest: list(-1) } as const;
    const model = await expectAsOnnxruntime(
      { inputs: image, outputs: ["y"], nodes: old, constants },
      { x: [3, 4, 6, 6] },
    );
    expect(String(model)).toBe("Sequential(GlobalAvgPool2d())");
  });

  test("a batch that the file has in the middle of a shape is the only one", async () => {
    const parts: ModelParts = {
      inputs: { x: [2, 4, 6] },
      outputs: ["y"],
      nodes: [
        ["Transpose", ["x"], ["t"], { perm: [1, 0, 2] }],
        ["Reshape", ["t", "s"], ["y"]],
      ],
      constants: { s: list(4, 2, 3, -1) },
    };
    const model = await expectAsOnnxruntime(parts, { x: [2, 4, 6] });
    expect(() => model.forward(tensor(new Float32Array(72), [3, 4, 6]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Graph.forward(...inputs), input 0: expected 2×4×6, got 3×4×6. Pass the shape it was traced with, or trace it again with freeAxes for axes that vary.]`,
    );
  });

  const single: readonly (readonly [
    string,
    NodeParts[],
    readonly number[],
    Record<string, ConstantParts>?,
    number?,
  ])[] = [
    ["GlobalAveragePool of (N, C, L)", [["GlobalAveragePool", ["x"], ["y"]]], [2, 3, 5]],
    ["GlobalAveragePool that keeps planes", [["GlobalAveragePool", ["x"], ["y"]]], [2, 3, 5, 4]],
    [
      "Slice",
      [["Slice", ["x", "a", "b", "c"], ["y"]]],
      [2, 5, 6],
      { a: list(1, -3), b: list(2 ** 31, -1), c: list(1, 2) },
    ],
    ["Slice of version 9", [["Slice", ["x"], ["y"], { starts: [0, 1], ends: [9, 3], axes: [2, 1] }]], [2, 5, 6], {}, 9],
    [
      "Split",
      [
        ["Split", ["x"], ["a", "b"], { axis: 1 }],
        ["Mul", ["b", "a"], ["y"]],
      ],
      [2, 6, 3],
      {},
      11,
    ],
    [
      "Squeeze and Unsqueeze",
      [
        ["Unsqueeze", ["x", "a"], ["u"]],
        ["Squeeze", ["u", "b"], ["y"]],
      ],
      [3, 4, 1],
      { a: list(1, 4), b: list(1, 3) },
    ],
    ["ReduceSum of axes", [["ReduceSum", ["x", "a"], ["y"], { keepdims: 0 }]], [3, 4, 5], { a: list(-1) }],
    ["ReduceSum of none", [["ReduceSum", ["x", "a"], ["y"], { noop_with_empty_axes: 1 }]], [3, 4], { a: list() }],
    ["ReduceMax", [["ReduceMax", ["x"], ["y"], { axes: [1, 2] }]], [3, 4, 5]],
    ["ReduceMean of all", [["ReduceMean", ["x"], ["y"]]], [3, 4, 5]],
    ["Flatten from axis 2", [["Flatten", ["x"], ["y"], { axis: 2 }]], [3, 4, 5]],
    ["Flatten from axis 0", [["Flatten", ["x"], ["y"], { axis: 0 }]], [3, 4, 5]],
    [
      "Abs, Exp, Log, Neg, Sqrt",
      [
        ["Abs", ["x"], ["a"]],
        ["Sqrt", ["a"], ["b"]],
        ["Neg", ["b"], ["c"]],
        ["Exp", ["c"], ["d"]],
        ["Log", ["d"], ["y"]],
      ],
      [3, 4],
    ],
    [
      "Reciprocal and Pow",
      [
        ["Pow", ["x", "two"], ["a"]],
        ["Add", ["a", "one"], ["b"]],
        ["Reciprocal", ["b"], ["y"]],
      ],
      [3, 4],
      { two: { shape: [], values: [2] }, one: { shape: [], values: [1] } },
    ],
    ["HardSigmoid", [["HardSigmoid", ["x"], ["y"]]], [3, 40]],
    ["HardSwish", [["HardSwish", ["x"], ["y"]]], [3, 40]],
    ["PRelu", [["PRelu", ["x", "s"], ["y"]]], [2, 4, 3], { s: { shape: [4, 1] } }],
    ["a number less a value", [["Sub", ["one", "x"], ["y"]]], [3, 4], { one: { shape: [], values: [1] } }],
    ["a constant matrix before a value", [["MatMul", ["w", "x"], ["y"]]], [2, 3, 4], { w: { shape: [5, 3] } }],
    [
      "Gemm of a transposed value",
      [["Gemm", ["x", "w"], ["y"], { transA: 1, alpha: { f: 0.5 } }]],
      [3, 2],
      { w: { shape: [3, 4] } },
    ],
    [
      "Gemm of two values",
      [
        ["Neg", ["x"], ["n"]],
        ["Gemm", ["x", "n", "c"], ["y"], { transB: 1, alpha: { f: 2 }, beta: { f: 3 } }],
      ],
      [3, 2],
      { c: { shape: [1] } },
    ],
    ["Mean of three", [["Mean", ["x", "x", "w"], ["y"]]], [3, 4], { w: { shape: [4] } }],
    ["Mean of one", [["Mean", ["x"], ["y"]]], [3, 4]],
    ["Selu", [["Selu", ["x"], ["y"]]], [3, 40]],
    ["Selu of other numbers", [["Selu", ["x"], ["y"], { alpha: { f: 1.5 }, gamma: { f: 0.5 } }]], [3, 40]],
    ["Sum of three", [["Sum", ["x", "x", "w"], ["y"]]], [3, 4], { w: { shape: [4] } }],
    ["a value with itself", [["Add", ["x", "x"], ["y"]]], [3, 4]],
    [
      "pools whose ceiling changes nothing",
      [["MaxPool", ["x"], ["y"], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }]],
      [2, 3, 6, 6],
    ],
  ];

  for (const [title, nodes, shape, constants = {}, opset = 15] of single) {
    test(`${title} is as in onnxruntime`, async () => {
      const inputs = { x: ["N", ...shape.slice(1)] };
      await expectAsOnnxruntime({ opset, inputs, outputs: ["y"], nodes, constants }, { x: shape });
    });
  }

  test("random graphs are as in onnxruntime, saved and loaded too", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(choice, { minLength: 1, maxLength: 14 }), fc.nat(2), async (choices, more) => {
        const parts = graphOf(choices, more);
        const model = await expectAsOnnxruntime(parts, { x: [3, 4, 6, 6], v: [3, 4] }, 1e-4);
        const inputs = [
          tensor(Float32Array.from(deviates(432)), [3, 4, 6, 6]),
          tensor(Float32Array.from(deviates(12)), [3, 4]),
        ];
        const { model: loaded } = loadModel(saveModel(model));
        const [one, two] = [model, loaded as Graph].map((each) =>
          outputsOf(each.eval() as Graph, parts.outputs, inputs),
        );
        for (const name of parts.outputs) expect(two[name].dataSync()).toEqual(one[name].dataSync());
      }),
      { numRuns: 60 },
    );
  });
});

/** One step of a random graph: which operator, and which values it takes. */
const choice = fc.record({ op: fc.nat(1000), a: fc.nat(1000), b: fc.nat(1000) });

/** Nodes that make an image (N, 4, 6, 6) of images a and b and a vector v, or a vector (N, 4) of them. */
type Maker = (y: string, a: string, b: string, v: string) => NodeParts[];

const makeImage: readonly Maker[] = [
  (y, a) => [["Conv", [a, "w3", "c"], [y], { pads: [1, 1, 1, 1] }]],
  (y, a) => [normNode("n", a, y)],
  (y, a) => [["Relu", [a], [y]]],
  (y, a) => [["HardSwish", [a], [y]]],
  (y, a) => [
    ["Sigmoid", [a], [`${y}_s`]],
    ["Mul", [a, `${y}_s`], [y]],
  ],
  (y, a, b) => [["Add", [a, b], [y]]],
  (y, a, b) => [["Sub", [a, b], [y]]],
  (y, a, b) => [
    ["Mul", [a, b], [`${y}_m`]],
    ["Tanh", [`${y}_m`], [y]],
  ],
  (y, a, b) => [
    ["Concat", [a, b], [`${y}_c`], { axis: 1 }],
    ["Conv", [`${y}_c`, "w8"], [y]],
  ],
  (y, a) => [["AveragePool", [a], [y], { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] }]],
  (y, a) => [["Softmax", [a], [y], { axis: 1 }]],
  (y, a) => [["Mul", [a, "scale"], [y]]],
  (y, a) => [
    ["Split", [a], [`${y}_p`, `${y}_q`], { axis: 2 }],
    ["Concat", [`${y}_q`, `${y}_p`], [y], { axis: -2 }],
  ],
  (y, a) => [
    ["Transpose", [a], [`${y}_t`], { perm: [0, 2, 3, 1] }],
    ["MatMul", [`${y}_t`, "m"], [`${y}_u`]],
    ["Add", [`${y}_u`, "c"], [`${y}_v`]],
    ["Transpose", [`${y}_v`], [y], { perm: [0, 3, 1, 2] }],
  ],
  (y, a, _, v) => [
    ["Sigmoid", [v], [`${y}_s`]],
    ["Reshape", [`${y}_s`, "planes"], [`${y}_r`]],
    ["Mul", [`${y}_r`, a], [y]],
  ],
];

const makeVector: readonly Maker[] = [
  (y, a) => [
    ["GlobalAveragePool", [a], [`${y}_p`]],
    ["Flatten", [`${y}_p`], [y]],
  ],
  (y, a) => [
    ["Reshape", [a, "rows"], [`${y}_r`]],
    ["Gemm", [`${y}_r`, "g"], [y]],
  ],
  (y, a) => [["ReduceMax", [a], [y], { axes: [2, 3], keepdims: 0 }]],
  (y, _, __, v) => [["Gemm", [v, "m", "c"], [y], { transB: 1 }]],
  (y, a, _, v) => [
    ["ReduceMean", [a], [`${y}_m`], { axes: [2, 3], keepdims: 0 }],
    ["Sub", [`${y}_m`, v], [y]],
  ],
];

/** @param more - so many values that are made besides the last image are outputs too */
function graphOf(choices: readonly { op: number; a: number; b: number }[], more: number): ModelParts {
  const images = ["x"];
  const vectors = ["v"];
  const nodes: NodeParts[] = [];
  for (const [k, { op, a, b }] of choices.entries()) {
    const isImage = op % (makeImage.length + makeVector.length) < makeImage.length;
    const makers = isImage ? makeImage : makeVector;
    const maker = makers[op % makers.length];
    nodes.push(...maker(`y${k}`, images[a % images.length], images[b % images.length], vectors[b % vectors.length]));
    (isImage ? images : vectors).push(`y${k}`);
  }
  const made = [...vectors.slice(1), ...images.slice(1)];
  const used = new Set(nodes.flatMap(([, inputs]) => inputs));
  const constants: Record<string, ConstantParts> = {
    ...{ w3: { shape: [4, 4, 3, 3] }, w8: { shape: [4, 8, 1, 1] }, c: { shape: [4] }, scale: { shape: [4, 1, 1] } },
    ...{ m: { shape: [4, 4] }, g: { shape: [144, 4] }, rows: list(0, -1), planes: list(0, 4, 1, 1) },
    ...normConstants("n", 4),
  };
  return {
    inputs: { x: ["N", 4, 6, 6], v: ["N", 4] },
    outputs: made.slice(-1 - more),
    nodes,
    constants: Object.fromEntries(Object.entries(constants).filter(([name]) => used.has(name))),
    opset: 14,
  };
}
