import type { Argument } from "../../../../graph/argument.js";
import { Conv1d } from "../../../../nn/conv1d.js";
import { Conv2d } from "../../../../nn/conv2d.js";
import { Conv3d } from "../../../../nn/conv3d.js";
import { Linear } from "../../../../nn/linear.js";
import type { Module } from "../../../../nn/module.js";
import { BatchNorm } from "../../../../nn/norms/batch-norm.js";
import type { AxisPadding } from "../../../../ops/window-padding.js";
import { withState } from "../../../onnx/import/imported-layer.js";
import { printable } from "../../../printable.js";
import { textsOf } from "../../model/graph-norms.js";
import { featuresByChannel, type Numbers, rearranged } from "../rearranged.js";
import { channelsLast, type Value } from "../value.js";
import { elementwiseRows, paired, prelu } from "./elementwise.js";
import { type GraphStep, isNumbers, isValue, type Made } from "./graph-step.js";
import type { GraphRow } from "./row.js";

/** Whether planes have their channels second in the file. */
function isChannelsFirst(at: GraphStep): boolean {
  return at.text("data_format", "NHWC").startsWith("NC");
}

/** x with its channels second, and what becomes of a result that has them there. */
export function planesOf(at: GraphStep, x: Value): { readonly ref: Argument; readonly wrap: (ref: Argument) => Value } {
  if (isChannelsFirst(at)) return { ref: at.keras(x), wrap: (ref) => at.plain(ref) };
  return { ref: at.first(x), wrap: (ref) => ({ ref, shape: channelsLast(at.shapeOf(ref)), order: "first" }) };
}

/** A list over all axes of x, of which those of planes are taken. */
export function planeSizes(at: GraphStep, name: string, axes: number): number[] {
  const all = at.ints(name) ?? new Array<number>(axes + 2).fill(1);
  const isFirst = isChannelsFirst(at);
  const [batch, channels] = [all[0], isFirst ? all[1] : all[all.length - 1]];
  if (all.length !== axes + 2 || batch !== 1 || channels !== 1) throw at.refuse(`${name} ${all.join(", ")}`);
  return isFirst ? all.slice(2) : all.slice(1, -1);
}

/** The padding of windows, as the layers here take it. */
export function paddingOf(at: GraphStep, axes: number): "same" | 0 | readonly AxisPadding[] {
  const padding = at.text("padding", "VALID");
  if (padding === "SAME") return "same";
  if (padding === "VALID") return 0;
  const widths = at.ints("explicit_paddings");
  if (padding !== "EXPLICIT" || widths?.length !== 2 * (axes + 2)) throw at.refuse(`padding ${printable(padding)}`);
  const first = isChannelsFirst(at) ? 2 : 1;
  return Array.from({ length: axes }, (_, k): AxisPadding => [widths[2 * (first + k)], widths[2 * (first + k) + 1]]);
}

/** What a fused node does behind its product. */
interface Fusion {
  readonly bias: Float64Array | null;
  readonly after: (y: Value) => Made;
}

/** The operators that a node has taken in. @param outputs - of its product */
function fusionOf(at: GraphStep, outputs: number): Fusion {
  const fused = textsOf(at.node, "fused_ops");
  let next = 2;
  const bias = fused[0] === "BiasAdd" ? at.numbers(next++) : null;
  if (bias !== null && bias.data.length !== outputs) throw at.refuse(`a bias of ${bias.data.length} values`);
  const rest = fused.slice(bias === null ? 0 : 1);
  const [activation] = rest;
  const isKnown =
    activation === "Prelu" || ["Relu", "Relu6", "Elu", "Sigmoid", "Tanh", "LeakyRelu"].includes(activation ?? "");
  if (rest.length > 1 || (activation !== undefined && !isKnown))
    throw at.refuse(`fused_ops ${printable(fused.join(", "))}`);
  const after = (y: Value): Made => {
    if (activation === undefined) return y;
    if (activation === "Prelu") return prelu(at, y, at.numbers(next));
    if (activation === "LeakyRelu") {
      const slope = at.float("leakyrelu_alpha", 0.2);
      return at.like(y, at.op("leakyRelu", y.ref, slope));
    }
    return elementwiseRows[activation](at.with([y])) as Made;
  };
  return { bias: bias?.data ?? null, after };
}

function convolution(axes: number, isDepthwise: boolean): GraphRow {
  return (at) => {
    const x = at.value();
    if (x.shape.length !== axes + 2) throw at.refuse(`an input of rank ${x.shape.length}`);
    const kernel = at.numbers(1);
    if (kernel.shape.length !== axes + 2 || kernel.data.length === 0)
      throw at.refuse(`a kernel of rank ${kernel.shape.length}`);
    const spatial = Array.from({ length: axes }, (_, k) => k);
    const turned = rearranged(kernel, isDepthwise ? [axes, axes + 1, ...spatial] : [axes + 1, axes, ...spatial]);
    const [first, second, ...sizes] = turned.shape;
    const [outputs, groupInputs] = isDepthwise ? [first * second, 1] : [first, second];
    const size = x.shape[isChannelsFirst(at) ? 1 : axes + 1];
    if (typeof size !== "number" || size % groupInputs !== 0 || (isDepthwise && size !== first)) {
      throw at.refuse(
        `an input of ${size ?? "unknown"} channels with a kernel for ${isDepthwise ? first : groupInputs}`,
      );
    }
    const { bias, after } = fusionOf(at, outputs);
    const one = <T>(list: readonly T[]): T | readonly T[] => (list.length === 1 ? list[0] : list);
    const [stride, dilation] = [planeSizes(at, "strides", axes), planeSizes(at, "dilations", axes)];
    const padding = paddingOf(at, axes);
    const options = {
      ...{
        stride: one(stride),
        dilation: one(dilation),
        padding: typeof padding === "object" ? one(padding) : padding,
      },
      ...{ groups: size / groupInputs, bias: bias !== null },
    };
    const make = (): Module => {
      const layer: Module = Reflect.construct([Conv1d, Conv2d, Conv3d][axes - 1], [size, outputs, one(sizes), options]);
      return withState(layer, { weight: turned.data, ...(bias === null ? {} : { bias }) });
    };
    const { ref, wrap } = planesOf(at, x);
    return after(wrap(at.module(make, ref)));
  };
}

