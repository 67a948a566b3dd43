import { CNN, MLP, RESNET_20 } from "./cases.js";

/**
 * Networks of the inference cases: a list of layers, or the name of one of `evenkeel/networks` (of 1,000 classes).
 * @typedef {{ name: string, title: string, input: number[], layers?: any[], network?: string }} Network
 */

/** @type {readonly Network[]} */
export const INFERENCE_NETWORKS = [
  { name: "mlp", title: "MLP 784-512-512-512-10", input: [784], layers: MLP },
  { name: "cnn", title: "the CNN, 1×28×28", input: [1, 28, 28], layers: CNN },
  { name: "resnet20", title: "ResNet-20, 3×32×32", input: [3, 32, 32], layers: RESNET_20 },
  { name: "mobilenet", title: "MobileNetV2, 3×96×96", input: [3, 96, 96], network: "mobilenetV2" },
  { name: "vit", title: "ViT-Ti/16, 3×96×96", input: [3, 96, 96], network: "vitTiny" },
];

const BATCHES = [1, 8, 32];

/** @type {readonly import("./cases.js").Case[]} */
export const INFERENCE_CASES = INFERENCE_NETWORKS.flatMap(({ name, title, input }) =>
  BATCHES.map((batch) => ({
    id: `inference-${name}-${batch}`,
    title: `${title}, batch ${batch}`,
    kind: "inference",
    params: { name, batch, input },
  })),
);

/** Those that run whole networks, by their ids among all peers. */
export const INFERENCE_PEERS = ["evenkeel", "evenkeel-folded", "onnxruntime", "tfjs-wasm"];
