import { withClaims } from "../../create.js";
import { FormatError } from "../../errors.js";
import { ELU, GELU, LeakyReLU, ReLU, ReLU6, Sigmoid, SiLU, Softmax, Tanh } from "../../nn/activations.js";
import { ConvTranspose2d } from "../../nn/conv-transpose2d.js";
import { Conv1d } from "../../nn/conv1d.js";
import { Conv2d } from "../../nn/conv2d.js";
import { Dropout } from "../../nn/dropout.js";
import { Embedding } from "../../nn/embedding.js";
import { Flatten } from "../../nn/flatten.js";
import { Linear } from "../../nn/linear.js";
import type { AnyModule, Module } from "../../nn/module.js";
import { BatchNorm } from "../../nn/norms/batch-norm.js";
import { BatchRenorm } from "../../nn/norms/batch-renorm.js";
import { GroupNorm } from "../../nn/norms/group-norm.js";
import { InstanceNorm } from "../../nn/norms/instance-norm.js";
import { LayerNorm } from "../../nn/norms/layer-norm.js";
import { RmsNorm } from "../../nn/norms/rms-norm.js";
import type { RunningNorm } from "../../nn/norms/running-norm.js";
import { AvgPool2d, GlobalAvgPool2d, MaxPool2d } from "../../nn/pooling.js";
import type { Reparametrized } from "../../nn/reparametrized/reparametrized.js";
import { SpectralNorm } from "../../nn/reparametrized/spectral-norm.js";
import { WeightNorm } from "../../nn/reparametrized/weight-norm.js";
import { WeightStandardization } from "../../nn/reparametrized/weight-standardization.js";
import type { Weighted } from "../../nn/reparametrized/weighted.js";
import { Residual } from "../../nn/residual.js";
import { Sequential } from "../../nn/sequential.js";
import { shown } from "../../shown.js";
import type { FileBudget } from "../file-budget.js";

/** A layer as data: its class and what its constructor takes; layers inside it are such data too. */
export interface Architecture {
  readonly type: string;
  readonly arguments: readonly unknown[];
}

interface LayerFormat {
  /** The constructor's arguments of a layer, or null if it is of another class. */
  readonly describe: (layer: AnyModule) => readonly unknown[] | null;
  /** @param buildLayer - makes a layer inside it */
  readonly build: (given: readonly unknown[], buildLayer: (architecture: unknown) => Module) => Module;
}

/** The format of one class: subclasses are not it, since they may do anything. */
function format<C extends new (...given: never[]) => Module>(
  layerClass: C,
  argumentsOf: (layer: InstanceType<C>) => readonly unknown[],
): LayerFormat {
  return {
    describe: (layer) => (layer.constructor === layerClass ? argumentsOf(layer as InstanceType<C>) : null),
    // What a file says is checked by the constructors, as is what a program says.
    build: (given) => Reflect.construct(layerClass, given),
  };
}

/** The format of a class that computes the weight of the layer inside. */
function wrapperFormat<C extends new (layer: Weighted, options: never) => Reparametrized>(
  wrapperClass: C,
  optionsOf: (wrapper: InstanceType<C>) => object,
): LayerFormat {
  return {
    describe: (module) => {
      if (module.constructor !== wrapperClass) return null;
      const wrapper = module as InstanceType<C>;
      const layer = describeLayer(wrapper.layer);
      return layer === null ? null : [layer, optionsOf(wrapper)];
    },
    build: ([layer, options], buildLayer) => Reflect.construct(wrapperClass, [buildLayer(layer), options]),
  };
}

