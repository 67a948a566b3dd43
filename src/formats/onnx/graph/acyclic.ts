import type { NodeProto } from "../file/codec.js";

/**
 * A node of a circle; undefined where every node reads only what nodes before it make, in some order.
 *
 * @param makerOf - the node that makes a value
 * @param readsOf - what a node reads, graphs inside it too
 */
export function nodeInCircle(
  nodes: readonly NodeProto[],
  makerOf: (name: string) => NodeProto | undefined,
  readsOf: (node: NodeProto) => Iterable<string>,
): NodeProto | undefined {
  const waiting = new Map<NodeProto, number>();
  const dependants = new Map<NodeProto, NodeProto[]>();
  for (const node of nodes) {
    let count = 0;
    for (const name of new Set(readsOf(node))) {
      const maker = makerOf(name);
      if (maker === undefined) continue;
      count++;
      const list = dependants.get(maker);
      if (list === undefined) dependants.set(maker, [node]);
      else list.push(node);
    }
    waiting.set(node, count);
  }
  const ready = nodes.filter((node) => waiting.get(node) === 0);
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    for (const next of dependants.get(node) ?? []) {
      const count = (waiting.get(next) ?? 0) - 1;
      waiting.set(next, count);
      if (count === 0) ready.push(next);
    }
  }
  return nodes.find((node) => (waiting.get(node) ?? 0) > 0);
}
