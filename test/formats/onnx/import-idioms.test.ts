import {
  type AnyModule,
  AvgPool2d,
  BatchNorm,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  crossEntropy,
  Dropout,
  ELU,
  Flatten,
  fit,
  freezeNorms,
  GELU,
  GlobalAvgPool2d,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  LeakyReLU,
  Linear,
  MaxPool2d,
  type Module,
  predict,
  ReLU,
  ReLU6,
  Residual,
  RmsNorm,
  Sequential,
  Sgd,
  Sigmoid,
  SiLU,
  Softmax,
  Tanh,
  tensor,
} from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import { allowFreshStatistics } from "../../support/fresh-statistics.js";
import { fixtures } from "../../support/onnx-import-fixtures.js";
import {
  type Attributes,
  type ConstantParts,
  deviates,
  type NodeParts,
  normConstants,
  normNode,
  onnxModel,
} from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

/** What a network gives of some values. */
async function outputOf(model: Module, shape: readonly number[], values: readonly number[]): Promise<Float32Array> {
  return (await predict(model, tensor(Float32Array.from(values), shape))).dataSync();
}

/** A network's layers as text, with what stands inside them. */
function layersOf(module: AnyModule): string {
  if (!(module instanceof Residual)) {
    return module instanceof Sequential ? module.layers.map(layersOf).join(" ") : String(module);
  }
  const { body, shortcut } = module;
  return `{ ${[body, ...(shortcut === null ? [] : [shortcut])].map(layersOf).join(" + ")} }`;
}

describe.each([
  [
    "views",
    "Conv2d(1, 4, 3) BatchNorm(4) ReLU() MaxPool2d([2,2]) Conv2d(4, 6, 3) ReLU6() MaxPool2d([2,2]) Flatten() Linear(54, 8) GELU() Flatten() Linear(8, 3)",
  ],
  [
    "norms",
    "Conv2d(1, 4, 3) { GroupNorm(2, 4) SiLU() Conv2d(4, 4, 3) GroupNorm(1, 4) GELU() Conv2d(4, 4, 1) } SiLU() InstanceNorm(4) ConvTranspose2d(4, 4, 3) BatchNorm(4) ELU() AvgPool2d([2,2]) Flatten() LayerNorm(196) Linear(196, 6) LayerNorm(6) Linear(6, 3)",
  ],
  ["planes", "Conv2d(1, 4, 3) BatchNorm(4) ReLU6() GlobalAvgPool2d() Linear(4, 6) ReLU() Linear(6, 3)"],
])("importOnnx of PyTorch's %s", (name, layers) => {
  test("predicts what PyTorch does, learns, and predicts the same when it is exported again", async () => {
    const { onnx, x, y } = fixtures[name];
    const { model } = await importOnnx(Uint8Array.from(Buffer.from(onnx, "base64")));
    expect(layersOf(model)).toBe(layers);
    const shape = [4, 1, 14, 14];
    expectClose(await outputOf(model, shape, x), y, 1e-5);
    const batch = { inputs: tensor(Float32Array.from(x), shape), targets: Int32Array.of(0, 1, 2, 1) };
    const loss = () => crossEntropy(model.eval().forward(batch.inputs), batch.targets).item();
    const first = loss();
    freezeNorms(model);
    await fit(model, [batch], { epochs: 20, optimizer: new Sgd(model.parameters(), { lr: 0.1 }) });
    expect(loss()).toBeLessThan(0.95 * first);
    const { output } = await runOnnx(await exportOnnx(model, { inputShape: [1, 14, 14] }), {
      input: { shape, values: [...x] },
    });
    expectClose(await outputOf(model, shape, x), output.values, 1e-5);
  });
});

const affine = { w: { shape: [4, 1, 1] }, b: { shape: [4, 1, 1] } };
const list = (...values: number[]): ConstantParts => ({ shape: [values.length], values, type: "int64" });
const real = (value: number): ConstantParts => ({ shape: [], values: [value] });

