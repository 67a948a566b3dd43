import type { Argument } from "../../../../graph/argument.js";
import type { Module } from "../../../../nn/module.js";
import { BatchNorm } from "../../../../nn/norms/batch-norm.js";
import { GroupNorm } from "../../../../nn/norms/group-norm.js";
import { InstanceNorm } from "../../../../nn/norms/instance-norm.js";
import { LayerNorm } from "../../../../nn/norms/layer-norm.js";
import { RmsNorm } from "../../../../nn/norms/rms-norm.js";
import { sizeOf } from "../../../../shape.js";
import { withState } from "../../../onnx/import/imported-layer.js";
import type { LayerStep } from "../layer-step.js";
import { featuresByChannel, rearranged } from "../rearranged.js";
import { axisHere, type Value } from "../value.js";
import type { Row } from "./row.js";

/** A value with the channels of a norm second, and what becomes of the result. */
interface Channels {
  readonly x: Argument;
  readonly size: number;
  readonly wrap: (ref: Argument) => Value;
  /** Puts numbers of the file, one for each channel, in their order here. */
  readonly inOrder: (data: Float64Array) => Float64Array;
}

function channelsOf(at: LayerStep): Channels {
  const { x } = at;
  const { order, shape } = x;
  const [axis, ...others] = at.axes("axis", -1);
  const rank = shape.length;
  const size = shape[axis];
  if (others.length > 0 || axis === 0 || rank < 2) throw at.refuse(`axis ${JSON.stringify(at.config["axis"])}`);
  if (typeof size !== "number") throw at.refuse("an input whose number of channels is not known");
  const inOrder = (data: Float64Array): Float64Array =>
    typeof order === "string" ? data : featuresByChannel(data, order.channels);
  if (rank === 2 || axisHere(axis, rank, order) === 1)
    return { x: x.ref, size, wrap: (ref) => at.like(x, ref), inOrder };
  if (axis === rank - 1) {
    return { x: at.first(x), size, wrap: (ref) => ({ ref, shape, order: "first" }), inOrder };
  }
  if (axis === 1) return { x: at.keras(x), size, wrap: (ref) => ({ ref, shape, order: "keras" }), inOrder };
  throw at.refuse(`axis ${axis} of a value of rank ${rank}`);
}

/** gamma and beta as weight and bias; those that are left out are 1 and 0. */
function affineOf(at: LayerStep, size: number, inOrder: Channels["inOrder"]): Readonly<Record<string, Float64Array>> {
  const [hasScale, hasCenter] = [at.flag("scale", true), at.flag("center", true)];
  if (!hasScale && !hasCenter) return {};
  return {
    weight: hasScale ? inOrder(at.vector("gamma", size)) : new Float64Array(size).fill(1),
    bias: hasCenter ? inOrder(at.vector("beta", size)) : new Float64Array(size),
  };
}

function importBatchNorm(at: LayerStep): Value {
  if (at.config["renorm"] === true) throw at.refuse("renorm");
  const { x, size, wrap, inOrder } = channelsOf(at);
  const affine = affineOf(at, size, inOrder);
  const state = {
    ...affine,
    running_mean: inOrder(at.vector("moving_mean", size)),
    running_var: inOrder(at.vector("moving_variance", size)),
  };
  const options = {
    eps: at.number("epsilon", 1e-3),
    momentum: at.number("momentum", 0.99),
    affine: "weight" in affine,
  };
  return wrap(at.module(() => withState(new BatchNorm(size, options), state), x));
}

function importGroupNorm(at: LayerStep): Value {
  const { x, size, wrap, inOrder } = channelsOf(at);
  const given = at.number("groups", 32);
  const affine = affineOf(at, size, inOrder);
  const options = { eps: at.number("epsilon", 1e-3), affine: "weight" in affine };
  return wrap(at.module(() => withState(new GroupNorm(given === -1 ? size : given, size, options), affine), x));
}

function importInstanceNorm(at: LayerStep): Value {
  const { x, size, wrap, inOrder } = channelsOf(at);
  const affine = affineOf(at, size, inOrder);
  const options = { eps: at.number("epsilon", 1e-3), affine: "weight" in affine };
  return wrap(at.module(() => withState(new InstanceNorm(size, options), affine), x));
}

/** The axes over which values share a mean, as the last ones. */
interface LastAxes {
  readonly x: Argument;
  readonly shape: readonly number[];
  readonly wrap: (ref: Argument) => Value;
  readonly inOrder: (data: Float64Array) => Float64Array;
}

