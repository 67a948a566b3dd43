import { BatchNorm } from "../../../nn/norms/batch-norm.js";
import { BatchRenorm } from "../../../nn/norms/batch-renorm.js";
import { FilterResponseNorm } from "../../../nn/norms/filter-response-norm.js";
import { GroupNorm } from "../../../nn/norms/group-norm.js";
import { InstanceNorm } from "../../../nn/norms/instance-norm.js";
import { LayerNorm } from "../../../nn/norms/layer-norm.js";
import type { Norm } from "../../../nn/norms/norm.js";
import { RmsNorm } from "../../../nn/norms/rms-norm.js";
import { allAxes, type Shape, sizeOf } from "../../../shape.js";
import type { Tensor } from "../../../tensor.js";
import { type LayerWriter, writerOf } from "../../foreign/layer-writers.js";
import type { OnnxShape, OnnxValue, OnnxWriter } from "./onnx-writer.js";

/** What each norm is in ONNX. */
export const normLayers: readonly LayerWriter<OnnxValue, OnnxWriter>[] = [
  writerOf(BatchNorm, exportBatchNorm),
  writerOf(BatchRenorm, exportBatchNorm),
  writerOf(InstanceNorm, exportInstanceNorm),
  writerOf(GroupNorm, exportGroupNorm),
  writerOf(LayerNorm, exportLayerNorm),
  writerOf(RmsNorm, exportRmsNorm),
  writerOf(FilterResponseNorm, exportFilterResponseNorm),
];

/**
 * With running statistics a BatchNormalization; without, the statistics of the batch, as the layer itself takes them.
 */
function exportBatchNorm(norm: BatchNorm | BatchRenorm, x: OnnxValue, graph: OnnxWriter): OnnxValue {
  if (norm.normalizeWith === "running") return runningNorm(norm, x, graph);
  const axes = allAxes(x.shape.length).filter((axis) => axis !== 1);
  return affine(norm, standardized(x, axes, norm.eps, graph), 1, graph);
}

function exportInstanceNorm(norm: InstanceNorm, x: OnnxValue, graph: OnnxWriter): OnnxValue {
  if (norm.normalizeWith === "running") return runningNorm(norm, x, graph);
  const inputs = [x, ...parametersOf(norm, [norm.numFeatures], graph)];
  return graph.node("InstanceNormalization", inputs, { epsilon: { float: norm.eps } });
}

function runningNorm(norm: BatchNorm | BatchRenorm | InstanceNorm, x: OnnxValue, graph: OnnxWriter): OnnxValue {
  const { runningMean, runningVar, numFeatures, eps, momentum } = norm;
  if (runningMean === null || runningVar === null) throw new Error("internal: running statistics in part");
  const inputs = [
    x,
    ...parametersOf(norm, [numFeatures], graph),
    graph.parameter("running_mean", runningMean),
    graph.parameter("running_var", runningVar),
  ];
  // As here it weighs the old value; an average of all batches has none.
  const trained = momentum === "cumulative" ? {} : { momentum: { float: momentum } };
  return graph.node("BatchNormalization", inputs, { epsilon: { float: eps }, ...trained });
}

/** An instance norm of each group as one channel, which every opset has and means the same in. */
function exportGroupNorm(norm: GroupNorm, x: OnnxValue, graph: OnnxWriter): OnnxValue {
  const { numGroups, eps } = norm;
  const [batch, ...sizes] = x.shape;
  const values = sizes.reduce<number>((product, size) => product * Number(size), 1) / numGroups;
  const reshape = (value: OnnxValue, key: string, to: readonly number[]): OnnxValue => {
    // 0 keeps the size of the batch.
    const shape = graph.constant(key, [to.length + 1], [0, ...to], "int64");
    return graph.node("Reshape", [value, shape], {}, { shape: [batch, ...to] });
  };
  const grouped = reshape(x, "groups", [numGroups, values]);
  const one = graph.constant("ones", [numGroups], new Float32Array(numGroups).fill(1));
  const zero = graph.constant("zeros", [numGroups], new Float32Array(numGroups));
  const normalized = graph.node("InstanceNormalization", [grouped, one, zero], { epsilon: { float: eps } });
  return affine(norm, reshape(normalized, "shape", sizes.map(Number)), 1, graph);
}

