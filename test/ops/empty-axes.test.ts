import {
  abs,
  adaptiveAvgPool2d,
  argmax,
  argmin,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  BatchInstanceNorm,
  BatchNorm,
  BatchRenorm,
  binaryCrossEntropy,
  broadcastTo,
  clamp,
  concat,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  cos,
  crossEntropy,
  cumSum,
  DynamicTanh,
  dropout,
  EvenkeelError,
  EvoNorm,
  elu,
  embedding,
  erf,
  expm1,
  FilterResponseNorm,
  flip,
  full,
  GroupNorm,
  gather,
  gelu,
  globalAvgPool2d,
  globalMaxPool2d,
  glu,
  hardSigmoid,
  hardSwish,
  hardTanh,
  InstanceNorm,
  indexSelect,
  LayerNorm,
  LocalResponseNorm,
  leakyRelu,
  norm as lengthOf,
  less,
  linear,
  log1p,
  logSoftmax,
  logSumExp,
  maximum,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  minimum,
  mish,
  mse,
  type NormForwardOptions,
  oneHot,
  ones,
  onWarning,
  PixelNorm,
  pad,
  pixelShuffle,
  prelu,
  RmsNorm,
  relu,
  relu6,
  repeat,
  rsqrt,
  ScaleNorm,
  type Shape,
  SwitchableNorm,
  scope,
  setBackend,
  sigmoid,
  silu,
  sin,
  softmax,
  softplus,
  split,
  stack,
  type Tensor,
  takeAlongAxis,
  tanh,
  threads,
  tile,
  topK,
  upsample,
  WhiteningBatchNorm,
  where,
  zeros,
} from "evenkeel";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

type Sizes = Readonly<Record<string, number>>;

/** An op over inputs whose shapes are made of named sizes, and what comes of it where some of these are 0. */
interface Case {
  readonly sizes: Sizes;
  readonly shapes: (sizes: Sizes) => readonly Shape[];
  readonly run: (inputs: readonly Tensor[], sizes: Sizes) => Tensor;
  /** Sizes that must not be 0. */
  readonly refused?: readonly string[];
  /** What the output then holds, where it has values. @defaultValue 0 */
  readonly value?: (sizes: Sizes) => number;
  /** What the gradient of input k holds, where it has values and dy is 1. @defaultValue 0 */
  readonly slope?: (k: number, outputs: number, shape: Shape) => number;
}

/** The value of each input. */
const inputValues = [0.5, 2, 3];

const plane = { n: 2, c: 4, h: 5, w: 6 };
const image = ({ n, c, h, w }: Sizes): Shape => [n, c, h, w];
/** Of ops with a bias: it alone is left, and each output has slope 1 for it. */
const biased: Pick<Case, "value" | "slope"> = {
  value: () => inputValues[2],
  slope: (k, outputs, [channels]) => (k === 2 ? outputs / channels : 0),
};
const none = (): number => Number.NaN;

const one = (run: (x: Tensor) => Tensor, rule: Partial<Case> = {}): Case => ({
  sizes: { a: 3, b: 4 },
  shapes: ({ a, b }) => [[a, b]],
  run: ([x]) => run(x),
  ...rule,
});
const two = (run: (a: Tensor, b: Tensor) => Tensor): Case => ({
  sizes: { a: 3, b: 4 },
  shapes: ({ a, b }) => [[a, b], [b]],
  run: ([x, y]) => run(x, y),
});
const three = (run: (x: Tensor) => Tensor, rule: Partial<Case> = {}): Case => ({
  sizes: { a: 2, b: 3, c: 4 },
  shapes: ({ a, b, c }) => [[a, b, c]],
  run: ([x]) => run(x),
  ...rule,
});
const pool = (run: (x: Tensor) => Tensor, rule: Partial<Case> = {}): Case => ({
  sizes: plane,
  shapes: (s) => [image(s)],
  run: ([x]) => run(x),
  refused: ["h", "w"],
  ...rule,
});
/** Of windows that lie on padding alone, where there are no values. */
const ofPaddingAlone = (value: number): Partial<Case> => ({ value: () => value, refused: [] });
const conv = (options: object, refused: readonly string[], sizes: Sizes = {}): Case => ({
  sizes: { ...plane, o: 4, k: 3, ...sizes },
  shapes: (s) => [image(s), [s["o"], s["c"], s["k"], s["k"]], [s["o"]]],
  run: ([x, weight, bias]) => conv2d(x, weight, bias, options),
  refused: [...refused, "k"],
  ...biased,
});
const norm = (
  make: (sizes: Sizes) => { forward(x: Tensor, options?: NormForwardOptions): Tensor },
  refused: readonly string[],
  options: NormForwardOptions = {},
): Case => ({
  sizes: plane,
  shapes: (s) => [image(s)],
  run: ([x], s) => make(s).forward(x, options),
  refused,
});

