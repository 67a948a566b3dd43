import { ArgumentError } from "../../../errors.js";
import { BatchNorm } from "../../../nn/norms/batch-norm.js";
import { BatchRenorm } from "../../../nn/norms/batch-renorm.js";
import { FilterResponseNorm } from "../../../nn/norms/filter-response-norm.js";
import { GroupNorm } from "../../../nn/norms/group-norm.js";
import { InstanceNorm } from "../../../nn/norms/instance-norm.js";
import { LayerNorm } from "../../../nn/norms/layer-norm.js";
import type { Norm } from "../../../nn/norms/norm.js";
import { RmsNorm } from "../../../nn/norms/rms-norm.js";
import { type Shape, sizeOf } from "../../../shape.js";
import type { Tensor } from "../../../tensor.js";
import { type LayerWriter, writerOf } from "../../foreign/layer-writers.js";
import { elementsOf, type TfjsValue } from "./tfjs-value.js";
import type { TfjsWeight, TfjsWriter } from "./tfjs-writer.js";

/** What each norm is in TF.js. */
export const normLayers: readonly LayerWriter<TfjsValue, TfjsWriter>[] = [
  writerOf(BatchNorm, exportBatchNorm),
  writerOf(BatchRenorm, exportBatchNorm),
  writerOf(InstanceNorm, exportInstanceNorm),
  writerOf(GroupNorm, exportGroupNorm),
  writerOf(LayerNorm, exportLayerNorm),
  writerOf(RmsNorm, exportRmsNorm),
  writerOf(FilterResponseNorm, exportFilterResponseNorm),
];

/**
 * With running statistics a BatchNormalization.
 *
 * @throws ArgumentError without: TF.js has no layer that takes the batch's at inference
 */
function exportBatchNorm(norm: BatchNorm | BatchRenorm, x: TfjsValue, graph: TfjsWriter): TfjsValue {
  if (norm.normalizeWith === "running") return runningNorm(norm, x, graph);
  throw new ArgumentError({
    where: "exportTfjs(model)",
    expected: "batch norms with running statistics, since TF.js has no layer that takes the batch's when it predicts",
    received: `${norm}${graph.path === "" ? "" : ` at ${graph.path}`} without`,
    cure: "Build it with trackRunningStats, or make another norm of it: convertNorm(model).",
  });
}

function exportInstanceNorm(norm: InstanceNorm, x: TfjsValue, graph: TfjsWriter): TfjsValue {
  if (norm.normalizeWith === "running") return runningNorm(norm, x, graph);
  const last = graph.channelsLast(x);
  const positions = last.shape.slice(1).map((_, k) => k + 1);
  return affine(norm, standardized(last, positions, norm.eps, graph), graph);
}

function runningNorm(norm: BatchNorm | BatchRenorm | InstanceNorm, x: TfjsValue, graph: TfjsWriter): TfjsValue {
  const { runningMean, runningVar, weight, bias, eps, momentum } = norm;
  if (runningMean === null || runningVar === null) throw new Error("internal: running statistics in part");
  const last = x.shape.length === 1 ? x : withRank3(graph.channelsLast(x), graph);
  const elements = x.shape.length === 1 ? elementsOf(x) : null;
  const picked = (t: Tensor): TfjsWeight => inOrder(t, t.shape, elements);
  const config = {
    axis: -1,
    epsilon: eps,
    scale: weight !== null,
    center: bias !== null,
    // As here it weighs the old value; an average of all batches has none.
    ...(momentum === "cumulative" ? {} : { momentum }),
  };
  const statistics = { moving_mean: picked(runningMean), moving_variance: picked(runningVar) };
  const weights = { ...gammaAndBeta(norm, picked), ...statistics };
  return graph.layer("BatchNormalization", [last], config, { weights });
}

