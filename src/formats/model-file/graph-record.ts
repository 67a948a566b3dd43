import { ConstantRef, mapTree, SizeRef, StateRef, ValueRef } from "../../graph/argument.js";
import { Branch } from "../../graph/branch.js";
import { isLayerNode } from "../../graph/node.js";
import type { GraphParts } from "../../graph/parts.js";
import type { AnyModule } from "../../nn/module.js";
import { joinPath } from "../../nn/paths.js";
import type { Tensor } from "../../tensor.js";
import { type Architecture, describeArchitecture } from "./architecture.js";

/** A graph as data. Everything survives JSON. */
export interface GraphRecord {
  readonly inputs: readonly (readonly unknown[] | null)[];
  readonly nodes: readonly NodeRecord[];
  readonly output: unknown;
  readonly trains: boolean;
  /**
   * What stands where in the tree of names, in the order of the state dict: layers; aliases of those, by path;
   * parameters and buffers.
   */
  readonly names: readonly NameRecord[];
  /** Layers without state that `forward` makes itself, by the name of their node. */
  readonly loose: Readonly<Record<string, Architecture>>;
  /**
   * Parameters of layers that are one tensor with an earlier one, by their keys: the layer's path, its own key, and the
   * other.
   */
  readonly ties: readonly (readonly [layer: string, key: string, earlier: string])[];
  /** How many constants the file has, as tensors of their own. */
  readonly constants: number;
}

interface NodeRecord {
  readonly name: string;
  readonly path: string;
  /** The path of a layer, or the name of an op. */
  readonly layer?: string;
  readonly op?: string;
  readonly args: readonly unknown[];
  readonly gradient?: false;
  readonly shape: readonly unknown[] | null;
}

type NameRecord =
  | { readonly layer: string; readonly architecture?: Architecture; readonly alias?: string }
  | { readonly parameter: string; readonly alias?: string }
  | { readonly buffer: string; readonly alias?: string };

/** The name of a constant among the tensors of a file. */
export function constantName(index: number | ""): string {
  return `$constant.${index}`;
}

/** A graph as data; null where a layer or an op in it is none that a file can name. */
export function describeGraph(parts: GraphParts): GraphRecord | null {
  const ties: [string, string, string][] = [];
  const names = describeNames(parts.names, ties);
  if (names === null) return null;
  const layers = new Map<AnyModule, string>(parts.names.namedModules().map(([path, module]) => [module, path]));
  const loose: Record<string, Architecture> = {};
  const nodes: NodeRecord[] = [];
  for (const node of parts.nodes) {
    const { name, path, args, gradient, shape } = node;
    const record = {
      ...{ name, path, args: encode(args) as readonly unknown[] },
      ...(gradient ? {} : { gradient: false as const }),
      shape: encode(shape) as readonly unknown[] | null,
    };
    if (!isLayerNode(node)) {
      nodes.push({ ...record, op: node.op });
      continue;
    }
    if (!layers.has(node.layer)) {
      const architecture = describeArchitecture(node.layer);
      if (architecture === null) return null;
      layers.set(node.layer, name);
      loose[name] = architecture;
    }
    nodes.push({ ...record, layer: layers.get(node.layer) as string });
  }
  return {
    inputs: parts.inputs.map(({ shape }) => encode(shape) as readonly unknown[] | null),
    nodes,
    output: encode(parts.output),
    trains: parts.trains,
    ...{ names, loose, ties },
    constants: parts.constants.length,
  };
}

function describeNames(names: Branch, ties: [string, string, string][]): NameRecord[] | null {
  const records: NameRecord[] = [];
  const known = new Map<AnyModule | Tensor, string>();
  const visit = (path: string, branch: Branch, around: readonly Branch[]): boolean => {
    const inside = (key: string): string => joinPath(path, key);
    const place = (kind: "parameter" | "buffer", key: string, t: Tensor): void => {
      const alias = known.get(t);
      const name = inside(key);
      known.set(t, alias ?? name);
      const record = kind === "parameter" ? { parameter: name } : { buffer: name };
      records.push(alias === undefined ? record : { ...record, alias });
    };
    for (const [key, t] of branch.ownParameters()) place("parameter", key, t);
    for (const [key, t] of branch.ownBuffers()) place("buffer", key, t);
    for (const [key, child] of branch.children()) {
      const name = inside(key);
      if (child instanceof Branch) {
        if (!around.includes(child) && !visit(name, child, [...around, child])) return false;
        continue;
      }
      const alias = known.get(child);
      if (alias !== undefined) {
        records.push({ layer: name, alias });
        continue;
      }
      known.set(child, name);
      const architecture = describeArchitecture(child);
      if (architecture === null) return false;
      for (const [own, t] of child.ownState()) {
        const earlier = known.get(t);
        if (earlier === undefined) known.set(t, joinPath(name, own));
        else ties.push([name, own, earlier]);
      }
      records.push({ layer: name, architecture });
    }
    return true;
  };
  return visit("", names, [names]) ? records : null;
}

/**
 * Arguments and shapes as JSON: references, and numbers that JSON lacks, are objects with one key that begins with `$`.
 */
export function encode(tree: unknown): unknown {
  return mapTree(tree, (leaf) => {
    if (leaf instanceof ValueRef) return { $value: [leaf.value, ...leaf.path] };
    if (leaf instanceof StateRef) return { $state: leaf.key };
    if (leaf instanceof ConstantRef) return { $constant: leaf.index };
    if (leaf instanceof SizeRef) return { $size: [leaf.axis, leaf.factor] };
    if (leaf === undefined) return { $undefined: true };
    if (typeof leaf === "number" && (!Number.isFinite(leaf) || Object.is(leaf, -0)))
      return { $number: Object.is(leaf, -0) ? "-0" : String(leaf) };
    return leaf;
  });
}

/** The names of the custom ops in it, whose functions no file holds. */
export function customOpsOf({ nodes }: GraphRecord): string[] {
  if (!Array.isArray(nodes)) return [];
  const names = nodes.map((node: NodeRecord | null) => nameOfCustom(String(node?.op)));
  return [...new Set(names.filter((name) => name !== null))];
}

/** What a custom op was called; null for one of this package's. */
export function nameOfCustom(op: string): string | null {
  return op.startsWith("custom.") ? op.slice("custom.".length) : null;
}
