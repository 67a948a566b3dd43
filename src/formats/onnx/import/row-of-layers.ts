import { ValueRef } from "../../../graph/argument.js";
import { Graph } from "../../../graph/graph.js";
import { isLayerNode, type NetworkNode } from "../../../graph/node.js";
import type { GraphParts } from "../../../graph/parts.js";
import type { AnyModule, Module } from "../../../nn/module.js";
import { Residual } from "../../../nn/residual.js";
import { Sequential } from "../../../nn/sequential.js";
import { printable } from "../../printable.js";
import type { NamedNode } from "./graph-builder.js";

/** So deep may branches stand in branches. */
const deepest = 100;

/** A node, and the value that it makes. */
interface Place {
  readonly node: NetworkNode;
  readonly value: number;
}

/** Layers in a row, and the sum that the row ends in; null at the output. */
interface Row {
  readonly layers: readonly Module[];
  readonly join: Place | null;
}

/** A graph as a `Sequential`, with a `Residual` wherever two rows of layers start at one value and end in one sum. */
interface RowOfLayers {
  readonly model: Sequential;
  /** The node of each layer. */
  readonly nodes: ReadonlyMap<AnyModule, NetworkNode>;
}

/**
 * An imported network: a row of layers where that is all there is, else a graph; and what each part was in the file.
 */
export function networkOf(
  parts: GraphParts,
  sources: ReadonlyMap<NetworkNode, NamedNode>,
): { readonly model: Sequential | Graph; readonly nodes: Readonly<Record<string, string>> } {
  const row = rowOfLayers(parts);
  const titles =
    row === null
      ? parts.nodes.map((node) => [node.name, node] as const)
      : row.model.namedModules().map(([path, module]) => [path, row.nodes.get(module)] as const);
  const nodes = titles.flatMap(([path, node]) => {
    const source = node && sources.get(node);
    return source === undefined ? [] : [[path, printable(source.name === "" ? source.output[0] : source.name)]];
  });
  return { model: row?.model ?? new Graph(parts), nodes: Object.fromEntries(nodes) };
}

/** A graph as a row of layers; null where it is none. */
function rowOfLayers({ inputs, nodes, output }: GraphParts): RowOfLayers | null {
  if (inputs.length !== 1 || !(output instanceof ValueRef)) return null;
  const takers = new Map<number, Place[]>();
  for (const [k, node] of nodes.entries()) {
    const taken = node.args.flatMap((argument) => (argument instanceof ValueRef ? [argument.value] : []));
    if (taken.length !== node.args.length || (!isLayerNode(node) && node.op !== "add")) return null;
    for (const value of taken) {
      const known = takers.get(value);
      if (known === undefined) takers.set(value, [{ node, value: 1 + k }]);
      else known.push({ node, value: 1 + k });
    }
  }
  const layers = nodes.filter(isLayerNode);
  if (new Set(layers.map(({ layer }) => layer)).size < layers.length) return null;
  const sources = new Map<AnyModule, NetworkNode>();

  /** @param first - what to begin with of all that takes the value; null: only one may */
  function row(from: number, first: Place | null, depth: number): Row | null {
    const found: Module[] = [];
    let value = from;
    for (let only = first; ; only = null) {
      const starts = only === null ? (takers.get(value) ?? []) : [only];
      if (only === null && value === (output as ValueRef).value) {
        return starts.length === 0 ? { layers: found, join: null } : null;
      }
      const [start, second] = starts;
      if (starts.length === 2) {
        const residual = depth === deepest ? null : residualOf(value, start, second, depth + 1);
        if (residual === null) return null;
        found.push(residual.layer);
        sources.set(residual.layer, residual.join.node);
        value = residual.join.value;
      } else if (starts.length !== 1) return null;
      else if (!isLayerNode(start.node)) return { layers: found, join: start };
      else {
        found.push(start.node.layer as unknown as Module);
        sources.set(start.node.layer, start.node);
        ({ value } = start);
      }
    }
  }

  function residualOf(
    from: number,
    first: Place,
    second: Place,
    depth: number,
  ): { layer: Residual; join: Place } | null {
    const branch = (start: Place): Row | null =>
      isLayerNode(start.node) ? row(from, start, depth) : { layers: [], join: start };
    const one = branch(first);
    const other = one === null ? null : branch(second);
    if (one === null || other === null || one.join === null || other.join?.node !== one.join.node) return null;
    // The body is the longer one: a shortcut is nothing, or a projection.
    const [body, shortcut] = [one, other].sort((a, b) => b.layers.length - a.layers.length);
    if (body.layers.length === 0) return null;
    const sequence = ({ layers: all }: Row): Sequential => new Sequential(...all);
    return {
      layer: new Residual(sequence(body), shortcut.layers.length === 0 ? null : sequence(shortcut)),
      join: one.join,
    };
  }

  const all = row(0, null, 0);
  return all === null || all.join !== null ? null : { model: new Sequential(...all.layers), nodes: sources };
}
