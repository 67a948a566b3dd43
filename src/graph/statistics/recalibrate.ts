import { alone, type Communicator } from "../../communicator.js";
import type { Batch } from "../../data/dataset.js";
import { ArgumentError } from "../../errors.js";
import type { AnyModule } from "../../nn/module.js";
import { type FurtherRenewal, RunningNorm } from "../../nn/norms/running-norm.js";
import { checkOptions } from "../../options.js";
import { checkCount } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { checkBatches } from "../../train/step.js";
import type { LeftNorm } from "../fold/fold-batch-norm.js";
import { type ChannelStatistics, type Drift, readStatistics, writeStatistics } from "./channel-statistics.js";
import { checkRenewal, renew } from "./renewal.js";
import { type BatchSource, Sweep } from "./sweep.js";

/** How {@link recalibrate} gathers statistics. */
export type RecalibrateMode = "sequential" | "batch";

/** What {@link RecalibrateOptions.onProgress} is given after each batch. */
export interface RecalibrateProgress {
  /** The pass over the data, counted from 0. */
  readonly pass: number;
  /** How many passes there will be. */
  readonly passes: number;
  /** Samples seen in this pass. */
  readonly samples: number;
}

/** Options of {@link recalibrate}. */
export interface RecalibrateOptions<B = Batch<unknown> | Tensor, M extends AnyModule = AnyModule> {
  /**
   * `"sequential"`: a pass over the data for each norm of the longest row, in the order in which they are applied;
   * `"batch"`: one pass for all.
   * @defaultValue "sequential"
   */
  readonly mode?: RecalibrateMode;
  /** Stop each pass after so many samples. 1,000 to 10,000 are enough (Wu & Johnson 2021). @defaultValue all */
  readonly samples?: number;
  /**
   * N, how many samples the statistics from before count for: with n samples of the data, statistics become N/(N+n) ·
   * old + n/(N+n) · new, of means and of variances (Schneider et al. 2020). For few samples of another domain; 16 to
   * 128 were good there.
   *
   * @defaultValue 0: the data alone
   */
  readonly blend?: number;
  /**
   * Gathers together with other processes, each on its part of every batch (see {@link batches}' `communicator`), in
   * mode `"batch"`. All ranks call it with equal options and get the same statistics, of the data of all.
   *
   * @defaultValue {@link alone}
   */
  readonly communicator?: Communicator;
  /** Stops between batches by throwing the signal's reason; the model is then as it was before. */
  readonly signal?: AbortSignal;
  /** Called, and awaited, after each batch. */
  readonly onProgress?: (progress: RecalibrateProgress) => void | Promise<void>;
  /** Applies the model to a batch. @defaultValue `model.forward(...inputs)` */
  readonly forward?: (model: M, batch: B) => unknown;
}

/** A norm with new statistics. */
export interface RecalibratedNorm {
  /** Its path, as in {@link Module.namedModules}. */
  readonly norm: string;
  /** How many values of each channel its statistics are of. */
  readonly values: number;
  /** Batches left out, since a mean or variance of theirs was not finite. */
  readonly skipped: number;
  /** How far its statistics have moved. */
  readonly drift: Drift;
}

/** What {@link recalibrate} returns. */
export interface Recalibration {
  /** Norms with new statistics, in the order in which they are applied. */
  readonly norms: readonly RecalibratedNorm[];
  /** Norms that are as they were, and why. */
  readonly left: readonly LeftNorm[];
  /** Samples in each pass; 0 if the batches do not say, since they are neither tensors nor have `inputs`. */
  readonly samples: number;
}

/**
 * Gives norms the statistics of data: of all of it, instead of the moving averages of training, which lag behind the
 * weights and forget; or of another domain, to adapt a model to it without labels. Weights stay as they are, and so do
 * momentum and the count of batches.
 *
 * The model runs in evaluation mode, dropout off, a scope for each batch, and is then in the mode in which it was.
 * - `"sequential"` gives each norm the statistics of what it is given when all norms before it have theirs already:
 *   exactly what evaluation will feed it. They are those of the population, merged in float64, so the split into
 *   batches does not matter. It takes a pass over the data for each norm of the longest row, each ending there, and so
 *   data that can be gone through again, the same each time. Norms beside one another, as in the branches of a network,
 *   share a pass.
 * - `"batch"` takes one pass, in which every norm normalises with each batch's statistics, as in training (precise
 *   batch norm). Use batches of the size of training.
 *
 * The variance is biased or not as {@link BatchNorm}'s `unbiased` says; instance norms average those of samples. Norms
 * that are frozen, or have no running statistics, or are not reached, stay as they are and are returned, as are those
 * that only ever saw one value in each channel (unless `blend` gives it a variance) or values that are not finite. If
 * anything throws, all statistics are as before.
 *
 * Sources: Wu & Johnson 2021 (arXiv:2105.07576, §3.1), Schneider et al. 2020 (arXiv:2006.16971, §3).
 *
 * @param model - a module of any kind; the norms of a `Graph` that was traced are those of the module
 * @param data - batches ({@link Batch}, tensors, lists of a tensor for each input of the model, or whatever `forward`
 * takes); labels are not used
 * @throws ArgumentError if an option is out of range, there are no samples, data are not the same in each pass, or a
 * norm of a sequential pass is applied twice
 * @example
 * ```ts
 * const model = new Sequential(new Linear(1, 1), new BatchNorm(1), new ReLU(), new Linear(1, 2));
 * const inputs = tensor([[1], [2], [3], [6]]);
 * model.layers[0].loadStateDict({ weight: tensor([[2]]), bias: tensor([1]) });
 * const { norms } = await recalibrate(model, [inputs]);
 * model.layers[1].runningMean.item(); // 7
 * norms[0].values; // 4
 * ```
 */
