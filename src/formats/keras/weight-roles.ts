import type { JsonObject } from "../json.js";

/** A weight's name, and the switch of the configuration without which a layer has none. */
type Role = readonly [name: string, onlyIf?: string];

const bias: Role = ["bias", "use_bias"];
const affine: readonly Role[] = [
  ["gamma", "scale"],
  ["beta", "center"],
];
const recurrent: readonly Role[] = [["kernel"], ["recurrent_kernel"], bias];
const separable: readonly Role[] = [["depthwise_kernel"], ["pointwise_kernel"], bias];
const projections = ["query", "key", "value", "attention_output"].flatMap((part): Role[] => [
  [`${part}/kernel`],
  [`${part}/bias`, "use_bias"],
]);

/**
 * The weights of Keras' layers in their order, by which Keras 3 counts them in files; parts of a layer stand before a
 * slash.
 */
const roles: Readonly<Record<string, readonly Role[]>> = {
  ...Object.fromEntries(
    ["Dense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"].map((name) => [
      name,
      [["kernel"], bias],
    ]),
  ),
  ...{ DepthwiseConv1D: [["depthwise_kernel"], bias], DepthwiseConv2D: [["depthwise_kernel"], bias] },
  ...{ SeparableConv1D: separable, SeparableConv2D: separable },
  BatchNormalization: [...affine, ["moving_mean"], ["moving_variance"]],
  SyncBatchNormalization: [...affine, ["moving_mean"], ["moving_variance"]],
  ...{ LayerNormalization: affine, GroupNormalization: affine, InstanceNormalization: affine },
  RMSNormalization: [["scale"]],
  PReLU: [["alpha"]],
  Embedding: [["embeddings"]],
  ...{ LSTM: recurrent, GRU: recurrent, SimpleRNN: recurrent },
  Normalization: [["mean"], ["variance"], ["count"]],
  ...{ MultiHeadAttention: projections, GroupQueryAttention: projections },
  EinsumDense: [["kernel"], ["bias", "bias_axes"]],
  Attention: [["scale", "use_scale"], ["concat_score_weight"]],
  AdditiveAttention: [["scale", "use_scale"]],
};

/** The weights that a layer has, in their order; none where the class is not known. */
export function weightRoles(className: string, config: JsonObject): string[] {
  const own = Object.hasOwn(roles, className) ? roles[className] : [];
  return own.flatMap(([name, onlyIf]) => (onlyIf !== undefined && config[onlyIf] === false ? [] : [name]));
}
