import { ArgumentError } from "../../errors.js";
import { shown } from "../../shown.js";
import type { RunningNorm } from "./running-norm.js";

/** Which statistics a layer normalises with. */
export type Statistics = "batch" | "running";

/** What a norm with running statistics remembers besides tensors. */
export interface RunningNormState {
  /** {@link RunningNorm.frozen} */
  readonly frozen: boolean;
  /** {@link RunningNorm.normalizeWith} */
  readonly normalizeWith: Statistics;
  /** {@link RunningNorm.updateRunning} */
  readonly updateRunning: boolean;
  /** {@link RunningNorm.momentum} */
  readonly momentum: number | "cumulative";
  /** {@link RunningNorm.skippedBatches} */
  readonly skippedBatches: number;
  /** {@link RunningNorm.warmUp}; checkpoints of 0.1.0 lack it, and mean false. */
  readonly warmUp?: boolean;
  /** Whether the warm-up is over, since the statistics came from elsewhere than the batches counted. */
  readonly isSettled?: boolean;
  /** The count of batches, beyond 2²⁴ too. */
  readonly batches?: number;
}

/** What a file gives as a layer's {@link RunningNormState}. @throws ArgumentError if it is none */
export function checkState(layer: RunningNorm, state: RunningNormState): RunningNormState {
  const given = (state ?? {}) as Partial<RunningNormState>;
  const { frozen, normalizeWith, updateRunning, momentum, skippedBatches, batches = 0 } = given;
  const isFlag = (value: unknown): boolean => value === undefined || typeof value === "boolean";
  const isWhole =
    typeof frozen === "boolean" &&
    (normalizeWith === "batch" || normalizeWith === "running") &&
    typeof updateRunning === "boolean" &&
    (momentum === "cumulative" || (typeof momentum === "number" && momentum >= 0 && momentum < 1)) &&
    [skippedBatches, batches].every((count) => Number.isSafeInteger(count) && Number(count) >= 0) &&
    isFlag(given.warmUp) &&
    isFlag(given.isSettled);
  if (isWhole) return state;
  throw new ArgumentError({
    where: `${layer}.setExtraState(state)`,
    expected: "frozen, normalizeWith, updateRunning, momentum, skippedBatches, warmUp, isSettled and batches",
    received: shown(state),
    cure: "Pass what getExtraState() gave.",
  });
}
