import { ArgumentError, DataError } from "../../errors.js";
import { type ChannelStatistics, driftBetween, mixStatistics } from "../channel-statistics.js";
import type { LeftNorm } from "../fold-batch-norm.js";
import type { ModelArrays } from "../foreign/arrays.js";
import type { RecalibratedNorm, RecalibrateMode, RecalibrateProgress } from "../recalibrate.js";
import { affineOf, epsOf, isBatchNorm, parameterInputs, parameterOf } from "./batch-norm-node.js";
import { normalizeByBatch } from "./batch-statistics.js";
import { ChannelMoments } from "./channel-moments.js";
import type { NodeProto } from "./codec.js";
import { placeOf } from "./fold-norms.js";
import { OnnxModel } from "./onnx-model.js";
import { type OnnxSession, openSession } from "./runtime.js";
import { type ExternalFiles, packValues, type TensorValues } from "./tensor-values.js";

/** Batches: for each, an array for each input of the model. */
type Data = Iterable<ModelArrays> | AsyncIterable<ModelArrays>;

/** Options of {@link recalibrateOnnx}. */
export interface RecalibrateOnnxOptions {
  /**
   * `"sequential"`: each norm's statistics are taken of what the norms before it, already recalibrated, let through; one pass over the
   * data for each norm in the longest row. `"batch"`: one pass in which every norm normalises by the batch, as in training.
   * @defaultValue "sequential"
   */
  readonly mode?: RecalibrateMode;
  /**
   * N, how many samples the model's own statistics count for: with n samples of the data, statistics become
   * N/(N+n) · old + n/(N+n) · measured, of means and of variances (Schneider et al. 2020, arXiv:2006.16971, §3).
   * @defaultValue 0: the data alone
   */
  readonly blend?: number;
  /** Files in which the model keeps tensors outside itself, by the name it gives them. @defaultValue none */
  readonly files?: ExternalFiles;
  /** Stops between batches by throwing the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called, and awaited, after each batch. */
  readonly onProgress?: (progress: RecalibrateProgress) => void | Promise<void>;
}

