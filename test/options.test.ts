import { describe, expect, test } from "vitest";
import {
  exportOnnx,
  foldOnnx,
  importOnnx,
  inspectOnnx,
  recalibrateOnnx,
  verifyOnnxExport,
} from "../src/formats/onnx/index.js";
import { exportTfjs, foldTfjs, verifyTfjsExport } from "../src/formats/tfjs/index.js";
import * as evenkeel from "../src/index.js";
import * as networks from "../src/networks/index.js";
import * as node from "../src/node/index.js";

// What JavaScript can do, and TypeScript refuses.
const js = evenkeel as unknown as Record<string, (...given: unknown[]) => unknown>;
const { zeros, Linear, Sequential, BatchNorm, arrayDataset } = evenkeel;
const weights = (): evenkeel.Tensor[] => [zeros([2], { requiresGrad: true })];
const model = new Sequential(new Linear(2, 2));
const data = arrayDataset({ inputs: new Float32Array(4), shape: [2], labels: [0, 1] });
const [x, labels] = [zeros([2, 2]), [0, 1]];

/** Everything public that takes options, with what stands before them. */
const layers: Readonly<Record<string, readonly unknown[]>> = {
  Linear: [2, 2],
  Conv1d: [2, 2, 3],
  Conv2d: [2, 2, 3],
  Conv3d: [2, 2, 3],
  ConvTranspose1d: [2, 2, 3],
  ConvTranspose2d: [2, 2, 3],
  MaxPool1d: [2],
  MaxPool2d: [2],
  MaxPool3d: [2],
  AvgPool1d: [2],
  AvgPool2d: [2],
  AvgPool3d: [2],
  Dropout: [0.5],
  Dropout2d: [0.5],
  DropPath: [0.5],
  Embedding: [4, 2],
  LayerScale: [2],
  PReLU: [1],
  Pad: [1],
  Upsample: [2],
  MultiHeadAttention: [4, 2],
  LSTM: [2, 3],
  GRU: [2, 3],
  BatchNorm: [2],
  BatchRenorm: [2],
  InstanceNorm: [2],
  GroupNorm: [1, 2],
  LayerNorm: [2],
  RmsNorm: [2],
  LocalResponseNorm: [3],
  FilterResponseNorm: [2],
  EvoNorm: [2],
  SwitchableNorm: [2],
  BatchInstanceNorm: [2],
  PixelNorm: [],
  ScaleNorm: [2],
  DynamicTanh: [2],
  SplitBatchNorm: [2, 2],
  WhiteningBatchNorm: [2],
  ConditionalBatchNorm: [2, 3],
  AdaptiveInstanceNorm: [2, 3],
  SpatiallyAdaptiveNorm: [2, 3],
  AdaptiveLayerNorm: [2, 3],
  EvalNorm: [new BatchNorm(2)],
  WeightNorm: [new Linear(2, 2)],
  SpectralNorm: [new Linear(2, 2)],
  WeightStandardization: [new Linear(2, 2)],
  ScaledWeightStandardization: [new Linear(2, 2)],
};
const optimizers = ["Sgd", "Adam", "AdamW", "RmsProp", "Adagrad", "Lion", "Lars", "Lamb"];
const functions: Readonly<Record<string, readonly unknown[]>> = {
  arrayDataset: [],
  augment: [data],
  batches: [data],
  kFolds: [4],
  cutmix: [data],
  mixup: [data],
  sequenceDataset: [],
  splitIndices: [4],
  streamBatches: [data],
  tableColumns: [{}],
  diagnose: [model, []],
  TrainingRecorder: [model],
  watch: [model],
  confusionMatrix: [model, []],
  evaluate: [model, []],
  regressionErrors: [model, []],
  predict: [model, x],
  fit: [model, []],
  findLearningRate: [model, []],
  movingAverage: [model],
  plateauLr: [0.1],
  cosineLr: [0.1],
  cosineRestartsLr: [0.1],
  oneCycleLr: [0.1],
  stepLr: [0.1],
  gradientCheck: [() => x, [x]],
  clipGradAdaptively: [weights()],
  loadFlaxState: [model, {}],
  loadKerasState: [model, []],
  readTorch: [new Uint8Array()],
  saveModel: [model, {}],
  loadModel: [new Uint8Array()],
  foldBatchNorm: [model],
  freezeNorms: [model],
  pruneDeadChannels: [model],
  recalibrate: [model, []],
  trace: [model, x],
  transferStyle: [x, x],
  binaryCrossEntropy: [x, x],
  crossEntropy: [x, labels],
  dice: [x, labels],
  focal: [x, labels],
  klDiv: [x, x],
  huber: [x, x],
  smoothL1: [x, x],
  topK: [x, 1],
};
const [signals, images, volumes] = [zeros([1, 2, 4]), zeros([1, 2, 4, 4]), zeros([1, 2, 4, 4, 4])];
/** Every op that takes options. */
const ops: Readonly<Record<string, readonly unknown[]>> = {
  tensor: [[1, 2]],
  zeros: [[2]],
  ones: [[2]],
  full: [[2], 1],
  argmax: [x, 0],
  argmin: [x, 0],
  logSumExp: [x, 0],
  norm: [x, 0],
  pad: [x, [[0, 1]]],
  upsample: [images, 2],
  embedding: [[0], x],
  scaledDotProductAttention: [x, x, x],
  conv1d: [signals, zeros([1, 2, 2]), null],
  conv2d: [images, zeros([1, 2, 2, 2]), null],
  conv3d: [volumes, zeros([1, 2, 2, 2, 2]), null],
  convTranspose1d: [signals, zeros([2, 1, 2]), null],
  convTranspose2d: [images, zeros([2, 1, 2, 2]), null],
  maxPool1d: [signals, 2],
  maxPool2d: [images, 2],
  maxPool3d: [volumes, 2],
  avgPool1d: [signals, 2],
  avgPool2d: [images, 2],
  avgPool3d: [volumes, 2],
};
const reductions = ["sum", "mean", "max", "min", "prod", "variance", "std", "argmax", "argmin"] as const;
/** Layers whose forward takes options, besides the norms. */
const optionalForward = ["SplitBatchNorm", "MultiHeadAttention", "LSTM", "GRU"];
const nonsense = { nonsense: 1 };