interface Idiom {
  readonly nodes: readonly NodeParts[];
  readonly layers: string;
  readonly constants?: Record<string, ConstantParts>;
  readonly opset?: number;
  readonly x?: readonly number[];
}

const gate = (x: string, y: string): NodeParts[] => [
  ["Sigmoid", [x], [`${y}s`]],
  ["Mul", [`${y}s`, x], [y]],
];
/** x less its mean if `centred`, divided by the root of what its square is on average. */
const divided = (centred: boolean, attributes: Attributes): NodeParts[] => [
  ...(centred
    ? ([
        ["ReduceMean", ["x"], ["m"], attributes],
        ["Sub", ["x", "m"], ["d"]],
      ] as const)
    : []),
  ["Pow", [centred ? "d" : "x", "two"], ["q"]],
  ["ReduceMean", ["q"], ["v"], attributes],
  ["Add", ["v", "eps"], ["e"]],
  ["Sqrt", ["e"], ["r"]],
];
const numbers = {
  two: real(2),
  eps: real(0.01),
  one: real(1),
  half: real(0.5),
  root: real(Math.SQRT2),
  six: real(6),
  zero: real(0),
};

/** Nodes from x to y, and the layers that they are. */
const idioms: Readonly<Record<string, Idiom>> = {
  "x·sigmoid(x)": { nodes: gate("x", "y"), layers: "SiLU()" },
  "x·sigmoid(x) beside a branch": { nodes: [...gate("x", "a"), ["Add", ["a", "x"], ["y"]]], layers: "{ SiLU() }" },
  "GELU of version 20": { nodes: [["Gelu", ["x"], ["y"]]], opset: 20, layers: "GELU()" },
  "a GELU that multiplies by 1/√2": {
    nodes: [
      ["Mul", ["x", "root"], ["a"]],
      ["Erf", ["a"], ["f"]],
      ["Add", ["one", "f"], ["c"]],
      ["Mul", ["c", "half"], ["d"]],
      ["Mul", ["d", "x"], ["y"]],
    ],
    constants: { root: real(Math.SQRT1_2) },
    layers: "GELU()",
  },
  "Clip without an upper limit": { nodes: [["Clip", ["x", "zero"], ["y"]]], layers: "ReLU()" },
  "Min of Max": {
    nodes: [
      ["Max", ["zero", "x"], ["a"]],
      ["Min", ["a", "six"], ["y"]],
    ],
    layers: "ReLU6()",
  },
  "Clip of version 6": {
    nodes: [["Clip", ["x"], ["y"], { min: { f: 0 }, max: { f: 6 } }]],
    opset: 9,
    layers: "ReLU6()",
  },
  "a layer norm of version 17": {
    nodes: [["LayerNormalization", ["x", "last"], ["y"], { epsilon: { f: 0.01 } }]],
    opset: 17,
    layers: "LayerNorm(6)",
  },
  "a layer norm over three axes": {
    nodes: [["LayerNormalization", ["x", "sample", "shift"], ["y"], { axis: 1 }]],
    constants: { sample: { shape: [4, 6, 6] }, shift: { shape: [4, 6, 6] } },
    opset: 17,
    layers: "LayerNorm(4×6×6)",
  },
  "a composed layer norm": {
    nodes: [
      ...divided(true, { axes: [-1] }),
      ["Div", ["d", "r"], ["n"]],
      ["Mul", ["n", "last"], ["s"]],
      ["Add", ["s", "more"], ["y"]],
    ],
    layers: "LayerNorm(6)",
  },
  "a composed norm of whole images": {
    nodes: [
      ...divided(true, { axes: [1, 2, 3] }),
      ["Div", ["d", "r"], ["n"]],
      ["Mul", ["w", "n"], ["s"]],
      ["Add", ["s", "b"], ["y"]],
    ],
    layers: "GroupNorm(1, 4)",
  },
  "a composed RMS norm": {
    nodes: [...divided(false, { axes: [3] }), ["Div", ["x", "r"], ["n"]], ["Mul", ["n", "last"], ["y"]]],
    layers: "RmsNorm(6)",
  },
  "an RMS norm that multiplies by 1/√": {
    nodes: [
      ...divided(false, { axes: [1, 2, 3] }),
      ["Reciprocal", ["r"], ["i"]],
      ["Mul", ["i", "x"], ["n"]],
      ["Mul", ["n", "w"], ["y"]],
    ],
    layers: "RmsNorm(4)",
  },
  "an instance norm": {
    nodes: [["InstanceNormalization", ["x", "channels", "others"], ["y"], { epsilon: { f: 0.01 } }]],
    constants: { channels: { shape: [4] }, others: { shape: [4] } },
    layers: "InstanceNorm(4)",
  },
  "a group norm that is an instance norm of groups, in its own shape again": {
    nodes: [
      ["Shape", ["x"], ["shape"]],
      ["Reshape", ["x", "groups"], ["g"]],
      ["InstanceNormalization", ["g", "ones", "zeros"], ["i"], { epsilon: { f: 0.01 } }],
      ["Reshape", ["i", "shape"], ["o"]],
      ["Mul", ["o", "w"], ["s"]],
      ["Add", ["s", "b"], ["y"]],
    ],
    constants: {
      groups: list(0, 2, -1),
      ones: { shape: [2], values: [1, 1] },
      zeros: { shape: [2], values: [0, 0] },
    },
    layers: "GroupNorm(2, 4)",
  },
  "a convolution behind a Pad, and a transposed one": {
    nodes: [
      ["Pad", ["x", "pads"], ["p"]],
      ["Conv", ["p", "k"], ["c"], { strides: [2, 2], pads: [1, 0, 1, 0] }],
      ["ConvTranspose", ["c", "t"], ["y"], { strides: [2, 2], output_padding: [1, 0] }],
    ],
    constants: { pads: list(0, 0, 1, 2, 0, 0, 1, 2), k: { shape: [2, 4, 3, 3] }, t: { shape: [2, 3, 2, 2] } },
    layers: "Conv2d(4, 2, 3) ConvTranspose2d(2, 3, 2)",
  },
  "means of planes that a convolution takes": {
    nodes: [
      ["GlobalAveragePool", ["x"], ["g"]],
      ["Conv", ["g", "k", "bias"], ["c"], { kernel_shape: [1, 1] }],
      normNode("n", "c", "d"),
      ["Relu", ["d"], ["e"]],
      ["Squeeze", ["e", "axes"], ["y"]],
    ],
    constants: { k: { shape: [5, 4, 1, 1] }, bias: { shape: [5] }, axes: list(-1, 2), ...normConstants("n", 5) },
    layers: "GlobalAvgPool2d() Linear(4, 5) BatchNorm(5) ReLU()",
  },
  "a shape that is worked out": {
    nodes: [
      ["Shape", ["x"], ["s"]],
      ["Slice", ["s", "first", "second"], ["n"]],
      ["Concat", ["n", "rest"], ["to"], { axis: 0 }],
      ["Reshape", ["x", "to"], ["y"]],
    ],
    constants: { first: list(0), second: list(1), rest: list(144) },
    layers: "Flatten()",
  },
};

