import { ArgumentError, DataError } from "../../errors.js";
import { affineOf, epsOf, isBatchNorm, parameterInputs, parameterOf } from "./batch-norm-node.js";
import { normalizeByBatch } from "./batch-statistics.js";
import { ChannelMoments } from "./channel-moments.js";
import type { NodeProto } from "./codec.js";
import { placeOf } from "./fold-norms.js";
import type { LeftOnnxNorm } from "./fold-onnx.js";
import { OnnxModel } from "./onnx-model.js";
import { type OnnxArrays, type OnnxSession, openSession } from "./runtime.js";
import { type ExternalFiles, packValues, type TensorValues } from "./tensor-values.js";

/** Options of {@link recalibrateOnnx}. */
export interface RecalibrateOnnxOptions {
  /**
   * `"sequential"`: each norm's statistics are taken of what the norms before it, already recalibrated, let through; one pass over the
   * data for each norm in the longest row. `"batch"`: one pass in which every norm normalises by the batch, as in training.
   * @defaultValue "sequential"
   */
  readonly mode?: "sequential" | "batch";
  /** How much of the model's own statistics is kept, from 0 to below 1: new = blend · old + (1 − blend) · measured. @defaultValue 0 */
  readonly blend?: number;
  /** Files in which the model keeps tensors outside itself, by the name it gives them. @defaultValue none */
  readonly files?: ExternalFiles;
}

/** How far the statistics of a batch norm have moved. */
export interface OnnxDrift {
  /** Its name, or its output's. */
  readonly norm: string;
  /** How many values each channel's statistics were taken of. */
  readonly count: number;
  /** Batches that were left out, since they had values that are not finite there. */
  readonly skippedBatches: number;
  /** The largest |new mean − old mean| of a channel, in its old standard deviations √(variance + eps). */
  readonly meanShift: number;
  /** The smallest and largest (new variance + eps) / (old variance + eps) of a channel. */
  readonly varianceRatio: readonly [min: number, max: number];
}

/** A recalibrated model, and what was done. */
export interface OnnxRecalibration {
  /** The new file. */
  readonly bytes: Uint8Array;
  /** Batch norms with new statistics, in the order of the file. */
  readonly recalibrated: readonly OnnxDrift[];
  /** Batch norms that keep theirs, and why. */
  readonly left: readonly LeftOnnxNorm[];
}

interface Norm {
  readonly node: NodeProto;
  readonly norm: string;
  readonly mean: TensorValues;
  readonly variance: TensorValues;
  /** How many norms stand before it in a row. */
  readonly level: number;
  readonly moments: ChannelMoments;
}

/**
 * Recomputes the running statistics of an ONNX model's batch norms on other data: each norm's input is made an output, onnxruntime
 * runs the model, and the moments of all batches are merged exactly (count, mean and sum of squared deviations, in float64), so that
 * neither the size nor the number of batches matters in `"sequential"` mode. The variance is the biased one, as ONNX defines it.
 *
 * @param bytes - an .onnx file in inference form ({@link repairOnnx}); not changed
 * @param data - batches: for each, an array for each input of the model. `"sequential"` reads it more than once
 * @throws DataError if there is no batch, or onnxruntime refuses the model or a batch
 * @throws FormatError if it is no ONNX model, or damaged
 * @throws MissingPackageError if onnx-buf or onnxruntime-web is not installed
 */
export async function recalibrateOnnx(
  bytes: Uint8Array,
  data: Iterable<OnnxArrays> | AsyncIterable<OnnxArrays>,
  { mode = "sequential", blend = 0, files = {} }: RecalibrateOnnxOptions = {},
): Promise<OnnxRecalibration> {
  const where = "recalibrateOnnx(bytes, data)";
  checkOptions(where, mode, blend);
  const model = await OnnxModel.read(where, bytes, files);
  const { norms, left } = findNorms(model);
  const measure = async (group: readonly Norm[], source: Uint8Array): Promise<void> => {
    const names = group.map(({ node }) => node.input[0]);
    const session = await openSession(where, model.codec.onlyOutputs(where, source, names), { files });
    try {
      await pool(where, session, data, group);
    } finally {
      await session.release();
    }
  };
  if (mode === "batch") {
    if (norms.length > 0) await measure(norms, await withBatchStatistics(where, bytes, files, data));
    for (const norm of norms) setStatistics(where, model, norm, blend);
  } else {
    for (let level = 0; ; level++) {
      const group = norms.filter((norm) => norm.level === level);
      if (group.length === 0) break;
      await measure(group, level === 0 ? bytes : model.write(true));
      for (const norm of group) setStatistics(where, model, norm, blend);
    }
  }
  return { bytes: model.write(norms.length > 0), recalibrated: norms.map((norm) => driftOf(norm, blend)), left };
}

function checkOptions(where: string, mode: string, blend: number): void {
  const fault = (expected: string, received: unknown): ArgumentError =>
    new ArgumentError({ where, expected, received: String(received), cure: "Correct the option." });
  if (mode !== "sequential" && mode !== "batch") throw fault('mode to be "sequential" or "batch"', mode);
  if (!(blend >= 0 && blend < 1)) throw fault("blend to be a number from 0 to below 1", blend);
}