const cases: Readonly<Record<string, Case>> = {
  neg: one((x) => x.neg()),
  exp: one((x) => x.exp()),
  relu: one(relu),
  relu6: one(relu6),
  leakyRelu: one((x) => leakyRelu(x)),
  elu: one((x) => elu(x)),
  gelu: one(gelu),
  silu: one(silu),
  softplus: one(softplus),
  hardSwish: one(hardSwish),
  prelu: two(prelu),
  sigmoid: one(sigmoid),
  tanh: one(tanh),
  abs: one(abs),
  rsqrt: one(rsqrt),
  sin: one(sin),
  cos: one(cos),
  erf: one(erf),
  log1p: one(log1p),
  expm1: one(expm1),
  mish: one(mish),
  hardSigmoid: one(hardSigmoid),
  hardTanh: one((x) => hardTanh(x)),
  clamp: one((x) => clamp(x, 0, 1)),
  glu: one((x) => glu(x, 1), { sizes: { a: 3, b: 4 } }),
  minimum: two(minimum),
  maximum: two(maximum),
  where: two((a, b) => where(less(a, 1), a, b)),
  "min of rows": one((x) => x.min(1), { refused: ["b"] }),
  "prod of rows": one((x) => x.prod(1), { value: ({ b }) => (b === 0 ? 1 : 0) }),
  "prod of columns": one((x) => x.prod(0), { value: ({ a }) => (a === 0 ? 1 : 0) }),
  "variance of rows": one((x) => x.variance(1), { value: none }),
  "std of the middle": three((x) => x.std(1), { value: none }),
  "logSumExp of rows": one((x) => logSumExp(x, 1), { value: () => Number.NEGATIVE_INFINITY }),
  "length of rows": one((x) => lengthOf(x, 1)),
  "largest of rows in size": one((x) => lengthOf(x, 1, { p: Infinity }), { refused: ["b"] }),
  "cumSum of rows": one((x) => cumSum(x, 1)),
  "cumSum of the middle": three((x) => cumSum(x, 1)),
  "topK of rows": one((x) => topK(x, 2).values, { refused: ["b"] }),
  "none of the largest": one((x) => topK(x, 0).values),
  squeeze: one((x) => x.reshape([1, ...x.shape]).squeeze(0)),
  unsqueeze: one((x) => x.unsqueeze(1)),
  stack: one((x) => stack([x, x], 1)),
  split: one((x) => split(x, [0, x.shape[1]], 1)[1]),
  flip: three((x) => flip(x, [0, 2])),
  broadcastTo: one((x) => broadcastTo(x, [2, ...x.shape])),
  repeat: three((x) => repeat(x, 3, 1)),
  tile: one((x) => tile(x, [2, 1, 3])),
  "pad by nothing": one((x) => pad(x, [[0, 0]])),
  "pad, reflected": one((x) => pad(x, [[1, 1]], { mode: "reflect" }), { refused: ["b"] }),
  "pad, replicated": one((x) => pad(x, [[1, 1]], { mode: "replicate" }), { refused: ["b"] }),
  "gather of nothing": one((x) => gather(x, [], 1)),
  "gather of columns": one((x) => gather(x, [0, -1], 1), { refused: ["b"] }),
  indexSelect: one((x) => indexSelect(x, [0, 0], 0), { refused: ["a"] }),
  takeAlongAxis: one((x) => takeAlongAxis(x, zeros([x.shape[0], 1]), 1), { refused: ["b"] }),
  upsample: pool((x) => upsample(x, 2)),
  "upsample, bilinear": pool((x) => upsample(x, null, { size: [3, 8], mode: "bilinear" })),
  pixelShuffle: { sizes: plane, shapes: (s) => [image(s)], run: ([x]) => pixelShuffle(x, 2) },
  dropout: one((x) => dropout(x, 0.5)),
  "dropout of all": one((x) => dropout(x, 1)),
  softmax: one((x) => softmax(x)),
  "softmax of columns": one((x) => softmax(x, 0)),
  logSoftmax: one((x) => logSoftmax(x)),
  "logSoftmax of columns": one((x) => logSoftmax(x, 0)),
  "softmax of the middle": three((x) => softmax(x, 1)),
  "sum of all": one((x) => x.sum()),
  "sum of rows": one((x) => x.sum(1)),
  "sum of columns": one((x) => x.sum(0)),
  "sum of the middle": three((x) => x.sum(1)),
  "sum of the outer two": three((x) => x.sum([0, 2], { keepDims: true })),
  "mean of all": one((x) => x.mean(), { value: none }),
  "mean of rows": one((x) => x.mean(1), { value: none }),
  "mean of the middle": three((x) => x.mean(1), { value: none }),
  "max of all": one((x) => x.max(), { refused: ["a", "b"] }),
  "max of rows": one((x) => x.max(1), { refused: ["b"] }),
  "max of columns": one((x) => x.max(0), { refused: ["a"] }),
  "max of the middle": three((x) => x.max(1), { refused: ["b"] }),
  transpose: one((x) => x.transpose()),
  "transpose of three": three((x) => x.transpose([2, 0, 1])),
  reshape: three((x) => x.reshape([-1])),
  flatten: three((x) => x.flatten(1)),
  slice: one((x) => x.slice(0, 0)),
  "slice of columns": one((x) => x.slice(0, undefined, 1)),
  add: two((a, b) => a.add(b)),
  sub: two((a, b) => a.sub(b)),
  mul: two((a, b) => a.mul(b)),
  div: two((a, b) => a.div(b)),
  pow: two((a, b) => a.pow(b)),
  "mul of a column": {
    sizes: { a: 3, b: 4 },
    shapes: ({ a, b }) => [
      [a, b],
      [a, 1],
    ],
    run: ([x, y]) => x.mul(y),
  },
  concat: {
    sizes: { a: 3, b: 4, c: 2 },
    shapes: ({ a, b, c }) => [
      [a, b],
      [c, b],
    ],
    run: (list) => concat(list),
    value: ({ a }) => inputValues[a === 0 ? 1 : 0],
    slope: () => 1,
  },
  "concat of columns": {
    sizes: { a: 3, b: 4, c: 2 },
    shapes: ({ a, b, c }) => [
      [a, b],
      [a, c],
    ],
    run: (list) => concat(list, 1),
    value: ({ b }) => inputValues[b === 0 ? 1 : 0],
    slope: () => 1,
  },
  matmul: {
    sizes: { m: 3, k: 4, n: 5 },
    shapes: ({ m, k, n }) => [
      [m, k],
      [k, n],
    ],
    run: ([a, b]) => a.matmul(b),
  },
  "matmul of batches": {
    sizes: { p: 2, m: 3, k: 4, n: 5 },
    shapes: ({ p, m, k, n }) => [
      [p, m, k],
      [p, k, n],
    ],
    run: ([a, b]) => a.matmul(b),
  },
  "matmul of a batch by one": {
    sizes: { p: 2, m: 3, k: 4, n: 5 },
    shapes: ({ p, m, k, n }) => [
      [p, m, k],
      [k, n],
    ],
    run: ([a, b]) => a.matmul(b),
  },
  "matmul that broadcasts": {
    sizes: { p: 2, q: 2, m: 3, k: 4, n: 5 },
    shapes: ({ p, q, m, k, n }) => [
      [p, 1, m, k],
      [q, k, n],
    ],
    run: ([a, b]) => a.matmul(b),
  },
  linear: {
    sizes: { n: 3, i: 4, o: 5 },
    shapes: ({ n, i, o }) => [[n, i], [o, i], [o]],
    run: ([x, weight, bias]) => linear(x, weight, bias),
    ...biased,
  },
  "linear of three axes": {
    sizes: { n: 3, t: 2, i: 4, o: 5 },
    shapes: ({ n, t, i, o }) => [[n, t, i], [o, i], [o]],
    run: ([x, weight, bias]) => linear(x, weight, bias),
    ...biased,
  },
  embedding: {
    sizes: { n: 3, d: 4 },
    shapes: ({ d }) => [[5, d]],
    run: ([weight], { n }) => embedding(new Int32Array(n), weight),
  },
  "embedding of an empty table": {
    sizes: { r: 1 },
    shapes: ({ r }) => [[r, 3]],
    run: ([weight]) => embedding([0], weight),
    refused: ["r"],
  },
  mse: {
    sizes: { a: 3, b: 4 },
    shapes: ({ a, b }) => [
      [a, b],
      [a, b],
    ],
    run: ([x, y]) => mse(x, y),
    refused: ["a", "b"],
  },
  binaryCrossEntropy: {
    sizes: { a: 3, b: 4 },
    shapes: ({ a, b }) => [[a, b]],
    run: ([x]) => binaryCrossEntropy(x, sigmoid(x.detach())),
    refused: ["a", "b"],
  },
  crossEntropy: {
    sizes: { n: 3, k: 4 },
    shapes: ({ n, k }) => [[n, k]],
    run: ([x], { n }) => crossEntropy(x, new Int32Array(n)),
    refused: ["n", "k"],
  },
  conv2d: conv({}, ["h", "w"]),
  "conv2d, padded": conv({ padding: 1 }, ["h", "w"]),
  "conv2d, padded by 2": conv({ padding: 2 }, []),
  "conv2d, strided": conv({ stride: 2, padding: 1 }, ["h", "w"]),
  "conv2d of 1 × 1": conv({}, ["h", "w"], { k: 1 }),
  "conv2d of 1 × 1, padded": conv({ padding: 1 }, [], { k: 1 }),
  "conv2d of whole images": conv({}, ["h", "w"], { h: 5, w: 5, k: 5 }),
  "conv2d by Winograd": conv({ padding: 1 }, ["h", "w"], { c: 16, o: 16, h: 8, w: 8 }),
  "conv2d by Winograd, padded by 2": conv({ padding: 2 }, [], { c: 16, o: 16, h: 8, w: 8 }),
  "conv2d, depthwise": {
    sizes: { ...plane, k: 3 },
    shapes: (s) => [image(s), [s["c"], 1, s["k"], s["k"]], [s["c"]]],
    run: ([x, weight, bias], { c }) => conv2d(x, weight, bias, { groups: c, padding: 1 }),
    refused: ["c", "h", "w", "k"],
    ...biased,
  },
  "conv2d of two groups": {
    sizes: { n: 2, g: 2, h: 5, w: 6, o: 2 },
    shapes: ({ n, g, h, w, o }) => [[n, 2 * g, h, w], [2 * o, g, 3, 3], [2 * o]],
    run: ([x, weight, bias]) => conv2d(x, weight, bias, { groups: 2, padding: 1 }),
    refused: ["h", "w"],
    ...biased,
  },
  conv1d: {
    sizes: { n: 2, c: 3, l: 7, o: 4, k: 3 },
    shapes: ({ n, c, l, o, k }) => [[n, c, l], [o, c, k], [o]],
    run: ([x, weight, bias]) => conv1d(x, weight, bias, { padding: 2 }),
    refused: ["k"],
    ...biased,
  },
  convTranspose2d: {
    sizes: { ...plane, o: 3, k: 3 },
    shapes: (s) => [image(s), [s["c"], s["o"], s["k"], s["k"]], [s["o"]]],
    run: ([x, weight, bias]) => convTranspose2d(x, weight, bias, { stride: 2 }),
    refused: ["h", "w", "k"],
    ...biased,
  },
  "convTranspose2d, padded": {
    sizes: { ...plane, o: 3, k: 3 },
    shapes: (s) => [image(s), [s["c"], s["o"], s["k"], s["k"]], [s["o"]]],
    run: ([x, weight, bias]) => convTranspose2d(x, weight, bias, { padding: 1 }),
    refused: ["h", "w", "k"],
    ...biased,
  },
  maxPool2d: pool((x) => maxPool2d(x, 2)),
  "maxPool2d, padded": pool(
    (x) => maxPool2d(x, 2, { padding: 1, stride: 1 }),
    ofPaddingAlone(Number.NEGATIVE_INFINITY),
  ),
  avgPool2d: pool((x) => avgPool2d(x, 2)),
  "avgPool2d, padded": pool((x) => avgPool2d(x, 4, { padding: 2 }), ofPaddingAlone(Number.NaN)),
  "avgPool2d, rounded up": pool((x) => avgPool2d(x, 2, { ceilMode: true })),
  "avgPool2d, padding counted": pool((x) => avgPool2d(x, 4, { padding: 2, countIncludePad: true }), {
    ...ofPaddingAlone(0),
  }),
  "maxPool2d, same": pool((x) => maxPool2d(x, 2, { padding: "same" })),
  globalAvgPool2d: pool(globalAvgPool2d, ofPaddingAlone(Number.NaN)),
  globalMaxPool2d: pool(globalMaxPool2d),
  adaptiveAvgPool2d: pool((x) => adaptiveAvgPool2d(x, 3), ofPaddingAlone(Number.NaN)),
  maxPool1d: three((x) => maxPool1d(x, 2), { refused: ["c"] }),
  "avgPool1d, padded": three((x) => avgPool1d(x, 2, { padding: 1 }), { value: none }),
  maxPool3d: {
    sizes: { n: 1, c: 2, d: 3, h: 2, w: 2 },
    shapes: ({ n, c, d, h, w }) => [[n, c, d, h, w]],
    run: ([x]) => maxPool3d(x, 2, { padding: 1 }),
    value: () => Number.NEGATIVE_INFINITY,
  },
  avgPool3d: {
    sizes: { n: 1, c: 2, d: 3, h: 2, w: 2 },
    shapes: ({ n, c, d, h, w }) => [[n, c, d, h, w]],
    run: ([x]) => avgPool3d(x, 2),
    refused: ["d", "h", "w"],
  },
  "conv2d, same": conv({ padding: "same" }, ["h", "w"]),
  "conv2d, padded on one side": conv({ padding: [[0, 3], [3, 0]] }, []), // biome-ignore format: pairs
  conv3d: {
    sizes: { n: 1, c: 2, d: 3, h: 2, w: 2, o: 2, k: 2 },
    shapes: ({ n, c, d, h, w, o, k }) => [[n, c, d, h, w], [o, c, k, k, k], [o]],
    run: ([x, weight, bias]) => conv3d(x, weight, bias, { padding: 1 }),
    refused: ["k"],
    ...biased,
  },
  convTranspose1d: {
    sizes: { n: 2, c: 3, l: 4, o: 3, k: 3 },
    shapes: ({ n, c, l, o, k }) => [[n, c, l], [c, o, k], [o]],
    run: ([x, weight, bias]) => convTranspose1d(x, weight, bias, { stride: 2 }),
    refused: ["l", "k"],
    ...biased,
  },
  BatchNorm: norm(({ c }) => new BatchNorm(c), ["c"]),
  "BatchNorm, rectified": norm(({ c }) => new BatchNorm(c), ["c"], { activation: "relu" }),
  "BatchNorm in ghost batches": norm(({ c }) => new BatchNorm(c, { virtualBatchSize: 2 }), ["c"]),
  "BatchNorm in evaluation": norm(({ c }) => new BatchNorm(c).eval(), ["c"]),
  "BatchNorm with a mask": {
    sizes: plane,
    shapes: (s) => [image(s)],
    run: ([x], { n, c, h, w }) => new BatchNorm(c).forward(x, { mask: ones([n, 1, h, w]) }),
    refused: ["c"],
  },
  BatchRenorm: norm(({ c }) => new BatchRenorm(c), ["c"]),
  InstanceNorm: norm(({ c }) => new InstanceNorm(c), ["c"]),
  "InstanceNorm with running statistics": norm(({ c }) => new InstanceNorm(c, { trackRunningStats: true }), ["c"]),
  GroupNorm: norm(({ c }) => new GroupNorm(2, c), ["c"]),
  FilterResponseNorm: norm(({ c }) => new FilterResponseNorm(c), ["c"]),
  LocalResponseNorm: norm(() => new LocalResponseNorm(3), []),
  PixelNorm: norm(() => new PixelNorm(), ["c"]),
  ScaleNorm: norm(({ w }) => new ScaleNorm(w), ["w"]),
  DynamicTanh: norm(({ w }) => new DynamicTanh(w), ["w"]),
  EvoNorm: norm(({ c }) => new EvoNorm(c), ["c"]),
  "EvoNorm S0": norm(({ c }) => new EvoNorm(c, { variant: "S0", groups: 2 }), ["c"]),
  BatchInstanceNorm: norm(({ c }) => new BatchInstanceNorm(c), ["c"]),
  WhiteningBatchNorm: norm(({ c }) => new WhiteningBatchNorm(c), ["c"]),
  SwitchableNorm: norm(({ c }) => new SwitchableNorm(c), ["c"]),
  LayerNorm: norm(({ w }) => new LayerNorm(w), ["w"]),
  "LayerNorm of planes": norm(({ h, w }) => new LayerNorm([h, w]), ["h", "w"]),
  RmsNorm: norm(({ w }) => new RmsNorm(w), ["w"]),
  "RmsNorm of channels": norm(({ c }) => new RmsNorm(c, { channelsFirst: true }), ["c"]),
};

