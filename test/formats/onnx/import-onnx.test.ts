import {
  BatchNorm,
  convertNorm,
  crossEntropy,
  fit,
  foldBatchNorm,
  freezeNorms,
  GroupNorm,
  loadModel,
  predict,
  recalibrate,
  Sequential,
  Sgd,
  saveModel,
  setBackend,
  tensor,
} from "evenkeel";
import { exportOnnx, importOnnx, repairOnnx } from "evenkeel/onnx";
import { beforeAll, describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import { fixtures } from "../../support/onnx-import-fixtures.js";
import { type Attributes, type NodeParts, normConstants, normNode, onnxModel } from "../../support/onnx-models.js";
import { normal } from "../../support/seeded.js";

const names = ["lenet", "vgg", "resnet", "mobilenet"] as const;
const bytesOf = (name: (typeof names)[number]) => Uint8Array.from(Buffer.from(fixtures[name].onnx, "base64"));
const inputOf = (name: string) => tensor(Float32Array.from(fixtures[name].x), [4, 1, 14, 14]);

beforeAll(() => setBackend("wasm"));

test("what a file says of itself is its meta, but for what means something else by the names of here", async () => {
  const said = { author: "somebody", classes: "cat, dog", inputShape: "[]", task: "segmentation", training: "yes" };
  const own = { classes: '["cat","dog"]', inputShape: "[9,9,9]", task: '"regression"', labels: "[1]" };
  const metaOf = async (entries: Record<string, string>, more: Parameters<typeof importOnnx>[1] = {}) => {
    const metadataProps = Object.entries(entries).map(([key, value]) => ({ key, value }));
    const nodes: NodeParts[] = [
      ["Relu", ["x"], ["h"]],
      ["Neg", ["h"], ["y"]],
    ];
    const model = { inputs: { x: ["N", 2, "H", 4] }, outputs: ["y"], nodes, more: { metadataProps } };
    return (await importOnnx(onnxModel(model), more)).meta;
  };
  expect(await metaOf(said)).toEqual({ author: "somebody" });
  expect(await metaOf(own)).toEqual({
    classes: ["cat", "dog"],
    inputShape: [9, 9, 9],
    task: "regression",
    labels: [1],
  });
  expect(await metaOf(own, { inputs: ["h"] })).not.toHaveProperty("inputShape");
});

describe.each(names)("importOnnx of PyTorch's %s", (name) => {
  test("predicts what PyTorch does, and keeps doing so when exported, saved or folded", async () => {
    const { model, meta } = await importOnnx(bytesOf(name));
    expect(meta).toEqual({ inputShape: [1, 14, 14] });
    const x = inputOf(name);
    const y = (await predict(model, x)).dataSync();
    expectClose(y, fixtures[name].y, 1e-5);
    const again = await importOnnx(
      await exportOnnx(model, { inputShape: [1, 14, 14], meta: { classes: ["a", "b", "c"] } }),
    );
    expect(again.meta.classes).toEqual(["a", "b", "c"]);
    expectClose((await predict(again.model, x)).dataSync(), y, 1e-6);
    expectClose((await predict(loadModel(saveModel(model)).model, x)).dataSync(), y, 0);
    const folded = foldBatchNorm(model.eval());
    expect(folded.left).toEqual([]);
    expectClose((await predict(folded.model, x)).dataSync(), y, 1e-5);
  });

  test("is fine-tuned with its norms frozen, recalibrated and converted", async () => {
    const { model } = await importOnnx(bytesOf(name));
    const norms = model.namedModules().flatMap(([, module]) => (module instanceof BatchNorm ? [module] : []));
    expect(norms.length).toBeGreaterThan(0);
    expect(norms.every(({ momentum }) => momentum === 0.9)).toBe(true);
    freezeNorms(model);
    const before = norms.map(({ runningMean }) => runningMean?.dataSync());
    const batch = { inputs: inputOf(name), targets: Int32Array.of(0, 1, 2, 1) };
    const loss = () => crossEntropy(model.eval().forward(batch.inputs), batch.targets).item();
    const first = loss();
    await fit(model, [batch], { epochs: 30, optimizer: new Sgd(model.parameters(), { lr: 0.1 }) });
    expect(loss()).toBeLessThan(0.95 * first);
    expect(norms.map(({ runningMean }) => runningMean?.dataSync())).toEqual(before);
    for (const norm of norms) norm.unfreeze();
    const result = await recalibrate(model, [normal([16, 1, 14, 14], 3)]);
    expect(result.norms).toHaveLength(norms.length);
    const converted = convertNorm(model, (norm) => norm instanceof BatchNorm && new GroupNorm(1, norm.numFeatures));
    expect(converted).toHaveLength(norms.length);
    expect((await predict(model, batch.inputs)).shape).toEqual([4, 3]);
  });
});

test("a MatMul with a constant Add is a linear layer, a Gemm's alpha and beta are in its weights, and nodes are named", async () => {
  const { model, nodes } = await importOnnx(
    onnxModel({
      inputs: { x: ["N", 3] },
      outputs: ["y"],
      nodes: [
        ["MatMul", ["x", "w"], ["a"]],
        ["Add", ["b", "a"], ["c"]],
        ["Gemm", ["c", "v", "d"], ["y"], { alpha: { f: 2 }, beta: { f: 0.5 } }],
      ],
      constants: {
        w: { shape: [3, 2], values: [1, 2, 3, 4, 5, 6] },
        b: { shape: [2], values: [10, 20] },
        v: { shape: [2, 1], values: [1, -1] },
        d: { shape: [1], values: [4] },
      },
    }),
  );
  expect(String(model)).toBe("Sequential(Linear(3, 2), Linear(2, 1))");
  expect((await predict(model, tensor([[1, 1, 1]]))).dataSync()).toEqual(Float32Array.of(2 * (19 - 32) + 2));
  expect(nodes).toEqual({ "0": "MatMul_a", "1": "Gemm_y" });
});

test("what no layer here does is refused by the name of its node", async () => {
  const image = { inputs: { x: ["N", 3, 6, 6] as const }, outputs: ["y"] };
  const constants = { w: { shape: [4, 3, 3, 3] }, ...normConstants("n", 3) };
  const failure = (parts: Parameters<typeof onnxModel>[0]): Promise<string> =>
    importOnnx(onnxModel(parts)).then(
      ({ model }) => `imported ${model instanceof Sequential ? model : "a graph"}`,
      (error: Error) => `${error.name}: ${error.message}`,
    );
  expect([
    await failure({ ...image, nodes: [["Det", ["x"], ["y"]]] }),
    await failure({ ...image, constants, nodes: [["Conv", ["x", "w"], ["y"], { pads: [0, 0, 1, 1] }]] }),
    await failure({
      ...image,
      constants,
      nodes: [["Conv", ["x", "w"], ["y"], { auto_pad: "SAME_UPPER", strides: [2, 2] }]],
    }),
    await failure({ ...image, constants, nodes: [["Conv", ["x", "x"], ["y"]]] }),
    await failure({ ...image, constants, nodes: [normNode("n", "x", "y", { training_mode: 1 })] }),
    await failure({
      ...image,
      nodes: [["MaxPool", ["x"], ["y"], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }]],
    }),
    await failure({ ...image, outputs: [], nodes: [["Relu", ["x"], ["y"]]] }),
    await failure({ ...image, outputs: ["y", "w"], constants, nodes: [["Relu", ["x"], ["y"]]] }),
    await failure({ ...image, types: { x: "text" as "bool" }, nodes: [["Neg", ["x"], ["y"]]] }),
    await importOnnx(Uint8Array.of(1, 2, 3)).then(String, (error: Error) => `${error.name}: ${error.message}`),
  ]).toMatchInlineSnapshot(`
    [
      "FormatError: importOnnx(bytes), Det Det_y: expected what a layer or op of Evenkeel does, got an operator that no layer or op here is. Leave this node out of the model, or build the network by hand and load its weights.",
      "imported Sequential(Conv2d(3, 4, 3))",
      "imported Sequential(Conv2d(3, 4, 3))",
      "FormatError: importOnnx(bytes), Conv Conv_y: expected what a layer or op of Evenkeel does, got input 1 that is not constant: it is an input of the model. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), BatchNormalization BatchNormalization_y: expected what a layer or op of Evenkeel does, got training mode: repair the model first. Leave this node out of the model, or build the network by hand and load its weights.",
      "imported Sequential(MaxPool2d([3,3]))",
      "FormatError: importOnnx(bytes): expected a model of at least one input and one output, got 1 and 0. Export the model with the values that it takes and returns.",
      "FormatError: importOnnx(bytes): expected outputs that depend on inputs, got w, which is constant. Take out this output.",
      "FormatError: importOnnx(bytes): expected inputs that hold numbers, got x of unknown. Export the part of the model behind what reads it.",
      "FormatError: importOnnx(bytes): expected an ONNX model, got a field of number 0 in ModelProto at byte 0. Check that the file is a complete .onnx file.",
    ]
  `);
  const pool = { kernel_shape: [2, 2] };
  const pair = { shape: [2], values: [3, 12], type: "int64" } as const;
  const wrong = { w: { shape: [4, 3, 3, 3] }, b: { shape: [5] }, cube: { shape: [4, 3, 3, 3, 3] }, pair };
  const matrix = { w: { shape: [6, 4] }, b: { shape: [5] } };
  expect([
    await failure({ ...image, nodes: [["MaxPool", ["x"], ["y"], { ...pool, storage_order: 1 }]] }),
    await failure({ ...image, nodes: [["MaxPool", ["x"], ["y"], { ...pool, dilations: [2, 2] }]] }),
    await failure({ ...image, nodes: [["MaxPool", ["x"], ["y"], { kernel_shape: [2] }]] }),
    await failure({ ...image, nodes: [["MaxPool", ["x"], ["y"], { kernel_shape: [0, 2] }]] }),
    await failure({ ...image, nodes: [["AveragePool", ["x"], ["y"], { ...pool, strides: [0, -1] }]] }),
    await failure({
      ...image,
      nodes: [["AveragePool", ["x"], ["y"], { ...pool, pads: [1, 1, 1, 1], count_include_pad: 1 }]],
    }),
    await failure({ ...image, nodes: [["MaxPool", ["x"], ["y"], { ...pool, pads: [2, 2, 2, 2] }]] }),
    await failure({
      inputs: { x: ["N", 3, "H", "W"] },
      outputs: ["y"],
      nodes: [["Flatten", ["x"], ["y"], { axis: 2 }]],
    }),
    await failure({ ...image, nodes: [["Flatten", ["x"], ["y"], { axis: 7 }]] }),
    await failure({
      ...image,
      inputs: { x: ["N", 3, "H", "W"] },
      opset: 11,
      nodes: [["Softmax", ["x"], ["y"], { axis: 2 }]],
    }),
    await failure({ ...image, constants: wrong, nodes: [["Reshape", ["x", "x"], ["y"]]] }),
    await failure({
      ...image,
      constants: { far: { shape: [65], values: new Array(65).fill(1), type: "int64" } },
      nodes: [["Unsqueeze", ["x", "far"], ["y"]]],
    }),
    await failure({ ...image, nodes: [["Squeeze", ["x"], ["y"]]] }),
    await failure({ ...image, opset: 11, nodes: [["Squeeze", ["x"], ["y"], { axes: [1] }]] }),
    await failure({
      ...image,
      opset: 11,
      nodes: [
        ["Unsqueeze", ["x"], ["a"], { axes: [9] }],
        ["Relu", ["a"], ["y"]],
      ],
    }),
    await failure({ ...image, nodes: [["Transpose", ["x"], ["y"], { perm: [1, 0] }]] }),
    await failure({ ...image, nodes: [["Transpose", ["x"], ["y"], { perm: [0, 1, 1, 2] }]] }),
    await failure({ ...image, opset: 9, nodes: [["Slice", ["x"], ["y"], { starts: [0, 1], ends: [1] }]] }),
    await failure({
      ...image,
      nodes: [["Slice", ["x", "ones", "pair", "ones", "pair"], ["y"]]],
      constants: { pair, ones: { ...pair, values: [1, 1] } },
    }),
    await failure({ ...image, opset: 11, nodes: [["Split", ["x"], ["y", "z"], { axis: 1, split: [3] }]] }),
    await failure({
      ...image,
      opset: 6,
      nodes: [["Add", ["x", "w"], ["y"], { broadcast: 1, axis: 1 }]],
      constants: { w: { shape: [3] } },
    }),
    await failure({ ...image, opset: 6, nodes: [["Dropout", ["x"], ["y"]]] }),
    await failure({
      ...image,
      opset: 12,
      nodes: [["Dropout", ["x", "r", "t"], ["y"]]],
      constants: { r: { shape: [], values: [0.5] }, t: { shape: [], values: [1], type: "int64" } },
    }),
    await failure({ ...image, opset: 8, constants, nodes: [normNode("n", "x", "y", { spatial: 0 })] }),
    await failure({
      ...image,
      nodes: [
        ["MatMul", ["x", "x"], ["a"]],
        ["MatMul", ["v", "a"], ["y"]],
      ],
      constants: { v: { shape: [6] } },
    }),
    await failure({ ...image, constants: wrong, nodes: [["Conv", ["x", "cube"], ["y"]]] }),
    await failure({ ...image, constants: wrong, nodes: [["Conv", ["x", "w", "b"], ["y"]]] }),
    await failure({ ...image, constants: wrong, nodes: [["Conv", ["x", "w"], ["y"], { group: 3 }]] }),
    await failure({ ...image, constants: wrong, nodes: [["Conv", ["x", "w"], ["y"], { group: 2 ** 40 }]] }),
    await failure({ ...image, constants: matrix, nodes: [["Gemm", ["x", "w", "b"], ["y"]]] }),
    await failure({ ...image, constants: wrong, nodes: [["Gemm", ["x", "b"], ["y"]]] }),
    await failure({ ...image, constants: wrong, nodes: [["MatMul", ["x", "w"], ["y"]]] }),
    await failure({
      ...image,
      constants: { ...constants, "n.bias": { shape: [2] } },
      nodes: [normNode("n", "x", "y")],
    }),
    await failure({ ...image, constants, nodes: [normNode("n", "x", "y", { epsilon: { f: -1 } })] }),
    await failure({ ...image, constants, nodes: [normNode("n", "x", "y", { momentum: { f: 7 } })] }),
    await failure({ ...image, nodes: [["Dropout", ["x"], ["y"], { ratio: { f: 2 } }]], opset: 11 }),
    await failure({ ...image, nodes: [["Det", ["x"], ["y"]]] }),
    await failure({ ...image, outputs: ["y", "m"], nodes: [["Dropout", ["x"], ["y", "m"]]] }),
    await failure({
      ...image,
      nodes: [
        ["Relu", ["x"], ["a"]],
        ["Sigmoid", ["x"], ["b"]],
        ["Tanh", ["a", "b"], ["y"]],
      ],
    }),
    await failure({
      ...image,
      nodes: [
        ["Relu", ["x"], ["a"]],
        ["Abs", ["x"], ["b"]],
        ["Det", ["x"], ["c"]],
        ["Sum", ["a", "b", "c"], ["y"]],
      ],
    }),
    await failure({ ...image, ir: 8, constants, listed: ["w"], nodes: [["Conv", ["x", "w"], ["y"]]] }),
  ]).toMatchInlineSnapshot(`
    [
      "FormatError: importOnnx(bytes), MaxPool MaxPool_y: expected what a layer or op of Evenkeel does, got storage_order 1. Leave this node out of the model, or build the network by hand and load its weights.",
      "imported a graph",
      "imported Sequential(MaxPool1d(2))",
      "FormatError: importOnnx(bytes), MaxPool MaxPool_y: expected what a layer or op of Evenkeel does, got padding 0×0 of windows 0×2, some of which hold no value. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), AveragePool AveragePool_y: expected what a layer or op of Evenkeel does, got what the layer refuses (new AvgPool2d(kernel): expected stride to be a whole number of at least 1, or two of them, got [0,-1]. Correct stride). Leave this node out of the model, or build the network by hand and load its weights.",
      "imported Sequential(AvgPool2d([2,2]))",
      "FormatError: importOnnx(bytes), MaxPool MaxPool_y: expected what a layer or op of Evenkeel does, got padding 2×2 of windows 2×2, some of which hold no value. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Flatten Flatten_y: expected what a layer or op of Evenkeel does, got axis 2, behind which sizes are not known. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Flatten Flatten_y: expected what a layer or op of Evenkeel does, got axis 7 of a value of rank 4. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Softmax Softmax_y: expected what a layer or op of Evenkeel does, got a sum over several axes, as before opset 13, of sizes that are not known. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Reshape Reshape_y: expected what a layer or op of Evenkeel does, got a shape that is not constant. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Unsqueeze Unsqueeze_y: expected what a layer or op of Evenkeel does, got axes that are not constant. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Squeeze Squeeze_y: expected what a layer or op of Evenkeel does, got axes of size 1 that are not named. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Squeeze Squeeze_y: expected what a layer or op of Evenkeel does, got axis 1 of size 3. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Unsqueeze Unsqueeze_a: expected what a layer or op of Evenkeel does, got axis 9 of a value of rank 5. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Transpose Transpose_y: expected what a layer or op of Evenkeel does, got a perm of 2 axes of a value of rank 4. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Transpose Transpose_y: expected what a layer or op of Evenkeel does, got a perm of 4 axes of a value of rank 4. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Slice Slice_y: expected what a layer or op of Evenkeel does, got starts, ends and axes of different length. Leave this node out of the model, or build the network by hand and load its weights.",
      "imported a graph",
      "FormatError: importOnnx(bytes), Split Split_y: expected what a layer or op of Evenkeel does, got parts whose sizes are not known. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Add Add_y: expected what a layer or op of Evenkeel does, got axis 1, as before opset 7. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Dropout Dropout_y: expected what a layer or op of Evenkeel does, got training mode. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Dropout Dropout_y: expected what a layer or op of Evenkeel does, got training mode. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), BatchNormalization BatchNormalization_y: expected what a layer or op of Evenkeel does, got statistics for each position (spatial = 0). Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), MatMul MatMul_y: expected what a layer or op of Evenkeel does, got input 0 of rank 1. Leave this node out of the model, or build the network by hand and load its weights.",
      "imported Sequential(Conv3d(3, 4, 3))",
      "FormatError: importOnnx(bytes), Conv Conv_y: expected what a layer or op of Evenkeel does, got what the layer refuses (tensor(data, shape): expected 4 values for shape 4, got 5. Correct the shape or the data). Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Conv Conv_y: expected what a layer or op of Evenkeel does, got what the layer refuses (new Conv2d(inChannels, outChannels, kernelSize): expected groups to divide both channel counts, got 3 groups for 9 and 4 channels. Choose a divisor of both). Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Conv Conv_y: expected what a layer or op of Evenkeel does, got what the layer refuses (new Conv2d(inChannels, outChannels, kernelSize): expected groups to divide both channel counts, got 1099511627776 groups for 3298534883328 and 4 channels. Choose a divisor of both). Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Gemm Gemm_y: expected what a layer or op of Evenkeel does, got a bias 5. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Gemm Gemm_y: expected what a layer or op of Evenkeel does, got a weight of rank 1. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), MatMul MatMul_y: expected what a layer or op of Evenkeel does, got matrices of 6 columns and 3 rows. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), BatchNormalization BatchNormalization_y: expected what a layer or op of Evenkeel does, got what the layer refuses (tensor(data, shape): expected 3 values for shape 3, got 2. Correct the shape or the data). Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), BatchNormalization BatchNormalization_y: expected what a layer or op of Evenkeel does, got what the layer refuses (BatchNorm(3).eps: expected a finite number of at least 0, got -1. Pass a small one such as 1e-5). Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), BatchNormalization BatchNormalization_y: expected what a layer or op of Evenkeel does, got what the layer refuses (BatchNorm(3).momentum: expected a number from 0 up to, not including, 1, or "cumulative", got 7. It weighs the old running value: pass e.g. 0.99). Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Dropout Dropout_y: expected what a layer or op of Evenkeel does, got what the layer refuses (new Dropout(p): expected a probability from 0 to 1, got 2. Pass the share of values to drop, e.g. 0.5). Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Det Det_y: expected what a layer or op of Evenkeel does, got an operator that no layer or op here is. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Dropout Dropout_y: expected what a layer or op of Evenkeel does, got m, a further output that is used. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Tanh Tanh_y: expected what a layer or op of Evenkeel does, got input 1 that is not constant: Sigmoid Sigmoid_b computes it. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Det Det_c: expected what a layer or op of Evenkeel does, got an operator that no layer or op here is. Leave this node out of the model, or build the network by hand and load its weights.",
      "FormatError: importOnnx(bytes), Conv Conv_y: expected what a layer or op of Evenkeel does, got input 1 that is not constant: a caller may replace it, since it is also an input: repair the model first. Pass { initializersAreConstant: true } if nobody replaces it.",
    ]
  `);
  const conv = (attributes: Attributes): NodeParts => ["Conv", ["x", "w"], ["y"], attributes];
  const padded = (pads: readonly number[], attributes: Attributes = {}, weight = "w"): NodeParts[] => [
    ["Pad", ["x"], ["p"], { pads }],
    ["Conv", ["p", weight], ["y"], attributes],
  ];
  const ones = [0, 0, 1, 1, 0, 0, 1, 1];
  const line = { shape: [4, 3, 3] };
  const malformed: readonly (readonly NodeParts[])[] = [
    [conv({ strides: [2] })],
    [conv({ strides: [1, 1, 2] })],
    [conv({ strides: 2 })],
    [conv({ dilations: [] })],
    [conv({ dilations: [1, -(2 ** 40)] })],
    [conv({ pads: [1, 1] })],
    [conv({ pads: new Array(100_000).fill(1) })],
    [conv({ pads: [-1, -1, -1, -1] })],
    [conv({ kernel_shape: [5, 5] })],
    [conv({ kernel_shape: [3, 3, 3] })],
    [conv({ group: 0 })],
    [["ConvTranspose", ["x", "w"], ["y"], { output_padding: [0, 0, 0] }]],
    [["MaxPool", ["x"], ["y"], { ...pool, pads: [0, 0, 1] }]],
    padded(ones, { strides: [0, 1] }),
    padded(ones, { group: -1 }),
    padded(ones, {}, "empty"),
    padded([0, 0, 1, 0, 0, 1]),
    padded(ones, {}, "line"),
    [["MatMul", ["x", "none"], ["y"]]],
  ];
  const weights = { ...constants, line, empty: { shape: [4, 3, 0, 3] }, none: { shape: [0, 4] } };
  const refusals: string[] = [];
  for (const nodes of malformed) {
    const text = await failure({ ...image, constants: weights, nodes, opset: 9 });
    const [, received] = /^FormatError: importOnnx\(bytes\), (.*) Leave this node out/.exec(text) ?? [];
    refusals.push(received?.replace("expected what a layer or op of Evenkeel does, got ", "") ?? text);
  }
  expect(refusals).toMatchInlineSnapshot(`
    [
      "Conv Conv_y: 1 numbers in strides for 2 spatial axes.",
      "Conv Conv_y: 3 numbers in strides for 2 spatial axes.",
      "FormatError: ONNX model, Conv Conv_y: expected whole numbers as strides, got a whole number. Export the model again; onnx.checker names the place.",
      "Conv Conv_y: 0 numbers in dilations for 2 spatial axes.",
      "Conv Conv_y: what the layer refuses (new Conv2d(inChannels, outChannels, kernelSize): expected dilation to be a whole number of at least 1, or two of them, got [1,-1099511627776]. Correct dilation).",
      "Conv Conv_y: 2 numbers in pads for 2 spatial axes.",
      "Conv Conv_y: 100000 numbers in pads for 2 spatial axes.",
      "Conv Conv_y: what the layer refuses (new Conv2d(inChannels, outChannels, kernelSize): expected padding to be a whole number of at least 0, two of them, two [before, after] or "same", got [-1,-1]. Correct padding).",
      "Conv Conv_y: kernel_shape 5×5 for a kernel 3×3.",
      "Conv Conv_y: 3 numbers in kernel_shape for 2 spatial axes.",
      "Conv Conv_y: what the layer refuses (new Conv2d(inChannels, outChannels, kernelSize): expected inChannels to be a whole number of at least 1, got 0. Correct inChannels).",
      "ConvTranspose ConvTranspose_y: 3 numbers in output_padding for 2 spatial axes.",
      "MaxPool MaxPool_y: 3 numbers in pads for 2 spatial axes.",
      "Conv Conv_y: what the layer refuses (new Conv2d(inChannels, outChannels, kernelSize): expected stride to be a whole number of at least 1, or two of them, got [0,1]. Correct stride).",
      "Conv Conv_y: what the layer refuses (new Conv2d(inChannels, outChannels, kernelSize): expected inChannels to be a whole number of at least 1, got -3. Correct inChannels).",
      "Conv Conv_y: what the layer refuses (new Conv2d(inChannels, outChannels, kernelSize): expected kernelSize to be a whole number of at least 1, or two of them, got [0,3]. Correct kernelSize).",
      "Conv Conv_y: 2 spatial axes, of which the Pad before it pads 1.",
      "Conv Conv_y: 1 spatial axes, of which the Pad before it pads 2.",
      "MatMul MatMul_y: what the layer refuses (new Linear(inFeatures, outFeatures): expected inFeatures to be a whole number of at least 1, got 0. Correct inFeatures).",
    ]
  `);
  const repaired = await repairOnnx(
    onnxModel({ ...image, constants, nodes: [normNode("n", "x", "y", { training_mode: 1 })] }),
  );
  expect(String((await importOnnx(repaired.bytes)).model)).toBe("Sequential(BatchNorm(3))");
});