function findNorms(model: OnnxModel): { norms: Norm[]; left: { norm: string; reason: string }[] } {
  const norms: Norm[] = [];
  const left: { norm: string; reason: string }[] = [];
  const levels = new Map<string, number>();
  const { main } = model;
  for (const node of main.nodes) {
    const before = node.input.reduce((most, name) => Math.max(most, levels.get(name) ?? 0), 0);
    const isNorm = isBatchNorm(node);
    for (const name of node.output) levels.set(name, before);
    if (!isNorm) continue;
    const norm = placeOf(main, node);
    const map = affineOf(main, node);
    const mean = parameterOf(main, node, "mean");
    const variance = parameterOf(main, node, "variance");
    if (typeof mean === "string" || typeof variance === "string" || typeof map === "string") {
      left.push({ norm, reason: typeof map === "string" ? map : "its statistics are not constant" });
      continue;
    }
    norms.push({ node, norm, mean, variance, level: before, moments: new ChannelMoments(mean.data.length) });
    for (const name of node.output) levels.set(name, before + 1);
  }
  for (const graph of model.graphs()) {
    if (graph === main) continue;
    for (const node of graph.nodes.filter(isBatchNorm)) {
      left.push({
        norm: placeOf(graph, node),
        reason: "it stands in a graph inside the model, whose values cannot be outputs",
      });
    }
  }
  return { norms, left };
}

async function pool(
  where: string,
  session: OnnxSession,
  data: Iterable<OnnxArrays> | AsyncIterable<OnnxArrays>,
  norms: readonly Norm[],
): Promise<void> {
  let batches = 0;
  for await (const batch of data) {
    batches++;
    const outputs = await session.run(batch);
    for (const { node, moments } of norms) {
      const { values, shape } = outputs[node.input[0]];
      moments.add(values, shape);
    }
  }
  if (batches > 0) return;
  throw new DataError({
    where,
    expected: "batches, as often as they are asked for",
    received: "none",
    cure: "Pass an array of batches, or an object whose iterator starts anew.",
  });
}

/** The model with every norm normalising by the batch; the number of axes is found by running it once. */
async function withBatchStatistics(
  where: string,
  bytes: Uint8Array,
  files: ExternalFiles,
  data: Iterable<OnnxArrays> | AsyncIterable<OnnxArrays>,
): Promise<Uint8Array> {
  const model = await OnnxModel.read(where, bytes, files);
  const { norms } = findNorms(model);
  const exposed = model.codec.onlyOutputs(
    where,
    bytes,
    norms.map(({ node }) => node.input[0]),
  );
  const session = await openSession(where, exposed, { files });
  try {
    for await (const batch of data) {
      const outputs = await session.run(batch);
      for (const { node } of norms) normalizeByBatch(model.main, node, outputs[node.input[0]].shape.length);
      break;
    }
  } finally {
    await session.release();
  }
  return model.write(true);
}

function setStatistics(
  where: string,
  model: OnnxModel,
  { node, norm, mean, variance, moments }: Norm,
  blend: number,
): void {
  if (moments.count < 2) {
    throw new DataError({
      where,
      expected: `at least 2 finite values in each channel of ${norm}`,
      received: String(moments.count),
      cure: "Pass more data, and see that it is finite.",
    });
  }
  const mixed = { mean: blended(mean, moments.mean, blend), variance: blended(variance, moments.variance(), blend) };
  for (const name of ["mean", "variance"] as const) {
    const packed = packValues(mixed[name]);
    if (packed === null) {
      const cure = "Recalibrate it in float32.";
      throw new DataError({
        where,
        expected: `a ${name} that fits ${mean.type}`,
        received: `a larger one in ${norm}`,
        cure,
      });
    }
    model.main.setConstant(node, parameterInputs[name], mixed[name], packed);
  }
}

function blended(old: TensorValues, measured: Float64Array, blend: number): TensorValues {
  return { ...old, data: old.data.map((value, k) => blend * value + (1 - blend) * measured[k]) };
}

function driftOf({ node, norm, mean, variance, moments }: Norm, blend: number): OnnxDrift {
  const eps = epsOf(node);
  const [newMean, newVariance] = [
    blended(mean, moments.mean, blend).data,
    blended(variance, moments.variance(), blend).data,
  ];
  let meanShift = 0;
  let [min, max] = [Number.POSITIVE_INFINITY, 0];
  for (let k = 0; k < newMean.length; k++) {
    meanShift = Math.max(meanShift, Math.abs(newMean[k] - mean.data[k]) / Math.sqrt(variance.data[k] + eps));
    const ratio = (newVariance[k] + eps) / (variance.data[k] + eps);
    min = Math.min(min, ratio);
    max = Math.max(max, ratio);
  }
  return { norm, count: moments.count, skippedBatches: moments.skipped, meanShift, varianceRatio: [min, max] };
}