/** TF.js normalises samples of at most three axes. */
function withRank3(x: TfjsValue, graph: TfjsWriter): TfjsValue {
  if (x.shape.length <= 3) return x;
  throw new ArgumentError({
    where: "exportTfjs(model)",
    expected: "norms of samples with at most three axes, as TF.js has them",
    received: `a sample of ${x.shape.length} axes at ${graph.path}`,
    cure: "Join axes before the norm.",
  });
}

/** A LayerNormalization of each group, with positions and the channels of a group as axes. */
function exportGroupNorm(norm: GroupNorm, x: TfjsValue, graph: TfjsWriter): TfjsValue {
  const { numGroups, numChannels, eps } = norm;
  const last = graph.channelsLast(withRank3(x, graph));
  const places = sizeOf(last.shape.slice(1));
  const inside = { order: "here", role: "groups" } as const;
  const sizes: Shape = [places, numGroups, numChannels / numGroups];
  const grouped = graph.reshape(last, sizes, { ...inside, shape: sizes });
  const normalized = standardized(grouped, [1, 3], eps, graph);
  const { shape, order } = last;
  const y = graph.reshape(normalized, [...shape.slice(1), numChannels], { shape, order });
  return affine(norm, y, graph);
}

function exportLayerNorm(norm: LayerNorm, x: TfjsValue, graph: TfjsWriter): TfjsValue {
  const { normalizedShape, weight, bias, eps } = norm;
  const rank = x.shape.length;
  const isWhole = rank === normalizedShape.length;
  // Channels may stand last where they are normalised with all others, or not at all.
  const source = withRank3(x, graph);
  const isLast = source.order === "channelsLast";
  const first = rank - normalizedShape.length + (isLast && !isWhole ? 0 : 1);
  const axis = normalizedShape.map((_, k) => first + k);
  const elements = isWhole ? elementsOf(source) : null;
  const sizes = isLast && isWhole ? [...normalizedShape.slice(1), normalizedShape[0]] : normalizedShape;
  const weights = gammaAndBeta(norm, (t) => inOrder(t, sizes, elements));
  const config = { axis, epsilon: eps, scale: weight !== null, center: bias !== null };
  return graph.layer("LayerNormalization", [source], config, { weights });
}

/**
 * x / √(mean of squares + eps) along the first or second axis of a sample: half of a LayerNormalization of x beside −x,
 * whose mean is 0 and whose variance is the mean of squares.
 */
function divided(x: TfjsValue, axis: 1 | 2, eps: number, graph: TfjsWriter): TfjsValue {
  const { shape } = x;
  const size = shape[axis - 1];
  const negative = scaled(x, { gamma: () => -1 }, "negative", graph);
  const both = shape.map((one, k) => (k === axis - 1 ? 2 * one : one));
  const pair = graph.layer("Concatenate", [x, negative], { axis }, { shape: both, role: "pair" });
  const cropping = [1, 2].map((one) => [0, one === axis ? size : 0]);
  return graph.layer("Cropping2D", [standardized(pair, [axis], eps, graph)], { cropping }, { shape, role: "half" });
}

/** Of each sample or row. */
function exportRmsNorm(norm: RmsNorm, x: TfjsValue, graph: TfjsWriter): TfjsValue {
  const { normalizedShape, channelsFirst, weight, eps } = norm;
  const source = graph.here(withRank3(x, graph));
  const { shape } = source;
  const width = channelsFirst ? sizeOf(shape) : sizeOf(normalizedShape);
  const rows = sizeOf(shape) / width;
  const sizes: Shape = [rows, width, 1];
  const columns = graph.reshape(source, sizes, { shape: sizes, role: "rows" });
  const half = divided(columns, 2, eps, graph);
  if (channelsFirst || weight === null) return affine(norm, graph.reshape(half, shape, { shape }), graph);
  const values = weight.dataSync();
  const flat = graph.reshape(half, [rows, width], { shape: [rows, width] });
  return graph.reshape(scaled(flat, { gamma: (k) => values[k] }, undefined, graph), shape, { shape });
}

