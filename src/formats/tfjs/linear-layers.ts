import { type Affine, affineOf, normWeights } from "./batch-norm-layer.js";
import type { Layer } from "./container.js";
import { printable } from "./json.js";
import { isBatchNorm } from "./norm-kinds.js";
import type { Slot, TfjsModel } from "./tfjs-model.js";
import { packWeight, type TfjsWeightSpec, valuesOf } from "./weights.js";

/** What is known of a layer that computes weight · x + bias: which of its kernels meets the output and which the input. */
interface LinearKind {
  readonly kernels: readonly string[];
  /** Of the kernel that comes last: the output channel of each of its values. */
  outputOf(i: number, shape: readonly number[]): number;
  /** Of the kernel that comes first: the input channel of each of its values; null where the edge of the output sees fewer of them. */
  readonly inputOf: ((i: number, shape: readonly number[]) => number) | null;
}

const lastIsOutput = (i: number, shape: readonly number[]): number => i % (shape.at(-1) ?? 1);
const secondLastIsInput = (i: number, shape: readonly number[]): number =>
  Math.floor(i / (shape.at(-1) ?? 1)) % (shape.at(-2) ?? 1);
const plain: LinearKind = { kernels: ["kernel"], outputOf: lastIsOutput, inputOf: secondLastIsInput };

const kinds: Readonly<Record<string, LinearKind>> = {
  Dense: plain,
  Conv1D: plain,
  Conv2D: plain,
  // height, width, output, input.
  Conv2DTranspose: { kernels: ["kernel"], outputOf: secondLastIsInput, inputOf: null },
  // height, width, input, multiplier: the output's channels are both in a row.
  DepthwiseConv2D: {
    kernels: ["depthwise_kernel"],
    outputOf: (i, shape) => i % ((shape.at(-1) ?? 1) * (shape.at(-2) ?? 1)),
    inputOf: secondLastIsInput,
  },
  SeparableConv2D: {
    kernels: ["depthwise_kernel", "pointwise_kernel"],
    outputOf: lastIsOutput,
    inputOf: secondLastIsInput,
  },
};

/** Whether a layer is one that can take a batch norm. */
export function isLinear({ className }: Layer): boolean {
  return Object.hasOwn(kinds, className);
}

/** What a message calls a layer: its class and name. */
export function titleOf({ className, name, container }: Layer): string {
  return `${printable(className)} ${container.place}${printable(name)}`;
}

/** A layer's kernels and its bias, ready to be changed. */
interface Parts {
  readonly kind: LinearKind;
  readonly kernels: readonly Kernel[];
  readonly bias: Slot | null;
}

