import { DataError } from "../../../errors.js";
import type { ChannelStatistics } from "../../../graph/statistics/channel-statistics.js";
import type { RecalibratedNorm, RecalibrateOptions, Recalibration } from "../../../graph/statistics/recalibrate.js";
import { checkRenewal, renew } from "../../../graph/statistics/renewal.js";
import { checkOptions } from "../../../options.js";
import type { ModelArrays } from "../../foreign/arrays.js";
import { packValues } from "../file/tensor-values.js";
import { epsOf, parameterInputs } from "../graph/batch-norm-node.js";
import { OnnxModel, type ReadOnnxOptions } from "../graph/onnx-model.js";
import type { OnnxSession } from "../runtime.js";
import { addBatch, type ExposedModel, openExposed, ranksOfInputs } from "./exposed-inputs.js";
import { findMeasuredNorms, type MeasuredNorm } from "./measured-norms.js";

/** Batches: for each, an array for each input of the model. */
type Data = Iterable<ModelArrays> | AsyncIterable<ModelArrays>;

/** Options of {@link recalibrateOnnx}. */
export interface RecalibrateOnnxOptions
  extends ReadOnnxOptions,
    Pick<RecalibrateOptions, "mode" | "blend" | "signal" | "onProgress"> {}

/**
 * A recalibrated model, and what was done: norms in the order of the file, by name or by their output's; samples are
 * the sizes of the first input's first axis.
 */
export interface OnnxRecalibration extends Recalibration {
  /** The new file. */
  readonly bytes: Uint8Array;
}

const where = "recalibrateOnnx(bytes, data)";

/** So many norms may stand in a row where each needs a pass of its own. */
const mostPasses = 1024;

/**
 * Recomputes the running statistics of an ONNX model's batch norms on other data: each norm's input is made an output,
 * onnxruntime runs the model, and the moments of all batches are merged exactly (count, mean and sum of squared
 * deviations, in float64), so that neither the size nor the number of batches matters in `"sequential"` mode. The
 * variance is the biased one, as ONNX defines it.
 *
 * Norms inside If, Loop and Scan are measured where they stand: their moments are made further outputs, of every round,
 * of the branch that is taken. In a loop whose rounds feed one another, norms are gone through in the order of its
 * body.
 *
 * @param bytes - an .onnx file in inference form ({@link repairOnnx}); not changed
 * @param data - batches: for each, an array for each input of the model. `"sequential"` reads it more than once
 * @throws ArgumentError if an option is out of range
 * @throws DataError if there is no batch, or not the same in each pass, or onnxruntime refuses the model or a batch, or
 * more than 1024 norms stand in a row
 * @throws FormatError if it is no ONNX model, or damaged
 * @throws MissingPackageError if onnx-buf or onnxruntime-web is not installed
 */
export async function recalibrateOnnx(
  bytes: Uint8Array,
  data: Data,
  options: RecalibrateOnnxOptions = {},
): Promise<OnnxRecalibration> {
  checkOptions("recalibrateOnnx(bytes, data)", options, {
    mode: true,
    blend: true,
    signal: true,
    onProgress: true,
    files: true,
    initializersAreConstant: true,
  });
  const { mode = "sequential", blend = 0 } = options;
  checkRenewal(where, mode, blend);
  const model = await OnnxModel.read(where, bytes, options);
  const { norms, left } = findMeasuredNorms(model);
  const done: RecalibratedNorm[] = [];
  const passes =
    mode === "batch" ? Math.min(norms.length, 1) : norms.reduce((most, { level }) => Math.max(most, level + 1), 0);
  if (passes > mostPasses) {
    const cure = 'Take mode "batch", which needs one pass.';
    throw new DataError({ where, expected: `at most ${mostPasses} norms in a row`, received: String(passes), cure });
  }
  let samples: number | null = null;
  for (let pass = 0; pass < passes; pass++) {
    const group = mode === "batch" ? norms : norms.filter(({ level }) => level === pass);
    const source = { where, model, bytes: model.write(pass > 0) };
    const ranks = mode === "batch" ? await ranksOfFirst(source, group, data) : null;
    const { session, outputs } = await openExposed(source, group, ranks);
    try {
      samples = await pool(session, data, group, outputs, { ...options, pass, passes, samples });
    } finally {
      await session.release();
    }
    for (const norm of group) {
      const old = { mean: norm.mean.data, variance: norm.variance.data };
      const renewal = renew(norm.population, old, { eps: epsOf(norm.node), blend, samples });
      if (typeof renewal === "string") left.push({ norm: norm.norm, reason: renewal });
      else {
        const { statistics, ...about } = renewal;
        setStatistics(norm, statistics);
        done.push({ norm: norm.norm, ...about });
      }
    }
  }
  const order = new Map(norms.map(({ norm }, k) => [norm, k]));
  done.sort((a, b) => (order.get(a.norm) ?? 0) - (order.get(b.norm) ?? 0));
  return { bytes: model.write(done.length > 0), norms: done, left, samples: samples ?? 0 };
}

async function ranksOfFirst(source: ExposedModel, norms: readonly MeasuredNorm[], data: Data): Promise<number[]> {
  for await (const batch of data) return ranksOfInputs(source, norms, batch);
  return norms.map(({ rank = 2 }) => rank);
}

/** One pass. @returns how many samples there were */
async function pool(
  session: OnnxSession,
  data: Data,
  norms: readonly MeasuredNorm[],
  names: readonly string[],
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
    norms.forEach((norm, k) => {
      addBatch(norm, outputs[names[k]]);
    });
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

function setStatistics(of: MeasuredNorm, statistics: ChannelStatistics): void {
  for (const name of ["mean", "variance"] as const) {
    const values = { ...of[name], data: statistics[name] };
    const packed = packValues(values);
    if (packed === null) {
      const expected = `a ${name} that fits ${values.type}`;
      throw new DataError({
        where,
        expected,
        received: `a larger one in ${of.norm}`,
        cure: "Recalibrate it in float32.",
      });
    }
    of.graph.setConstant(of.node, parameterInputs[name], values, packed);
  }
}
