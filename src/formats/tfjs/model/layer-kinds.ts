import type { Layer } from "./container.js";

/** How a layer that is not linear itself passes on the map of a batch norm. */
export type Passage = "identity" | "average" | "flatten" | null;

const identities = [
  ...["Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout"],
  ...["GaussianNoise", "GaussianDropout", "ActivityRegularization"],
];
const averages = [
  ...["AveragePooling1D", "AveragePooling2D", "AveragePooling3D"],
  ...["GlobalAveragePooling1D", "GlobalAveragePooling2D"],
];

/**
 * What a layer does to a map of each channel at inference: it changes nothing, averages positions of a channel, which
 * leaves the map, or puts the channels of all positions in a row.
 */
export function passageOf({ className, config }: Layer): Passage {
  if (identities.includes(className)) return "identity";
  if (className === "Activation") return config["activation"] === "linear" ? "identity" : null;
  if (isChannelsFirst(config)) return null;
  if (averages.includes(className)) return "average";
  return className === "Flatten" ? "flatten" : null;
}

export function isChannelsFirst(config: Layer["config"]): boolean {
  return config["data_format"] === "channels_first";
}

const ranks: Readonly<Record<string, number>> = {
  ...{ Conv2D: 4, Conv2DTranspose: 4, DepthwiseConv2D: 4, SeparableConv2D: 4, AveragePooling2D: 4, MaxPooling2D: 4 },
  ...{ UpSampling2D: 4, ZeroPadding2D: 4, Cropping2D: 4, Conv1D: 3, AveragePooling1D: 3, MaxPooling1D: 3 },
  ...{ Conv3D: 5, Conv3DTranspose: 5, AveragePooling3D: 5, MaxPooling3D: 5, RepeatVector: 3, Flatten: 2 },
  ...{ GlobalAveragePooling1D: 2, GlobalAveragePooling2D: 2, GlobalMaxPooling1D: 2, GlobalMaxPooling2D: 2 },
};
const keepers = ["Dense", "Activation", "BatchNormalization", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"];

/** What is known already: layers never change their ranks, and rows of them may be long. */
const known = new WeakMap<Layer, number | null>();

/** How many axes the output of a layer has; null where that is not known. */
function rankOf(layer: Layer): number | null {
  const passed: Layer[] = [];
  let rank: number | null | undefined;
  for (let one: Layer | null = layer; one !== null && rank === undefined; one = one.container.before(one)) {
    passed.push(one);
    rank = known.has(one) ? known.get(one) : ownRank(one);
  }
  for (const one of passed) known.set(one, rank ?? null);
  return rank ?? null;
}

/** What a layer itself says of it; undefined if it keeps that of its input. */
function ownRank({ className, config }: Layer): number | null | undefined {
  if (Object.hasOwn(ranks, className)) return ranks[className];
  if (className === "Reshape" && Array.isArray(config["target_shape"])) return config["target_shape"].length + 1;
  const keeps = keepers.includes(className) || identities.includes(className);
  const shape = config["batch_input_shape"] ?? config["batch_shape"];
  if ((keeps || className === "InputLayer") && Array.isArray(shape)) return shape.length;
  return keeps ? undefined : null;
}

/**
 * Which axis of its input a batch norm keeps: the last, or the one after the batch where others follow; null for
 * another, or if not known.
 */
export function channelAxisOf(norm: Layer): "last" | "first" | null {
  const { axis: given = -1 } = norm.config;
  const axis = Array.isArray(given) && given.length === 1 ? given[0] : given;
  if (axis === -1) return "last";
  const rank = rankOf(norm);
  if (rank === null || typeof axis !== "number") return null;
  const place = axis < 0 ? axis + rank : axis;
  if (place === rank - 1) return "last";
  return place === 1 ? "first" : null;
}