/** Every way to give some of the sizes 0, some 1, and the others what they have. */
function* variants(sizes: Sizes): Generator<Sizes> {
  const names = Object.keys(sizes);
  for (let code = 0; code < 3 ** names.length; code++) {
    const choice = names.map((name, k): [string, number] => [name, [sizes[name], 1, 0][Math.floor(code / 3 ** k) % 3]]);
    if (choice.some(([, size]) => size === 0)) yield Object.fromEntries(choice);
  }
}

/** Runs an op forward and backward, and expects the values that its rule gives. Plain comparisons: there are 40,000. */
function expectRule({ shapes, run, value = () => 0, slope = () => 0 }: Case, sizes: Sizes): void {
  const expectAll = (what: string, values: ArrayLike<number>, wanted: number): void => {
    for (let i = 0; i < values.length; i++) {
      if (values[i] === wanted || (Number.isNaN(wanted) && Number.isNaN(values[i]))) continue;
      expect.fail(`${what} of ${JSON.stringify(sizes)}: expected ${wanted}, got ${values[i]} at ${i}`);
    }
  };
  scope(() => {
    const inputs = shapes(sizes).map((shape, k) => full(shape, inputValues[k], { requiresGrad: true }));
    const y = run(inputs, sizes);
    expectAll("the output", y.dataSync(), value(sizes));
    y.backward(new Float32Array(y.size).fill(1));
    inputs.forEach(({ grad, shape }, k) => {
      if (grad === null) expect.fail(`no gradient ${k} of ${JSON.stringify(sizes)}`);
      expectAll(`gradient ${k}`, grad.dataSync(), slope(k, y.size, shape));
      grad.dispose();
    });
    for (const input of inputs) input.dispose();
  });
}