function lastAxesOf(at: LayerStep): LastAxes {
  const { x } = at;
  const rank = x.shape.length;
  const axes = at.axes("axis", -1).sort((a, b) => a - b);
  const sizes = axes.map((axis) => x.shape[axis]);
  if (axes[0] === 0 || new Set(axes).size < axes.length)
    throw at.refuse(`axis ${JSON.stringify(at.config["axis"])} of a value of rank ${rank}`);
  if (!sizes.every((size) => typeof size === "number")) throw at.refuse("axes whose sizes are not known");
  const shape = sizes.map(Number);
  if (typeof x.order !== "string") {
    const { channels } = x.order;
    return { x: x.ref, shape, wrap: (ref) => at.like(x, ref), inOrder: (data) => featuresByChannel(data, channels) };
  }
  if (x.order === "first" && axes.length === rank - 1) {
    const order = [rank - 2, ...Array.from({ length: rank - 2 }, (_, k) => k)];
    const inOrder = (data: Float64Array): Float64Array => rearranged({ shape, data }, order).data;
    return { x: x.ref, shape: order.map((k) => shape[k]), wrap: (ref) => at.like(x, ref), inOrder };
  }
  const inOrder = (data: Float64Array): Float64Array => data;
  const wrap = (ref: Argument): Value => ({ ref, shape: x.shape, order: "keras" });
  if (axes.every((axis, k) => axis === rank - axes.length + k)) return { x: at.keras(x), shape, wrap, inOrder };
  const order = [...x.shape.keys()].filter((axis) => !axes.includes(axis)).concat(axes);
  const back = order.map((_, axis) => order.indexOf(axis));
  const turned = (ref: Argument): Value => wrap(at.op("transpose", ref, back));
  return { x: at.op("transpose", at.keras(x), order), shape, wrap: turned, inOrder };
}

/** A weight of the sizes that are normalised. */
function numbersOf(at: LayerStep, role: string, { shape, inOrder }: LastAxes): Float64Array {
  const { data } = at.weight(role);
  if (data.length === sizeOf(shape)) return inOrder(data);
  throw at.refuse(`a weight ${role} of ${data.length} values, where ${sizeOf(shape)} belong`);
}

/** γ·x / √(variance + ε), which Keras calls rms_scaling: the mean is left in x, but not in the variance. */
function importScaling(at: LayerStep, last: LastAxes): Value {
  const gamma = at.parameterOnce("gamma", { shape: last.shape, data: numbersOf(at, "gamma", last) });
  const rank = at.shapeOf(last.x).length;
  const axes = last.shape.map((_, k) => rank - last.shape.length + k);
  const variance = at.op("variance", last.x, axes, { keepDims: true });
  const scale = at.op("rsqrt", at.op("add", variance, at.number("epsilon", 1e-3)));
  return last.wrap(at.op("mul", at.op("mul", last.x, scale), gamma));
}

function importLayerNorm(at: LayerStep): Value {
  const last = lastAxesOf(at);
  if (at.config["rms_scaling"] === true) return importScaling(at, last);
  const [hasScale, hasCenter] = [at.flag("scale", true), at.flag("center", true)];
  const state = {
    ...(hasScale ? { weight: numbersOf(at, "gamma", last) } : {}),
    ...(hasCenter ? { bias: numbersOf(at, "beta", last) } : {}),
  };
  const options = { eps: at.number("epsilon", 1e-3), affine: hasScale || hasCenter, bias: hasCenter };
  const weight = hasCenter && !hasScale ? { weight: new Float64Array(sizeOf(last.shape)).fill(1) } : {};
  const make = (): Module => withState(new LayerNorm(last.shape, options), { ...weight, ...state });
  return last.wrap(at.module(make, last.x));
}

function importRmsNorm(at: LayerStep): Value {
  const last = lastAxesOf(at);
  const weight = numbersOf(at, "scale", last);
  const make = (): Module => withState(new RmsNorm(last.shape, { eps: at.number("epsilon", 1e-6) }), { weight });
  return last.wrap(at.module(make, last.x));
}

/** x divided by the root of the sum of its squares, of at least 1e-12. */
function importUnitNorm(at: LayerStep): Value {
  const { x } = at;
  const rank = x.shape.length;
  const order = typeof x.order === "string" ? x.order : "keras";
  const ref = at.ordered(x, order);
  const axes = at.axes("axis", -1).map((axis) => axisHere(axis, rank, order));
  const length = at.op("sqrt", at.op("sum", at.op("square", ref), axes, { keepDims: true }));
  return { ref: at.op("div", ref, at.op("maximum", length, 1e-12)), shape: x.shape, order };
}

/** Normalisations. */
export const normRows: Readonly<Record<string, Row>> = {
  ...{ BatchNormalization: importBatchNorm, BatchNormalizationV1: importBatchNorm },
  ...{ BatchNormalizationV2: importBatchNorm, SyncBatchNormalization: importBatchNorm },
  ...{ GroupNormalization: importGroupNorm, "Addons>GroupNormalization": importGroupNorm },
  ...{ InstanceNormalization: importInstanceNorm, "Addons>InstanceNormalization": importInstanceNorm },
  ...{ LayerNormalization: importLayerNorm, RMSNormalization: importRmsNorm, UnitNormalization: importUnitNorm },
};