const formats: Readonly<Record<string, LayerFormat>> = {
  Linear: format(Linear, ({ weight, bias }) => [weight.shape[1], weight.shape[0], { bias: bias !== null }]),
  Conv1d: format(Conv1d, ({ weight, bias, stride, padding, dilation, groups }) => {
    const [outChannels, groupChannels, kernel] = weight.shape;
    const options = { stride, padding, dilation, groups, bias: bias !== null };
    return [groupChannels * groups, outChannels, kernel, options];
  }),
  ConvTranspose2d: format(ConvTranspose2d, ({ weight, bias, stride, padding, outputPadding, dilation, groups }) => {
    const [inChannels, groupChannels, height, width] = weight.shape;
    const options = { stride, padding, outputPadding, dilation, groups, bias: bias !== null };
    return [inChannels, groupChannels * groups, [height, width], options];
  }),
  Conv2d: format(Conv2d, ({ weight, bias, stride, padding, dilation, groups }) => {
    const [outChannels, groupChannels, height, width] = weight.shape;
    const options = { stride, padding, dilation, groups, bias: bias !== null };
    return [groupChannels * groups, outChannels, [height, width], options];
  }),
  BatchNorm: format(BatchNorm, (norm) => {
    const { numFeatures, virtualBatchSize } = norm;
    return [numFeatures, { ...runningNormOptions(norm), virtualBatchSize }];
  }),
  BatchRenorm: format(BatchRenorm, (norm) => {
    const { numFeatures, rmax, dmax, schedule } = norm;
    return [numFeatures, { ...runningNormOptions(norm), rmax, dmax, schedule }];
  }),
  InstanceNorm: format(InstanceNorm, (norm) => [norm.numFeatures, runningNormOptions(norm)]),
  Embedding: format(Embedding, ({ weight, paddingIdx }) => [
    ...weight.shape,
    paddingIdx === null ? {} : { paddingIdx },
  ]),
  GroupNorm: format(GroupNorm, ({ numGroups, numChannels, eps, weight }) => [
    numGroups,
    numChannels,
    { eps, affine: weight !== null },
  ]),
  LayerNorm: format(LayerNorm, ({ normalizedShape, eps, weight, bias }) => [
    normalizedShape,
    { eps, affine: weight !== null, ...(weight !== null && bias === null ? { bias: false } : {}) },
  ]),
  RmsNorm: format(RmsNorm, ({ normalizedShape, eps, weight, channelsFirst }) => [
    normalizedShape,
    { eps, affine: weight !== null, channelsFirst },
  ]),
  WeightNorm: wrapperFormat(WeightNorm, ({ axis }) => ({ axis })),
  SpectralNorm: wrapperFormat(SpectralNorm, ({ powerIterations, eps }) => ({ powerIterations, eps })),
  WeightStandardization: wrapperFormat(WeightStandardization, ({ eps }) => ({ eps })),
  MaxPool2d: format(MaxPool2d, ({ kernel, options }) => [kernel, options]),
  AvgPool2d: format(AvgPool2d, ({ kernel, options }) => [kernel, options]),
  GlobalAvgPool2d: format(GlobalAvgPool2d, () => []),
  Dropout: format(Dropout, ({ p }) => [p]),
  Flatten: format(Flatten, () => []),
  ReLU: format(ReLU, () => []),
  ReLU6: format(ReLU6, () => []),
  LeakyReLU: format(LeakyReLU, ({ negativeSlope }) => [negativeSlope]),
  ELU: format(ELU, ({ alpha }) => [alpha]),
  GELU: format(GELU, () => []),
  SiLU: format(SiLU, () => []),
  Sigmoid: format(Sigmoid, () => []),
  Tanh: format(Tanh, () => []),
  Softmax: format(Softmax, ({ axis }) => [axis]),
  Sequential: {
    describe: (layer) => (layer.constructor === Sequential ? describeAll((layer as Sequential).layers) : null),
    build: (given, buildLayer) => new Sequential(...given.map(buildLayer)),
  },
  Residual: {
    describe: (layer) => {
      if (layer.constructor !== Residual) return null;
      const { body, shortcut } = layer as Residual;
      return describeAll(shortcut === null ? [body] : [body, shortcut]);
    },
    build: ([body, shortcut], buildLayer) =>
      new Residual(buildLayer(body), shortcut === undefined ? null : buildLayer(shortcut)),
  },
};

function runningNormOptions({ eps, momentum, unbiased, weight, runningMean }: RunningNorm): object {
  return { eps, momentum, unbiased, affine: weight !== null, trackRunningStats: runningMean !== null };
}

function describeAll(layers: readonly AnyModule[]): Architecture[] | null {
  const described = layers.map(describeLayer);
  return described.every((one) => one !== null) ? described : null;
}

/** Whether a layer with parameters stands in two places: data would describe it twice, and the two would part. */
function sharesLayers(model: AnyModule, seen: Set<AnyModule>): boolean {
  if (seen.has(model)) return model.parameters().length > 0;
  seen.add(model);
  return model.children().some(([, child]) => sharesLayers(child, seen));
}

/** A network as data; null if a class in it is not one of Evenkeel's own, or a layer is shared. */
export function describeArchitecture(model: AnyModule): Architecture | null {
  return sharesLayers(model, new Set()) ? null : describeLayer(model);
}

function describeLayer(model: AnyModule): Architecture | null {
  for (const [type, { describe }] of Object.entries(formats)) {
    const given = describe(model);
    if (given !== null) return { type, arguments: given };
  }
  return null;
}

/** So deep may layers stand in layers. */
const deepest = 100;

/**
 * The network that data describe, with initial parameters.
 *
 * @param budget - of the file that the data come from; a program's own need none
 * @throws FormatError if a layer is not one of Evenkeel's own, or there is more of them than the budget allows
 */
export function buildArchitecture(architecture: unknown, budget: FileBudget | null = null): Module {
  const ask = (values: number): void => budget?.spend("values", values);
  return withClaims(ask, () => buildLayer(architecture, budget, 0));
}

function buildLayer(architecture: unknown, budget: FileBudget | null, depth: number): Module {
  const { type, arguments: given } = (architecture ?? {}) as Partial<Architecture>;
  budget?.spend("layers", 1);
  if (depth > deepest) throw malformed(`layers nested at most ${deepest} deep`, "deeper ones", damaged);
  if (typeof type !== "string" || !Object.hasOwn(formats, type) || !Array.isArray(given)) {
    const isKnown = typeof type === "string" && Object.hasOwn(formats, type);
    throw isKnown
      ? malformed(`what new ${type}() takes`, shown(given), damaged)
      : malformed(
          `a layer of ${Object.keys(formats).join(", ")}`,
          type === undefined ? "none" : shown(type),
          "Load it with the version of Evenkeel that wrote it, or a newer one.",
        );
  }
  const made: Module[] = [];
  try {
    return formats[type].build(given, (inner) => {
      const layer = buildLayer(inner, budget, depth + 1);
      made.push(layer);
      return layer;
    });
  } catch (cause) {
    for (const layer of made) disposeParameters(layer);
    if (cause instanceof FormatError) throw cause;
    throw malformed(`what new ${type}() takes`, shown(given), damaged, cause);
  }
}

/** Frees the parameters of a network that nobody is going to have; what little its buffers hold is left to the garbage collector. */
export function disposeParameters(model: AnyModule): void {
  for (const t of model.parameters()) t.dispose();
}

const damaged = "Check that the file is complete and was written by Evenkeel.";

function malformed(expected: string, received: string, cure: string, reason?: unknown): FormatError {
  return new FormatError({ where: "loadModel(bytes)", expected, received, cure }, { cause: reason });
}
