import { foldNorms } from "../../../graph/fold/fold.js";
import type { TfjsModel } from "../model/tfjs-model.js";
import { KerasHost } from "./keras-host.js";

/** What became of a batch norm: what it was folded into, or why it was left. */
export interface LayerOutcome {
  readonly norm: string;
  readonly into?: string;
  readonly reason?: string;
  /**
   * Layers of the main network whose outputs must be the same, before and after, as long as there is what took the
   * norm.
   */
  readonly compared?: { readonly before: string; readonly after: string; readonly taker: string };
}

/** Folds every batch norm of a layers model that can be folded, by edits of its layers. */
export function foldLayers(model: TfjsModel, dequantize = false): LayerOutcome[] {
  model.dequantize = dequantize;
  return foldNorms(new KerasHost(model)).map((outcome): LayerOutcome => {
    const { container, name } = outcome.norm;
    const norm = container.placeOf(outcome.norm);
    if ("reason" in outcome) return { norm, reason: outcome.reason };
    const { side, into, passed } = outcome;
    const { name: taker } = outcome.taker;
    const [before, after] = side === "before" ? [name, (passed[0] ?? outcome.taker).name] : [taker, taker];
    return { norm, into, ...(container.isMain ? { compared: { before, after, taker } } : {}) };
  });
}
