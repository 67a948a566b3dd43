import { ConstantRef, leavesOf, StateRef, ValueRef } from "./argument.js";
import { formatOpenShape, isLayerNode, type NetworkNode } from "./node.js";
import { type GraphParts, stateOf } from "./parts.js";

/** A graph as a table in plain text: node, inputs, output shape, parameters. */
export function graphTable(parts: GraphParts): string {
  const { inputs, nodes, output, names } = parts;
  const nameOf = (value: number): string =>
    value < inputs.length ? (inputs.length === 1 ? "input" : `input ${value}`) : nodes[value - inputs.length].name;
  const sources = (tree: unknown): string =>
    leavesOf(tree)
      .flatMap((leaf) => {
        if (leaf instanceof ValueRef) return [[nameOf(leaf.value), ...leaf.path].join(".")];
        if (leaf instanceof StateRef) return [leaf.key];
        return leaf instanceof ConstantRef ? [`constant ${leaf.index}`] : [];
      })
      .join(", ");
  const counted = new Set<unknown>();
  const state = stateOf(parts);
  const count = (node: NetworkNode): number => {
    const own = isLayerNode(node)
      ? node.layer.parameters()
      : leavesOf(node.args).flatMap((leaf) => (leaf instanceof StateRef ? (state.get(leaf.key) ?? []) : []));
    return own
      .filter((t) => t.isParameter && !counted.has(t) && counted.add(t))
      .reduce((total, t) => total + t.size, 0);
  };
  const rows = [
    ["node", "layer or op", "takes", "output", "parameters"],
    ...inputs.map(({ shape }, k) => [nameOf(k), "", "", shape === null ? "" : formatOpenShape(shape), ""]),
    ...nodes.map((node) => [
      node.name,
      isLayerNode(node) ? String(node.layer) : node.op,
      sources(node.args),
      node.shape === null ? "" : formatOpenShape(node.shape),
      String(count(node)),
    ]),
  ];
  const total = names.parameters().reduce((sum, t) => sum + t.size, 0);
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 4 ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join("  ")
      .trimEnd();
  const [head, ...rest] = rows.map(line);
  const rule = "─".repeat(Math.max(head.length, ...rest.map((text) => text.length)));
  return [head, rule, ...rest, rule, `returns ${sources(output)}; ${total} parameters`].join("\n");
}
