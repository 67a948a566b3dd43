/**
 * What is measured. `kind` names the function in each peer, `params` are its arguments, and `multiplyAdds`
 * is the size of a convolution, by which hopelessly slow peers are spared the bigger one: the smaller stands before it.
 *
 * Models are lists of layers, so that one description serves every peer.
 */

/** @typedef {{ id: string, title: string, kind: string, params: object, multiplyAdds?: number }} Case */

/** Norms of rows, and the layer that each peer builds. */
const ROW_NORMS = [
  ["layer", "layer norm", [4096, 768]],
  ["group", "group norm of 8 groups", [64, 64, 32, 32]],
  ["rms", "RMS norm", [4096, 768]],
];

/** Of 16 and 64 MiB: beyond every cache. */
const LARGE_SHAPES = [
  [64, 64, 32, 32],
  [64, 64, 64, 64],
];

const NORM_SHAPES = [
  ["64x64x32x32", [64, 64, 32, 32]],
  ["128x32x14x14", [128, 32, 14, 14]],
  ["256x512", [256, 512]],
];

const CONVOLUTIONS = [
  ["16-32-14x14", "conv 3×3 16→32, 64×16×14×14", { batch: 64, inChannels: 16, outChannels: 32, size: 14 }],
  ["64-64-32x32", "conv 3×3 64→64, 64×64×32×32", { batch: 64, inChannels: 64, outChannels: 64, size: 32 }],
];

/** The network of `npm start`. */
const CNN = [
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
const RESNET_20 = [
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

const MLP = [
  ...[784, 512, 512].flatMap((inFeatures) => [["linear", inFeatures, 512], ["batchNorm", 512], ["relu"]]),
  ["linear", 512, 10],
];

/** @type {readonly Case[]} */
export const CASES = [
  ...NORM_SHAPES.map(([name, shape]) => ({
    id: `batch-norm-forward-${name}`,
    title: `batch norm forward, ${shape.join("×")}`,
    kind: "batchNormForward",
    params: { shape },
  })),
  ...NORM_SHAPES.map(([name, shape]) => ({
    id: `batch-norm-both-${name}`,
    title: `batch norm forward + backward, ${shape.join("×")}`,
    kind: "batchNormBoth",
    params: { shape },
  })),
  ...ROW_NORMS.flatMap(([norm, title, shape]) =>
    ["forward", "both"].map((direction) => ({
      id: `${norm}-norm-${direction}`,
      title: `${title}, ${shape.join("×")}, forward${direction === "both" ? " + backward" : ""}`,
      kind: direction === "both" ? "rowNormBoth" : "rowNormForward",
      params: { norm, shape },
    })),
  ),
  ...LARGE_SHAPES.map((shape) => ({
    id: `copy-${shape.join("x")}`,
    title: `plain copy of ${shape.join("×")} (a read and a write)`,
    kind: "copy",
    params: { shape },
  })),
  {
    id: "batch-norm-forward-64x64x64x64",
    title: "batch norm forward, 64×64×64×64",
    kind: "batchNormForward",
    params: { shape: [64, 64, 64, 64] },
  },
  { id: "gemm-512", title: "GEMM 512³", kind: "gemm", params: { m: 512, n: 512, k: 512 } },
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
    id: "cnn-step",
    title: "training step of the CNN, batch 64",
    kind: "trainingStep",
    params: { layers: CNN, input: [64, 1, 28, 28], classes: 10, lr: 1e-3 },
  },
  {
    id: "mlp-step",
    title: "training step of the MLP 784-512-512-512-10, batch 128",
    kind: "trainingStep",
    params: { layers: MLP, input: [128, 784], classes: 10, lr: 1e-3 },
  },
  {
    id: "resnet-step",
    title: "training step of ResNet-20, batch 32",
    kind: "trainingStep",
    // Adam's first steps follow signs of gradients: at 1e-3 rounding alone moves the third loss by 10⁻³.
    params: { layers: RESNET_20, input: [32, 3, 32, 32], classes: 10, lr: 1e-4 },
  },
];

function convMultiplyAdds({ batch, inChannels, outChannels, size }) {
  return batch * inChannels * outChannels * size * size * 9;
}
