import { checkOneOf } from "../check-one-of.js";
import { checkRange } from "../check-range.js";
import { cos } from "../elementary.js";
import { ArgumentError } from "../errors.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import { shown } from "../shown.js";

/**
 * The learning rate of a step: a pure function of where training stands, so that a resumed run goes on as if never
 * stopped.
 *
 * @param step - counted from 0
 * @param steps - how many there will be in all
 */
export type Schedule = (step: number, steps: number) => number;

/** How a learning rate follows the batch size: see {@link scaledLr}. */
export type LrScaling = "none" | "linear" | "root";

/** From `high` to `low` along half a cosine; `share` runs from 0 to 1. */
function anneal(high: number, low: number, share: number): number {
  return low + ((high - low) / 2) * (1 + cos(Math.PI * Math.min(1, Math.max(0, share))));
}

/** The same learning rate at every step. @param lr - ≥ 0 */
export function constantLr(lr: number): Schedule {
  checkRange("constantLr(lr)", "lr", lr);
  return () => lr;
}

/**
 * lr · factor^⌊step / every⌋.
 *
 * @param lr - ≥ 0
 * @param options - `every`: steps between drops, ≥ 1; `factor`: 0.1 by default
 */
export function stepLr(lr: number, options: { every: number; factor?: number }): Schedule {
  checkOptions("stepLr(lr)", options, { every: true, factor: true });
  const { every, factor = 0.1 } = options;
  checkRange("stepLr(lr)", "lr", lr);
  checkRange("stepLr(lr)", "factor", factor);
  checkCount("stepLr(lr)", "every", every);
  return (step) => {
    let value = lr;
    for (let drop = Math.floor(step / every); drop > 0; drop--) value *= factor;
    return value;
  };
}

/**
 * Half a cosine from lr to `final` (Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts).
 *
 * @param lr - ≥ 0
 * @param options - `final`: 0 by default
 */
export function cosineLr(lr: number, options: { final?: number } = {}): Schedule {
  checkOptions("cosineLr(lr)", options, { final: true });
  const { final = 0 } = options;
  checkRange("cosineLr(lr)", "lr", lr);
  checkRange("cosineLr(lr)", "final", final);
  return (step, steps) => anneal(lr, final, steps > 1 ? step / (steps - 1) : 0);
}

/** Options of {@link cosineRestartsLr}. */
export interface CosineRestartsOptions {
  /** Steps of the first cosine, ≥ 1. */
  readonly period: number;
  /** How much longer each is than the one before, a whole number ≥ 1. @defaultValue 1 */
  readonly growth?: number;
  /** The rate at the end of each, ≥ 0. @defaultValue 0 */
  readonly final?: number;
}

/**
 * Half cosines from lr to `final`, one after another, each beginning at lr again (SGDR; Loshchilov & Hutter 2017,
 * arXiv:1608.03983, equation 5).
 *
 * @param lr - ≥ 0
 * @throws ArgumentError if a number is out of range
 * @example
 * ```ts
 * const schedule = cosineRestartsLr(1, { period: 2, growth: 2 });
 * [0, 1, 2, 3, 4, 5, 6].map((step) => Number(schedule(step, 7).toFixed(2))); // [1, 0.5, 1, 0.85, 0.5, 0.15, 1]
 * ```
 */
export function cosineRestartsLr(lr: number, options: CosineRestartsOptions): Schedule {
  const { period, growth = 1, final = 0 } = options;
  const where = "cosineRestartsLr(lr)";
  checkOptions(where, options, { period: true, growth: true, final: true });
  checkRange(where, "lr", lr);
  checkRange(where, "final", final);
  checkCount(where, "period", period);
  checkCount(where, "growth", growth);
  return (step) => {
    let [start, length] = [0, period];
    if (growth === 1) start = step - (step % period);
    else {
      while (step >= start + length) {
        start += length;
        length *= growth;
      }
    }
    return anneal(lr, final, (step - start) / length);
  };
}