export async function recalibrate<M extends AnyModule, B = Batch<unknown> | Tensor>(
  model: M,
  data: BatchSource<B>,
  options: RecalibrateOptions<B, M> = {},
): Promise<Recalibration> {
  checkOptions("recalibrate(model, data)", options, {
    mode: true,
    samples: true,
    blend: true,
    communicator: true,
    signal: true,
    onProgress: true,
    forward: true,
  });
  checkPass(data, options);
  const { mode = "sequential", blend = 0, communicator = alone } = options;
  const restore = model.namedModules().map(([, module]) => module.saveMode());
  const left: LeftNorm[] = [];
  const norms = new Map<RunningNorm, { readonly name: string; readonly old: ChannelStatistics }>();
  for (const [name, module] of model.namedModules()) {
    if (!(module instanceof RunningNorm)) continue;
    const old = await readStatistics(module);
    if (old === null) left.push({ norm: name, reason: "it has no running statistics" });
    else if (module.frozen) left.push({ norm: name, reason: "it is frozen" });
    else norms.set(module, { name, old });
  }
  const done = new Map<RunningNorm, RecalibratedNorm>();
  const further = new Map<RunningNorm, FurtherRenewal>();
  const sweep = new Sweep(model, data, options);
  model.eval();
  try {
    const tracked = [...norms.keys()];
    const passes = mode === "batch" ? [tracked] : await sweep.groups(tracked);
    if (mode === "batch") for (const norm of tracked) norm.normalizeWith = "batch";
    for (const [pass, observed] of passes.entries()) {
      for (const norm of observed) {
        const more = norm.renewMore();
        if (more !== null) further.set(norm, more);
      }
      const populations = await sweep.pass(observed, pass, passes.length);
      for (const [norm, population] of populations) {
        const { name, old } = norms.get(norm) ?? fail();
        // A norm that has seen nothing at all is reported below.
        if (population.values + population.skipped === 0) continue;
        const renewal = renew(population, old, { eps: norm.eps, blend, samples: sweep.samples });
        if (typeof renewal === "string") {
          left.push({ norm: name, reason: renewal });
          continue;
        }
        const { statistics, ...about } = renewal;
        writeStatistics(norm, statistics);
        further.get(norm)?.share(communicator);
        further.get(norm)?.use(blend === 0 ? 0 : blend / (blend + sweep.samples));
        done.set(norm, { norm: name, ...about });
      }
    }
  } catch (error) {
    for (const [norm, { old }] of norms) writeStatistics(norm, old);
    for (const more of further.values()) more.restore();
    throw error;
  } finally {
    for (const more of further.values()) more.end();
    for (const undo of restore) undo();
  }
  for (const norm of done.keys()) norm.settle();
  for (const [norm, { name }] of norms) {
    if (!done.has(norm) && !left.some((one) => one.norm === name))
      left.push({ norm: name, reason: "the model does not apply it" });
  }
  const place = (norm: RunningNorm): number => sweep.applied.indexOf(norm);
  const renewed = [...done].sort(([a], [b]) => place(a) - place(b)).map(([, one]) => one);
  return { norms: renewed, left, samples: sweep.samples };
}

function fail(): never {
  throw new Error("internal: an unknown norm was measured");
}

function checkPass<B>(
  data: BatchSource<B>,
  { mode = "sequential", samples, blend = 0, communicator = alone }: RecalibrateOptions<B, never>,
): void {
  const where = "recalibrate(model, data)";
  checkBatches(where, data);
  checkRenewal(where, mode, blend);
  if (mode === "sequential" && communicator.size > 1) {
    throw new ArgumentError({
      where: "recalibrate(model, data, { communicator })",
      expected: `mode "batch", with ${communicator.size} ranks`,
      received: `"${mode}"`,
      cure: 'Pass { mode: "batch" }, or leave the communicator out and give one rank the whole data.',
    });
  }
  if (samples !== undefined) checkCount(where, "samples", samples);
  if (mode === "sequential" && isSpentAfterOnePass(data)) {
    throw new ArgumentError({
      where,
      expected: "data that can be gone through once for each norm",
      received: "an iterator, which is spent after one pass",
      cure: 'Pass an array or batches(), or { mode: "batch" }.',
    });
  }
}

/** Whether data are an iterator, which a second pass finds empty. */
export function isSpentAfterOnePass(data: Partial<Iterable<unknown> & AsyncIterable<unknown>>): boolean {
  const iterator: unknown = data[Symbol.asyncIterator]?.() ?? data[Symbol.iterator]?.();
  return iterator === data;
}