const made = (name: string) =>
  Reflect.construct(js[name], [...layers[name]]) as { forward(...given: unknown[]): unknown };

/** What is thrown, at once or later; null if nothing is. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return null;
  } catch (error) {
    return error;
  }
}

function expectRefusal(error: unknown): void {
  expect(error).toBeInstanceOf(evenkeel.ArgumentError);
  expect((error as Error).message).toMatch(/expected (options among|the option) .*, got nonsense\. Leave it out\.$/);
}

describe("an option that nothing reads is an error of", () => {
  test.each(Object.entries(layers))("new %s", async (name, given) => {
    expectRefusal(await thrownBy(() => Reflect.construct(js[name], [...given, nonsense])));
  });
  test.each(optimizers)("new %s", async (name) => {
    expectRefusal(await thrownBy(() => Reflect.construct(js[name], [weights(), { lr: 0.1, ...nonsense }])));
  });
  test.each(Object.entries(functions))("%s", async (name, given) => {
    const call = js[name];
    const run = /^[A-Z]/.test(name)
      ? () => Reflect.construct(call, [...given, nonsense])
      : () => call(...given, nonsense);
    expectRefusal(await thrownBy(run));
  });
  test.each(Object.entries(ops))("%s", async (name, given) => {
    expect(await thrownBy(() => js[name](...given))).toBeNull();
    expectRefusal(await thrownBy(() => js[name](...given, nonsense)));
  });
  test.each(reductions)("Tensor.%s", async (name) => {
    const reduce = x[name] as (...given: unknown[]) => unknown;
    expectRefusal(await thrownBy(() => reduce.call(x, 0, nonsense)));
  });
  test("Tensor.backward", async () => {
    const loss = zeros([1], { requiresGrad: true }).mul(2).sum();
    expectRefusal(await thrownBy(() => loss.backward(null, nonsense as object)));
  });
  const norms = Object.keys(layers).filter((name) => js[name].prototype instanceof evenkeel.Norm);
  test.each([...norms, ...optionalForward])("%s.forward", async (name) => {
    expectRefusal(await thrownBy(() => made(name).forward(images, nonsense)));
  });
  test.each(Object.entries(networks.namedNetworks))("%s", async (_, build) => {
    const options = { inputShape: [3, 32, 32], classes: 2, ...nonsense };
    expectRefusal(await thrownBy(() => build(options)));
  });
  test("files and other formats", async () => {
    const bytes = new Uint8Array();
    const given = nonsense as object as never;
    const calls = {
      checkpointFile: () => node.checkpointFile("missing", given),
      loadData: () => node.loadData("missing", given),
      loadDataAs: () => node.loadDataAs({}, "missing", given),
      readImage: () => node.readImage("missing", given),
      loadRun: () => node.loadRun("missing", given),
      exportOnnx: () => exportOnnx(model, given),
      verifyOnnxExport: () => verifyOnnxExport(bytes, x as never, given),
      foldOnnx: () => foldOnnx(bytes, given),
      importOnnx: () => importOnnx(bytes, given),
      inspectOnnx: () => inspectOnnx(bytes, given),
      recalibrateOnnx: () => recalibrateOnnx(bytes, [], given),
      exportTfjs: () => exportTfjs(model, given),
      foldTfjs: () => foldTfjs({} as never, given),
      verifyTfjsExport: () => verifyTfjsExport({} as never, x as never, given),
    };
    for (const call of Object.values(calls)) expectRefusal(await thrownBy(call));
  });
});

test("names of other libraries, and mistakes in spelling, are answered with the name here", async () => {
  const construct = (name: string, ...given: unknown[]) => thrownBy(() => Reflect.construct(js[name], given));
  const texts: Record<string, string> = {};
  const tried: Record<string, Promise<unknown>> = {
    constructor: construct("BatchNorm", 64, { constructor: null }),
    epsilon: construct("BatchNorm", 64, { epsilon: 1e-3 }),
    track_running_stats: construct("BatchNorm", 64, { track_running_stats: false }),
    center: construct("LayerNorm", 64, { center: false }),
    learning_rate: construct("Adam", weights(), { learning_rate: 1e-3 }),
    learningRate: construct("Sgd", weights(), { learningRate: 1e-3 }),
    beta_1: construct("AdamW", weights(), { lr: 0.1, beta_1: 0.9 }),
    batch_size: thrownBy(() => js["batches"](data, { batch_size: 2 })),
    "fit, batchSize": thrownBy(() => js["fit"](model, [], { epochs: 1, batchSize: 2 })),
    "fit, optimiser": thrownBy(() => js["fit"](model, [], { epochs: 1, optimiser: null })),
    "fit, patience": thrownBy(() =>
      js["fit"](model, [[x, labels]], {
        epochs: 1,
        optimizer: new evenkeel.Sgd(model.parameters(), { lr: 0.1 }),
        validation: [[x, labels]],
        earlyStopping: { patiance: 3 },
      }),
    ),
    padding_mode: construct("Conv2d", 3, 8, 3, { padding_mode: "reflect" }),
    kernel_size: construct("Conv2d", 3, 8, { kernel_size: 3 }),
    activation: construct("Linear", 3, 8, { activation: "relu" }),
    p: construct("Dropout", 0.5, { p: 0.5 }),
    lr: construct("BatchNorm", 64, { lr: 1 }),
    affine: construct("Linear", 3, 8, { affine: false }),
    label_smoothing: thrownBy(() => js["crossEntropy"](x, labels, { label_smoothing: 0.1 })),
    reduction: thrownBy(() => js["crossEntropy"](x, labels, { reduction: "sum" })),
    "a number": construct("BatchNorm", 64, 1e-3),
    "sum, keepdim": thrownBy(() => x.sum(0, { keepdim: true } as never)),
    "sum, true": thrownBy(() => x.sum(0, true as never)),
    "sum, dim": thrownBy(() => x.sum(undefined, { dim: 1 } as never)),
    "sum, an object": thrownBy(() => x.sum({ axis: 1 } as never)),
    "softmax, axes": thrownBy(() => js["softmax"](x, { axes: 1 })),
    "variance, ddof": thrownBy(() => x.variance(0, { ddof: 1 } as never)),
    "topK, dim": thrownBy(() => js["topK"](x, 1, { dim: 0 })),
    "maxPool2d, kernel": thrownBy(() => js["maxPool2d"](images, { kernel: 2 })),
    "avgPool2d, count_include_pad": thrownBy(() => js["avgPool2d"](images, 2, { count_include_pad: false })),
    "conv2d, strides": thrownBy(() => js["conv2d"](images, zeros([1, 2, 2, 2]), null, { strides: 2 })),
    "attention, is_causal": thrownBy(() => js["scaledDotProductAttention"](x, x, x, { is_causal: true })),
    "tensor, requires_grad": thrownBy(() => js["tensor"]([1], { requires_grad: true })),
    "backward, retain_graph": thrownBy(() => x.backward(null, { retain_graph: true } as never)),
    "forward, maks": thrownBy(() => made("BatchNorm").forward(x, { maks: null })),
    "forward, masks": thrownBy(() => made("PixelNorm").forward(x, { masks: null })),
    "forward, attn_mask": thrownBy(() => made("MultiHeadAttention").forward(signals, { attn_mask: null })),
    "forward, initial_state": thrownBy(() => made("LSTM").forward(signals, { initial_state: null })),
    "an array": construct("Dropout", 0.5, [1]),
  };
  for (const [name, error] of Object.entries(tried)) texts[name] = String((await error) as Error);
  expect(texts).toMatchInlineSnapshot(`
    {
      "a number": "ArgumentError: new BatchNorm(numFeatures): expected its options as an object, got 0.001. Write { trackRunningStats: … } or another of its options.",
      "activation": "ArgumentError: new Linear(inFeatures, outFeatures): expected the option bias only, got activation. Put the activation behind the layer: new Sequential(layer, new ReLU()).",
      "affine": "ArgumentError: new Linear(inFeatures, outFeatures): expected the option bias only, got affine. Leave it out.",
      "an array": "ArgumentError: new Dropout(p): expected its options as an object, got an array. Write { generator: … }.",
      "attention, is_causal": "ArgumentError: scaledDotProductAttention(q, k, v, options): expected options among causal, mask, bias, scale, got is_causal. Write causal.",
      "avgPool2d, count_include_pad": "ArgumentError: avgPool2d(x, kernel): expected options among stride, padding, ceilMode, countIncludePad, got count_include_pad. Write countIncludePad.",
      "backward, retain_graph": "ArgumentError: Tensor(2×2).backward(cotangent): expected options among retainGraph, onGradient, got retain_graph. Write retainGraph.",
      "batch_size": "ArgumentError: batches(dataset): expected options among batchSize, shuffle, last, communicator, got batch_size. Write batchSize.",
      "beta_1": "ArgumentError: new AdamW(parameters): expected options among betas, eps, lr, weightDecay, decays, got beta_1. Write betas.",
      "center": "ArgumentError: new LayerNorm(normalizedShape): expected options among eps, affine, bias, got center. Write affine.",
      "constructor": "ArgumentError: new BatchNorm(numFeatures): expected options among trackRunningStats, virtualBatchSize, sync, eps, momentum, warmUp, affine, unbiased, got constructor. Leave it out.",
      "conv2d, strides": "ArgumentError: conv2d(x, weight, bias): expected options among stride, padding, dilation, groups, got strides. Write stride.",
      "epsilon": "ArgumentError: new BatchNorm(numFeatures): expected options among trackRunningStats, virtualBatchSize, sync, eps, momentum, warmUp, affine, unbiased, got epsilon. Write eps.",
      "fit, batchSize": "ArgumentError: fit(model, data): expected options among epochs, optimizer, loss, schedule, clipNorm, adaptiveClip, signal, communicator, onStep, onEpoch, validation, metrics, earlyStopping, accumulate, recalibrate, average, checkpoint, got batchSize. Pass it to batches(data, { batchSize }).",
      "fit, optimiser": "ArgumentError: fit(model, data): expected options among epochs, optimizer, loss, schedule, clipNorm, adaptiveClip, signal, communicator, onStep, onEpoch, validation, metrics, earlyStopping, accumulate, recalibrate, average, checkpoint, got optimiser. Write optimizer.",
      "fit, patience": "ArgumentError: fit(model, data, { earlyStopping }): expected options among patience, restoreBest, monitor, minDelta, got patiance. Write patience.",
      "forward, attn_mask": "ArgumentError: MultiHeadAttention(4, 2).forward(x): expected options among key, value, mask, keyMask, bias, got attn_mask. Write mask.",
      "forward, initial_state": "ArgumentError: LSTM(2, 3).forward(x): expected options among mask, state, got initial_state. Write state.",
      "forward, maks": "ArgumentError: BatchNorm(2).forward(x): expected options among mask, maskedOutput, activation, got maks. Write mask.",
      "forward, masks": "ArgumentError: PixelNorm().forward(x): expected options among mask, maskedOutput, activation, got masks. Write mask.",
      "kernel_size": "ArgumentError: new Conv2d(inChannels, outChannels, kernelSize): expected kernelSize to be a whole number of at least 1, or two of them, got {"kernel_size":3}. Correct kernelSize.",
      "label_smoothing": "ArgumentError: crossEntropy(logits, labels): expected options among labelSmoothing, classWeights, ignoreIndex, got label_smoothing. Write labelSmoothing.",
      "learningRate": "ArgumentError: new Sgd(parameters): expected options among momentum, nesterov, lr, weightDecay, decays, got learningRate. Write lr.",
      "learning_rate": "ArgumentError: new Adam(parameters): expected options among betas, eps, lr, weightDecay, decays, got learning_rate. Write lr.",
      "lr": "ArgumentError: new BatchNorm(numFeatures): expected options among trackRunningStats, virtualBatchSize, sync, eps, momentum, warmUp, affine, unbiased, got lr. Leave it out.",
      "maxPool2d, kernel": "ArgumentError: maxPool2d(x, kernel): expected kernel to be a whole number of at least 1, or two of them, got {"kernel":2}. Correct kernel.",
      "p": "ArgumentError: new Dropout(p): expected the option generator only, got p. Pass it as an argument before the options, or leave it out.",
      "padding_mode": "ArgumentError: new Conv2d(inChannels, outChannels, kernelSize): expected options among bias, stride, padding, dilation, groups, got padding_mode. Leave it out, and put new Pad(amounts, { mode }) before the layer.",
      "reduction": "ArgumentError: crossEntropy(logits, labels): expected options among labelSmoothing, classWeights, ignoreIndex, got reduction. Leave it out: losses are means.",
      "softmax, axes": "ArgumentError: softmax(x, axis): expected an axis from -2 to 1, got {"axes":1}. Pass the axis itself, such as 1 or -1.",
      "sum, an object": "ArgumentError: Tensor(2×2).sum(axis): expected an axis from -2 to 1, got {"axis":1}. Pass the axis itself, such as 1 or -1.",
      "sum, dim": "ArgumentError: Tensor(2×2).sum(axis): expected the option keepDims only, got dim. Pass it as an argument before the options, or leave it out.",
      "sum, keepdim": "ArgumentError: Tensor(2×2).sum(axis): expected the option keepDims only, got keepdim. Write keepDims.",
      "sum, true": "ArgumentError: Tensor(2×2).sum(axis): expected its options as an object, got true. Write { keepDims: … }.",
      "tensor, requires_grad": "ArgumentError: tensor(data, shape): expected the option requiresGrad only, got requires_grad. Write requiresGrad.",
      "topK, dim": "ArgumentError: topK(x, k): expected options among axis, largest, got dim. Write axis.",
      "track_running_stats": "ArgumentError: new BatchNorm(numFeatures): expected options among trackRunningStats, virtualBatchSize, sync, eps, momentum, warmUp, affine, unbiased, got track_running_stats. Write trackRunningStats.",
      "variance, ddof": "ArgumentError: Tensor(2×2).variance(axis): expected options among unbiased, keepDims, got ddof. Write unbiased.",
    }
  `);
});

test("an option that is undefined is none, and options of a file that earlier versions wrote are taken", () => {
  expect(Reflect.construct(BatchNorm, [2, { epsilon: undefined }])).toBeInstanceOf(BatchNorm);
  const given = { eps: 1e-5, momentum: 0.9, unbiased: false, affine: true, trackRunningStats: true };
  for (const name of ["BatchNorm", "BatchRenorm", "SwitchableNorm", "WhiteningBatchNorm"]) {
    const stored = (js[name] as unknown as { storedArguments(given: unknown[]): unknown[] }).storedArguments([
      2,
      given,
    ]);
    expect(Reflect.construct(js[name], stored)).toBeInstanceOf(js[name]);
  }
});

test("every public function with options is in these tests", () => {
  const known = new Set([...Object.keys(layers), ...Object.keys(functions), ...optimizers]);
  const documented = Object.keys(evenkeel).filter((name) => /Norm$|^Conv|Pool\dd$/.test(name) && /^[A-Z]/.test(name));
  const without = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "Norm",
    "RunningNorm",
  ];
  expect(documented.filter((name) => !known.has(name) && !without.includes(name))).toEqual([]);
});
