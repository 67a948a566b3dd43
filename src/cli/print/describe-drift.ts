import { DataError } from "../../errors.js";
import type { Recalibration } from "../../graph/statistics/recalibrate.js";
import { formatTable } from "./table.js";

/** @throws DataError if a model has no norm that could have been given statistics: it is not worth writing */
export function checkAnyNorm(path: string, { norms, left }: Pick<Recalibration, "norms" | "left">): void {
  if (norms.length + left.length > 0) return;
  throw new DataError({
    where: path,
    expected: "a model with batch norms",
    received: "none",
    cure: "Recalibrate before folding: a norm that has been folded has no statistics left.",
  });
}

/** How far each norm's statistics have moved, as lines. @param about - what samples they are of */
export function describeDrift({ norms, left }: Pick<Recalibration, "norms" | "left">, about: string): string[] {
  const rows = norms.map(({ norm, drift }) => [norm, drift.mean.toFixed(3), drift.deviation.toFixed(3)]);
  const table = formatTable([["norm", "mean moved by", "deviation by"], ...rows]);
  const kept = left.map(({ norm, reason }) => `${norm} unchanged: ${reason}`);
  const skipped = norms.flatMap(({ norm, skipped: count }) =>
    count === 0
      ? []
      : [`${norm}: ${count} ${count === 1 ? "batch" : "batches"} skipped, since a mean or variance was not finite`],
  );
  return [`${about}; in units of each channel's deviation:`, "", table, "", ...kept, ...skipped];
}