/** Over the positions of each channel; max(y, τ) is relu(y − τ) + τ. */
function exportFilterResponseNorm(norm: FilterResponseNorm, x: TfjsValue, graph: TfjsWriter): TfjsValue {
  const { numFeatures, eps, weight, bias, threshold } = norm;
  const last = graph.channelsLast(withRank3(x, graph));
  const { shape, order } = last;
  const places = sizeOf(shape.slice(1));
  const sizes: Shape = [places, numFeatures, 1];
  const columns = graph.reshape(last, sizes, { shape: sizes, order: "here", role: "rows" });
  const half = divided(columns, 1, eps, graph);
  const y = graph.reshape(half, [...shape.slice(1), numFeatures], { shape, order });
  const [gamma, beta, least] = [weight, bias, threshold].map((t) => t?.dataSync());
  const shift = (k: number): number => (beta?.[k] ?? 0) - (least?.[k] ?? 0);
  const lowered = scaled(y, { gamma: (k) => gamma?.[k] ?? 1, beta: shift }, undefined, graph);
  if (least === undefined) return lowered;
  return scaled(graph.layer("ReLU", [lowered], {}, { role: "relu" }), { beta: (k) => least[k] }, "threshold", graph);
}

/** (x − mean) / √(variance + eps) over some axes of what TF.js has, the batch being axis 0. */
function standardized(x: TfjsValue, axis: readonly number[], eps: number, graph: TfjsWriter): TfjsValue {
  const config = { axis, epsilon: eps, scale: false, center: false };
  return graph.layer("LayerNormalization", [x], config, { role: "standardize" });
}

/** weight · x + bias per channel; either may be missing. */
function affine({ weight, bias }: Norm, x: TfjsValue, graph: TfjsWriter): TfjsValue {
  const [gamma, beta] = [weight?.dataSync(), bias?.dataSync()];
  if (gamma === undefined && beta === undefined) return x;
  const maps = {
    ...(gamma === undefined ? {} : { gamma: (k: number) => gamma[k] }),
    ...(beta === undefined ? {} : { beta: (k: number) => beta[k] }),
  };
  return scaled(graph.channelsLast(x), maps, undefined, graph);
}

/** gamma · x + beta along the last axis of what TF.js has: a BatchNormalization whose statistics change nothing. */
export function scaled(
  x: TfjsValue,
  { gamma, beta }: { readonly gamma?: (k: number) => number; readonly beta?: (k: number) => number },
  role: string | undefined,
  graph: TfjsWriter,
): TfjsValue {
  const size = x.order === "channelsLast" ? x.shape[0] : (x.shape.at(-1) ?? 1);
  const vector = (value: (k: number) => number): TfjsWeight => ({
    shape: [size],
    values: Float64Array.from({ length: size }, (_, k) => value(k)),
  });
  const config = { axis: -1, epsilon: 0, scale: gamma !== undefined, center: beta !== undefined };
  const weights = {
    ...(gamma === undefined ? {} : { gamma: vector(gamma) }),
    ...(beta === undefined ? {} : { beta: vector(beta) }),
    moving_mean: vector(() => 0),
    moving_variance: vector(() => 1),
  };
  return graph.layer("BatchNormalization", [x], config, { weights, ...(role === undefined ? {} : { role }) });
}

/** Those parameters that a norm has, under the names of TF.js. */
function gammaAndBeta({ weight, bias }: Norm, of: (t: Tensor) => TfjsWeight): Record<string, TfjsWeight> {
  return { ...(weight === null ? {} : { gamma: of(weight) }), ...(bias === null ? {} : { beta: of(bias) }) };
}

/** A parameter in the order in which TF.js has what it meets. @param elements - null: the same */
function inOrder(t: Tensor, shape: Shape, elements: Uint32Array | null): TfjsWeight {
  const values = t.dataSync();
  return { shape, values: elements === null ? values : Float32Array.from(elements, (k) => values[k]) };
}