/** A·B, with B constant a linear layer; behind planes that were flattened its rows are put in their order here. */
function importMatMul(at: GraphStep): Made {
  const [a, b] = at.inputs;
  if (a === undefined || b === undefined) throw at.refuse("fewer than two inputs");
  const [isLeftTurned, isRightTurned] = [at.flag("transpose_a"), at.flag("transpose_b")];
  if (isValue(a) && isValue(b)) {
    const turned = (x: Value, isTurned: boolean): Argument =>
      isTurned ? at.op("transpose", at.keras(x), [1, 0]) : at.keras(x);
    if (a.shape.length !== 2 || b.shape.length !== 2) throw at.refuse("values of other ranks than 2");
    if (textsOf(at.node, "fused_ops").length > 0) throw at.refuse("fused_ops of two values");
    return at.plain(at.op("matmul", turned(a, isLeftTurned), turned(b, isRightTurned)));
  }
  if (!isValue(a) || !isNumbers(b) || isLeftTurned || a.shape.length !== 2 || b.shape.length !== 2) {
    throw at.refuse("a product that is none of a value with a constant matrix");
  }
  return linear(at, a, isRightTurned ? rearranged(b, [1, 0]) : b);
}

/** @param kernel - (I, O) */
function linear(at: GraphStep, x: Value, kernel: Numbers): Made {
  const [inputs, outputs] = kernel.shape;
  const size = x.shape[x.shape.length - 1];
  if (typeof size === "number" && size !== inputs)
    throw at.refuse(`an input of ${size} features with weights for ${inputs}`);
  const { bias, after } = fusionOf(at, outputs);
  const { order } = x;
  const make = (): Linear => {
    const data = typeof order === "string" ? kernel.data : featuresByChannel(kernel.data, order.channels, outputs);
    const weight = rearranged({ shape: kernel.shape, data }, [1, 0]).data;
    return withState(new Linear(inputs, outputs, { bias: bias !== null }), {
      weight,
      ...(bias === null ? {} : { bias }),
    });
  };
  const ref = at.module(make, order === "first" ? at.keras(x) : x.ref);
  return after(at.plain(ref, [...x.shape.slice(0, -1), outputs]));
}

function importBatchMatMul(at: GraphStep): Made {
  const [a, b] = at.inputs;
  const [isLeftTurned, isRightTurned] = [at.flag("adj_x"), at.flag("adj_y")];
  if (a !== undefined && isValue(a) && b !== undefined && isNumbers(b) && b.shape.length === 2 && !isLeftTurned) {
    return linear(at, a, isRightTurned ? rearranged(b, [1, 0]) : b);
  }
  const turned = (x: Value, isTurned: boolean): Argument => {
    const rank = x.shape.length;
    if (!isTurned) return at.keras(x);
    return at.op("transpose", at.keras(x), [...Array.from({ length: rank - 2 }, (_, k) => k), rank - 1, rank - 2]);
  };
  return at.plain(at.op("matmul", turned(at.value(0), isLeftTurned), turned(at.value(1), isRightTurned)));
}

/** A bias of channels, which trains. */
function importBiasAdd(at: GraphStep): Made {
  const x = at.value();
  const bias = at.numbers(1);
  if (!isChannelsFirst(at)) return paired(at, x, bias, (a, b) => at.op("add", a, b), null);
  const shape = [bias.data.length, ...new Array<number>(x.shape.length - 2).fill(1)];
  return paired(at, x, { shape, data: bias.data }, (a, b) => at.op("add", a, b), null);
}

function importBatchNorm(at: GraphStep): Value {
  if (at.flag("is_training")) throw at.refuse("training mode");
  const x = at.value();
  const [weight, bias, mean, variance] = [1, 2, 3, 4].map((k) => at.numbers(k).data);
  const size = x.shape[isChannelsFirst(at) ? 1 : x.shape.length - 1];
  if ([weight, bias, mean, variance].some(({ length }) => length !== size))
    throw at.refuse("parameters of another number of channels");
  const state = { weight, bias, running_mean: mean, running_var: variance };
  const { ref, wrap } = planesOf(at, x);
  const eps = at.float("epsilon", 1e-4);
  return wrap(at.module(() => withState(new BatchNorm(weight.length, { eps }), state), ref));
}

/** Operators with weights. */
export const linearRows: Readonly<Record<string, GraphRow>> = {
  ...{ Conv1D: convolution(1, false), Conv2D: convolution(2, false), _FusedConv2D: convolution(2, false) },
  ...{ Conv3D: convolution(3, false), DepthwiseConv2d: convolution(2, true) },
  ...{ DepthwiseConv2dNative: convolution(2, true), FusedDepthwiseConv2dNative: convolution(2, true) },
  ...{ MatMul: importMatMul, _FusedMatMul: importMatMul },
  ...{ BatchMatMul: importBatchMatMul, BatchMatMulV2: importBatchMatMul },
  BiasAdd: importBiasAdd,
  ...{ FusedBatchNorm: importBatchNorm, FusedBatchNormV2: importBatchNorm, FusedBatchNormV3: importBatchNorm },
};
