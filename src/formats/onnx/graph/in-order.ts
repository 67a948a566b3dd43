import type { NodeProto } from "../file/codec.js";

/**
 * Nodes, each behind those whose values it reads; in the order of the file, as far as that is one. A node of a circle
 * where there is no such order.
 *
 * @param makerOf - the node that makes a value
 * @param readsOf - what a node reads, graphs inside it too
 */
export function inOrder(
  nodes: readonly NodeProto[],
  makerOf: (name: string) => NodeProto | undefined,
  readsOf: (node: NodeProto) => readonly string[],
): NodeProto[] | { readonly circle: NodeProto } {
  const order: NodeProto[] = [];
  const isPlaced = new Map<NodeProto, boolean>();
  /** By a stack of its own: rows of nodes may be long. */
  const stack: { readonly node: NodeProto; readonly reads: readonly string[]; next: number }[] = [];
  const enter = (node: NodeProto): void => {
    isPlaced.set(node, false);
    stack.push({ node, reads: readsOf(node), next: 0 });
  };
  for (const first of nodes) {
    if (!isPlaced.has(first)) enter(first);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (top.next === top.reads.length) {
        isPlaced.set(top.node, true);
        order.push(top.node);
        stack.pop();
        continue;
      }
      const maker = makerOf(top.reads[top.next++]);
      if (maker === undefined) continue;
      if (isPlaced.get(maker) === false) return { circle: maker };
      if (!isPlaced.has(maker)) enter(maker);
    }
  }
  return order;
}
