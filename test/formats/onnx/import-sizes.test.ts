import { type Tensor, tensor } from "evenkeel";
import { describe, expect, test } from "vitest";
import { expectAsOnnxruntime as expectImported } from "../../support/onnx-imported.js";
import type { ConstantParts, ModelParts, NodeParts } from "../../support/onnx-models.js";

const whole = (shape: readonly number[], values: readonly number[]): ConstantParts => ({
  shape,
  values,
  type: "int64",
});
const one = (value: number): ConstantParts => whole([], [value]);
const list = (...values: number[]): ConstantParts => whole([values.length], values);

/** The size of an axis of x. */
const sizeOf = (axis: "zero" | "one" | "two", name: string): readonly NodeParts[] => [
  ["Shape", ["x"], [`${name}_shape`]],
  ["Gather", [`${name}_shape`, axis], [name], { axis: 0 }],
];
const numbers = { zero: one(0), one: one(1), two: one(2), three: one(3), first: list(0), last: list(-1) };

/** What a model of x, (N, 4, 5), gives, and again from a file that is written of it. */
const expectAsOnnxruntime = (nodes: readonly NodeParts[], constants: ModelParts["constants"] = {}) =>
  expectImported({ nodes, constants: { ...numbers, ...constants } }, [4, 5]);

describe("what nodes compute of sizes is what onnxruntime computes", () => {
  test("a Range up to a known size, as exporters number places", async () => {
    await expectAsOnnxruntime([
      ...sizeOf("two", "width"),
      ["Range", ["one", "width", "two"], ["r"]],
      ["Gather", ["x", "r"], ["y"], { axis: 2 }],
    ]);
  });

  test("a Range up to the number of samples, as exporters write x[arange(n)]", async () => {
    await expectAsOnnxruntime([
      ...sizeOf("zero", "count"),
      ["Range", ["zero", "count", "one"], ["r"]],
      ["Gather", ["x", "r"], ["same"], { axis: 0 }],
      ["Cast", ["r"], ["real"], { to: 1 }],
      ["Unsqueeze", ["real", "ends"], ["column"]],
      ["Add", ["same", "column"], ["y"]],
    ], { ends: list(1, 2) }); // biome-ignore format: nodes
  });

  test("numbers for each sample, as exporters write the first state of an LSTMCell and ones_like(x)", async () => {
    const model = await expectAsOnnxruntime(
      [
        ...sizeOf("zero", "count"),
        ["Unsqueeze", ["count", "first"], ["samples"]],
        ["Concat", ["samples", "width"], ["shape"], { axis: 0 }],
        ["ConstantOfShape", ["shape"], ["state"]],
        ["MatMul", ["state", "w"], ["product"]],
        ["Add", ["product", "b"], ["next"]],
        ["Unsqueeze", ["next", "middle"], ["rows"]],
        ["Shape", ["x"], ["x_sizes"]],
        ["ConstantOfShape", ["x_sizes"], ["like"]],
        ["Cos", ["like"], ["ones"]],
        ["Exp", ["ones"], ["e"]],
        ["Div", ["ones", "e"], ["part"]],
        ["Add", ["part", "x"], ["more"]],
        // Whole numbers divide without remainder.
        ["ConstantOfShape", ["x_sizes"], ["sevens"], { value: list(7) }],
        ["ConstantOfShape", ["x_sizes"], ["twos"], { value: list(2) }],
        ["Div", ["sevens", "twos"], ["threes"]],
        ["Cast", ["threes"], ["real_threes"], { to: 1 }],
        ["Mul", ["more", "rows"], ["product_of_rows"]],
        ["Mul", ["product_of_rows", "real_threes"], ["y"]],
      ],
      { width: list(6), w: { shape: [6, 5] }, b: { shape: [5] }, middle: list(1) },
    );
    expect(
      model
        .namedParameters()
        .map(([key]) => key)
        .toSorted(),
    ).toEqual(["MatMul_product.bias", "MatMul_product.weight"]);
  });

  test("widths of a Pad that brings an axis to a multiple of 3, and others of Min, Max, Not, Less and Abs", async () => {
    await expectAsOnnxruntime([
      ...sizeOf("two", "width"),
      ["Mod", ["width", "three"], ["over"]],
      ["Sub", ["three", "over"], ["short"]],
      ["Mod", ["short", "three"], ["behind"]],
      ["Sub", ["one", "width"], ["below"]],
      ["Abs", ["below"], ["four"]],
      ["Min", ["four", "two"], ["before"]],
      ["Max", ["zero", "below"], ["none"]],
      ["Less", ["width", "two"], ["is"]],
      ["Not", ["is"], ["isNot"]],
      ["Where", ["isNot", "before", "none"], ["chosen"]],
      ...["behind", "chosen"].map((name): NodeParts => ["Reshape", [name, "last"], [`${name}_1`]]),
      ["Concat", ["first", "first", "chosen_1", "first", "first", "behind_1"], ["pads"], { axis: 0 }],
      ["Pad", ["x", "pads"], ["y"]],
    ]);
  });

  test("of values of which nothing else is read, as of the keys of masked attention", async () => {
    await expectAsOnnxruntime([
      ["Transpose", ["x"], ["turned"], { perm: [2, 0, 1] }],
      ["Reshape", ["turned", "flat"], ["rows"]],
      ["Shape", ["rows"], ["s"]],
      ["Gather", ["s", "one"], ["count"], { axis: 0 }],
      ["Unsqueeze", ["count", "first"], ["count_1"]],
      ["Concat", ["last", "two_1", "count_1"], ["to"], { axis: 0 }],
      ["Concat", ["x", "x"], ["both"], { axis: 1 }],
      ["Reshape", ["both", "to"], ["y"]],
    ], { flat: list(-1, 20), two_1: list(2) }); // biome-ignore format: nodes
  });

  test("in a row of 100 nodes, each of which reads the one before it twice", async () => {
    const steps = Array.from({ length: 100 }, (_, k): readonly NodeParts[] => {
      const before = k === 0 ? "width" : `half${k - 1}`;
      return [["Add", [before, before], [`sum${k}`]], ["Div", [`sum${k}`, "two"], [`half${k}`]]]; // biome-ignore format: pairs
    });
    const nodes = [...sizeOf("two", "width"), ...steps.slice(0, 90).flat()];
    await expectAsOnnxruntime([
      ...nodes,
      ["Reshape", ["half89", "last"], ["width_1"]],
      ["Concat", ["last", "width_1"], ["to"], { axis: 0 }],
      ["Reshape", ["x", "to"], ["y"]],
    ]);
  });
});

