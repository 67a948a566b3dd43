import { Linear } from "../nn/linear.js";
import type { AnyModule } from "../nn/module.js";
import { RunningNorm } from "../nn/norms/running-norm.js";
import type { Tensor } from "../tensor.js";
import { ChainHost } from "./chain-host.js";
import { findChains, type Order } from "./chains.js";
import { changeCopy, copyModel } from "./copy-model.js";
import { foldNorms } from "./fold.js";
import type { FoldedModel, FoldedNorm, LeftNorm } from "./fold-batch-norm.js";
import { takerOf } from "./fold-graph.js";
import { Graph } from "./graph.js";
import { largestDifference, outputsOf } from "./probe.js";
import { replaceChild } from "./replace-child.js";

/**
 * Folds norms in the Sequentials and Residuals of a model.
 *
 * @param probe - its inputs; none where nothing is to be measured
 * @param cure - what is said of norms that stand in other classes
 */
export function foldChains<M extends AnyModule>(model: M, probe: readonly Tensor[], cure: string): FoldedModel<M> {
  const isProbed = probe.length > 0;
  const { model: copy, copies } = copyModel(model, isProbed ? (candidate) => outputsOf(candidate, probe) : undefined);
  const isClosed = (module: AnyModule): boolean => copies.get(module) === module || !copies.has(module);
  const order = findChains(model, isClosed);
  const ranks = new Map<AnyModule, number>();
  const before = isProbed ? watchingRanks(copies, ranks, () => outputsOf(copy, probe)) : null;
  const host = new ChainHost(order, ranks);
  const outcomes = new Map(foldNorms(host).map((outcome) => [outcome.norm.module, outcome]));

  changeCopy(copy, () => {
    host.layers.apply(copies);
    for (const { module, parent } of host.gone) {
      const [holder, child] = [copies.get(parent), copies.get(module)];
      if (holder === undefined || child === undefined) throw new Error("internal: a module was not copied");
      replaceChild(holder, child, null);
    }
  });
  const names = new Map(model.namedModules().map(([name, module]) => [module, name]));
  const norms = [...names].filter(([module]) => module instanceof RunningNorm);
  const folded: FoldedNorm[] = [];
  const left: LeftNorm[] = [];
  for (const [module, norm] of norms) {
    const outcome = outcomes.get(module);
    if (outcome === undefined) left.push({ norm, reason: whyOutside(module, model, order, isClosed) + cure });
    else if ("reason" in outcome) left.push({ norm, reason: outcome.reason });
    else {
      const taker = takerOf(outcome.taker, ({ module: layer }) => outcomes.get(layer));
      folded.push({ norm, into: names.get(taker.module) ?? "" });
    }
  }
  const result = { model: copy as M, folded, left };
  return before === null ? result : { ...result, maxDifference: largestDifference(before, outputsOf(copy, probe)) };
}

/** Why a norm is in no chain. */
function whyOutside(
  norm: AnyModule,
  model: AnyModule,
  { unordered }: Order,
  isClosed: (module: AnyModule) => boolean,
): string {
  if (norm === model) return "it is the whole model";
  const graph = model
    .namedModules()
    .find(([, one]) => one instanceof Graph && one.namedModules().some(([, m]) => m === norm));
  if (graph !== undefined) return "it stands inside a graph that is part of the model";
  const parent = unordered.find(({ module }) => module === norm)?.parent;
  if (parent !== undefined && !isClosed(parent))
    return `${parent.constructor.name} applies it in an order that is not known`;
  return "it stands inside a module that cannot be copied, since it has private fields or functions of its own";
}

/** Notes the ranks of what linear layers are given, by their originals. */
function watchingRanks<T>(copies: ReadonlyMap<AnyModule, AnyModule>, ranks: Map<AnyModule, number>, run: () => T): T {
  const stops = [...copies].flatMap(([original, module]) =>
    module instanceof Linear && module !== original
      ? [module.onForward((_, input) => ranks.set(original, Math.max(input.rank, ranks.get(original) ?? 0)))]
      : [],
  );
  try {
    return run();
  } finally {
    for (const stop of stops) stop();
  }
}
