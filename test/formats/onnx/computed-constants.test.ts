import { fromBinary } from "@bufbuild/protobuf";
import { tensor } from "evenkeel";
import { foldOnnx, importOnnx, inspectOnnx, recalibrateOnnx, repairOnnx } from "evenkeel/onnx";
import fc from "fast-check";
import { ModelProtoSchema } from "onnx-buf";
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
import { relativeDifference, runOnnx } from "../../support/onnx-runtime.js";

const int = (...values: number[]): ConstantParts => ({ shape: [values.length], values, type: "int64" });
const scalar = (value: number): ConstantParts => ({ shape: [], values: [value] });
const nodesOf = (bytes: Uint8Array): string[] =>
  (fromBinary(ModelProtoSchema, bytes).graph?.node ?? []).map(({ opType }) => opType);

/** A Conv of 2 to 4 channels whose weight `w` nodes compute, and a norm behind it. */
const withWeight = (nodes: readonly NodeParts[], constants: Readonly<Record<string, ConstantParts>>): ModelParts => ({
  opset: 13,
  inputs: { x: ["N", 2, 4, 4] },
  outputs: ["y"],
  nodes: [...nodes, ["Conv", ["x", "w"], ["c"]], normNode("n", "c", "d"), ["Relu", ["d"], ["y"]]],
  constants: { ...constants, ...normConstants("n", 4) },
});

const v = { shape: [4, 2, 3, 3] };
const g = { shape: [4, 1, 1, 1], values: [1, 2, 3, -1] };
const weights: Record<string, ModelParts> = {
  "weight norm by ReduceL2": withWeight(
    [
      ["ReduceL2", ["v"], ["l"], { axes: [1, 2, 3] }],
      ["Div", ["v", "l"], ["u"]],
      ["Mul", ["u", "g"], ["w"]],
    ],
    { v, g },
  ),
  "parts written into others": withWeight(
    [
      ["ScatterND", ["v", "places", "kernels"], ["u"]],
      ["ScatterElements", ["u", "columns", "row"], ["w"], { axis: -1 }],
    ],
    {
      v,
      places: { shape: [2, 2], values: [0, 1, -1, 0], type: "int64" },
      kernels: { shape: [2, 3, 3] },
      columns: { shape: [1, 2, 1, 2], values: [2, 0, -2, 2], type: "int64" },
      row: { shape: [1, 2, 1, 2] },
    },
  ),
  triangles: {
    ...withWeight(
      [
        ["Trilu", ["v", "one"], ["u"], { upper: 0 }],
        ["Trilu", ["u"], ["t"], { upper: 1 }],
        ["Add", ["t", "v"], ["w"]],
      ],
      { v, one: { shape: [], values: [1], type: "int64" } },
    ),
    opset: 14,
  },
  "weight norm by powers": withWeight(
    [
      ["Abs", ["v"], ["a"]],
      ["Pow", ["a", "two"], ["q"]],
      ["ReduceSum", ["q", "axes"], ["s"]],
      ["Pow", ["s", "half"], ["l"]],
      ["Div", ["g", "l"], ["f"]],
      ["Mul", ["v", "f"], ["w"]],
    ],
    { v, g, two: scalar(2), half: scalar(0.5), axes: int(1, 2, 3) },
  ),
  "spectral norm": withWeight(
    [
      ["Reshape", ["v", "flat"], ["m"]],
      ["MatMul", ["m", "q"], ["mq"]],
      ["Mul", ["p", "mq"], ["pmq"]],
      ["ReduceSum", ["pmq"], ["sigma"], { keepdims: 0 }],
      ["Div", ["v", "sigma"], ["w"]],
    ],
    { v, flat: int(4, -1), q: { shape: [18] }, p: { shape: [4] } },
  ),
  "products of many matrices, of a row and of a column": withWeight(
    [
      ["MatMul", ["v", "square"], ["many"]],
      ["MatMul", ["kinds", "many"], ["broadcast"]],
      ["MatMul", ["row", "broadcast"], ["left"]],
      ["MatMul", ["broadcast", "row"], ["right"]],
      ["Unsqueeze", ["left", "second"], ["flat"]],
      ["Unsqueeze", ["right", "last"], ["tall"]],
      ["Add", ["flat", "tall"], ["w"]],
    ],
    { v, square: { shape: [3, 3] }, kinds: { shape: [2, 3, 3] }, row: { shape: [3] }, second: int(2), last: int(-1) },
  ),
  "weight standardisation": withWeight(
    [
      ["ReduceMean", ["v"], ["mean"], { axes: [1, 2, 3] }],
      ["Sub", ["v", "mean"], ["d0"]],
      ["Mul", ["d0", "d0"], ["q"]],
      ["ReduceMean", ["q"], ["variance"], { axes: [1, 2, 3] }],
      ["Add", ["variance", "eps"], ["shifted"]],
      ["Sqrt", ["shifted"], ["root"]],
      ["Div", ["d0", "root"], ["w"]],
    ],
    { v, eps: scalar(1e-5) },
  ),
  "shapes, and parts put together": withWeight(
    [
      ["Shape", ["v"], ["sizes"]],
      ["Gather", ["sizes", "places"], ["some"], { axis: 0 }],
      ["ConstantOfShape", ["some"], ["zeros"]],
      ["Slice", ["v", "from", "to", "along", "steps"], ["reversed"]],
      ["Split", ["reversed"], ["a", "b"], { axis: 1 }],
      ["Concat", ["b", "a"], ["both"], { axis: 1 }],
      ["Transpose", ["both"], ["turned"], { perm: [0, 1, 3, 2] }],
      ["Add", ["turned", "zeros"], ["w"]],
    ],
    { v, places: int(0, 1, 2, -1), from: int(-1), to: int(-9), along: int(2), steps: int(-1) },
  ),
  "rows that are repeated, masked and limited": withWeight(
    [
      ["Expand", ["g", "whole"], ["wide"]],
      ["Tile", ["t", "times"], ["tiled"]],
      ["Greater", ["tiled", "zero"], ["is"]],
      ["Where", ["is", "tiled", "wide"], ["chosen"]],
      ["Clip", ["chosen", "low", "high"], ["w"]],
    ],
    {
      g,
      t: { shape: [2, 2, 3, 1] },
      whole: int(4, 2, 3, 3),
      times: int(2, 1, 1, 3),
      zero: scalar(0),
      low: scalar(-0.4),
      high: scalar(1.5),
    },
  ),
};