/** What looks like an idiom, and is none. */
const lookalikes: Readonly<Record<string, Pick<Idiom, "nodes" | "constants" | "opset">>> = {
  "a limit far above": { nodes: [["Clip", ["x", "zero", "twenty"], ["y"]]], constants: { twenty: real(20) } },
  "a value of which only the shape is the output": {
    nodes: [
      ["Conv", ["x", "k"], ["c"]],
      ["Shape", ["c"], ["y"]],
    ],
    constants: { k: { shape: [2, 4, 1, 1] } },
  },
  "a weight along the last axis behind a group norm": {
    nodes: [
      ["Shape", ["x"], ["shape"]],
      ["Reshape", ["x", "groups"], ["g"]],
      ["InstanceNormalization", ["g", "ones", "zeros"], ["i"]],
      ["Reshape", ["i", "shape"], ["o"]],
      ["Mul", ["o", "last"], ["s"]],
      ["Add", ["s", "more"], ["y"]],
    ],
    constants: {
      groups: list(0, 2, -1),
      ones: { shape: [2], values: [1, 1] },
      zeros: { shape: [2], values: [0, 0] },
    },
  },
  "a sum behind a layer norm without a bias": {
    nodes: [
      ...divided(true, { axes: [-1] }),
      ["Div", ["d", "r"], ["n"]],
      ["Mul", ["n", "last"], ["s"]],
      ["Add", ["s", "sample"], ["y"]],
    ],
    constants: { sample: { shape: [4, 6, 6] } },
  },
  "a padding of ones before version 11": {
    nodes: [
      ["Pad", ["x"], ["p"], { pads: [0, 0, 1, 1, 0, 0, 1, 1], value: { f: 1 } }],
      ["Conv", ["p", "k"], ["y"]],
    ],
    constants: { k: { shape: [2, 4, 3, 3] } },
    opset: 9,
  },
  "a weight for the one group, before version 21": {
    nodes: [["GroupNormalization", ["x", "one", "zero"], ["y"], { num_groups: 1 }]],
    constants: { one: { shape: [1] }, zero: { shape: [1] } },
    opset: 18,
  },
  "an operator named like a method": {
    nodes: [
      ["constructor", ["x"], ["to"]],
      ["Reshape", ["x", "to"], ["y"]],
    ],
  },
  "a shape that is cut from very many sizes": {
    nodes: [
      ["Slice", ["huge", "first", "second"], ["to"]],
      ["Reshape", ["x", "to"], ["y"]],
    ],
    constants: { huge: { shape: [1e9, 0], values: [], type: "int64" }, first: list(0), second: list(2 ** 40) },
  },
  "a shape of very many axes": {
    nodes: [
      ["Reshape", ["one", "axes"], ["wide"]],
      ["Transpose", ["wide"], ["t"], { perm: Array.from({ length: 1000 }, (_, k) => k) }],
      ["Mul", ["x", "t"], ["y"]],
    ],
    constants: { axes: list(...new Array<number>(1000).fill(1)) },
  },
};

