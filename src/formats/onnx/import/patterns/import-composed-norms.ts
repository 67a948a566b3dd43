import type { Module } from "../../../../nn/module.js";
import { BatchNorm } from "../../../../nn/norms/batch-norm.js";
import { GroupNorm } from "../../../../nn/norms/group-norm.js";
import { LayerNorm } from "../../../../nn/norms/layer-norm.js";
import { RmsNorm } from "../../../../nn/norms/rms-norm.js";
import { allAxes, sizeOf } from "../../../../shape.js";
import { work } from "../../../file-budget.js";
import { intOf, intsOf, isOp } from "../../file/attributes.js";
import type { NodeProto } from "../../file/codec.js";
import type { TensorValues } from "../../file/tensor-values.js";
import { epsOf } from "../../graph/batch-norm-node.js";
import { axesButChannels } from "../../graph/batch-statistics.js";
import type { OnnxGraph } from "../../graph/graph.js";
import { targetOf } from "../import-sizes.js";
import { type ImportedLayer, rounded, withState } from "../imported-layer.js";
import type { ValueShapes } from "../shapes/value-shapes.js";

/**
 * The norm that nodes compose beginning at a value: (x − mean) / √(mean of squares + eps) · weight + bias over some
 * axes, as layer norms are exported before version 17 and RMS norms before 23, or an instance norm of x reshaped to its
 * groups, as group norms are. Null if there is none.
 */
export function composedNormOf(value: string, graph: OnnxGraph, shapes: ValueShapes): ImportedLayer | null {
  return groupNorm(value, graph, shapes) ?? standardized(value, graph, shapes);
}

function groupNorm(value: string, graph: OnnxGraph, shapes: ValueShapes): ImportedLayer | null {
  const grouping = graph.readersOf(value).find((node) => isOp(node, "Reshape") && node.input[0] === value);
  const norm = grouping && onlyReader(grouping, graph);
  const back = norm && onlyReader(norm, graph);
  if (grouping === undefined || !isPresent(norm, "InstanceNormalization") || !isPresent(back, "Reshape")) return null;
  const rank = shapes.rank(value);
  const [samples, groups, ...others] = targetOf(grouping, graph, shapes) ?? [];
  const size = targetOf(back, graph, shapes);
  const isPlain = [1, 2].every((input) => {
    const values = graph.constant(norm.input[input] ?? "");
    return typeof values !== "string" && values.data.every((one) => one === 2 - input);
  });
  if (rank === undefined || size?.length !== rank || !isPlain || back.input[0] !== norm.output[0]) return null;
  if (samples === -1 || typeof groups !== "number" || groups < 1 || others.length !== 1) return null;
  const affine = affineAfter(back.output[0], graph);
  const channels = affine.weight?.data.length ?? size[1];
  if (typeof channels !== "number" || channels < groups || channels % groups !== 0) return null;
  if (!areAlike(affine) || (affine.weight !== null && !isPerChannel(affine.weight, rank))) return null;
  const layer = new GroupNorm(groups, channels, { eps: rounded(epsOf(norm)), affine: affine.weight !== null });
  return finished(layer, norm, affine, graph);
}

function standardized(value: string, graph: OnnxGraph, shapes: ValueShapes): ImportedLayer | null {
  const readers = graph.readersOf(value);
  const mean = readers.find((node) => isOp(node, "ReduceMean"));
  const centred = readers.find(
    (node) => isOp(node, "Sub") && node.input[0] === value && mean !== undefined && node.input[1] === mean.output[0],
  );
  const from = centred === undefined ? value : centred.output[0];
  const square = graph.readersOf(from).find((node) => isSquare(node, from, graph));
  const average = square && onlyReader(square, graph);
  const raised = average && onlyReader(average, graph);
  const root = raised && onlyReader(raised, graph);
  if (!isPresent(average, "ReduceMean") || !isPresent(raised, "Add") || !isPresent(root, "Sqrt")) return null;
  const eps = graph.constant(raised.input.find((name) => name !== average.output[0]) ?? "");
  const axes = axesOf(average, graph, shapes);
  if (typeof eps === "string" || eps.data.length !== 1 || axes === null) return null;
  if (centred !== undefined && mean !== undefined && String(axesOf(mean, graph, shapes)) !== String(axes)) return null;
  const last = quotient(from, root, graph);
  if (last === null) return null;
  const affine = affineAfter(last.output[0], graph);
  const layer = normOver(axes, shapes.rank(value), rounded(eps.data[0]), affine, centred === undefined);
  return layer === null ? null : finished(layer, last, affine, graph);
}

