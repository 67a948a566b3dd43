import { isOp } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import type { OnnxGraph } from "./graph.js";

/** So many nodes may lie between two values. */
const mostNodes = 40;

/**
 * The nodes that make one value of another and of constants; null if they read anything else, or if what they make is
 * used elsewhere.
 */
export function nodesBetween(graph: OnnxGraph, from: string, to: string): ReadonlySet<NodeProto> | null {
  const inside = new Set<NodeProto>();
  const waiting = [to];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (name === "" || name === from || graph.isConstant(name)) continue;
    const maker = graph.makerOf(name);
    if (maker === undefined) return null;
    if (inside.has(maker)) continue;
    if (inside.size === mostNodes) return null;
    inside.add(maker);
    // The shape that values are brought to is no value.
    waiting.push(...(isOp(maker, "Reshape") ? maker.input.slice(0, 1) : maker.input));
  }
  for (const node of inside) {
    for (const name of node.output) {
      if (name === to) continue;
      if (graph.isOutput(name) || graph.isReadInside(name)) return null;
      if (!dataReaders(graph, name).every((reader) => inside.has(reader))) return null;
    }
  }
  return inside;
}

/** The nodes that read a value itself, not only its shape. */
export function dataReaders(graph: OnnxGraph, value: string): readonly NodeProto[] {
  return graph.readersOf(value).filter((node) => !isOp(node, "Shape", "Size"));
}