/** A model of some nodes with the constants that they use. */
function modelOf(
  { nodes, constants = {}, opset = 13 }: Pick<Idiom, "nodes" | "constants" | "opset">,
  x: readonly number[],
) {
  const all = { ...numbers, ...affine, last: { shape: [6] }, more: { shape: [6] }, ...constants };
  const used = new Set(nodes.flatMap(([, inputs]) => inputs));
  return onnxModel({
    opset,
    inputs: { x: ["N", ...x.slice(1)] },
    outputs: ["y"],
    nodes,
    constants: Object.fromEntries(Object.entries(all).filter(([name]) => used.has(name))),
  });
}

describe("importOnnx", () => {
  test("takes what only looks like one of them for what it is, or refuses it, naming a node", async () => {
    const failures: Record<string, string> = {};
    for (const [name, lookalike] of Object.entries(lookalikes)) {
      const bytes = modelOf(lookalike, [3, 4, 6, 6]);
      const { model } = await importOnnx(bytes).catch((error: Error) => {
        failures[name] = `${error.name}: ${error.message}`;
        return { model: null };
      });
      if (model === null) continue;
      failures[name] = model instanceof Sequential ? layersOf(model) : "a graph";
      const values = deviates(432, 3, 0.5, 2);
      const { y } = await runOnnx(bytes, { x: { shape: [3, 4, 6, 6], values } });
      expectClose(await outputOf(model, [3, 4, 6, 6], values), y.values, 1e-5);
    }
    expect(failures).toMatchInlineSnapshot(`
      {
        "a limit far above": "a graph",
        "a padding of ones before version 11": "a graph",
        "a shape of very many axes": "FormatError: importOnnx(bytes), Mul Mul_y: expected what a layer or op of Evenkeel does, got input 1 that is not constant: Transpose Transpose_t cannot be computed: it has 1000 axes. Leave this node out of the model, or build the network by hand and load its weights.",
        "a shape that is cut from very many sizes": "FormatError: importOnnx(bytes), Reshape Reshape_y: expected what a layer or op of Evenkeel does, got a shape that is not constant. Leave this node out of the model, or build the network by hand and load its weights.",
        "a sum behind a layer norm without a bias": "a graph",
        "a value of which only the shape is the output": "FormatError: importOnnx(bytes): expected outputs that depend on inputs, got y, which holds sizes alone. Take out this output.",
        "a weight along the last axis behind a group norm": "a graph",
        "a weight for the one group, before version 21": "GroupNorm(1, 4)",
        "an operator named like a method": "FormatError: importOnnx(bytes), Reshape Reshape_y: expected what a layer or op of Evenkeel does, got a shape that is not constant. Leave this node out of the model, or build the network by hand and load its weights.",
      }
    `);
  });

  test.each(Object.entries(idioms))("takes %s", async (_, { layers, x = [3, 4, 6, 6], ...idiom }) => {
    const bytes = modelOf(idiom, x);
    const { model } = await importOnnx(bytes);
    expect(layersOf(model)).toBe(layers);
    const values = deviates(
      x.reduce((product, size) => product * size, 1),
      3,
      0.5,
      2,
    );
    const { y } = await runOnnx(bytes, { x: { shape: x, values } });
    expectClose(await outputOf(model, x, values), y.values, 1e-5);
  });

  test.each([13, 17, 18])("takes every layer that exportOnnx writes, opset %i", async (opset) => {
    allowFreshStatistics();
    const model = new Sequential(
      new Conv2d(2, 4, 3, { padding: 1, groups: 2 }),
      new BatchNorm(4),
      new ReLU(),
      new Residual(
        new Sequential(new GroupNorm(2, 4), new SiLU(), new Conv2d(4, 4, 1)),
        new Conv2d(4, 4, 1, { bias: false }),
      ),
      new InstanceNorm(4),
      new GELU(),
      new RmsNorm(4, { channelsFirst: true }),
      new LayerNorm([4, 8, 8]),
      new LeakyReLU(0.2),
      new MaxPool2d([2, 2]),
      new ConvTranspose2d(4, 3, 2, { stride: 2 }),
      new ELU(0.7),
      new AvgPool2d([3, 3], { stride: 2, padding: 1 }),
      new ReLU6(),
      new Dropout(0.5),
      new Residual(new Sequential(new Tanh(), new Conv2d(3, 3, 3, { padding: 1 }))),
      new GlobalAvgPool2d(),
      new Linear(3, 6),
      new RmsNorm(6),
      new Sigmoid(),
      new Flatten(),
      new LayerNorm(6),
      new Linear(6, 3, { bias: false }),
      new Softmax(),
    );
    const bytes = await exportOnnx(model, { inputShape: [2, 8, 8], opset });
    const { model: again } = await importOnnx(bytes);
    const values = deviates(2 * 128, 7);
    expectClose(await outputOf(again, [2, 2, 8, 8], values), await outputOf(model, [2, 2, 8, 8], values), 1e-5);
    expect(layersOf(again)).toBe(layersOf(model).replace(/Dropout\S+ /, ""));
    const row = new Sequential(
      new Conv1d(2, 3, 3, { padding: 1, dilation: 1 }),
      new BatchNorm(3),
      new Flatten(),
      new Linear(15, 2),
    );
    const rowAgain = await importOnnx(await exportOnnx(row, { inputShape: [2, 5], opset }));
    expectClose(
      await outputOf(rowAgain.model, [2, 2, 5], values.slice(0, 20)),
      await outputOf(row, [2, 2, 5], values.slice(0, 20)),
      1e-5,
    );
  });
});