/** Options of {@link oneCycleLr}; the defaults are those of PyTorch's OneCycleLR. */
export interface OneCycleOptions {
  /** Share of the steps in which the rate rises, in [0.001, 1). @defaultValue 0.3 */
  readonly rise?: number;
  /** The first rate is maxLr over this, ≥ 1. @defaultValue 25 */
  readonly initialDivisor?: number;
  /** The last rate is the first over this, ≥ 1. @defaultValue 1e4 */
  readonly finalDivisor?: number;
}

/**
 * Rises along half a cosine from maxLr / 25 to maxLr, then falls along another to nearly 0 (Smith & Topin 2018,
 * arXiv:1708.07120). A run of one step takes maxLr.
 *
 * @param maxLr - the highest rate, ≥ 0
 */
export function oneCycleLr(maxLr: number, options: OneCycleOptions = {}): Schedule {
  checkOptions("oneCycleLr(maxLr)", options, { rise: true, initialDivisor: true, finalDivisor: true });
  const { rise = 0.3, initialDivisor = 25, finalDivisor = 1e4 } = options;
  checkRange("oneCycleLr(maxLr)", "maxLr", maxLr);
  checkRange("oneCycleLr(maxLr)", "rise", rise, 0.001, 1);
  checkRange("oneCycleLr(maxLr)", "initialDivisor", initialDivisor, 1, Number.POSITIVE_INFINITY);
  checkRange("oneCycleLr(maxLr)", "finalDivisor", finalDivisor, 1, Number.POSITIVE_INFINITY);
  const initial = maxLr / initialDivisor;
  const final = initial / finalDivisor;
  return (step, steps) => {
    // A single step has no cycle, and must not train at the rate of its end.
    if (steps <= 1) return maxLr;
    // Below 0 where a run is so short that the rise ends before its first step.
    const peak = rise * steps - 1;
    if (step < peak) return anneal(initial, maxLr, step / peak);
    return anneal(maxLr, final, (step - peak) / (steps - 1 - peak));
  };
}

/**
 * Another schedule, scaled up linearly from 1/warmUpSteps of it over the first steps (Goyal et al. 2017,
 * arXiv:1706.02677 §2.2).
 *
 * @param schedule - what follows
 * @param warmUpSteps - ≥ 1
 */
export function warmUpLr(schedule: Schedule, warmUpSteps: number): Schedule {
  const where = "warmUpLr(schedule, warmUpSteps)";
  checkCount(where, "warmUpSteps", warmUpSteps);
  if (typeof schedule !== "function") {
    const cure = "Pass one, such as constantLr(0.1).";
    throw new ArgumentError({ where, expected: "a schedule", received: shown(schedule), cure });
  }
  return (step, steps) => schedule(step, steps) * Math.min(1, (step + 1) / warmUpSteps);
}

/**
 * A learning rate for another batch size than the one it was found at: times k = batchSize / reference ("linear", Goyal
 * et al. 2017, arXiv:1706.02677 §2.1; with {@link warmUpLr}, up to batches of some thousands), times √k ("root", Hoffer
 * et al. 2017, arXiv:1705.08741 §4; for Adam), or as it is ("none").
 *
 * @param lr - ≥ 0
 * @param batchSize - samples in a step, over all ranks; ≥ 1
 * @param reference - samples in a step for which lr is good; ≥ 1
 * @throws ArgumentError if one is out of range
 * @example
 * ```ts
 * scaledLr(0.1, "linear", 256, 64); // 0.4
 * scaledLr(0.1, "root", 256, 64); // 0.2
 * ```
 */
export function scaledLr(lr: number, rule: LrScaling, batchSize: number, reference: number): number {
  const where = "scaledLr(lr, rule, batchSize, reference)";
  checkRange(where, "lr", lr);
  checkOneOf(where, "rule", rule, ["none", "linear", "root"]);
  if (rule === "none") return lr;
  const factor = checkCount(where, "batchSize", batchSize) / checkCount(where, "reference", reference);
  return lr * (rule === "linear" ? factor : Math.sqrt(factor));
}
