import { importOnnx } from "evenkeel/onnx";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectAsOnnxruntime } from "../../support/onnx-imported.js";
import {
  type Attributes,
  type ConstantParts,
  type GraphParts,
  type ModelParts,
  type NodeParts,
  onnxModel,
} from "../../support/onnx-models.js";

const whole = (shape: readonly number[], values: readonly number[]): ConstantParts => ({
  shape,
  values,
  type: "int64",
});
const list = (...values: number[]): ConstantParts => whole([values.length], values);

const refusal = (parts: Omit<ModelParts, "inputs" | "outputs">, outputs = ["y"]): Promise<string> =>
  importOnnx(onnxModel({ inputs: { x: ["N", 4, 5] }, outputs, ...parts })).then(
    () => "imported",
    (error: Error) => error.message,
  );

/** An If on a value, whose branches end in `out`. */
const choice = (condition: string, output: string, then: GraphParts, otherwise: GraphParts): NodeParts => [
  "If",
  [condition],
  [output],
  { then_branch: then, else_branch: otherwise } as Attributes,
];
const branch = (...nodes: NodeParts[]): GraphParts => ({ nodes, outputs: ["out"] });
/** Whether an axis of x has more than 4 places. */
const isWide = (axis: string, output: string): NodeParts[] => [
  ["Shape", ["x"], [`${output}_shape`]],
  ["Gather", [`${output}_shape`, axis], [`${output}_size`], { axis: 0 }],
  ["Greater", [`${output}_size`, "four"], [output]],
];
const sizes = { one: whole([], [1]), two: whole([], [2]), zero: whole([], [0]), four: whole([], [4]) };

describe("an If whose condition is known is the branch that is taken", () => {
  test("by sizes, with weights inside, names that both branches have, and an If inside", async () => {
    const inner = choice("tall", "out", branch(["Relu", ["u"], ["out"]]), branch(["Neg", ["u"], ["out"]]));
    const model = await expectAsOnnxruntime(
      {
        nodes: [
          ...isWide("two", "wide"),
          ...isWide("one", "tall"),
          choice(
            "wide",
            "a",
            {
              ...branch(["Mul", ["x", "w"], ["u"]], inner),
              constants: { w: { shape: [5] } },
            },
            branch(["Exp", ["x"], ["out"]]),
          ),
          choice("tall", "b", branch(["Exp", ["a"], ["out"]]), branch(["Tanh", ["a"], ["u"]], ["Abs", ["u"], ["out"]])),
          ["Add", ["b", "x"], ["y"]],
        ],
        constants: sizes,
      },
      [4, 5],
    );
    expect(model.namedParameters().map(([key, { shape }]) => [key, shape])).toEqual([["a/w", [5]]]);
  });

  test("by its own condition, whatever the order of the nodes in the file", async () => {
    await expectAsOnnxruntime(
      {
        nodes: [
          ...isWide("two", "wide"),
          ...isWide("one", "tall"),
          choice("tall", "y", branch(["Exp", ["a"], ["out"]]), branch(["Tanh", ["a"], ["out"]])),
          choice("wide", "a", branch(["Relu", ["x"], ["out"]]), branch(["Neg", ["x"], ["out"]])),
        ],
        constants: sizes,
      },
      [4, 5],
    );
  });

  test("by a constant, also where the branch only hands a value on", async () => {
    await expectAsOnnxruntime(
      {
        nodes: [
          ["Sigmoid", ["x"], ["s"]],
          choice("no", "a", branch(["Exp", ["x"], ["out"]]), branch(["Identity", ["s"], ["out"]])),
          ["Mul", ["a", "x"], ["y"]],
        ],
        constants: { no: { shape: [], values: [0], type: "bool" } },
      },
      [4, 5],
    );
  });

  test("one that inputs tell is refused by name, and so are loops", async () => {
    const body: GraphParts = {
      inputs: { i: [], go: [], v: [] },
      types: { i: "int64", go: "bool" },
      nodes: [
        ["Identity", ["go"], ["go_on"]],
        ["Relu", ["v"], ["v_out"]],
      ],
      outputs: ["go_on", "v_out"],
    };
    const constants = {
      ...sizes,
      zeros: { shape: [], values: [0] },
      yes: { shape: [], values: [1], type: "bool" },
    } as const;
    expect([
      await refusal({
        nodes: [
          ["ReduceMax", ["x"], ["most"], { keepdims: 0 }],
          ["Greater", ["most", "zeros"], ["is"]],
          choice("is", "y", branch(["Exp", ["x"], ["out"]]), branch(["Neg", ["x"], ["out"]])),
        ],
        constants,
      }),
      await refusal({ nodes: [["Loop", ["four", "yes", "x"], ["y"], { body } as Attributes]], constants }),
    ]).toMatchInlineSnapshot(`
      [
        "importOnnx(bytes), If If_y: expected what a layer or op of Evenkeel does, got a condition that only inputs tell. Leave this node out of the model, or build the network by hand and load its weights.",
        "importOnnx(bytes), Loop Loop_y: expected what a layer or op of Evenkeel does, got an operator that no layer or op here is. Leave this node out of the model, or build the network by hand and load its weights.",
      ]
    `);
  });
});

