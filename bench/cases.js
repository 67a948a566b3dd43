/**
 * What is measured. `kind` names the function in each peer, `params` are its arguments, and `multiplyAdds` is the size
 * of a product, a convolution or a step, by which hopelessly slow peers are spared the bigger one: the smaller stands
 * before it. `limit` is what no implementation here can beat, as measured in the same run: so many copies of the same
 * values (a norm's forward pass reads twice and writes once: 1.5), or, without it, the multiply-adds at the rate of one
 * that does nothing else.
 *
 * Models are lists of layers, so that one description serves every peer.
 */

/**
 * @typedef {{ id: string, title: string, kind: string, params: object, multiplyAdds?: number, checkRuns?: number,
 * copies?: { of: string, count: number } }} Case
 */

/** Norms of rows, and the layer that each peer builds. */
const ROW_NORMS = [
  ["layer", "layer norm", [4096, 768]],
  ["group", "group norm of 8 groups", [64, 64, 32, 32]],
  ["rms", "RMS norm", [4096, 768]],
];

/** 64 MiB: beyond every cache. */
const LARGE = [64, 64, 64, 64];

const NORM_SHAPES = [
  [64, 64, 32, 32],
  [128, 32, 14, 14],
  [256, 512],
];

/** Reads and writes of a norm, in copies: x twice and y; and in the backward pass x and dy twice and dx. */
const COPIES = { forward: 1.5, both: 4 };

/** Multiply-adds of the case by which the limit is measured. */
const LIMIT_MULTIPLY_ADDS = 512 ** 3;

const CONVOLUTIONS = [
  ["16-32-14x14", "conv 3×3 16→32, 64×16×14×14", { batch: 64, inChannels: 16, outChannels: 32, size: 14 }],
  ["64-64-32x32", "conv 3×3 64→64, 64×64×32×32", { batch: 64, inChannels: 64, outChannels: 64, size: 32 }],
  ["1-16-28x28", "conv 3×3 1→16, 64×1×28×28", { batch: 64, inChannels: 1, outChannels: 16, size: 28 }],
  ["3-16-32x32", "conv 3×3 3→16, 32×3×32×32", { batch: 32, inChannels: 3, outChannels: 16, size: 32 }],
  [
    "depthwise-64-28x28",
    "depthwise conv 3×3, 32×64×28×28",
    { batch: 32, inChannels: 64, outChannels: 64, size: 28, groups: 64 },
  ],
  [
    "1x1-64-128-28x28",
    "conv 1×1 64→128, 32×64×28×28",
    { batch: 32, inChannels: 64, outChannels: 128, size: 28, kernel: 1 },
  ],
];

/**
 * Layers with what they are given: x of `shape`, y of `output` (that of x without), and the shapes of their parameters
 * in PyTorch's order, which are drawn uniform in ±1/√fanIn.
 */
const ATTENTION = {
  ...{ shape: [8, 128, 64], heads: 4 },
  ...{ parameters: [[192, 64], [192], [64, 64], [64]], fanIn: 64 },
};
const LSTM = { shape: [32, 50, 64], parameters: [[256, 64], [256, 64], [256], [256]], fanIn: 64 };
const UPSAMPLE = { shape: [16, 32, 16, 16], output: [16, 32, 32, 32] };
const SIGNAL = { shape: [32, 32, 256], parameters: [[32, 32, 5], [32], [32]], fanIn: 160 };

/** The network of `npm start`. */
export const CNN = [
  ["conv", 1, 16],
  ["batchNorm", 16],
  ["relu"],
  ["maxPool"],
  ["conv", 16, 32],
  ["batchNorm", 32],
  ["relu"],
  ["maxPool"],
  ["flatten"],
  ["linear", 1568, 128],
  ["batchNorm", 128],
  ["relu"],
  ["linear", 128, 10],
];

/** ResNet-20 of He et al. 2015, section 4.2, with projections. */
export const RESNET_20 = [
  ["conv", 3, 16],
  ["batchNorm", 16],
  ["relu"],
  ...[
    [16, 16, 1],
    [16, 32, 2],
    [32, 64, 2],
  ].flatMap(([inputs, outputs, stride]) =>
    [0, 1, 2].flatMap((block) => [
      block === 0 ? ["residual", inputs, outputs, stride] : ["residual", outputs, outputs, 1],
      ["relu"],
    ]),
  ),
  ["globalAvgPool"],
  ["linear", 64, 10],
];

export const MLP = [
  ...[784, 512, 512].flatMap((inFeatures) => [["linear", inFeatures, 512], ["batchNorm", 512], ["relu"]]),
  ["linear", 512, 10],
];

/** So small that what is not kernel takes most of a step. */
const SMALL = [["linear", 32, 32], ["batchNorm", 32], ["relu"], ["linear", 32, 10]];

