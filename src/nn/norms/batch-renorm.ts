import type { RenormLimits, StatisticsView } from "../../backend/backend.js";
import type { Communicator } from "../../communicator.js";
import { ArgumentError } from "../../errors.js";
import { add, mul } from "../../ops/binary.js";
import { renormFactors } from "../../ops/renorm-factors.js";
import { type Affine, applyStatistics, standardize } from "../../ops/standardize.js";
import type { Synchronization } from "../../ops/synchronize.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { checkCount } from "../../shape.js";
import { shown } from "../../shown.js";
import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { batchMoments, momentsAmongRanks } from "./batch-moments.js";
import { normalizeReal } from "./mask.js";
import type { NormForwardOptions } from "./norm.js";
import { RunningNorm, runningNormNames } from "./running-norm.js";
import { ranksOf, type SynchronizedNorm, type SynchronizedNormOptions } from "./sync-batch-norm.js";
import { channels, channelView, checkSeveralValues } from "./views.js";

/** How the limits of {@link BatchRenorm} widen, in batches seen (`num_batches_tracked`). */
export interface RenormSchedule {
  /** Up to so many r is 1 and d is 0: plain batch norm; ≥ 0. */
  readonly start: number;
  /** From `start` on the limit of r grows along a line, which reaches `rmax` here; ≥ `start`. */
  readonly rmaxAt: number;
  /** From `start` on the limit of |d| grows along a line, which reaches `dmax` here; ≥ `start`. */
  readonly dmaxAt: number;
}

/** Options of {@link BatchRenorm}. */
export interface BatchRenormOptions extends SynchronizedNormOptions {
  /** r lies in [1/rmax, rmax]; ≥ 1 and finite. At 1, deviations are the batch's. @defaultValue 3 */
  readonly rmax?: number;
  /** d lies in [−dmax, dmax]; ≥ 0 and finite. At 0, means are the batch's. @defaultValue 5 */
  readonly dmax?: number;
  /**
   * How the two limits widen while the running statistics settle; null: they are wide from the first batch on.
   * @defaultValue a tenth of {@link paperSchedule}, for trainings of thousands of steps:
   * `{ start: 500, rmaxAt: 4000, dmaxAt: 2500 }`
   */
  readonly schedule?: RenormSchedule | null;
}

/** The schedule of Ioffe 2017 (arXiv:1702.03275), §4.1, for trainings of hundreds of thousands of steps. */
export const paperSchedule: RenormSchedule = { start: 5000, rmaxAt: 40000, dmaxAt: 25000 };

const defaultSchedule: RenormSchedule = { start: 500, rmaxAt: 4000, dmaxAt: 2500 };
/** From the first batch on. */
const atOnce: RenormSchedule = { start: 0, rmaxAt: 0, dmaxAt: 0 };

/**
 * Batch renormalisation: {@link BatchNorm} whose training normalises, within limits, by the running statistics that
 * evaluation will use: y = weight · (r · (x − mean) / √(variance + eps) + d) + bias with the batch's mean and variance,
 * and, σ being √(running_var + eps),
 *
 *     r = clip(√(variance + eps) / σ, 1/rmax, rmax)        d = clip((mean − running_mean) / σ, −dmax, dmax)
 *
 * which gradients do not flow through. Within the limits, that is (x − running_mean) / σ. For batches of few samples,
 * or whose samples are not alike, where a batch's own statistics mislead, and the layer should still fold away at
 * inference. In evaluation the same as {@link BatchNorm}; `normalizeWith = "batch"` there takes the batch's statistics
 * alone.
 *
 * Running statistics move after they were used, by the rule of {@link RunningNormOptions.momentum}; the paper averages
 * deviations where running_var averages variances.
 *
 * Source: Ioffe 2017 (arXiv:1702.03275), Algorithm 1.
 *
 * @example
 * ```ts
 * const norm = new BatchRenorm(2, { schedule: paperSchedule });
 * norm.forward(tensor([[1, 10], [3, 30], [5, 50]])).shape; // [3, 2]
 * ```
 */
