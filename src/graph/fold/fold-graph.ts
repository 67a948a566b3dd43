import { RunningNorm } from "../../nn/norms/running-norm.js";
import type { Tensor } from "../../tensor.js";
import { mapTree, ValueRef } from "../argument.js";
import { changeCopy, copyModel } from "../copy-model.js";
import type { Graph } from "../graph.js";
import { isLayerNode } from "../node.js";
import type { GraphParts } from "../parts.js";
import { largestDifference, outputsOf } from "../probe.js";
import { foldNorms, type Outcome, sortedOut } from "./fold.js";
import type { FoldedModel } from "./fold-batch-norm.js";
import { GraphHost } from "./graph-host.js";

/**
 * Folds the norms of a graph, in a copy.
 *
 * @param probe - its inputs; none where nothing is to be measured
 * @param isOurs - whether nobody else has the graph, so that its constants go with it
 */
export function foldGraph<G extends Graph>(graph: G, probe: readonly Tensor[], isOurs = false): FoldedModel<G> {
  const { model, copies } = copyModel(graph);
  const copy = model as G;
  const before = probe.length > 0 ? outputsOf(copy, probe) : null;
  const { parts } = graph;
  const host = new GraphHost(parts);
  const outcomes = new Map(foldNorms(host).map((outcome) => [outcome.norm, outcome]));
  changeCopy(copy, () => {
    host.layers.apply(copies);
    copy.change(withoutNorms(copy.parts, parts, host));
    for (const { layer } of host.norms.filter((norm) => host.gone.has(norm))) {
      copy.parts.names.replace(copies.get(layer) ?? layer, null);
    }
  });

  const norms = graph.namedModules().filter(([, module]) => module instanceof RunningNorm);
  const named = norms.map(([norm, layer]) => {
    const outcome = [...outcomes.values()].find((one) => isLayerNode(one.norm) && one.norm.layer === layer);
    if (outcome === undefined) return { norm, reason: "the network does not apply it" };
    if ("reason" in outcome) return { norm, reason: outcome.reason };
    return { norm, into: takerOf(outcome.taker, (node) => outcomes.get(node)).path };
  });
  if (isOurs) for (const t of parts.constants) t.dispose();
  const result = { model: copy, ...sortedOut(named) };
  return before === null ? result : { ...result, maxDifference: largestDifference(before, outputsOf(copy, probe)) };
}

/**
 * A graph whose norms that have gone make no values.
 *
 * @param original - in which the host has seen them, node by node
 */
function withoutNorms(copy: GraphParts, original: GraphParts, host: GraphHost): GraphParts {
  const { length } = copy.inputs;
  const isGone = original.nodes.map((node) => host.gone.has(node));
  const places = new Map<number, number>();
  for (const [k, gone] of isGone.entries()) if (!gone) places.set(length + k, length + places.size);
  const moved = <T>(tree: T): T =>
    mapTree(tree, (leaf) => {
      if (!(leaf instanceof ValueRef)) return leaf;
      const { value, path } = host.resolve(leaf);
      return new ValueRef(places.get(value) ?? value, path);
    }) as T;
  const nodes = copy.nodes.filter((_, k) => !isGone[k]).map((node) => ({ ...node, args: moved(node.args) }));
  return { ...copy, nodes, output: moved(copy.output) };
}

/** What has a norm's work in the end, since what took it may be a norm that has gone itself. */
export function takerOf<Node>(node: Node, outcomeOf: (node: Node) => Outcome<Node> | undefined): Node {
  const outcome = outcomeOf(node);
  return outcome === undefined || "reason" in outcome ? node : takerOf(outcome.taker, outcomeOf);
}