/** @type {readonly Case[]} */
export const CASES = [
  ...[...NORM_SHAPES, [4096, 768], LARGE, UPSAMPLE.output].map((shape) => ({
    id: copyOf(shape),
    title: `plain copy of ${shape.join("×")} (a read and a write)`,
    kind: "copy",
    params: { shape },
  })),
  {
    id: "multiply-adds",
    title: "multiply-adds of registers, 512³",
    kind: "multiplyAdds",
    params: { count: LIMIT_MULTIPLY_ADDS },
    multiplyAdds: LIMIT_MULTIPLY_ADDS,
  },
  ...[...NORM_SHAPES, LARGE].map((shape) => ({
    id: `batch-norm-forward-${shape.join("x")}`,
    title: `batch norm forward, ${shape.join("×")}`,
    kind: "batchNormForward",
    params: { shape },
    copies: { of: copyOf(shape), count: COPIES.forward },
  })),
  ...NORM_SHAPES.map((shape) => ({
    id: `batch-norm-both-${shape.join("x")}`,
    title: `batch norm forward + backward, ${shape.join("×")}`,
    kind: "batchNormBoth",
    params: { shape },
    copies: { of: copyOf(shape), count: COPIES.both },
  })),
  ...ROW_NORMS.flatMap(([norm, title, shape]) =>
    ["forward", "both"].map((direction) => ({
      id: `${norm}-norm-${direction}`,
      title: `${title}, ${shape.join("×")}, forward${direction === "both" ? " + backward" : ""}`,
      kind: direction === "both" ? "rowNormBoth" : "rowNormForward",
      params: { norm, shape },
      copies: { of: copyOf(shape), count: COPIES[direction] },
    })),
  ),
  {
    id: "gemm-512",
    title: "GEMM 512³",
    kind: "gemm",
    params: { m: 512, n: 512, k: 512 },
    multiplyAdds: 512 ** 3,
  },
  ...CONVOLUTIONS.flatMap(([name, title, params]) => [
    {
      id: `conv-forward-${name}`,
      title: `${title}, forward`,
      kind: "convForward",
      params,
      multiplyAdds: convMultiplyAdds(params),
    },
    {
      id: `conv-both-${name}`,
      title: `${title}, forward + backward`,
      kind: "convBoth",
      params,
      multiplyAdds: 3 * convMultiplyAdds(params),
    },
  ]),
  {
    id: "signal-forward",
    title: "conv of 5 taps 32→32 over 32×32×256 and batch norm, forward",
    kind: "signalForward",
    params: SIGNAL,
    multiplyAdds: signalMultiplyAdds(SIGNAL),
  },
  {
    id: "signal-both",
    title: "conv of 5 taps 32→32 over 32×32×256 and batch norm, forward + backward",
    kind: "signalBoth",
    params: SIGNAL,
    multiplyAdds: 3 * signalMultiplyAdds(SIGNAL),
  },
  {
    id: "attention",
    title: "attention of 4 heads, 8×128×64, forward + backward",
    kind: "attention",
    params: ATTENTION,
    multiplyAdds: 3 * attentionMultiplyAdds(ATTENTION),
  },
  {
    id: "lstm",
    title: "LSTM of 64 units, 32×50×64, forward + backward",
    kind: "lstm",
    params: LSTM,
    multiplyAdds: 3 * lstmMultiplyAdds(LSTM),
  },
  {
    id: "upsample",
    title: "bilinear upsampling of 16×32×16×16 to 32×32, forward + backward",
    kind: "upsample",
    params: UPSAMPLE,
    // A quarter is read and all written, and the reverse.
    copies: { of: copyOf(UPSAMPLE.output), count: 1.25 },
  },
  step("small-step", "two layers of 32 units", SMALL, [32, 32], 1e-3),
  step("mlp-step", "the MLP 784-512-512-512-10", MLP, [128, 784], 1e-3),
  step("cnn-step", "the CNN", CNN, [64, 1, 28, 28], 1e-3),
  // Adam's first steps follow signs of gradients: at 1e-3 rounding alone moves the third loss by 10⁻³.
  step("resnet-step", "ResNet-20", RESNET_20, [32, 3, 32, 32], 1e-4),
];

function copyOf(shape) {
  return `copy-${shape.join("x")}`;
}

/** A training step; `id` of a case, and the name of its network. */
function step(id, name, layers, input, lr) {
  return {
    id,
    title: `training step of ${name}, batch ${input[0]}`,
    kind: "trainingStep",
    params: { layers, input, classes: 10, lr },
    multiplyAdds: stepMultiplyAdds(layers, input),
    checkRuns: 3,
  };
}

/** Of the output and both gradients; nobody needs the gradient of the network's input. */
function stepMultiplyAdds(layers, [batch, , ...sides]) {
  let [side] = sides;
  let total = 0;
  let first = 0;
  const count = (multiplyAdds) => {
    if (total === 0) first = multiplyAdds;
    total += 3 * multiplyAdds;
  };
  const conv = (inputs, outputs, stride, taps) => {
    side /= stride;
    count(batch * inputs * outputs * taps * side * side);
  };
  for (const [type, inputs, outputs, stride = 1] of layers) {
    if (type === "conv") conv(inputs, outputs, stride, 9);
    else if (type === "maxPool") side /= 2;
    else if (type === "linear") count(batch * inputs * outputs);
    else if (type === "residual") {
      conv(inputs, outputs, stride, inputs === outputs ? 9 : 10);
      conv(outputs, outputs, 1, 9);
    }
  }
  return total - first;
}

function convMultiplyAdds({ batch, inChannels, outChannels, size, kernel = 3, groups = 1 }) {
  return (batch * inChannels * outChannels * size * size * kernel * kernel) / groups;
}

function signalMultiplyAdds({ shape: [batch, , length], parameters: [weight] }) {
  return batch * length * weight.reduce((a, b) => a * b);
}

/** Four projections, the scores, and the values that they weigh. */
function attentionMultiplyAdds({ shape: [batch, steps, features] }) {
  return batch * steps * features * (4 * features + 2 * steps);
}

/** Four gates of x and of the state before. */
function lstmMultiplyAdds({ shape: [batch, steps, features] }) {
  return batch * steps * 4 * features * (2 * features);
}