/** Which layer normalises over some axes; null if none does, or its sizes are unknown. */
function normOver(
  axes: readonly number[],
  rank: number | undefined,
  eps: number,
  { weight, bias }: Parameters,
  isRms: boolean,
): Module | null {
  if (rank === undefined || weight === null || (isRms ? bias !== null : bias === null)) return null;
  if (!isRms && !areAlike({ weight, bias })) return null;
  const channels = weight.data.length;
  const ofChannels = isPerChannel(weight, rank);
  const areAll = String(axes) === String(allAxes(rank).slice(1));
  if (ofChannels && areAll && rank > 2) {
    return isRms ? new RmsNorm(channels, { eps, channelsFirst: true }) : new GroupNorm(1, channels, { eps });
  }
  const shape = weight.shape.slice(-axes.length);
  const areLast = axes.every((axis, k) => axis === rank - axes.length + k) && shape.length === axes.length;
  if (areLast && channels === sizeOf(shape)) return isRms ? new RmsNorm(shape, { eps }) : new LayerNorm(shape, { eps });
  const areOfBatch = String(axes) === String(axesButChannels(rank));
  return ofChannels && areOfBatch && !isRms ? new BatchNorm(channels, { eps, trackRunningStats: false }) : null;
}

interface Parameters {
  readonly weight: TensorValues | null;
  readonly bias: TensorValues | null;
}

interface ScaleAndShift extends Parameters {
  readonly output: string;
}

/** Whether both parameters are there and have one shape, or neither is: a sum behind a norm need not be its bias. */
function areAlike({ weight, bias }: Parameters): boolean {
  return String(weight?.shape) === String(bias?.shape);
}

/** Whether there is one value for each channel, axis 1 of so many. */
function isPerChannel({ shape, data }: TensorValues, rank: number): boolean {
  return shape.at(1 - rank) === data.length;
}

/** A constant Mul and a constant Add behind a value, as far as they are there. */
function affineAfter(value: string, graph: OnnxGraph): ScaleAndShift {
  const constantOf = (node: NodeProto, x: string): TensorValues | null => {
    const values = graph.constant(node.input.find((name) => name !== x) ?? "");
    return typeof values === "string" || values.data.length < 2 ? null : values;
  };
  const next = (x: string, opType: string): { values: TensorValues; output: string } | null => {
    const [node] = graph.isReadOnce(x) ? graph.readersOf(x) : [];
    const values = node !== undefined && isOp(node, opType) ? constantOf(node, x) : null;
    return values === null ? null : { values, output: node.output[0] };
  };
  const scaled = next(value, "Mul");
  const shifted = next(scaled?.output ?? value, "Add");
  return {
    weight: scaled?.values ?? null,
    bias: shifted?.values ?? null,
    output: shifted?.output ?? scaled?.output ?? value,
  };
}

function finished(
  layer: Module,
  node: NodeProto,
  { weight, bias, output }: ScaleAndShift,
  { model }: OnnxGraph,
): ImportedLayer {
  model.spend(work.composedNorm);
  const state = { ...(weight === null ? {} : { weight: weight.data }), ...(bias === null ? {} : { bias: bias.data }) };
  return { layer: withState(layer, state), node, output };
}

/** x / root, or x · (1 / root). */
function quotient(x: string, root: NodeProto, graph: OnnxGraph): NodeProto | null {
  const next = onlyReader(root, graph);
  if (next === undefined) return null;
  if (isOp(next, "Div") && next.input[0] === x && next.input[1] === root.output[0]) return next;
  const one = isOp(next, "Div") ? graph.constant(next.input[0]) : null;
  const inverts =
    isOp(next, "Reciprocal") || (one !== null && typeof one !== "string" && one.data.length === 1 && one.data[0] === 1);
  const last = inverts ? onlyReader(next, graph) : undefined;
  return last !== undefined && isOp(last, "Mul") && last.input.includes(x) ? last : null;
}

function isSquare(node: NodeProto, x: string, graph: OnnxGraph): boolean {
  if (isOp(node, "Mul")) return node.input[0] === x && node.input[1] === x;
  if (!isOp(node, "Pow") || node.input[0] !== x) return false;
  const power = graph.constant(node.input[1] ?? "");
  return typeof power !== "string" && power.data.length === 1 && power.data[0] === 2;
}

/** The axes of a ReduceMean that keeps them as sizes of 1, in order. */
function axesOf(node: NodeProto, graph: OnnxGraph, shapes: ValueShapes): number[] | null {
  const rank = shapes.rank(node.input[0]);
  const given = intsOf(node, "axes") ?? graph.constant(node.input[1] ?? "");
  if (typeof given === "string" || rank === undefined || intOf(node, "keepdims", 1) === 0) return null;
  const list = "data" in given ? [...given.data] : given;
  return list.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
}

function onlyReader(node: NodeProto, graph: OnnxGraph): NodeProto | undefined {
  const [output] = node.output;
  return graph.isReadOnce(output) ? graph.readersOf(output)[0] : undefined;
}

function isPresent(node: NodeProto | undefined, opType: string): node is NodeProto {
  return node !== undefined && isOp(node, opType);
}
