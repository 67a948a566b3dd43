import { checkRange } from "../check-range.js";
import { pow } from "../elementary.js";
import { ArgumentError, DivergedError } from "../errors.js";
import { isSpentAfterOnePass } from "../graph/statistics/recalibrate.js";
import type { Module } from "../nn/module.js";
import { checkOptions } from "../options.js";
import { type Generator, generator as globalGenerator } from "../random.js";
import { checkCount } from "../shape.js";
import { fit } from "./fit.js";
import type { FitOptions } from "./fit-options.js";
import { checkBatches, type Data } from "./step.js";

/** Options of {@link findLearningRate}. */
export interface FindLearningRateOptions<Target>
  extends Pick<FitOptions<Target>, "optimizer" | "loss" | "signal" | "accumulate" | "clipNorm" | "adaptiveClip"> {
  /** The first learning rate, > 0. @defaultValue 1e-7 */
  readonly from?: number;
  /** The last one, above the first. @defaultValue 10 */
  readonly to?: number;
  /** How many steps there are at most, ≥ 10. @defaultValue 100 */
  readonly steps?: number;
}

/** What {@link findLearningRate} returns. */
export interface LearningRateSearch {
  /** The learning rate of each step that was taken. */
  readonly lrs: readonly number[];
  /** The loss of each step's batch, before the step. */
  readonly losses: readonly number[];
  /** The same, averaged over about the last ten steps, by which the search goes. */
  readonly smoothed: readonly number[];
  /** Where the smoothed loss falls fastest: a rate to begin with; null where it never falls. */
  readonly suggestion: number | null;
}

const where = "findLearningRate(model, data)";
/** Thrown where the search is over: it is no training, whose end `fit` would judge. */
const ended = Symbol("ended");
/** How much of the old average of losses is kept. */
const kept = 0.9;

/**
 * Raises the learning rate from step to step, evenly in its logarithm, until the loss is four times its best (Smith
 * 2015, arXiv:1506.01186 §3.3). Model, optimiser and generators are then as they were before.
 *
 * @param data - batches, gone through as often as it takes
 * @throws ArgumentError if an option is out of range, or data are spent after one pass
 * @example
 * ```ts
 * const model = new Sequential(new Linear(1, 1));
 * const inputs = { values: Float32Array.of(1, 2, 3), shape: [3, 1] };
 * const optimizer = new Sgd(model.parameters(), { lr: 1 });
 * const data = [{ inputs, targets: inputs }];
 * const { lrs } = await findLearningRate(model, data, { optimizer, loss: mse, from: 1e-4, to: 1e-2 });
 * lrs.length; // 100
 * ```
 */
export async function findLearningRate<Target>(
  model: Module,
  data: Data<Target>,
  options: FindLearningRateOptions<Target>,
): Promise<LearningRateSearch> {
  checkOptions("findLearningRate(model, data)", options, {
    from: true,
    to: true,
    steps: true,
    optimizer: true,
    loss: true,
    signal: true,
    accumulate: true,
    clipNorm: true,
    adaptiveClip: true,
  });
  const { from = 1e-7, to = 10, steps = 100, optimizer, ...rest } = options;
  checkBatches(where, data);
  checkRange(where, "from", from, Number.MIN_VALUE, Number.POSITIVE_INFINITY);
  if (!(to > from && Number.isFinite(to))) {
    const cure = "Pass a rate at which training surely fails, such as 10.";
    throw new ArgumentError({
      where,
      expected: `to as a finite rate above from (${from})`,
      received: String(to),
      cure,
    });
  }
  checkCount(where, "steps", steps, 10);
  if (isSpentAfterOnePass(data)) {
    throw new ArgumentError({
      where,
      expected: "data that can be gone through several times",
      received: "an iterator, which is spent after one pass",
      cure: "Pass an array or batches().",
    });
  }
  const restore = remember(model, optimizer, data.generators ?? []);
  const lrs: number[] = [];
  const losses: number[] = [];
  const smoothed: number[] = [];
  let average = 0;
  let best = Number.POSITIVE_INFINITY;
  try {
    optimizer.lr = from;
    await fit(model, data, {
      ...rest,
      optimizer,
      // An epoch has a step or more.
      epochs: steps,
      onStep({ loss, lr, step }) {
        lrs.push(lr);
        losses.push(loss);
        average = kept * average + (1 - kept) * loss;
        const now = average / (1 - pow(kept, step + 1));
        smoothed.push(now);
        best = Math.min(best, now);
        if (step + 1 === steps || (step > 0 && now > 4 * best)) throw ended;
        optimizer.lr = from * pow(to / from, (step + 1) / (steps - 1));
      },
    });
    throw new Error("internal: too few steps");
  } catch (error) {
    // The rate has gone too far, which ends the search too.
    if (error !== ended && (!(error instanceof DivergedError) || lrs.length === 0)) throw error;
  } finally {
    restore();
  }
  return { lrs, losses, smoothed, suggestion: steepest(lrs, smoothed) };
}

/**
 * The rate at which losses fall fastest, over a tenth of the steps. The first ones, whose average is of few, and the
 * last, from the best on, do not count.
 */
function steepest(lrs: readonly number[], losses: readonly number[]): number | null {
  const end = losses.indexOf(Math.min(...losses));
  const reach = Math.max(1, Math.round(lrs.length / 20));
  let found: number | null = null;
  let slope = 0;
  for (let k = Math.min(10, Math.max(reach, end >> 1)); k < end; k++) {
    const fall = losses[Math.max(0, k - reach)] - losses[Math.min(k + reach, end)];
    if (fall <= slope) continue;
    slope = fall;
    found = lrs[k];
  }
  return found;
}

/** Notes all that training changes. @returns puts it back */
function remember(
  model: Module,
  optimizer: FitOptions<never>["optimizer"],
  generators: readonly Generator[],
): () => void {
  const modules = model.namedModules().map(([, module]) => module);
  const modes = modules.map((module) => module.saveMode());
  const extras = modules.map((module) => module.getExtraState());
  const [state, moments, lr] = [model.stateDict(), optimizer.stateDict(), optimizer.lr];
  const sources = [globalGenerator(), ...generators];
  const draws = sources.map((source) => source.state);
  return () => {
    model.loadStateDict(state);
    optimizer.loadStateDict(moments);
    optimizer.lr = lr;
    for (const undo of modes) undo();
    for (const [k, module] of modules.entries()) if (extras[k] !== null) module.setExtraState(extras[k]);
    for (const [k, source] of sources.entries()) source.state = draws[k];
    for (const t of [...Object.values(state), ...Object.values(moments)]) t.dispose();
  };
}