describe.each([
  ["cpu", 1],
  ["wasm", 1],
  ["wasm", 2],
] as const)("axes of size 0 on %s with %i threads", (backend, count) => {
  beforeAll(async () => {
    setBackend(backend);
    if (backend === "wasm") await threads(count);
  });
  afterAll(async () => {
    await threads(1);
  });
  // Batch norm says that its batches are small.
  beforeEach(() => {
    onWarning(() => {});
  });

  test.each(Object.entries(cases))("%s: each is computed by the formula, or refused", (_, one) => {
    for (const name of Object.keys(one.sizes)) {
      const sizes = { ...one.sizes, [name]: 0 };
      if (one.refused?.includes(name)) expect(() => expectRule(one, sizes), name).toThrow(EvenkeelError);
      else expectRule(one, sizes);
    }
  });

  test.each(Object.entries(cases))("%s: so are several of them, beside axes of size 1", (_, one) => {
    let computed = 0;
    for (const sizes of variants(one.sizes)) {
      try {
        expectRule(one, sizes);
        computed++;
      } catch (error) {
        // A size of 1 may be refused for itself.
        if (!(error instanceof EvenkeelError)) throw error;
        const isRefused = Object.keys(sizes).some(
          (name) => sizes[name] < one.sizes[name] && (sizes[name] === 1 || one.refused?.includes(name)),
        );
        if (!isRefused) throw error;
      }
    }
    expect(computed > 0 || one.refused?.length === Object.keys(one.sizes).length).toBe(true);
  });
});

