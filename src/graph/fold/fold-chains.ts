import type { AnyModule } from "../../nn/module.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import { Tensor } from "../../tensor.js";
import { ValueRef } from "../argument.js";
import { Branch } from "../branch.js";
import { changeCopy, copyModel } from "../copy-model.js";
import { Graph } from "../graph.js";
import { isLayerNode, type LayerNode, type NetworkNode, type OpenShape } from "../node.js";
import type { GraphParts } from "../parts.js";
import { largestDifference, outputsOf } from "../probe.js";
import { replaceChild } from "../replace-child.js";
import { type ChainStep, findChains, type ModelOrder } from "./chains.js";
import { foldNorms, sortedOut } from "./fold.js";
import type { FoldedModel } from "./fold-batch-norm.js";
import { takerOf } from "./fold-graph.js";
import { GraphHost } from "./graph-host.js";

/** How many axes the input and the output of a layer have, as shapes of unknown sizes. */
interface Ranks {
  readonly input: OpenShape | null;
  readonly output: OpenShape | null;
}

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
  const ranks = new Map<AnyModule, Ranks>();
  const before = isProbed ? watchingRanks(copies, ranks, () => outputsOf(copy, probe)) : null;
  const { parts, steps } = partsOf(model, order, ranks);
  const host = new GraphHost(parts, order.places);
  const outcomes = new Map(foldNorms(host).map((outcome) => [outcome.norm, outcome]));
  const nodes = new Map(parts.nodes.filter(isLayerNode).map((node) => [node.layer, node]));

  changeCopy(copy, () => {
    host.layers.apply(copies);
    for (const { module, parent } of [...host.gone].map((node) => steps.get(node) as ChainStep)) {
      const [holder, child] = [copies.get(parent), copies.get(module)];
      if (holder === undefined || child === undefined) throw new Error("internal: a module was not copied");
      replaceChild(holder, child, null);
    }
  });
  const names = new Map(model.namedModules().map(([name, module]) => [module, name]));
  const norms = [...names].filter(([module]) => module instanceof RunningNorm);
  const named = norms.map(([module, norm]) => {
    const outcome = outcomes.get(nodes.get(module) as NetworkNode);
    if (outcome === undefined) return { norm, reason: whyOutside(module, model, order, isClosed) + cure };
    if ("reason" in outcome) return { norm, reason: outcome.reason };
    return { norm, into: takerOf(outcome.taker, (node) => outcomes.get(node)).path };
  });
  const result = { model: copy as M, ...sortedOut(named) };
  return before === null ? result : { ...result, maxDifference: largestDifference(before, outputsOf(copy, probe)) };
}

/** Why a norm is in no chain. */
function whyOutside(
  norm: AnyModule,
  model: AnyModule,
  { unordered }: ModelOrder,
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

/** The chains as one graph, each with an input and an output of its own, and the step that each node is. */
function partsOf(
  model: AnyModule,
  { chains }: ModelOrder,
  ranks: ReadonlyMap<AnyModule, Ranks>,
): { readonly parts: GraphParts; readonly steps: ReadonlyMap<NetworkNode, ChainStep> } {
  const steps = new Map<NetworkNode, ChainStep>();
  const ends = chains.map((chain, k) => {
    let value = new ValueRef(k);
    for (const step of chain) {
      const { name, module: layer } = step;
      const shape = ranks.get(layer)?.output ?? null;
      const node: LayerNode = { name, path: name, args: [value], gradient: true, shape, layer };
      value = new ValueRef(chains.length + steps.size);
      steps.set(node, step);
    }
    return value;
  });
  const inputs = chains.map(([first]) => ({ shape: ranks.get(first?.module)?.input ?? null }));
  const names = Branch.mirror(model, (module) => module.children().length === 0);
  return { parts: { inputs, nodes: [...steps.keys()], output: ends, constants: [], names, trains: false }, steps };
}

/** Notes how many axes layers are given and give, by their originals; the most, where they differ from call to call. */
function watchingRanks<T>(copies: ReadonlyMap<AnyModule, AnyModule>, ranks: Map<AnyModule, Ranks>, run: () => T): T {
  const open = (x: unknown, known: OpenShape | null = null): OpenShape | null =>
    x instanceof Tensor && x.rank > (known?.length ?? -1) ? x.shape.map(() => null) : known;
  const stops = [...copies].flatMap(([original, module]) => {
    if (module === original) return [];
    const note = (_: AnyModule, input: unknown, output: unknown): void => {
      const known = ranks.get(original);
      ranks.set(original, { input: open(input, known?.input), output: open(output, known?.output) });
    };
    return [module.onForward(note)];
  });
  try {
    return run();
  } finally {
    for (const stop of stops) stop();
  }
}
