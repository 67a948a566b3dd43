import type { RenormLimits, StatisticsView } from "../../backend/backend.js";
import { ArgumentError } from "../../errors.js";
import { add, mul } from "../../ops/binary.js";
import { renormFactors } from "../../ops/renorm-factors.js";
import { standardize } from "../../ops/standardize.js";
import { scope } from "../../scope.js";
import { checkCount } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import type { NormPass } from "./norm.js";
import { checkSeveralValues } from "./running-norm.js";
import { SynchronizedNorm, type SynchronizedNormOptions } from "./synchronized-norm.js";

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
   * @defaultValue a tenth of {@link paperSchedule}, for trainings of thousands of steps: `{ start: 500, rmaxAt: 4000, dmaxAt: 2500 }`
   */
  readonly schedule?: RenormSchedule | null;
}

/** The schedule of Ioffe 2017 (arXiv:1702.03275), §4.1, for trainings of hundreds of thousands of steps. */
export const paperSchedule: RenormSchedule = { start: 5000, rmaxAt: 40000, dmaxAt: 25000 };

const defaultSchedule: RenormSchedule = { start: 500, rmaxAt: 4000, dmaxAt: 2500 };
/** From the first batch on. */
const atOnce: RenormSchedule = { start: 0, rmaxAt: 0, dmaxAt: 0 };

/**
 * Batch renormalisation: {@link BatchNorm} whose training normalises, within limits, by the running statistics that evaluation will use:
 * y = weight · (r · (x − mean) / √(variance + eps) + d) + bias with the batch's mean and variance, and, σ being √(running_var + eps),
 *
 *     r = clip(√(variance + eps) / σ, 1/rmax, rmax)        d = clip((mean − running_mean) / σ, −dmax, dmax)
 *
 * which gradients do not flow through. Within the limits, that is (x − running_mean) / σ. For batches of few samples, or whose samples are
 * not alike, where a batch's own statistics mislead, and the layer should still fold away at inference. In evaluation the same as
 * {@link BatchNorm}; `normalizeWith = "batch"` there takes the batch's statistics alone.
 *
 * Running statistics move after they were used, by the rule of {@link RunningNormOptions.momentum}; the paper averages deviations where
 * running_var averages variances.
 *
 * Source: Ioffe 2017 (arXiv:1702.03275), Algorithm 1.
 *
 * @example
 * ```ts
 * const norm = new BatchRenorm(2, { schedule: paperSchedule });
 * norm.forward(tensor([[1, 10], [3, 30], [5, 50]])).shape; // [3, 2]
 * ```
 */
export class BatchRenorm extends SynchronizedNorm {
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
    const { rmax = 3, dmax = 5, schedule = defaultSchedule } = options;
    this.rmax = checkLimit("rmax", rmax, 1);
    this.dmax = checkLimit("dmax", dmax, 0);
    this.schedule = schedule === null ? null : checkSchedule(schedule);
  }

  protected override checkBatch(x: Tensor, view: StatisticsView): void {
    checkSeveralValues(this, x, view);
  }

  protected override standardize(x: Tensor, view: StatisticsView, pass: NormPass): { y: Tensor; moments: Tensor } {
    if (!this.training) return super.standardize(x, view, pass);
    return scope(() => this.#renormalize(x, view, pass));
  }

  #renormalize(x: Tensor, view: StatisticsView, pass: NormPass): { y: Tensor; moments: Tensor } {
    const moments = this.moments(x, view, pass.mask);
    const { rmax, dmax, schedule, eps } = this;
    const limits: RenormLimits = { rmax, dmax, ...(schedule ?? atOnce) };
    const { r, d } = renormFactors(moments, this.runningStatistics(), eps, limits);
    const weight = this.weight === null ? r : mul(this.weight, r);
    const shift = this.weight === null ? d : mul(this.weight, d);
    const bias = this.bias === null ? shift : add(shift, this.bias);
    return {
      y: standardize(x, moments, view, { ...this.affine(pass), weight, bias }, this.synchronization()),
      moments,
    };
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
    received: JSON.stringify(schedule) ?? String(schedule),
    cure: "Pass e.g. schedule: { start: 500, rmaxAt: 4000, dmaxAt: 2500 }.",
  });
}
