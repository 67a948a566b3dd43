/**
 * What is measured. `kind` names the function in each peer, `params` are its arguments, and `multiplyAdds` is the size of
 * the work, by which hopelessly slow peers are spared the biggest cases.
 *
 * Models are lists of layers, so that one description serves every peer.
 */

/** @typedef {{ id: string, title: string, kind: string, params: object, multiplyAdds: number }} Case */

const NORM_SHAPES = [
  ["64x64x32x32", [64, 64, 32, 32]],
  ["128x32x14x14", [128, 32, 14, 14]],
  ["256x512", [256, 512]],
];

const CONVOLUTIONS = [
  ["64-64-32x32", "conv 3×3 64→64, 64×64×32×32", { batch: 64, inChannels: 64, outChannels: 64, size: 32 }],
  ["16-32-14x14", "conv 3×3 16→32, 64×16×14×14", { batch: 64, inChannels: 16, outChannels: 32, size: 14 }],
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
    multiplyAdds: 0,
  })),
  ...NORM_SHAPES.map(([name, shape]) => ({
    id: `batch-norm-both-${name}`,
    title: `batch norm forward + backward, ${shape.join("×")}`,
    kind: "batchNormBoth",
    params: { shape },
    multiplyAdds: 0,
  })),
  { id: "gemm-512", title: "GEMM 512³", kind: "gemm", params: { m: 512, n: 512, k: 512 }, multiplyAdds: 512 ** 3 },
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
    multiplyAdds: 3 * 64 * (784 * 9 * 16 + 196 * 9 * 16 * 32 + 1568 * 128 + 128 * 10),
  },
  {
    id: "mlp-step",
    title: "training step of the MLP 784-512-512-512-10, batch 128",
    kind: "trainingStep",
    params: { layers: MLP, input: [128, 784], classes: 10, lr: 1e-3 },
    multiplyAdds: 3 * 128 * (784 * 512 + 2 * 512 * 512 + 512 * 10),
  },
];

function convMultiplyAdds({ batch, inChannels, outChannels, size }) {
  return batch * inChannels * outChannels * size * size * 9;
}