test("what has no value is refused with its axis", () => {
  const x = zeros([2, 3, 0, 4]);
  const messages = [
    () => x.max(),
    () => x.max(2),
    () => maxPool2d(x, 2),
    () => avgPool2d(zeros([2, 3, 4, 0]), 3, { padding: 1 }),
    () => x.reshape([0, -1]),
    () => x.reshape([-1, 2, 0]),
    () => x.reshape([0, -1, -1]),
    () => convTranspose2d(x, zeros([3, 1, 2, 2])),
    () => conv2d(zeros([1, 3, 4, 4]), zeros([2, 3, 3, 0])),
    () => conv1d(zeros([1, 3, 4]), zeros([2, 3, 0])),
    () => convTranspose2d(zeros([1, 3, 4, 4]), zeros([3, 2, 0, 2])),
    () => conv2d(zeros([1, 0, 4, 4]), zeros([0, 0, 3, 3]), null, { groups: 0 }),
    () => mse(x, x),
    () => binaryCrossEntropy(x, x),
    () => crossEntropy(zeros([0, 3]), []),
    () => crossEntropy(zeros([2, 0]), [0, 0]),
    () => embedding([0], zeros([0, 4])),
    () => x.min(2),
    () => argmax(x, 2),
    () => argmin(x),
    () => oneHot([0], 0),
  ].map((body) => {
    try {
      body();
      return "nothing was thrown";
    } catch (error) {
      return String(error);
    }
  });
  expect(messages).toMatchInlineSnapshot(`
    [
      "ShapeError: Tensor(2×3×0×4).max(axis): expected at least one value along axis 2, got none (shape 2×3×0×4). Reduce an axis that has values.",
      "ShapeError: Tensor(2×3×0×4).max(axis): expected at least one value along axis 2, got none (shape 2×3×0×4). Reduce an axis that has values.",
      "ShapeError: maxPool2d(x, kernel): expected planes of at least 2×2, got 0×4 (shape 2×3×0×4). Use larger images, a smaller kernel, or more padding.",
      "ShapeError: avgPool2d(x, kernel): expected planes of at least 1×1, got 4×0 (shape 2×3×4×0). Use larger images, a smaller kernel, or more padding.",
      "ShapeError: Tensor(2×3×0×4).reshape(shape): expected sizes that say what −1 stands for, got [0, -1], in which any size gives 0 values. Write the size instead of −1.",
      "ShapeError: Tensor(2×3×0×4).reshape(shape): expected sizes that say what −1 stands for, got [-1, 2, 0], in which any size gives 0 values. Write the size instead of −1.",
      "ShapeError: Tensor(2×3×0×4).reshape(shape): expected sizes that say what −1 stands for, got [0, -1, -1], in which any size gives 0 values. Write the size instead of −1.",
      "ShapeError: convTranspose2d(x, weight, bias): expected at least one value along axis 2, got none (shape 2×3×0×4). Pass planes that have values: how large the output of none is, is not defined.",
      "ShapeError: conv2d(x, weight, bias): expected at least one value along axis 3, got none (shape 2×3×3×0). Pass a weight whose kernel has at least one tap.",
      "ShapeError: conv1d(x, weight, bias): expected at least one value along axis 2, got none (shape 2×3×0). Pass a weight whose kernel has at least one tap.",
      "ShapeError: convTranspose2d(x, weight, bias): expected at least one value along axis 2, got none (shape 3×2×0×2). Pass a weight whose kernel has at least one tap.",
      "ArgumentError: conv2d(x, weight, bias): expected groups to be a whole number of at least 1, got 0. Correct groups.",
      "ShapeError: mse(a, b): expected at least one value along axis 2, got none (shape 2×3×0×4). Pass at least one sample.",
      "ShapeError: binaryCrossEntropy(logits, targets): expected at least one value along axis 2, got none (shape 2×3×0×4). Pass at least one sample.",
      "ShapeError: crossEntropy(logits, labels): expected logits (N, classes) with N ≥ 1, and N labels, got 0×3 and 0 labels. Pass one label for each row of logits.",
      "ShapeError: crossEntropy(logits, labels): expected at least one value along axis 1, got none (shape 2×0). Give the network one output for each class.",
      "ShapeError: embedding(indices, weight): expected at least one value along axis 0, got none (shape 0×4). Give the table a row for each index.",
      "ShapeError: Tensor(2×3×0×4).min(axis): expected at least one value along axis 2, got none (shape 2×3×0×4). Reduce an axis that has values.",
      "ShapeError: argmax(x, axis): expected at least one value along axis 2, got none (shape 2×3×0×4). Pass at least one value.",
      "ShapeError: argmin(x, axis): expected at least one value along axis 0, got none (shape 0). Pass at least one value.",
      "ArgumentError: oneHot(indices, classes): expected a whole number of classes from 1 to 16777216, got 0. Pass how many classes there are.",
    ]
  `);
});