describe("constants that nodes compute", () => {
  test.each(Object.entries(weights))("%s: a norm folds into the Conv, and the nodes go", async (_, parts) => {
    const bytes = onnxModel(parts);
    expect((await inspectOnnx(bytes)).norms[0].foldsInto).toBe("Conv Conv_c");
    const { bytes: after, folded } = await foldOnnx(bytes);
    expect(folded).toHaveLength(1);
    expect(nodesOf(after)).toEqual(["Conv", "Relu"]);
    const x = { shape: [2, 2, 4, 4], values: deviates(64, 3) };
    expect(relativeDifference(await runOnnx(bytes, { x }), await runOnnx(after, { x }))).toBeLessThan(1e-5);
  });

  test.each(Object.entries(weights))("%s: imports as a Conv that computes the same", async (_, parts) => {
    const bytes = onnxModel(parts);
    const { model } = await importOnnx(bytes);
    const x = { shape: [2, 2, 4, 4], values: deviates(64, 3) };
    const { y } = await runOnnx(bytes, { x });
    const own = (model.eval() as { forward(x: unknown): { dataSync(): Float32Array } }).forward(
      tensor(Float32Array.from(x.values), [2, 2, 4, 4]),
    );
    expectClose(own.dataSync(), y.values, 1e-5);
  });

  test("statistics that nodes compute are recalibrated too", async () => {
    const parts = withWeight(
      [
        ["Mul", ["v", "g"], ["w"]],
        ["Exp", ["log"], ["n.variance"]],
      ],
      {
        v,
        g,
        log: { shape: [4] },
      },
    );
    const { "n.variance": _, ...constants } = parts.constants ?? {};
    const bytes = onnxModel({ ...parts, constants });
    const { norms, bytes: after } = await recalibrateOnnx(bytes, [
      { x: { shape: [8, 2, 4, 4], values: deviates(256, 3, 2) } },
    ]);
    expect(norms).toHaveLength(1);
    expect(nodesOf(after)).not.toContain("Exp");
  });

  test("what reads values of a caller stays, and so does what others read", async () => {
    const asked = withWeight([["Mul", ["v", "s"], ["w"]]], { v });
    const left = async (parts: ModelParts) =>
      (await foldOnnx(onnxModel(parts), { verify: false })).left.map(({ reason }) => reason);
    const shared = withWeight([["Mul", ["v", "g"], ["w"]]], { v, g });
    const { bytes } = await foldOnnx(onnxModel({ ...shared, outputs: ["y", "w"] }));
    expect(nodesOf(bytes)).toContain("Mul");
    expect({
      "an input": await left({ ...asked, inputs: { ...asked.inputs, s: [1] } }),
      "an operator that is not computed": await left(withWeight([["Sin", ["v"], ["w"]]], { v })),
      "shapes that do not fit": await left(withWeight([["Mul", ["v", "o"], ["w"]]], { v, o: { shape: [5] } })),
      "a size that the file gives no cause for": await left(
        withWeight([["ConstantOfShape", ["size"], ["w"]]], { size: int(4, 2, 30_000, 30_000) }),
      ),
    }).toMatchInlineSnapshot(`
      {
        "a size that the file gives no cause for": [
          "the weight of Conv Conv_c is not constant: ConstantOfShape ConstantOfShape_w cannot be computed: it makes more values than the size of the file gives cause for; Relu Relu_y stands after it",
        ],
        "an input": [
          "the weight of Conv Conv_c is not constant: Mul Mul_w computes it; Relu Relu_y stands after it",
        ],
        "an operator that is not computed": [
          "the weight of Conv Conv_c is not constant: Sin Sin_w computes it; Relu Relu_y stands after it",
        ],
        "shapes that do not fit": [
          "the weight of Conv Conv_c is not constant: Mul Mul_w cannot be computed: shapes 4×2×3×3 and 5 do not broadcast; Relu Relu_y stands after it",
        ],
      }
    `);
  });

  test("every operator gives what onnxruntime gives", async () => {
    const unary = ["Neg", "Abs", "Sign", "Floor", "Ceil", "Exp", "Reciprocal", "Relu", "Sigmoid", "Tanh", "Softplus"];
    const binary = ["Add", "Sub", "Mul", "Div", "Min", "Max", "Sum"];
    const reductions = [
      "ReduceSumSquare",
      "ReduceMean",
      "ReduceProd",
      "ReduceMax",
      "ReduceMin",
      "ReduceL1",
      "ReduceL2",
    ];
    const step = fc.record({
      op: fc.constantFrom(...unary, ...binary, ...reductions),
      axis: fc.nat(3),
      keep: fc.constantFrom(0, 1),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        const nodes: NodeParts[] = [];
        let [at, rank] = ["v", 4];
        for (const [k, { op, axis, keep }] of steps.entries()) {
          const next = `t${k}`;
          if (binary.includes(op)) nodes.push([op, [at, rank === 4 ? "g" : "s"], [next]]);
          else if (unary.includes(op)) nodes.push([op, [at], [next]]);
          else if (rank > 1) {
            nodes.push([op, [at], [next], { axes: [axis % rank], keepdims: keep }]);
            rank -= 1 - keep;
          } else continue;
          at = next;
        }
        // The computed value scales the norm's channels, which both models are compared by.
        nodes.push(["Reshape", [at, "row"], ["line"]], ["Slice", ["line", "from", "to"], ["one"]]);
        nodes.push(["Tanh", ["one"], ["small"]], ["Mul", ["v", "small"], ["w"]]);
        const parts = withWeight(nodes, { v, g, s: scalar(0.7), row: int(-1), from: int(0), to: int(1) });
        const bytes = onnxModel(parts);
        const { folded, bytes: after } = await foldOnnx(bytes, { verify: false });
        const x = { shape: [1, 2, 4, 4], values: deviates(32, 3) };
        const [a, b] = [await runOnnx(bytes, { x }), await runOnnx(after, { x })];
        expect(folded).toHaveLength(1);
        if (a["y"].values.every(Number.isFinite)) expect(relativeDifference(a, b)).toBeLessThan(1e-5);
      }),
      { numRuns: 60, seed: 3 },
    );
  });
});