function exportLayerNorm(norm: LayerNorm, x: OnnxValue, graph: OnnxWriter): OnnxValue {
  const { normalizedShape, eps } = norm;
  const rank = normalizedShape.length;
  if (graph.opset < 17) {
    const axes = allAxes(rank).map((k) => x.shape.length - rank + k);
    return affine(norm, standardized(x, axes, eps, graph), x.shape.length - rank, graph);
  }
  const inputs = [x, ...parametersOf(norm, normalizedShape, graph)];
  return graph.node("LayerNormalization", inputs, { axis: -rank, epsilon: { float: eps } });
}

function exportRmsNorm(norm: RmsNorm, x: OnnxValue, graph: OnnxWriter): OnnxValue {
  const first = norm.channelsFirst ? 1 : x.shape.length - norm.normalizedShape.length;
  const axes = allAxes(x.shape.length).slice(first);
  return affine(norm, divided(x, axes, norm.eps, graph), first, graph);
}

function exportFilterResponseNorm(norm: FilterResponseNorm, x: OnnxValue, graph: OnnxWriter): OnnxValue {
  const { threshold, eps } = norm;
  const y = affine(norm, divided(x, allAxes(x.shape.length).slice(2), eps, graph), 1, graph);
  return threshold === null ? y : graph.node("Max", [y, aligned("threshold", threshold, y, 1, graph)]);
}

/** (x − mean) / √(variance + eps) over some axes. */
function standardized(x: OnnxValue, axes: readonly number[], eps: number, graph: OnnxWriter): OnnxValue {
  return divided(graph.node("Sub", [x, mean(x, axes, graph)]), axes, eps, graph);
}

/** x / √(mean of squares + eps) over some axes. */
function divided(x: OnnxValue, axes: readonly number[], eps: number, graph: OnnxWriter): OnnxValue {
  const square = mean(graph.node("Mul", [x, x]), axes, graph);
  const raised = graph.node("Add", [square, graph.constant("eps", [], [eps])]);
  return graph.node("Div", [x, graph.node("Sqrt", [raised])]);
}

function mean(x: OnnxValue, axes: readonly number[], graph: OnnxWriter): OnnxValue {
  const shape: OnnxShape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  if (graph.opset < 18) return graph.node("ReduceMean", [x], { axes }, { shape });
  return graph.node("ReduceMean", [x, graph.constant("axes", [axes.length], axes, "int64")], {}, { shape });
}

/** weight · x + bias, the axes of both beginning at `axis`; either may be missing. */
function affine({ weight, bias }: Norm, x: OnnxValue, axis: number, graph: OnnxWriter): OnnxValue {
  const scaled = weight === null ? x : graph.node("Mul", [x, aligned("weight", weight, x, axis, graph)]);
  return bias === null ? scaled : graph.node("Add", [scaled, aligned("bias", bias, x, axis, graph)]);
}

/** A parameter with as many sizes of 1 behind it as broadcasting needs. */
function aligned(key: string, t: Tensor, x: OnnxValue, axis: number, graph: OnnxWriter): OnnxValue {
  const missing = x.shape.length - axis - t.rank;
  if (missing === 0) return graph.parameter(key, t);
  return graph.constant(key, [...t.shape, ...new Array<number>(missing).fill(1)], t.dataSync());
}

/** Weight and bias; ones and zeros of a shape where the layer has none, since operators need them. */
function parametersOf({ weight, bias }: Norm, shape: Shape, graph: OnnxWriter): [OnnxValue, OnnxValue] {
  const filled = (key: string, value: number): OnnxValue =>
    graph.constant(key, shape, new Float32Array(sizeOf(shape)).fill(value));
  return [
    weight === null ? filled("weight", 1) : graph.parameter("weight", weight),
    bias === null ? filled("bias", 0) : graph.parameter("bias", bias),
  ];
}
