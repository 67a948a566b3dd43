import type { Batch } from "../../data/dataset.js";
import { ArgumentError } from "../../errors.js";
import { ReLU, ReLU6 } from "../../nn/activations.js";
import type { Module } from "../../nn/module.js";
import { Norm } from "../../nn/norms/norm.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import { Weighted } from "../../nn/reparametrized/weighted.js";
import { checkOptions } from "../../options.js";
import { checkCount } from "../../shape.js";
import { Tensor } from "../../tensor.js";
import { checkBatches, isInputList, type Loss, labelsOf } from "../../train/step.js";
import { finite } from "../distribution.js";
import { wholeOf } from "../summary.js";
import type { ActivationDiagnosis, DepthDiagnosis, Diagnosis } from "./diagnosis.js";
import { findingsOf } from "./findings.js";
import { evaluationOf, gapOf } from "./gap.js";
import { type GradientSize, gradientSizes } from "./gradients.js";
import { normHealth } from "./norm-health.js";
import { type Observation, observe, usesBatches } from "./observation.js";
import { type DiagnosedBatch, type DiagnoseProgress, Passes } from "./passes.js";
import { thresholds } from "./thresholds.js";

/** Options of {@link diagnose}. */
export interface DiagnoseOptions<Target> {
  /** @defaultValue cross-entropy, where targets are labels; without a loss there is no gap and no gradient */
  readonly loss?: Loss<Target>;
  /** Stop after so many samples, which are held meanwhile. @defaultValue 2048 */
  readonly samples?: number;
  /** Samples in a batch of training, which noise is told for. @defaultValue that of the first batch */
  readonly batchSize?: number;
  /** Called, and awaited, after each batch of each pass over the data. */
  readonly onProgress?: (progress: DiagnoseProgress) => void | Promise<void>;
}

const where = "diagnose(model, data)";

type OneBatch<Target> = Batch<Target> | Tensor | readonly Tensor[];
type DiagnosedData<Target> = Iterable<OneBatch<Target>> | AsyncIterable<OneBatch<Target>>;

/**
 * Asks of a model whether normalisation does its job: is evaluation worse than training, and which norm is to blame;
 * have running statistics drifted from those of the data; how much do statistics scatter from batch to batch; which
 * units are dead or saturated; and how do activations and gradients fare through the depth. What is beyond a threshold
 * becomes a finding with its evidence and advice: causes before what they may explain, else the worst first.
 *
 * Use data like those of training: other data drift by themselves. Batches should be of the size of training, and there
 * should be some hundred samples; what they are not enough for is not said, but told in `notes`. The model comes back
 * as it was, to the bit. Activations are found where they are modules; functions such as {@link relu} inside a
 * `forward` are not seen.
 *
 * Formulas, thresholds and their reasons: docs/doctor.md.
 *
 * @param model - takes and gives a tensor; a `Graph`, whose layers are found under their paths, is diagnosed as the
 * module it was traced from
 * @param data - batches, with targets or without, tensors, or lists of a tensor for each input of the model; gone
 * through once
 * @throws ArgumentError if an option is out of range, or there are no batches of 2 samples or more
 * @example
 * ```ts
 * const model = new Sequential(new Linear(4, 8), new BatchNorm(8), new ReLU(), new Linear(8, 2)).eval();
 * const inputs = Float32Array.from({ length: 800 }, (_, k) => Math.sin(k * k));
 * const data = batches(arrayDataset({ inputs, shape: [4], labels: new Int32Array(200) }), { batchSize: 20 });
 * const { findings } = await diagnose(model, data);
 * findings[0].kind; // "neverUpdated"
 * findings[0].layer; // "1"
 * ```
 */