/** A recalibrated model, and what was done. */
export interface OnnxRecalibration {
  /** The new file. */
  readonly bytes: Uint8Array;
  /** Batch norms with new statistics, in the order of the file, by name or by their output's. */
  readonly norms: readonly RecalibratedNorm[];
  /** Batch norms that keep theirs, and why. */
  readonly left: readonly LeftNorm[];
  /** Samples in each pass: the sizes of the first input's first axis. */
  readonly samples: number;
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

const where = "recalibrateOnnx(bytes, data)";

/**
 * Recomputes the running statistics of an ONNX model's batch norms on other data: each norm's input is made an output, onnxruntime
 * runs the model, and the moments of all batches are merged exactly (count, mean and sum of squared deviations, in float64), so that
 * neither the size nor the number of batches matters in `"sequential"` mode. The variance is the biased one, as ONNX defines it.
 *
 * @param bytes - an .onnx file in inference form ({@link repairOnnx}); not changed
 * @param data - batches: for each, an array for each input of the model. `"sequential"` reads it more than once
 * @throws ArgumentError if an option is out of range
 * @throws DataError if there is no batch, or not the same in each pass, or onnxruntime refuses the model or a batch
 * @throws FormatError if it is no ONNX model, or damaged
 * @throws MissingPackageError if onnx-buf or onnxruntime-web is not installed
 */
export async function recalibrateOnnx(
  bytes: Uint8Array,
  data: Data,
  options: RecalibrateOnnxOptions = {},
): Promise<OnnxRecalibration> {
  const { mode = "sequential", blend = 0, files = {} } = options;
  checkOptions(mode, blend);
  const model = await OnnxModel.read(where, bytes, files);
  const { norms, left } = findNorms(model);
  const done: RecalibratedNorm[] = [];
  const passes =
    mode === "batch" ? Math.min(norms.length, 1) : norms.reduce((most, { level }) => Math.max(most, level + 1), 0);
  let samples: number | null = null;
  for (let pass = 0; pass < passes; pass++) {
    const group = mode === "batch" ? norms : norms.filter(({ level }) => level === pass);
    const source = mode === "batch" ? await withBatchStatistics(bytes, files, data) : model.write(pass > 0);
    const inputs = group.map(({ node }) => node.input[0]);
    const session = await openSession(where, model.codec.onlyOutputs(where, source, inputs), { files });
    try {
      samples = await pool(session, data, group, { ...options, pass, passes, samples });
    } finally {
      await session.release();
    }
    for (const norm of group) {
      const outcome = setStatistics(model, norm, blend === 0 ? 0 : blend / (blend + samples));
      if ("drift" in outcome) done.push(outcome);
      else left.push(outcome);
    }
  }
  const order = new Map(norms.map(({ norm }, k) => [norm, k]));
  done.sort((a, b) => (order.get(a.norm) ?? 0) - (order.get(b.norm) ?? 0));
  return { bytes: model.write(done.length > 0), norms: done, left, samples: samples ?? 0 };
}

function checkOptions(mode: string, blend: number): void {
  const fault = (expected: string, received: unknown, cure: string): ArgumentError =>
    new ArgumentError({ where, expected, received: String(received), cure });
  if (mode !== "sequential" && mode !== "batch")
    throw fault('mode "sequential" or "batch"', mode, "Pass one of the two.");
  if (!(blend >= 0 && blend < Number.POSITIVE_INFINITY)) {
    const cure = "Pass how many samples the old statistics count for.";
    throw fault("blend to be a finite number of samples, at least 0", blend, cure);
  }
}

function findNorms(model: OnnxModel): { norms: Norm[]; left: LeftNorm[] } {
  const norms: Norm[] = [];
  const left: LeftNorm[] = [];
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

/** One pass. @returns how many samples there were */
async function pool(
  session: OnnxSession,
  data: Data,
  norms: readonly Norm[],
  about: Pick<RecalibrateOnnxOptions, "signal" | "onProgress"> & {
    readonly pass: number;
    readonly passes: number;
    /** Of the pass before. */
    readonly samples: number | null;
  },
): Promise<number> {
  const { signal, onProgress, pass, passes } = about;
  let samples = 0;
  for await (const batch of data) {
    signal?.throwIfAborted();
    const outputs = await session.run(batch);
    for (const { node, moments } of norms) {
      const { values, shape } = outputs[node.input[0]];
      moments.add(values, shape);
    }
    samples += batch[session.inputs[0]?.name]?.shape[0] ?? 1;
    await onProgress?.({ pass, passes, samples });
  }
  if (samples > 0 && samples === (about.samples ?? samples)) return samples;
  throw new DataError({
    where,
    expected: about.samples === null ? "batches" : `the same ${about.samples} samples in each pass`,
    received: samples === 0 ? "none" : String(samples),
    cure: "Pass an array of batches, or an object whose iterator starts anew.",
  });
}

/** The model with every norm normalising by the batch; the number of axes is found by running it once. */
async function withBatchStatistics(bytes: Uint8Array, files: ExternalFiles, data: Data): Promise<Uint8Array> {
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

function setStatistics(model: OnnxModel, of: Norm, weight: number): RecalibratedNorm | LeftNorm {
  const { node, norm, moments } = of;
  if (moments.count < 2) {
    const reason =
      moments.skipped > 0
        ? "no batch had a finite mean and variance"
        : `it saw ${moments.count} values in each channel, where a variance takes 2`;
    return { norm, reason };
  }
  const old: ChannelStatistics = { mean: of.mean.data, variance: of.variance.data };
  const now = mixStatistics(old, { mean: moments.mean, variance: moments.variance() }, weight);
  for (const name of ["mean", "variance"] as const) {
    const values = { ...of[name], data: now[name] };
    const packed = packValues(values);
    if (packed === null) {
      const expected = `a ${name} that fits ${values.type}`;
      throw new DataError({ where, expected, received: `a larger one in ${norm}`, cure: "Recalibrate it in float32." });
    }
    model.main.setConstant(node, parameterInputs[name], values, packed);
  }
  return { norm, values: moments.count, skipped: moments.skipped, drift: driftBetween(old, now, epsOf(node)) };
}
