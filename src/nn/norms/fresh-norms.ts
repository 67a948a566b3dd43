import { warnOnce } from "../../warnings.js";
import type { AnyModule } from "../module.js";
import { RunningNorm } from "./running-norm.js";

/**
 * Warns, once for each caller and network, where a network is used whose running statistics are the initial 0 and 1: neither trained nor loaded.
 *
 * @param where - who uses it, e.g. `evaluate(model, data)`
 */
export function warnOfFreshNorms(where: string, model: AnyModule): void {
  const fresh = model.namedModules().filter(([, module]) => module instanceof RunningNorm && module.isFresh);
  if (fresh.length === 0) return;
  const [[path, norm]] = fresh;
  const others = fresh.length === 1 ? "" : ` and ${fresh.length - 1} more`;
  warnOnce(
    `fresh ${where}`,
    `${where}: the running statistics of ${path === "" ? "" : `${path}, `}${norm}${others} are the initial 0 and 1. ` +
      "Train the model, load its state, or call recalibrate(model, data).",
  );
}