interface Kernel {
  readonly slot: Slot;
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** A text says why the layer cannot be changed. */
function partsOf(model: TfjsModel, layer: Layer): Parts | string {
  const title = titleOf(layer);
  if (layer.container.callsOf(layer) > 1)
    return `${title} is shared: it is called ${layer.container.callsOf(layer)} times`;
  if (!model.isNamedOnce(layer)) return `other layers have the name of ${title}: its weights are not known`;
  const kind = kinds[layer.className];
  const keys = layer.config["use_bias"] === false ? kind.kernels : [...kind.kernels, "bias"];
  const kernels: Kernel[] = [];
  for (const key of kind.kernels) {
    const slot = model.weightOf(layer, key, keys);
    if (slot === null) return `the ${key} of ${title} is missing`;
    const { quantization, dtype, shape } = slot.spec;
    if (isCoarse(slot.spec) && !model.dequantize) {
      return `the ${key} of ${title} is quantised to ${quantization?.dtype} with one scale for all channels, which a factor for each does not fit: fold the model before it is quantised, or dequantize`;
    }
    const values = dtype === "float32" ? valuesOf(slot) : null;
    if (values === null || shape.length < 2)
      return `the ${key} of ${title} is of ${dtype} and shape ${shape.join("×")}`;
    kernels.push({ slot, shape, values });
  }
  const bias = model.weightOf(layer, "bias", keys);
  if (keys.length > kind.kernels.length && bias === null) return `the bias of ${title} is missing`;
  return { kind, kernels, bias };
}

/** Folds a map of the output into a layer, y = scale · (W x + b) + shift; a text says why not. */
export function foldOutput(model: TfjsModel, layer: Layer, { scale, shift }: Affine): string | null {
  const { activation = "linear" } = layer.config;
  if (activation !== "linear" && activation !== null) {
    return `${titleOf(layer)} carries its activation ${printable(activation)} before it`;
  }
  const parts = partsOf(model, layer);
  if (typeof parts === "string") return parts;
  const last = parts.kernels.length - 1;
  const { values, shape } = parts.kernels[last];
  const outputs = outputsOf(parts);
  if (outputs !== scale.length) return `${titleOf(layer)} has ${outputs} channels, the norm ${scale.length}`;
  const changed = values.map((value, i) => value * scale[parts.kind.outputOf(i, shape)]);
  const old = biasOf(parts, outputs);
  if (typeof old === "string") return old;
  const bias = shift.map((value, k) => value + scale[k] * old[k]);
  return commit(model, layer, parts, new Map([[last, changed]]), bias);
}

/**
 * Folds a map of the input into a layer, y = W (scale · x + shift) + b; a text says why not.
 *
 * @param isFlat - whether the input is the channels of all positions in a row
 */
export function foldInput(model: TfjsModel, layer: Layer, { scale, shift }: Affine, isFlat: boolean): string | null {
  const parts = partsOf(model, layer);
  if (typeof parts === "string") return parts;
  const { kind, kernels } = parts;
  const { inputOf } = kind;
  if (inputOf === null) return `${titleOf(layer)} stands after it, whose output's edge sees less of the input`;
  const { padding = "valid" } = layer.config;
  if (layer.className !== "Dense" && padding !== "valid" && shift.some((value) => value !== 0)) {
    return `${titleOf(layer)} pads with zeros, which the norm would have shifted`;
  }
  const [{ values, shape }] = kernels;
  const inputs = shape.at(-2) ?? 0;
  if (isFlat ? inputs % scale.length !== 0 : inputs !== scale.length)
    return `${titleOf(layer)} takes ${inputs} channels, the norm has ${scale.length}`;
  const outputs = outputsOf(parts);
  const old = biasOf(parts, outputs);
  if (typeof old === "string") return old;
  const channelOf = (i: number): number => inputOf(i, shape) % scale.length;
  const changed = values.map((value, i) => value * scale[channelOf(i)]);
  // What the shift adds to each channel behind the first kernel, then behind the second.
  let added = new Float64Array(kernels.length === 1 ? outputs : inputs * (shape.at(-1) ?? 1));
  const place = kernels.length === 1 ? kind.outputOf : kinds["DepthwiseConv2D"].outputOf;
  for (const [i, value] of values.entries()) added[place(i, shape)] += value * shift[channelOf(i)];
  for (const { values: pointwise } of kernels.slice(1)) {
    const sums = new Float64Array(outputs);
    for (const [i, value] of pointwise.entries()) sums[i % outputs] += value * added[Math.floor(i / outputs)];
    added = sums;
  }
  return commit(
    model,
    layer,
    parts,
    new Map([[0, changed]]),
    added.map((value, k) => value + old[k]),
  );
}

function outputsOf({ kind, kernels }: Parts): number {
  const { shape, values } = kernels[kernels.length - 1];
  return values.length === 0 ? 0 : kind.outputOf(values.length - 1, shape) + 1;
}

function biasOf({ bias }: Parts, outputs: number): Float64Array | string {
  const values = bias === null ? new Float64Array(outputs) : valuesOf(bias);
  if (values !== null && values.length === outputs) return values;
  return `the bias ${printable(bias?.spec.name)} does not hold ${outputs} numbers`;
}

/** Whether a weight is stored in whole numbers, on one scale. */
function isCoarse({ quantization }: TfjsWeightSpec): boolean {
  return quantization !== undefined && quantization.dtype !== "float16";
}

/** What becomes of a weight with other values: what was in whole numbers is no longer; half precision stays. */
function asFloat(spec: TfjsWeightSpec): TfjsWeightSpec {
  if (!isCoarse(spec)) return spec;
  const { quantization: _, ...rest } = spec;
  return { ...rest, dtype: "float32" };
}

function commit(
  model: TfjsModel,
  layer: Layer,
  { kernels, bias, kind }: Parts,
  changed: ReadonlyMap<number, Float64Array>,
  newBias: Float64Array,
): string | null {
  const packed = [...changed].map(([k, values]) => {
    const { slot } = kernels[k];
    return [slot, packWeight(asFloat(slot.spec), values)] as const;
  });
  const none: TfjsWeightSpec = { name: "", shape: [newBias.length], dtype: "float32" };
  const packedBias = packWeight(bias === null ? none : asFloat(bias.spec), newBias);
  if (packedBias === null || packed.some(([, one]) => one === null)) return `the weights of ${titleOf(layer)} overflow`;
  for (const [slot, one] of packed) Object.assign(slot, one);
  if (bias === null) {
    model.add(layer, kernels[kernels.length - 1].slot, model.isNumbered ? kind.kernels.length : "bias", packedBias);
    layer.config["use_bias"] = true;
  } else Object.assign(bias, packedBias);
  return null;
}

/** Folds a map of its output into a batch norm; a text says why not. */
export function foldIntoNorm(model: TfjsModel, norm: Layer, { scale, shift }: Affine): string | null {
  if (!isBatchNorm(norm.className)) throw new Error("internal: only batch norms take a map");
  const { container } = norm;
  if (container.callsOf(norm) > 1) return `${titleOf(norm)} is shared: it is called ${container.callsOf(norm)} times`;
  const own = affineOf(model, norm);
  if (typeof own === "string") return `${titleOf(norm)} stands before it, and ${own}`;
  const { weight, bias } = normWeights(model, norm);
  if (weight == null || bias == null) return `${titleOf(norm)} stands before it, without weight or bias of its own`;
  if (own.scale.length !== scale.length) return `${titleOf(norm)} has ${own.scale.length} channels`;
  const [gamma, beta] = [valuesOf(weight), valuesOf(bias)];
  if (gamma === null || beta === null) return `the weights of ${titleOf(norm)} are no numbers`;
  for (const slot of [weight, bias]) {
    const stored = slot.spec.quantization?.dtype ?? "float16";
    if (stored !== "float16") return `the weights of ${titleOf(norm)} are quantised to ${stored}`;
  }
  const newWeight = packWeight(
    weight.spec,
    gamma.map((value, k) => value * scale[k]),
  );
  const newBias = packWeight(
    bias.spec,
    beta.map((value, k) => value * scale[k] + shift[k]),
  );
  if (newWeight === null || newBias === null) return `the weights of ${titleOf(norm)} overflow`;
  weight.bytes = newWeight.bytes;
  bias.bytes = newBias.bytes;
  return null;
}