test("integer and quantised operators are refused all at once, by name", async () => {
  const constants = {
    scale: { shape: [], values: [0.1] },
    point: whole([], [0]),
    w: { shape: [5, 3] },
  } as const;
  const nodes: NodeParts[] = [
    ["DynamicQuantizeLinear", ["x"], ["q", "s", "p"]],
    ["MatMulInteger", ["q", "w", "p", "point"], ["m"]],
    ["QLinearMatMul", ["q", "s", "p", "w", "scale", "point", "scale", "point"], ["l"]],
    ["ConvInteger", ["q", "w"], ["c"]],
    ["DequantizeLinear", ["l", "scale", "point"], ["d"]],
    ["Relu", ["m"], ["y"]],
  ];
  expect(await refusal({ nodes, constants }, ["y", "c", "d"])).toMatchInlineSnapshot(
    `"importOnnx(bytes): expected what layers and ops of Evenkeel do, got DynamicQuantizeLinear DynamicQuantizeLinear_q: an operator that no layer or op here is; MatMulInteger MatMulInteger_m: an operator that no layer or op here is; QLinearMatMul QLinearMatMul_l: an operator that no layer or op here is; ConvInteger ConvInteger_c: an operator that no layer or op here is; DequantizeLinear DequantizeLinear_d: an operator that no layer or op here is. Leave these nodes out of the model, or build the network by hand and load its weights."`,
  );
});

test("outputs of whole numbers are float32, and inputs that are left out are as in onnxruntime", async () => {
  await expectAsOnnxruntime(
    { nodes: [["ArgMax", ["x"], ["y"], { axis: 1, keepdims: 0 }]], types: { y: "int64" } },
    [4, 5],
  );
  await expectAsOnnxruntime(
    {
      nodes: [
        ["Clip", ["x", "", "most"], ["c"]],
        ["Resize", ["c", "", "scales"], ["y"], { mode: "linear" }],
      ],
      constants: {
        most: { shape: [], values: [0.3] },
        scales: { shape: [4], values: [1, 1, 1.5, 2] },
      },
    },
    [2, 4, 5],
  );
});

test("a value of six axes that only a Transpose moves, in any order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 5 }), async (order) => {
      await expectAsOnnxruntime(
        {
          nodes: [
            ["Reshape", ["x", "six"], ["s"]],
            ["Transpose", ["s"], ["t"], { perm: [0, ...order] }],
            ["Reshape", ["t", "rows"], ["r"]],
            ["Mul", ["r", "w"], ["y"]],
          ],
          constants: { six: list(-1, 2, 3, 2, 2, 2), rows: list(-1, 6, 8), w: { shape: [8] } },
        },
        [2, 6, 4],
      );
    }),
    { numRuns: 25, seed: 2 },
  );
});

test("a Tile by the number of samples, as exporters write mask.repeat(n, 1, 1)", async () => {
  await expectAsOnnxruntime(
    {
      nodes: [
        ["Shape", ["x"], ["shape"]],
        ["Gather", ["shape", "first"], ["count"], { axis: 0 }],
        ["Concat", ["count", "ones"], ["repeats"], { axis: 0 }],
        ["Tile", ["w", "repeats"], ["masks"]],
        ["Reshape", ["masks", "pairs"], ["two"]],
        ["ReduceSum", ["two", "axes"], ["sum"], { keepdims: 0 }],
        ["Add", ["x", "sum"], ["y"]],
      ],
      constants: { first: list(0), ones: list(1, 1), pairs: list(-1, 2, 4, 5), axes: list(1), w: { shape: [2, 4, 5] } },
    },
    [4, 5],
  );
});
