import { diagonal, type Kernel, type LinearMap } from "../../../graph/fold/linear-map.js";
import { printable } from "../../printable.js";
import { normWeights } from "./batch-norm-layer.js";
import type { Layer } from "./container.js";
import { isBatchNorm } from "./norm-classes.js";
import type { Slot, TfjsModel } from "./tfjs-model.js";
import { packWeight, type TfjsWeightSpec, weightValues } from "./weights.js";

/** A layer in numbers, and the weights that they are of. */
export interface LinearLayer extends LinearMap {
  readonly weights: {
    readonly kernels: readonly { readonly slot: Slot; readonly values: Float64Array }[];
    readonly bias: Slot | null;
  };
}

type Ends = Pick<Kernel, "outputs" | "outputOf" | "inputOf"> & { readonly inputs: number };
type Layout = (shape: readonly number[]) => Ends;

/** Kernels of (…, input, output). */
const plain: Layout = (shape) => {
  const [inputs, outputs] = shape.slice(-2);
  return { inputs, outputs, outputOf: (i) => i % outputs, inputOf: (i) => Math.floor(i / outputs) % inputs };
};
/** Kernels of (…, output, input). */
const transposed: Layout = (shape) => {
  const { inputs, outputs, outputOf, inputOf } = plain(shape);
  return { inputs: outputs, outputs: inputs, outputOf: inputOf, inputOf: outputOf };
};
/** Kernels of (…, input, multiplier): the output's channels are both in a row. */
const depthwise: Layout = (shape) => {
  const { inputs, outputs: multiplier, inputOf } = plain(shape);
  const outputs = inputs * multiplier;
  return { inputs, outputs, outputOf: (i) => i % outputs, inputOf };
};

/** The kernels of layers that compute weight · x + bias. */
const kinds: Readonly<Record<string, Readonly<Record<string, Layout>>>> = {
  Dense: { kernel: plain },
  Conv1D: { kernel: plain },
  Conv2D: { kernel: plain },
  Conv3D: { kernel: plain },
  Conv2DTranspose: { kernel: transposed },
  DepthwiseConv2D: { depthwise_kernel: depthwise },
  SeparableConv2D: { depthwise_kernel: depthwise, pointwise_kernel: plain },
};

/** Whether a layer is one that can take a batch norm from either side. */
export function isLinear({ className }: Layer): boolean {
  return Object.hasOwn(kinds, className);
}

/** What a message calls a layer: its class and name. */
export function layerTitle({ className, name, container }: Layer): string {
  return `${printable(className)} ${container.place}${printable(name)}`;
}

/**
 * The numbers of a linear layer, or of a batch norm what follows x̂; a text says why they are not known, or cannot be
 * changed.
 */
export function linearLayer(model: TfjsModel, layer: Layer): LinearLayer | string {
  const calls = layer.container.callsOf(layer);
  if (calls > 1) return `${layerTitle(layer)} is shared: it is called ${calls} times`;
  return isBatchNorm(layer.className) ? ofNorm(model, layer) : ofKernels(model, layer);
}

function ofNorm(model: TfjsModel, norm: Layer): LinearLayer | string {
  const title = layerTitle(norm);
  const { weight, bias } = normWeights(model, norm);
  if (weight == null || bias == null) return `${title} stands before it, without weight or bias of its own`;
  const [gamma, beta] = [weightValues(weight), weightValues(bias)];
  if (gamma === null || beta === null) return `the weights of ${title} are no numbers`;
  for (const slot of [weight, bias])
    if (isCoarse(slot.spec)) return `the weights of ${title} are quantised to ${slot.spec.quantization?.dtype}`;
  return { ...diagonal(gamma, beta), weights: { kernels: [{ slot: weight, values: gamma }], bias } };
}

function ofKernels(model: TfjsModel, layer: Layer): LinearLayer | string {
  const title = layerTitle(layer);
  if (!model.isNamedOnce(layer)) return `other layers have the name of ${title}: its weights are not known`;
  const layouts = Object.entries(kinds[layer.className]);
  const names = layouts.map(([key]) => key);
  const keys = layer.config["use_bias"] === false ? names : [...names, "bias"];
  const read: { slot: Slot; values: Float64Array; ends: Ends }[] = [];
  for (const [key, layout] of layouts) {
    const slot = model.weightOf(layer, key, keys);
    if (slot === null) return `the ${key} of ${title} is missing`;
    const { quantization, dtype, shape } = slot.spec;
    if (isCoarse(slot.spec) && !model.dequantize) {
      return `the ${key} of ${title} is quantised to ${quantization?.dtype} with one scale for all channels, which a factor for each does not fit: fold the model before it is quantised, or dequantize`;
    }
    const values = dtype === "float32" ? weightValues(slot) : null;
    if (values === null || shape.length < 2)
      return `the ${key} of ${title} is of ${dtype} and shape ${shape.join("×")}`;
    read.push({ slot, values, ends: layout(shape) });
  }
  const bias = model.weightOf(layer, "bias", keys);
  if (keys.length > names.length && bias === null) return `the bias of ${title} is missing`;
  const { outputs } = read[read.length - 1].ends;
  const added = bias === null ? null : weightValues(bias);
  if (bias !== null && added?.length !== outputs)
    return `the bias ${printable(bias.spec.name)} does not hold ${outputs} numbers`;
  return {
    ...{ inputs: read[0].ends.inputs, outputs, bias: added, edge: edgeOf(layer) },
    kernels: read.map(({ values, ends }) => ({ values, ...ends })),
    weights: { kernels: read, bias },
  };
}

/** Why a shift of the input is not one of the whole output; null where it is. */
function edgeOf(layer: Layer): string | null {
  if (layer.className.endsWith("Transpose"))
    return `${layerTitle(layer)} stands after it, whose output's edge sees less of the input`;
  const { padding = "valid" } = layer.config;
  return layer.className === "Dense" || padding === "valid"
    ? null
    : `${layerTitle(layer)} pads with zeros, which the norm would have shifted`;
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

/** Gives a layer other numbers; a text says why they do not fit, and then nothing has changed. */
export function writeLinearLayer(model: TfjsModel, layer: Layer, linear: LinearLayer): string | null {
  const { kernels, bias } = linear.weights;
  const changed = kernels.flatMap(({ slot, values }, k) => {
    const { values: now } = linear.kernels[k];
    return now === values ? [] : [{ slot, packed: packWeight(asFloat(slot.spec), now) }];
  });
  const newBias: TfjsWeightSpec = { name: "", shape: [linear.outputs], dtype: "float32" };
  const packedBias =
    linear.bias === null ? null : packWeight(bias === null ? newBias : asFloat(bias.spec), linear.bias);
  if (changed.some(({ packed }) => packed === null) || (linear.bias !== null && packedBias === null))
    return `the weights of ${layerTitle(layer)} overflow`;
  for (const { slot, packed } of changed) Object.assign(slot, packed);
  if (packedBias === null) return null;
  if (bias === null) {
    model.add(layer, kernels[kernels.length - 1].slot, model.isNumbered ? kernels.length : "bias", packedBias);
    layer.config["use_bias"] = true;
  } else Object.assign(bias, packedBias);
  return null;
}