describe("Trilu is what onnxruntime computes", () => {
  test.each([
    ["the upper triangle", 1, undefined],
    ["the lower triangle", 0, undefined],
    ["above the diagonal", 1, 1],
    ["below the second diagonal", 0, 2],
    ["from below the diagonal", 1, -2],
  ])("%s", async (_, upper, k) => {
    const model = await expectAsOnnxruntime(
      [["Trilu", k === undefined ? ["x"] : ["x", "k"], ["y"], { upper }]],
      k === undefined ? {} : { k: one(k) },
    );
    const x = tensor(new Array(20).fill(Number.NEGATIVE_INFINITY), [1, 4, 5]);
    expect((model.forward(x) as Tensor).dataSync()).not.toContain(Number.NaN);
  });
});

test("a mask with −∞, or the lowest number, is no weight, and does not train", async () => {
  for (const hidden of [Number.NEGATIVE_INFINITY, -3.4028234663852886e38]) {
    const mask = { shape: [4, 5], values: Array.from({ length: 20 }, (_, k) => (k % 3 === 1 ? hidden : 0)) };
    const nodes: NodeParts[] = [["Add", ["x", "mask"], ["a"]], ["Softmax", ["a"], ["s"]], ["Mul", ["s", "w"], ["y"]]]; // biome-ignore format: nodes
    const model = await expectAsOnnxruntime(nodes, { mask, w: { shape: [5] } });
    expect(model.namedParameters().map(([key]) => key)).toEqual(["w"]);
  }
});

test("a mask that nodes make of sizes and numbers is no weight, and does not train", async () => {
  const { one: _, ...places } = numbers;
  const nodes: NodeParts[] = [
    ...sizeOf("one", "height"),
    ...sizeOf("two", "width"),
    ["Unsqueeze", ["height", "first"], ["h"]],
    ["Unsqueeze", ["width", "first"], ["w"]],
    ["Concat", ["h", "w"], ["plane"], { axis: 0 }],
    ["ConstantOfShape", ["plane"], ["zeros"]],
    // Rows of them, written beside and over each other.
    ["Shape", ["zeros"], ["sides"]],
    ["Gather", ["sides", "one"], ["columns"], { axis: 0 }],
    ["Range", ["zero", "columns", "two"], ["even"]],
    ["Unsqueeze", ["even", "last"], ["rows"]],
    ["Slice", ["rows", "first", "pair"], ["near"]],
    ["Expand", ["hidden", "lows"], ["low"]],
    ["ScatterND", ["zeros", "near", "low"], ["striped"]],
    ["Expand", ["other", "highs"], ["high"]],
    ["ScatterElements", ["striped", "corner", "high"], ["mask"], { axis: 1 }],
    ["Add", ["x", "mask"], ["a"]],
    ["Softmax", ["a"], ["s"]],
    ["Mul", ["s", "scale"], ["y"]],
  ];
  const model = await expectAsOnnxruntime(nodes, {
    ...places,
    pair: list(2),
    hidden: { shape: [], values: [-100] },
    lows: list(2, 5),
    corner: whole([1, 2], [0, -1]),
    other: { shape: [], values: [3] },
    highs: list(1, 2),
    scale: { shape: [5] },
  });
  expect(model.namedParameters().map(([key]) => key)).toEqual(["scale"]);
});

test("a Dropout of ratio 0 is none, in training mode too", async () => {
  const drop = (ratio: number): readonly [NodeParts[], ModelParts["constants"]] => [
    [
      ["Dropout", ["x", "ratio", "training"], ["d"]],
      ["Relu", ["d"], ["y"]],
    ],
    { ratio: { shape: [], values: [ratio] }, training: { shape: [], values: [1], type: "bool" } },
  ];
  await expectAsOnnxruntime(...drop(0));
  await expect(expectAsOnnxruntime(...drop(0.5))).rejects.toThrowErrorMatchingInlineSnapshot(
    `[FormatError: importOnnx(bytes), Dropout Dropout_d: expected what a layer or op of Evenkeel does, got training mode. Leave this node out of the model, or build the network by hand and load its weights.]`,
  );
});

test("a Range whose places are not known is named", async () => {
  const nodes: NodeParts[] = [
    ...sizeOf("zero", "count"),
    ["Range", ["one", "count", "one"], ["r"]],
    ["Gather", ["x", "r"], ["y"], { axis: 0 }],
  ];
  await expect(expectAsOnnxruntime(nodes)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[FormatError: importOnnx(bytes), Range Range_r: expected what a layer or op of Evenkeel does, got a start, limit or delta that is not known. Leave this node out of the model, or build the network by hand and load its weights.]`,
  );
});