export class BatchRenorm extends RunningNorm implements SynchronizedNorm {
  /** Whose parts of the batch share mean and variance: see {@link SynchronizedNormOptions.sync}. */
  sync: Communicator | null;
  /** See {@link BatchRenormOptions.rmax}. */
  readonly rmax: number;
  /** See {@link BatchRenormOptions.dmax}. */
  readonly dmax: number;
  /** How the limits widen; null: they do not. */
  readonly schedule: RenormSchedule | null;

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, options: BatchRenormOptions = {}) {
    const where = "new BatchRenorm(numFeatures)";
    super(checkCount(where, "numFeatures", numFeatures), { ...options, trackRunningStats: true });
    checkOptions(where, options, {
      rmax: true,
      dmax: true,
      schedule: true,
      sync: true,
      ...runningNormNames,
    });
    this.sync = options.sync ?? null;
    const { rmax = 3, dmax = 5, schedule = defaultSchedule } = options;
    this.rmax = checkLimit("rmax", rmax, 1);
    this.dmax = checkLimit("dmax", dmax, 0);
    this.schedule = schedule === null ? null : checkSchedule(schedule);
  }

  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    return normalizeReal(this, x, options, (real, mask, activation) => {
      const { running } = this;
      const view = channelView(this, real, this.numFeatures);
      const affine = this.affine(activation);
      const ranks = ranksOf(this);
      const takesMoments = running.takesMoments && (real.size > 0 || ranks !== null);
      let moments: Tensor | null = null;
      let y: Tensor;
      if (running.normalizeWith === "running") {
        const { mean, variance } = running.use();
        y = applyStatistics(real, mean, variance, view, affine);
        if (takesMoments) moments = momentsAmongRanks(real, view, mask, ranks);
      } else {
        if (ranks === null) checkSeveralValues(this, real, view);
        moments = batchMoments(this, real, view, mask, channels, ranks);
        y = this.#standardize(real, moments, view, affine, ranks);
      }
      if (takesMoments && moments !== null) running.take(moments, mask !== null);
      moments?.dispose();
      return y;
    });
  }

  #standardize(
    x: Tensor,
    moments: Tensor,
    view: StatisticsView,
    affine: Affine,
    ranks: Synchronization | null,
  ): Tensor {
    if (!this.training) return standardize(x, moments, view, affine, ranks);
    return scope(() => standardize(x, moments, view, this.#corrected(affine, moments), ranks));
  }

  /** weight · (r · x̂ + d) + bias as an affine map of x̂. */
  #corrected({ weight, bias, eps, activation }: Affine, moments: Tensor): Affine {
    const { rmax, dmax, schedule } = this;
    const limits: RenormLimits = { rmax, dmax, ...(schedule ?? atOnce) };
    const { r, d } = renormFactors(moments, this.running.use(), eps, limits);
    const shift = weight === null ? d : mul(weight, d);
    return {
      weight: weight === null ? r : mul(weight, r),
      bias: bias === null ? shift : add(shift, bias),
      eps,
      activation,
    };
  }

  protected override traits(): LayerTraits {
    const { rmax, dmax, schedule } = this;
    return this.runningTraits({ rmax, dmax, schedule });
  }

  override toString(): string {
    return `BatchRenorm(${this.numFeatures})`;
  }
}

function checkLimit(name: string, value: number, least: number): number {
  if (typeof value === "number" && value >= least && value < Number.POSITIVE_INFINITY) return value;
  throw new ArgumentError({
    where: "new BatchRenorm(numFeatures)",
    expected: `${name} to be a finite number of at least ${least}`,
    received: String(value),
    cure: `Pass e.g. ${name}: ${least + 2}.`,
  });
}

function checkSchedule(schedule: RenormSchedule): RenormSchedule {
  const { start, rmaxAt, dmaxAt } = schedule;
  if ([start, rmaxAt, dmaxAt].every((at) => Number.isInteger(at) && at >= Math.max(start, 0))) return schedule;
  throw new ArgumentError({
    where: "new BatchRenorm(numFeatures)",
    expected: "a schedule of whole numbers of batches with 0 ≤ start ≤ rmaxAt, dmaxAt, or null",
    received: shown(schedule),
    cure: "Pass e.g. schedule: { start: 500, rmaxAt: 4000, dmaxAt: 2500 }.",
  });
}
