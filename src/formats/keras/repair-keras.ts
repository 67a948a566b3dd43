import { FormatError } from "../../errors.js";
import { printable } from "../printable.js";
import { readName } from "../tfjs/import/layer-weights.js";
import type { Layer } from "../tfjs/model/container.js";
import type { TfjsFiles } from "../tfjs/model/files.js";
import { layerTitle } from "../tfjs/model/linear-layers.js";
import { type Slot, TfjsModel } from "../tfjs/model/tfjs-model.js";
import { readKerasFile } from "./file/read-keras.js";
import { weightRoles } from "./weight-roles.js";

/** What TF.js does not load, or computes otherwise. */
export interface KerasConcern {
  /** The layer. */
  readonly node: string;
  /** What of it. */
  readonly what: string;
}

/** A model that TF.js loads, and what was done. */
export interface RepairedKeras {
  /** model.json and its weights. */
  readonly files: TfjsFiles;
  /** What was written anew, in words. */
  readonly repaired: readonly string[];
  /** What is left to you. */
  readonly concerns: readonly KerasConcern[];
}

/** Classes of layers that TF.js 4 has. */
const known = new Set(
  [
    "InputLayer Sequential Functional Model Dense Activation Dropout Flatten Reshape Permute RepeatVector Masking Embedding",
    "Conv1D Conv2D Conv3D Conv2DTranspose Conv3DTranspose DepthwiseConv2D SeparableConv2D ConvLSTM2D Cropping2D UpSampling2D ZeroPadding2D",
    "MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D",
    "GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D",
    "ReLU LeakyReLU PReLU ELU ThresholdedReLU Softmax BatchNormalization LayerNormalization",
    "Add Multiply Average Maximum Minimum Concatenate Dot GaussianNoise GaussianDropout AlphaDropout SpatialDropout1D",
    "SimpleRNN LSTM GRU RNN Bidirectional TimeDistributed Rescaling Resizing CenterCrop CategoryEncoding",
  ].flatMap((line) => line.split(" ")),
);

/** Settings that TF.js reads past, or does not have, with the value that means nothing. */
const settings: readonly (readonly [key: string, plain: unknown, what: string])[] = [
  ["groups", 1, "groups of channels, which TF.js does not have"],
  ["keepdims", false, "keepdims, which TF.js reads past"],
  ["reset_after", false, "reset_after, which TF.js does not have"],
];

/**
 * Makes of a Keras model what TF.js 4 loads: a .keras file, a whole model in an .h5 file, or a `model.json` with the
 * fields of Keras 3 (`batch_shape`, types and functions as objects, calls with `args`), of which TF.js says "An
 * InputLayer should be passed either a batchInputShape or an inputShape". Weights get the names that TF.js gives them.
 * Layers and settings that TF.js lacks stay, and are listed.
 *
 * @param file - the bytes of a .keras or .h5 file, or model.json with its weights; not changed
 * @throws FormatError if it is damaged, or a graph model
 * @throws MissingPackageError if h5wasm is not installed, but for model.json
 * @example
 * ```ts
 * const config = { name: "x", batch_shape: [null, 2], dtype: "float32" };
 * const input = { module: "keras.layers", class_name: "InputLayer", config };
 * const files = toTfjsFiles({
 *   modelTopology: { model_config: { class_name: "Sequential", config: { name: "net", layers: [input] } } },
 *   weightSpecs: [],
 *   weightData: new ArrayBuffer(0),
 * });
 * const { repaired } = await repairKeras(files);
 * repaired; // ["fields that only Keras 3 reads are gone", "batch_shape is now batch_input_shape"]
 * ```
 */
export function repairKeras(file: Uint8Array | TfjsFiles): Promise<RepairedKeras> {
  return repairModel("repairKeras(file)", file);
}

/** @param graphs - what becomes of a graph model, of which there is nothing to repair */
export async function repairModel(
  where: string,
  file: Uint8Array | TfjsFiles,
  graphs: "refused" | "as it is" = "refused",
): Promise<RepairedKeras> {
  const read = file instanceof Uint8Array ? await readKerasFile(where, file) : { files: file, changes: [] };
  const model = new TfjsModel(where, read.files);
  if (model.main === null) {
    if (graphs === "as it is") return { files: read.files, repaired: [], concerns: [] };
    const cure = "TF.js loads it as it is: tf.loadGraphModel.";
    throw new FormatError({ where, expected: "a model of layers", received: "a graph model", cure });
  }
  const isRenamed = renameWeights(model);
  const repaired = [
    ...read.changes,
    ...model.changes,
    ...(isRenamed ? ["weights now have the names that TF.js gives them"] : []),
  ];
  const told = [...new Set(repaired)];
  const concerns = [...model.containers()].flatMap(concernsOf);
  return { files: told.length === 0 ? read.files : model.write(), repaired: told, concerns };
}

function concernsOf({
  layers,
  inner,
}: {
  layers: ReadonlyMap<string, Layer>;
  inner: ReadonlyMap<string, unknown>;
}): KerasConcern[] {
  return [...layers.values()].flatMap((layer): KerasConcern[] => {
    if (inner.has(layer.name)) return [];
    const node = layerTitle(layer);
    if (!known.has(layer.className)) return [{ node, what: "TF.js has no such layer" }];
    return settings.flatMap(([key, plain, what]) => {
      const value = layer.config[key] ?? plain;
      return value === plain ? [] : [{ node, what }];
    });
  });
}

/** Gives weights the names that TF.js gives them: of the layer alone, and of a cell or direction inside. */
function renameWeights(model: TfjsModel): boolean {
  const layers = new Map<string, Layer>();
  for (const container of model.containers()) {
    for (const [name, layer] of container.layers) if (!container.inner.has(name)) layers.set(name, layer);
  }
  const names = new Set(layers.keys());
  let isRenamed = false;
  for (const slot of model.slots()) {
    const [layerName = "", parts = []] = readName(slot.spec.name, names) ?? [];
    const layer = layers.get(layerName);
    if (layer === undefined) continue;
    isRenamed = rename(slot, `${layerName}/${roleOf(layer, parts)}`) || isRenamed;
  }
  return isRenamed;
}

function rename(slot: Slot, name: string): boolean {
  if (slot.spec.name === name) return false;
  slot.spec = { ...slot.spec, name };
  return true;
}

/** Layers whose parts have weights of the same roles. */
const divided = ["Bidirectional", "MultiHeadAttention", "GroupQueryAttention"];

/** What stands behind the layer in a weight's name. @param parts - what the file has there */
function roleOf({ className, config }: Layer, parts: readonly string[]): string {
  const last = parts[parts.length - 1];
  const roles = weightRoles(className, config);
  const role = (/^\d+$/.test(last) ? roles[Number(last)] : undefined) ?? last;
  const isKernel = role === "kernel" && className.startsWith("DepthwiseConv");
  const isInside = parts.length > 1 && divided.includes(className);
  return `${isInside ? `${printable(parts[0])}/` : ""}${isKernel ? "depthwise_kernel" : role}`;
}
