import type { AnyModule } from "../../nn/module.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import type { Tensor } from "../../tensor.js";
import { warn } from "../../warnings.js";
import { neverUpdated } from "./norm-checks.js";

/**
 * What needs no further look: norms that a warning named, or whose statistics were those of data, and models without
 * any other.
 */
const settled = new WeakSet<AnyModule>();

/**
 * Warns, once for each norm, of those that evaluate by running statistics that no batch has updated and nothing else
 * has set.
 */
export async function warnIfFresh(where: string, model: AnyModule): Promise<void> {
  // evaluate() and predict() put a model that trains into evaluation mode, and leave the switches of any other.
  const used = unchecked(model).filter(([, norm]) => model.training || norm.normalizeWith === "running");
  const fresh: string[] = [];
  for (const [name, norm, statistics] of used) {
    const values: Float32Array[] = [];
    for (const t of statistics) values.push(await t.data());
    if (isFresh(norm, values)) fresh.push(name);
  }
  tell(where, fresh, "evaluation differs from training");
}

/** As {@link warnIfFresh}, of a model that is saved, in whatever mode. */
export function warnIfSavedFresh(where: string, model: AnyModule): void {
  const fresh = unchecked(model).filter(([, norm, statistics]) =>
    isFresh(
      norm,
      statistics.map((t) => t.dataSync()),
    ),
  );
  tell(
    where,
    fresh.map(([name]) => name),
    "evaluation of the saved model differs from training",
  );
}

type Unchecked = readonly [name: string, norm: RunningNorm, statistics: readonly Tensor[]];

/** The norms with running statistics that were not looked at yet. */
function unchecked(model: AnyModule): Unchecked[] {
  if (settled.has(model)) return [];
  const found = model.namedModules().flatMap(([path, norm]): Unchecked[] => {
    if (!(norm instanceof RunningNorm) || norm.isSettled || settled.has(norm)) return [];
    const { statistics } = norm;
    if (statistics === null) return [];
    const { mean, variance, counters } = statistics;
    return [[path === "" ? `${norm}` : `${path}: ${norm}`, norm, [mean, variance, counters]]];
  });
  if (found.length === 0) settled.add(model);
  return found;
}

function isFresh(norm: RunningNorm, [mean, variance, [batches]]: readonly Float32Array[]): boolean {
  settled.add(norm);
  return batches === 0 && neverUpdated(mean, variance);
}

function tell(where: string, norms: readonly string[], effect: string): void {
  if (norms.length === 0) return;
  const others = ["", " and another norm"][norms.length - 1] ?? ` and ${norms.length - 1} other norms`;
  warn(
    `${where}: the running statistics of ${norms[0]}${others} were never updated (mean 0, variance 1), so ${effect}. ` +
      "Train the model, load its weights, or call recalibrate(model, data).",
  );
}