export async function diagnose<Target = Int32Array>(
  model: Module,
  data: DiagnosedData<Target>,
  options: DiagnoseOptions<Target> = {},
): Promise<Diagnosis> {
  checkOptions("diagnose(model, data)", options, { loss: true, samples: true, batchSize: true, onProgress: true });
  checkBatches(where, data);
  const limit = checkCount(where, "samples", options.samples ?? thresholds.defaultSamples);
  const { batches, notes } = await collect(data, limit);
  const batchSize = checkCount(where, "batchSize", options.batchSize ?? batches[0].inputs.shape[0]);
  const samples = batches.reduce((total, { inputs }) => total + inputs.shape[0], 0);
  if (samples < thresholds.samples) {
    notes.push(`${samples} samples are too few to judge single channels and drift: pass ${thresholds.samples} or more`);
  }
  const hasLoss = options.loss !== undefined || labelsOf(batches[0].targets) !== null;
  if (!hasLoss) notes.push("without labels or a loss the gap and gradients cannot be measured");
  const restore = model.namedModules().map(([, module]) => module.saveMode());
  try {
    model.eval();
    const switched = model
      .namedModules()
      .flatMap(([name, module]) =>
        module instanceof RunningNorm && module.runningMean !== null && !module.frozen ? [[name, module] as const] : [],
      );
    const { loss, onProgress = () => {} } = options;
    const hasGap = hasLoss && switched.length > 0;
    // With all statistics running, with all of batches, with those of each norm in turn; and to observe.
    const passes = new Passes(batches, (hasGap ? 2 + switched.length : Number(hasLoss)) + 1, onProgress);
    const subject = { model, passes, loss, norms: switched };
    const gap = hasGap ? await gapOf(subject) : null;
    const evaluation = gap?.running ?? (hasLoss ? await evaluationOf(subject) : null);
    if (gap !== null && batches.length < thresholds.batches) {
      const few = batches.length === 1 ? "1 batch is" : `${batches.length} batches are`;
      notes.push(`${few} too few to distinguish a gap from chance: pass ${thresholds.batches} or more`);
    }
    for (const [, norm] of switched) norm.normalizeWith = "batch";
    passes.expect(1);
    const seen = await observe(model, passes);
    const gradients = hasLoss ? await gradientSizes(model, batches[0], loss) : new Map<Tensor, GradientSize>();
    const norms = [];
    for (const one of seen) if (one.module instanceof Norm) norms.push(await normHealth(one.module, one, batchSize));
    const activations = seen.filter(({ module }) => module.isElementwise).map((one) => activationHealth(one, seen));
    const depth = seen.filter(({ module }) => !(module instanceof Norm)).map((one) => depthOf(one, gradients));
    const scores = { evaluation, gap };
    const diagnosis = { samples, batches: batches.length, batchSize, ...scores, norms, activations, depth, notes };
    return { ...diagnosis, findings: findingsOf(diagnosis) };
  } finally {
    for (const undo of restore) undo();
  }
}

/** A batch of tensors alone; null for one with targets. */
function withoutTargets(batch: unknown): DiagnosedBatch<never> | null {
  if (batch instanceof Tensor) return { inputs: batch, targets: undefined as never };
  return isInputList(batch) ? { inputs: batch[0], targets: undefined as never, all: batch } : null;
}

/** The first batches, which all that follows is measured on. */
async function collect<Target>(
  data: DiagnosedData<Target>,
  limit: number,
): Promise<{ batches: DiagnosedBatch<Target>[]; notes: string[] }> {
  const batches: DiagnosedBatch<Target>[] = [];
  let [samples, single] = [0, 0];
  for await (const one of data) {
    const batch = withoutTargets(one) ?? (one as Batch<Target>);
    const count = batch.inputs.shape[0];
    if (count >= 2) batches.push(batch);
    else single++;
    samples += count;
    if (samples >= limit) break;
  }
  if (batches.length === 0) {
    throw new ArgumentError({
      where,
      expected: "batches of 2 samples or more",
      received: single === 0 ? "none" : `${single} of fewer`,
      cure: "Pass batches of the size of training; a generator is spent after one pass.",
    });
  }
  return {
    batches,
    notes: single === 0 ? [] : [`${single} ${single === 1 ? "batch" : "batches"} of one sample left out`],
  };
}

function activationHealth(
  { module, name, output, ends, before }: Observation,
  seen: readonly Observation[],
): ActivationDiagnosis {
  const whole = wholeOf(output);
  const least = thresholds.constant * Math.sqrt(whole.m2 / whole.count);
  const isDead = ({ count, zeros, m2 }: (typeof output)[number]): boolean =>
    count > 0 && (module instanceof ReLU || module instanceof ReLU6 ? zeros === count : Math.sqrt(m2 / count) <= least);
  const norm = before instanceof Norm ? (seen.find((one) => one.module === before)?.name ?? null) : null;
  return {
    layer: name,
    module: String(module),
    channels: output.length,
    dead: output.flatMap((channel, k) => (isDead(channel) ? [k] : [])),
    saturated: ends === null ? null : ends / whole.count,
    norm,
    centred: before !== null && usesBatches(before) && !before.frozen,
  };
}

function depthOf({ module, name, output }: Observation, gradients: ReadonlyMap<Tensor, GradientSize>): DepthDiagnosis {
  const { count, m2 } = wholeOf(output);
  const size = module instanceof Weighted ? (gradients.get(module.weight) ?? null) : null;
  return {
    layer: name,
    module: String(module),
    deviation: finite(Math.sqrt(m2 / Math.max(1, count))),
    gradientNorm: size === null ? null : finite(size.gradient),
    relativeGradient: size === null ? null : finite(size.gradient / size.parameter),
  };
}
