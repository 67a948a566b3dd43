import { noGrad, type Tensor, tensor } from "evenkeel";
import { importOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import {
  type Attributes,
  type ConstantParts,
  deviates,
  type ModelParts,
  onnxModel,
} from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

type Parts = Omit<ModelParts, "outputs" | "inputs"> & {
  readonly shape?: readonly number[];
  readonly values?: readonly number[];
  /** Whether the model says how many samples there are. */
  readonly fixed?: boolean;
};

const whole = (shape: readonly number[], values: readonly number[]): ConstantParts => ({
  shape,
  values,
  type: "int64",
});
const ints = (...values: number[]): ConstantParts => whole([values.length], values);
const reals = (...values: number[]): ConstantParts => ({ shape: [values.length], values });
const one = (opType: string, attributes: Attributes = {}): Parts => ({ nodes: [[opType, ["x"], ["y"], attributes]] });

function modelOf({ shape = [3, 4, 5], fixed = false, values: _, ...parts }: Parts): Uint8Array {
  const [batch, ...others] = shape;
  return onnxModel({ ...parts, inputs: { x: [fixed ? batch : "N", ...others] }, outputs: ["y"] });
}

async function expectAsOnnxruntime(parts: Parts): Promise<void> {
  const { shape = [3, 4, 5] } = parts;
  const bytes = modelOf(parts);
  const values = parts.values ?? deviates(shape.reduce((a, b) => a * b), 7, 0, 1.5); // biome-ignore format: one line
  const { y: expected } = await runOnnx(bytes, { x: { shape, values } });
  const { model } = await importOnnx(bytes);
  const y = noGrad(() => model.eval().forward(tensor(values, shape))) as Tensor;
  expect(y.shape).toEqual(expected.dims);
  const worst = y.dataSync().reduce((most, value, i) => {
    return Math.max(most, Math.abs(value - expected.values[i]) / Math.max(1, Math.abs(value)));
  }, 0);
  expect(worst).toBeLessThan(1e-5);
}

const unit = Array.from({ length: 60 }, (_, k) => (k - 30) / 30.5);
const wide = [...deviates(30, 1, 0, 3), ...deviates(30, 2, 0, 0.01)];

/** Operators that ops compute together. */
const functions: Readonly<Record<string, Parts>> = {
  Sinh: { ...one("Sinh"), values: wide },
  Cosh: { ...one("Cosh"), values: wide },
  Asin: { ...one("Asin"), values: unit },
  Acos: { ...one("Acos"), values: unit },
  Atan: { ...one("Atan"), values: wide.map((value, k) => (k % 7 === 0 ? value * 1e25 : value)) },
  Asinh: { ...one("Asinh"), values: wide.map((value, k) => (k % 7 === 0 ? value * 1e6 : value)) },
  Acosh: { ...one("Acosh"), values: wide.map((value) => 1 + Math.abs(value)) },
  Atanh: { ...one("Atanh"), values: unit },
  Softsign: one("Softsign"),
  Celu: one("Celu", { alpha: { f: 1.5 } }),
  ThresholdedRelu: one("ThresholdedRelu", { alpha: { f: 0.7 } }),
  "Shrink to 0": one("Shrink", { lambd: { f: 1 } }),
  "Shrink by a bias": one("Shrink", { lambd: { f: 0.5 }, bias: { f: 0.25 } }),
  "Hardmax of the last axis": one("Hardmax"),
  "Hardmax of another axis": one("Hardmax", { axis: 1 }),
  "Hardmax of several axes, before version 13": { ...one("Hardmax", { axis: 1 }), opset: 11 },
  "Mod with the sign of x": {
    nodes: [["Mod", ["x", "m"], ["y"], { fmod: 1 }]],
    constants: { m: reals(0.7, -0.3, 1.1, 2, -0.9) },
  },
  "LRN of three channels": { ...one("LRN", { size: 3 }), shape: [2, 6, 3, 2] },
  "LRN of five channels": {
    ...one("LRN", { size: 5, alpha: { f: 0.3 }, beta: { f: 0.6 }, bias: { f: 2 } }),
    shape: [2, 6, 3, 2],
  },
  MeanVarianceNormalization: { ...one("MeanVarianceNormalization", { axes: [2, 3] }), shape: [2, 3, 4, 3] },
  SpaceToDepth: { ...one("SpaceToDepth", { blocksize: 2 }), shape: [2, 3, 4, 6] },
  "Slice by steps": {
    nodes: [["Slice", ["x", "starts", "ends", "axes", "steps"], ["y"]]],
    constants: { starts: ints(-1, 1, 0), ends: ints(-100, 5, 3), axes: ints(1, 2, 0), steps: ints(-2, 3, 1) },
    fixed: true,
  },
  "Split of the samples": { nodes: [["Split", ["x"], ["a", "b", "c"], { axis: 0 }], ["Sub", ["a", "c"], ["y"]]], fixed: true }, // biome-ignore format: nodes
  "OneHot along another axis": {
    nodes: [
      ["ArgMax", ["x"], ["c"], { axis: 2, keepdims: 0 }],
      ["OneHot", ["c", "depth", "values"], ["y"], { axis: 1 }],
    ],
    constants: { depth: whole([], [6]), values: reals(-1, 3) },
  },
};

describe("operators that ops compute together are what onnxruntime computes", () => {
  test.each(Object.entries(functions))("%s", (_, parts) => expectAsOnnxruntime(parts));

  test("Mod with the sign of the divisor, of whole numbers that float32 holds", async () => {
    const bytes = modelOf({ nodes: [["Mod", ["x", "m"], ["y"]]], constants: { m: reals(7, -7, 3) }, shape: [3] });
    const { model } = await importOnnx(bytes);
    const y = model.forward(tensor([16777213, 16777213, -1])) as Tensor;
    expect([...y.dataSync()]).toEqual([16777213 % 7, (16777213 % 7) - 7, 2]);
  });
});

describe("whole numbers", () => {
  const run = async (parts: ModelParts, x: Tensor): Promise<number[]> => {
    const { model } = await importOnnx(onnxModel(parts));
    return [...(noGrad(() => model.eval().forward(x)) as Tensor).dataSync()];
  };

  test("of an input divide without remainder, and index an embedding", async () => {
    const parts: ModelParts = {
      inputs: { x: ["N", 3] },
      types: { x: "int64" },
      outputs: ["y"],
      nodes: [
        ["Add", ["x", "one"], ["a"]],
        ["Div", ["a", "two"], ["h"]],
        ["Gather", ["w", "h"], ["y"]],
      ],
      constants: { one: whole([], [1]), two: whole([], [2]), w: { shape: [4, 2], values: [0, 1, 2, 3, 4, 5, 6, 7] } },
    };
    expect(await run(parts, tensor([[0, 3, 6]]))).toEqual([0, 1, 4, 5, 6, 7]);
    const tokens = { ...parts, nodes: [["Gather", ["w", "x"], ["y"]]] as const };
    const { model } = await importOnnx(onnxModel(tokens));
    expect(String(model)).toBe("Sequential(Embedding(4, 2))");
  });

  test("that a Cast makes divide towards 0, and are real again after one", async () => {
    const parts: ModelParts = {
      inputs: { x: ["N", 4] },
      outputs: ["y"],
      nodes: [
        ["Cast", ["x"], ["c"], { to: 7 }],
        ["Div", ["c", "two"], ["d"]],
        ["Cast", ["d"], ["r"], { to: 1 }],
        ["Div", ["r", "half"], ["y"]],
      ],
      constants: { two: whole([], [2]), half: { shape: [], values: [0.5] } },
    };
    const x = tensor([[-3.9, 3.9, 5.2, -5.2]]);
    expect(await run(parts, x)).toEqual([-2, 2, 4, -4]);
    const { y } = await runOnnx(onnxModel(parts), { x: { shape: [1, 4], values: [...x.dataSync()] } });
    expect(await run(parts, x)).toEqual([...y.values]);
  });

  test("have no mean", async () => {
    const nodes = [["Cast", ["x"], ["c"], { to: 7 }], ["ReduceMean", ["c"], ["y"]]] as const; // biome-ignore format: nodes
    await expect(
      importOnnx(onnxModel({ inputs: { x: ["N", 4] }, outputs: ["y"], nodes })),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[FormatError: importOnnx(bytes), ReduceMean ReduceMean_y: expected what a layer or op of Evenkeel does, got a mean of whole numbers. Leave this node out of the model, or build the network by hand and load its weights.]`,
    );
  });
});

const places: Readonly<Record<string, Parts>> = {
  GatherND: {
    nodes: [["GatherND", ["x", "i"], ["y"]]],
    constants: { i: whole([2, 2], [0, -1, 2, 1]) },
    fixed: true,
  },
  "GatherND within each sample": {
    nodes: [["GatherND", ["x", "i"], ["y"], { batch_dims: 1 }]],
    constants: { i: whole([3, 2, 1], [0, 3, 1, 1, 2, 0]) },
    fixed: true,
  },
  ScatterND: {
    nodes: [["ScatterND", ["x", "i", "u"], ["y"]]],
    constants: { i: whole([2, 2], [0, -1, 2, 1]), u: { shape: [2, 5] } },
    fixed: true,
  },
  "ScatterND that adds, twice to one place": {
    nodes: [["ScatterND", ["x", "i", "u"], ["y"], { reduction: "add" }]],
    constants: { i: whole([3, 1], [1, 0, 1]), u: { shape: [3, 4, 5] } },
    opset: 16,
    fixed: true,
  },
  ScatterElements: {
    nodes: [["ScatterElements", ["x", "i", "u"], ["y"], { axis: 1 }]],
    constants: { i: whole([2, 2, 1], [0, -1, 2, 1]), u: { shape: [2, 2, 1] } },
    fixed: true,
  },
  "ScatterElements that multiplies": {
    nodes: [["ScatterElements", ["x", "i", "u"], ["y"], { axis: -1, reduction: "mul" }]],
    constants: { i: whole([1, 2, 2], [0, 0, 2, 1]), u: { shape: [1, 2, 2] } },
    opset: 16,
    fixed: true,
  },
  "Compress along an axis": {
    nodes: [["Compress", ["x", "c"], ["y"], { axis: 1 }]],
    constants: { c: { shape: [4], values: [0, 1, 1, 0], type: "bool" } },
  },
  "Compress of all values": {
    nodes: [["Compress", ["x", "c"], ["y"]]],
    constants: { c: { shape: [5], values: [0, 1, 1, 0, 1], type: "bool" } },
    fixed: true,
  },
  ReverseSequence: {
    nodes: [["ReverseSequence", ["x", "n"], ["y"], { batch_axis: 0, time_axis: 1 }]],
    constants: { n: ints(1, 4, 2) },
  },
  "ReverseSequence, time first": {
    nodes: [["ReverseSequence", ["x", "n"], ["y"], { batch_axis: 1, time_axis: 0 }]],
    constants: { n: ints(1, 3, 2, 3) },
    fixed: true,
  },
};

test.each(Object.entries(places))("%s at constant places is what onnxruntime computes", (_, parts) =>
  expectAsOnnxruntime(parts),
);

const modes = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"];
const resize = (attributes: Attributes, constant: Record<string, ConstantParts>, opset = 13): Parts => ({
  nodes: [
    [
      "Resize",
      ["x", "", "scales" in constant ? "scales" : "", ...("sizes" in constant ? ["sizes"] : [])],
      ["y"],
      attributes,
    ],
  ],
  constants: constant,
  shape: [2, 3, 4, 6],
  opset,
});

describe("Resize is what onnxruntime computes", () => {
  test.each(modes)("%s", async (coordinate_transformation_mode) => {
    for (const [height, width] of [
      [8, 12],
      [7, 3],
      [1, 5],
      [2, 6],
    ]) {
      const sizes = { sizes: ints(2, 3, height, width) };
      for (const nearest_mode of ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]) {
        await expectAsOnnxruntime({ ...resize({ nearest_mode, coordinate_transformation_mode }, sizes), fixed: true });
      }
      for (const more of [
        { mode: "linear" },
        { mode: "cubic" },
        { mode: "cubic", exclude_outside: 1, cubic_coeff_a: { f: -0.5 } },
      ]) {
        await expectAsOnnxruntime({ ...resize({ ...more, coordinate_transformation_mode }, sizes), fixed: true });
      }
    }
  });

  test("by scales that are not whole, with the number of samples open", async () => {
    const scales = { scales: reals(1, 1, 1.5, 0.5) };
    for (const mode of ["nearest", "linear", "cubic"]) await expectAsOnnxruntime(resize({ mode }, scales));
    for (const mode of ["nearest", "linear"]) {
      await expectAsOnnxruntime(resize({ mode, coordinate_transformation_mode: "asymmetric" }, scales));
    }
  });

  test("of the axes that version 18 names, and of signals", async () => {
    await expectAsOnnxruntime(resize({ axes: [2, 3], mode: "cubic" }, { scales: reals(2, 1.5) }, 18));
    await expectAsOnnxruntime(resize({ axes: [3, 2] }, { sizes: ints(3, 7) }, 18));
    await expectAsOnnxruntime({ ...resize({ mode: "linear" }, { scales: reals(1, 1, 2.5) }), shape: [2, 3, 4] });
    await expectAsOnnxruntime({
      ...resize(
        { mode: "linear", coordinate_transformation_mode: "half_pixel_symmetric" },
        { scales: reals(1, 1, 0.7, 0.6) },
        19,
      ),
      fixed: true,
    });
  });

  test("of a part of the planes", async () => {
    await expectAsOnnxruntime({
      nodes: [
        [
          "Resize",
          ["x", "roi", "", "sizes"],
          ["y"],
          { mode: "linear", coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: { f: 9 } },
        ],
      ],
      constants: { roi: reals(0, 0, 0.2, 0.3, 1, 1, 0.7, 1.2), sizes: ints(2, 3, 3, 5) },
      shape: [2, 3, 4, 6],
      fixed: true,
    });
  });
});

const einsums: Readonly<Record<string, Parts>> = Object.fromEntries(
  (
    [
      ["nij->nji", []],
      ["nij->n", []],
      ["nij,njk->nik", [[3, 5, 2]]],
      ["nij,jk->nik", [[5, 2]]],
      ["nij,nij->ni", [[3, 4, 5]]],
      ["...ij,...kj->...ik", [[3, 2, 5]]],
      ["nij,nkl->nikjl", [[3, 2, 3]]],
      ["nij,k->nijk", [[2]]],
      [
        "nij,jk,kl->nil",
        [
          [5, 2],
          [2, 6],
        ],
      ],
      ["nij,ij", [[4, 5]]],
    ] as const
  ).map(([equation, more]) => [
    equation,
    {
      nodes: [["Einsum", ["x", ...more.map((_, k) => `w${k}`)], ["y"], { equation }]],
      constants: Object.fromEntries(more.map((shape, k) => [`w${k}`, { shape }])),
    } satisfies Parts,
  ]),
);

test.each(Object.entries(einsums))("Einsum %s is what onnxruntime computes", (_, parts) => expectAsOnnxruntime(parts));

test("Einsum of a diagonal is what onnxruntime computes", async () => {
  const nodes = [["Einsum", ["x"], ["y"], { equation: "nii->ni" }]] as const;
  await expectAsOnnxruntime({ nodes, shape: [3, 4, 4] });
});

describe("losses are what onnxruntime computes", () => {
  const labels = whole([3, 5], [0, 1, 3, 2, 0, 0, 1, 1, 2, 3, 3, 1, 2, 0, 1]);
  test.each(["none", "sum", "mean"])("%s", async (reduction) => {
    for (const ignored of [{}, { ignore_index: 1 }]) {
      for (const more of [[], ["w"]]) {
        for (const opType of ["SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"]) {
          const nodes = [[opType, ["x", "l", ...more], ["y"], { reduction, ...ignored }]] as const;
          await expectAsOnnxruntime({
            nodes,
            constants: { l: labels, w: reals(0.5, 1, 2, 3) },
            opset: 13,
            fixed: true,
          });
        }
      }
    }
  });
});

describe("ConvTranspose whose sides differ is what onnxruntime computes", () => {
  test.each<[string, Attributes]>([
    ["pads", { pads: [0, 1, 1, 2], strides: [2, 2] }],
    ["SAME_UPPER", { auto_pad: "SAME_UPPER", strides: [2, 2] }],
    ["SAME_LOWER", { auto_pad: "SAME_LOWER", strides: [2, 3] }],
    ["output_shape", { output_shape: [9, 12], strides: [2, 2] }],
    ["VALID", { auto_pad: "VALID", strides: [2, 1] }],
  ])("%s", (_, attributes) =>
    expectAsOnnxruntime({
      nodes: [["ConvTranspose", ["x", "w"], ["y"], attributes]],
      constants: { w: { shape: [3, 2, 3, 3] } },
      shape: [2, 3, 4, 6],
    }),
  );
});

test.each<[string, Attributes]>([
  ["with taps that do not meet", { strides: [2, 2, 2] }],
  ["whose taps overlap", { pads: [1, 1, 1, 1, 1, 1] }],
  [
    "with strides, dilation and output padding",
    { strides: [3, 2, 1], dilations: [2, 1, 1], output_padding: [1, 1, 0] },
  ],
  ["whose sides differ", { pads: [1, 0, 1, 2, 1, 0], strides: [2, 2, 2] }],
  ["in groups", { group: 2, strides: [2, 1, 1] }],
])("ConvTranspose of volumes, %s, is what onnxruntime computes", async (name, attributes) => {
  for (const inputs of [
    ["x", "w"],
    ["x", "w", "b"],
  ]) {
    // biome-ignore format: one line
    await expectAsOnnxruntime({
      nodes: [["ConvTranspose", inputs, ["y"], attributes]],
      constants: {
        w: { shape: [4, 3, ...(name.includes("not meet") ? [2, 2, 2] : [3, 2, 3])] },
        b: { shape: [name === "in groups" ? 6 : 3] },
      },
      shape: [2, 4, 3, 4, 5],
    });
  }
});

test("what these operators cannot do here is named", async () => {
  const scales = { scales: reals(1, 1, 0.6, 1) };
  const refusals: Readonly<Record<string, Parts>> = {
    "align_corners of a part of a place": resize(
      { mode: "linear", coordinate_transformation_mode: "align_corners" },
      scales,
    ),
    "a transformation": resize({ coordinate_transformation_mode: "other" }, scales),
    "a rounding": resize({ nearest_mode: "other" }, scales),
    "a mode": resize({ mode: "quintic" }, scales),
    "scales of 0": resize({}, { scales: reals(1, 1, 0, 1) }),
    "scales of too few axes": resize({}, { scales: reals(1, 2) }),
    "an equation": one("Einsum", { equation: "n(i)j->nij" }),
    "an equation of two inputs": one("Einsum", { equation: "nij,jk->nik" }),
    "an equation of two axes": one("Einsum", { equation: "ni->n" }),
    "a result of its own": one("Einsum", { equation: "nij->nik" }),
    "places that are not constant": { nodes: [["GatherND", ["x", "x"], ["y"]]] },
    "places outside": {
      nodes: [["GatherND", ["x", "i"], ["y"]]],
      constants: { i: whole([1, 2], [0, 4]) },
      fixed: true,
    },
    "places of samples that are open": {
      nodes: [["GatherND", ["x", "i"], ["y"]]],
      constants: { i: whole([1, 2], [0, 3]) },
    },
    "a shrink by less than nothing": one("Shrink", { lambd: { f: -1 } }),
    "an LRN of no channels": one("LRN", { size: 0 }),
    "a pool of which two programs pad differently": {
      ...one("MaxPool", { kernel_shape: [2, 2], dilations: [1, 3], auto_pad: "SAME_UPPER" }),
      shape: [2, 3, 4, 5],
    },
    "two paddings": {
      nodes: [["Conv", ["x", "w"], ["y"], { auto_pad: "SAME_UPPER", pads: [2, 2, 2, 2] }]],
      constants: { w: { shape: [2, 3, 3, 3] } },
      shape: [2, 3, 4, 5],
    },
    "a step of 0": {
      nodes: [["Slice", ["x", "s", "e", "a", "z"], ["y"]]],
      constants: { s: ints(0), e: ints(4), a: ints(1), z: ints(0) },
    },
    "six axes": { nodes: [["Unsqueeze", ["x", "a"], ["y"]]], constants: { a: ints(0, 1, 2) } },
    "an input of six axes": { ...one("Relu"), shape: [1, 1, 1, 1, 1, 1] },
    "a reduction": {
      nodes: [["SoftmaxCrossEntropyLoss", ["x", "l"], ["y"], { reduction: "most" }]],
      constants: { l: whole([3, 5], new Array<number>(15).fill(0)) },
    },
  };
  const messages = Object.entries(refusals).map(async ([name, parts]) => {
    const error: unknown = await importOnnx(modelOf(parts)).then(
      () => "imported",
      ({ message }: Error) => message.replace(/, got/, "\n got").replace(/ Leave this node.*/, ""),
    );
    return [name, String(error).replace(/expected what a layer or op of Evenkeel does\n got/, "got")];
  });
  expect(Object.fromEntries(await Promise.all(messages))).toMatchInlineSnapshot(`
    {
      "a mode": "importOnnx(bytes), Resize Resize_y: got mode quintic.",
      "a pool of which two programs pad differently": "importOnnx(bytes), MaxPool MaxPool_y: got auto_pad SAME_UPPER with dilations.",
      "a reduction": "importOnnx(bytes), SoftmaxCrossEntropyLoss SoftmaxCrossEntropyLoss_y: got reduction most.",
      "a result of its own": "importOnnx(bytes), Einsum Einsum_y: got a letter of the result that no input has.",
      "a rounding": "importOnnx(bytes), Resize Resize_y: got half_pixel with other.",
      "a shrink by less than nothing": "importOnnx(bytes), Shrink Shrink_y: got lambd -1.",
      "a step of 0": "importOnnx(bytes), Slice Slice_y: got a step of 0.",
      "a transformation": "importOnnx(bytes), Resize Resize_y: got other with round_prefer_floor.",
      "align_corners of a part of a place": "importOnnx(bytes), Resize Resize_y: got align_corners with a scale of 0.6000000238418579 for 4 places, which is no whole number.",
      "an LRN of no channels": "importOnnx(bytes), LRN LRN_y: got size 0.",
      "an equation": "importOnnx(bytes), Einsum Einsum_y: got equation n(i)j->nij.",
      "an equation of two axes": "importOnnx(bytes), Einsum Einsum_y: got equation ni->n for an input of rank 3.",
      "an equation of two inputs": "importOnnx(bytes), Einsum Einsum_y: got equation nij,jk->nik.",
      "an input of six axes": "importOnnx(bytes): expected inputs of at most 5 axes
     got x of 6. Export the model with some of them as one.",
      "places of samples that are open": "importOnnx(bytes), GatherND GatherND_y: got input 0 of unknown size.",
      "places outside": "importOnnx(bytes), GatherND GatherND_y: got index 4 of an axis of 4.",
      "places that are not constant": "importOnnx(bytes), GatherND GatherND_y: got indices that are not constant.",
      "scales of 0": "importOnnx(bytes), Resize Resize_y: got scales 1, 1, 0, 1.",
      "scales of too few axes": "importOnnx(bytes), Resize Resize_y: got sizes that are not known.",
      "six axes": "importOnnx(bytes), Unsqueeze Unsqueeze_y: got 6 axes.",
      "two paddings": "importOnnx(bytes), Conv Conv_y: got pads beside auto_pad SAME_UPPER.",
    }
  `);
});

describe("pooling of values that lie apart is what onnxruntime computes", () => {
  const pool = { kernel_shape: [2, 3], dilations: [2, 1], strides: [1, 2], pads: [1, 1, 0, 1] };
  test.each<[string, Attributes]>([
    ["MaxPool", pool],
    ["MaxPool", { ...pool, ceil_mode: 1 }],
    ["MaxPool", { kernel_shape: [2, 2], dilations: [1, 3], auto_pad: "VALID" }],
    ["AveragePool", pool],
    ["AveragePool", { ...pool, count_include_pad: 1 }],
    ["AveragePool", { ...pool, dilations: [3, 2], pads: [0, 0, 0, 0] }],
  ])("%s %j", (opType, attributes) =>
    expectAsOnnxruntime({ nodes: [[opType, ["x"], ["y"], attributes]], shape: [2, 3, 6, 7], opset: 19 }),
  );

  test("of signals", () =>
    expectAsOnnxruntime({ ...one("MaxPool", { kernel_shape: [3], dilations: [2], pads: [1, 1] }), shape: [2, 3, 9] }));
});