describe("initializers that are also inputs", () => {
  const parts: ModelParts = {
    opset: 9,
    ir: 4,
    inputs: { x: ["N", 2, 4, 4] },
    outputs: ["y"],
    nodes: [["Conv", ["x", "w"], ["c"]], normNode("n", "c", "y")],
    constants: { w: { shape: [4, 2, 3, 3] }, ...normConstants("n", 4) },
    listed: ["w", "n.weight", "n.bias", "n.mean", "n.variance"],
  };
  const bytes = onnxModel(parts);
  const data = [{ x: { shape: [4, 2, 4, 4], values: deviates(128, 3) } }];
  const initializersAreConstant = true;

  test("are constants where the caller says so", async () => {
    expect((await foldOnnx(bytes)).left).toMatchInlineSnapshot(`
      [
        {
          "norm": "BatchNormalization_y",
          "reason": "its weight is not known: a caller may replace it, since it is also an input: repair the model first",
        },
      ]
    `);
    expect((await inspectOnnx(bytes)).norms[0].channels).toBeNull();
    expect((await inspectOnnx(bytes, { initializersAreConstant })).norms[0].channels).toBe(4);
    expect((await foldOnnx(bytes, { initializersAreConstant })).folded).toHaveLength(1);
    for (const mode of ["sequential", "batch"] as const) {
      expect((await recalibrateOnnx(bytes, data, { initializersAreConstant, mode })).norms).toHaveLength(1);
    }
  });

  test("are taken out of the inputs by repair", async () => {
    const { bytes: after, repaired } = await repairOnnx(bytes);
    expect(repaired).toMatchInlineSnapshot(`
      [
        {
          "node": "the inputs",
          "what": "5 constants are no longer inputs, which a caller may replace",
        },
      ]
    `);
    expect(fromBinary(ModelProtoSchema, after).graph?.input.map(({ name }) => name)).toEqual(["x"]);
    expect((await foldOnnx(after)).folded).toHaveLength(1);
    expect((await repairOnnx(after)).repaired).toEqual([]);
    // Before version 4 the file must list them, and nobody may replace them.
    const old = onnxModel({ ...parts, ir: 3 });
    expect(await repairOnnx(old)).toEqual({ bytes: old, repaired: [], concerns: [] });
  });
});

test("repair leaves a norm that standardises weights in training mode", async () => {
  const bytes = onnxModel({
    opset: 15,
    inputs: { x: ["N", 2, 4, 4] },
    outputs: ["y"],
    nodes: [
      ["BatchNormalization", ["v", "one", "zero", "zero", "one"], ["u", "m", "s"], { training_mode: 1 }],
      ["Reshape", ["u", "shape"], ["w"]],
      ["Conv", ["x", "w"], ["y"]],
    ],
    constants: {
      v: { shape: [1, 4, 18] },
      one: { shape: [4], values: [1, 1, 1, 1] },
      zero: { shape: [4], values: [0, 0, 0, 0] },
      shape: int(4, 2, 3, 3),
    },
  });
  expect((await repairOnnx(bytes)).repaired).toEqual([]);
});
