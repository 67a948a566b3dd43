import { FormatError } from "../../errors.js";
import {
  type Argument,
  ConstantRef,
  isPlainObject,
  leavesOf,
  mapTree,
  SizeRef,
  StateRef,
  ValueRef,
} from "../../graph/argument.js";
import { Branch } from "../../graph/branch.js";
import { Graph } from "../../graph/graph.js";
import { findOp, isLayerNode, type NetworkNode, type OpenShape } from "../../graph/node.js";
import type { GraphParts } from "../../graph/parts.js";
import type { AnyModule } from "../../nn/module.js";
import { sameShape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import type { OpFunction } from "../../tracing.js";
import { type Architecture, buildArchitecture, describeArchitecture } from "./architecture.js";

/** A graph as data. Everything survives JSON. */
export interface GraphRecord {
  readonly inputs: readonly (readonly unknown[] | null)[];
  readonly nodes: readonly NodeRecord[];
  readonly output: unknown;
  readonly trains: boolean;
  /** What stands where in the tree of names, in the order of the state dict: layers; aliases of those, by path; parameters and buffers. */
  readonly names: readonly NameRecord[];
  /** Layers without state that `forward` makes itself, by the name of their node. */
  readonly loose: Readonly<Record<string, Architecture>>;
  /** Parameters of layers that are one tensor with an earlier one, by their keys: the layer's path, its own key, and the other. */
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
  | { readonly layer: string; readonly architecture: Architecture }
  | { readonly layer: string; readonly alias: string }
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
    const inside = (key: string): string => (path === "" ? key : `${path}.${key}`);
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
        if (earlier === undefined) known.set(t, joinKeys(name, own));
        else ties.push([name, own, earlier]);
      }
      records.push({ layer: name, architecture });
    }
    return true;
  };
  return visit("", names, [names]) ? records : null;
}

/** Arguments and shapes as JSON: references, and numbers that JSON lacks, are objects with one key that begins with `$`. */
function encode(tree: unknown): unknown {
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

function decode(tree: unknown): Argument {
  if (Array.isArray(tree)) return tree.map(decode);
  if (!isPlainObject(tree)) {
    if (tree === null || ["number", "string", "boolean"].includes(typeof tree)) return tree as Argument;
    return refuse("arguments of numbers, strings, lists and references", typeof tree);
  }
  const entries = Object.entries(tree);
  const [key, value] = entries[0] ?? ["", null];
  if (entries.length !== 1 || !key.startsWith("$")) {
    return Object.fromEntries(entries.map(([name, member]) => [name, decode(member)]));
  }
  const isCount = (number: unknown): number is number => Number.isSafeInteger(number) && (number as number) >= 0;
  if (
    key === "$value" &&
    Array.isArray(value) &&
    isCount(value[0]) &&
    value.slice(1).every((part) => typeof part === "string")
  ) {
    return new ValueRef(value[0], value.slice(1));
  }
  if (key === "$state" && typeof value === "string") return new StateRef(value);
  if (key === "$constant" && isCount(value)) return new ConstantRef(value);
  if (key === "$size" && Array.isArray(value) && isCount(value[0]) && typeof value[1] === "number") {
    return new SizeRef(value[0], value[1]);
  }
  if (key === "$undefined") return undefined;
  if (key === "$number" && typeof value === "string") return Number(value);
  return refuse("a reference to a value, a tensor or a size", JSON.stringify(tree).slice(0, 60));
}

function refuse(expected: string, received: string): never {
  throw new FormatError({
    where: "loadModel(bytes)",
    expected,
    received,
    cure: "Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
  });
}

/**
 * The graph that a file holds, with the file's parameters, buffers and constants.
 *
 * @param tensors - all tensors of the file, by name
 * @param customOps - functions for the custom ops in it, by the names that they were made with
 * @throws FormatError if the record is damaged, or a custom op is missing
 */
export function buildGraph(
  given: unknown,
  tensors: Readonly<Record<string, Tensor>>,
  customOps: Readonly<Record<string, OpFunction>>,
): Graph {
  const record = checkRecord(given);
  const names = new Branch();
  const layers = new Map<string, AnyModule>();
  const state = new Map<string, Tensor>();
  for (const entry of record.names) {
    if ("layer" in entry) {
      const layer = "alias" in entry ? layers.get(String(entry.alias)) : buildArchitecture(entry.architecture);
      if (layer === undefined) return refuse("a layer before its alias", JSON.stringify(entry.layer));
      const path = String(entry.layer);
      layers.set(path, layer);
      names.place(path, layer);
      for (const [own, key, earlier] of record.ties) {
        if (own === path && !("alias" in entry)) tie(layer, String(key), state.get(String(earlier)));
      }
      for (const [key, t] of layer.ownState()) state.set(joinKeys(path, key), t);
      continue;
    }
    const isParameter = "parameter" in entry;
    const name = String(isParameter ? entry.parameter : entry.buffer);
    const t = entry.alias === undefined ? ownTensor(tensors, name) : state.get(String(entry.alias));
    if (t === undefined) return refuse("a tensor before its alias", JSON.stringify(name));
    if (isParameter) t.requiresGrad = true;
    state.set(name, t);
    names.placeTensor(name, t);
  }
  for (const [name, architecture] of Object.entries(record.loose)) layers.set(name, buildArchitecture(architecture));
  const constants = Array.from({ length: record.constants }, (_, k) => ownTensor(tensors, constantName(k)));
  const inputs = record.inputs.map((shape) => ({ shape: shape === null ? null : decodeShape(shape) }));
  const check = (argument: Argument, values: number): Argument => {
    for (const leaf of leavesOf(argument)) {
      const fits =
        leaf instanceof ValueRef
          ? leaf.value < values
          : leaf instanceof StateRef
            ? state.has(leaf.key)
            : !(leaf instanceof ConstantRef) || leaf.index < constants.length;
      if (!fits) refuse("references to what stands before", JSON.stringify(encode(leaf)));
    }
    return argument;
  };
  const nodes = record.nodes.map((node, k): NetworkNode => {
    const parts = {
      ...{ name: String(node.name), path: String(node.path), gradient: node.gradient !== false },
      args: decodeList(node.args).map((argument) => check(argument, inputs.length + k)),
      shape: node.shape === null || node.shape === undefined ? null : decodeShape(node.shape),
    };
    if (node.layer !== undefined) {
      const layer = layers.get(node.layer);
      return layer === undefined ? refuse("a layer of the file", JSON.stringify(node.layer)) : { ...parts, layer };
    }
    const op = String(node.op);
    const custom = customName(op);
    const run = custom === null ? findOp(op) : Object.hasOwn(customOps, custom) ? customOps[custom] : undefined;
    if (run !== undefined) return { ...parts, op, run };
    throw new FormatError({
      where: "loadModel(bytes)",
      expected: custom === null ? "ops of this version" : "a function for each custom op",
      received: custom === null ? JSON.stringify(op) : `none for ${JSON.stringify(custom)}`,
      cure:
        custom === null
          ? "Load it with the version of Evenkeel that wrote it, or a newer one."
          : `Pass it: loadModel(bytes, { ops: { ${custom} } }).`,
    });
  });
  const output = check(decode(record.output), inputs.length + nodes.length);
  return new Graph({ inputs, nodes, output, constants, names, trains: record.trains });
}

/** The names of the custom ops in it, whose functions no file holds. */
export function customOpsOf({ nodes }: GraphRecord): string[] {
  if (!Array.isArray(nodes)) return [];
  const names = nodes.map((node: NodeRecord | null) => customName(String(node?.op)));
  return [...new Set(names.filter((name) => name !== null))];
}

/** What a custom op was called; null for one of this package's. */
function customName(op: string): string | null {
  return op.startsWith("custom.") ? op.slice("custom.".length) : null;
}

function joinKeys(path: string, key: string): string {
  return path === "" || key === "" ? path + key : `${path}.${key}`;
}

/** Makes a parameter of a layer one with another tensor. */
function tie(layer: AnyModule, key: string, t: Tensor | undefined): void {
  const parts = key.split(".");
  const last = parts.pop() ?? "";
  const holder = parts.reduce<AnyModule | undefined>(
    (module, part) => module?.children().find(([name]) => name === part)?.[1],
    layer,
  );
  const own = holder?.ownParameters().find(([name]) => name === last)?.[1];
  if (holder === undefined || own === undefined || t === undefined || !sameShape(own.shape, t.shape)) {
    refuse("tied parameters of one shape", JSON.stringify(key));
  }
  Reflect.set(holder, last, t);
}

function ownTensor(tensors: Readonly<Record<string, Tensor>>, name: string): Tensor {
  if (!Object.hasOwn(tensors, name)) return refuse(`a tensor ${JSON.stringify(name)}`, "none");
  return tensors[name].alias();
}

function decodeShape(shape: unknown): OpenShape {
  const sizes = decodeList(shape);
  const isSize = (size: Argument): size is number | SizeRef | null =>
    size === null || size instanceof SizeRef || (Number.isSafeInteger(size) && Number(size) >= 0);
  return sizes.every(isSize) ? sizes : refuse("a shape", JSON.stringify(shape).slice(0, 60));
}

function decodeList(list: unknown): Argument[] {
  return Array.isArray(list) ? list.map(decode) : refuse("a list", typeof list);
}

/** The parts that every record has. */
function checkRecord(given: unknown): GraphRecord {
  const { inputs, nodes, names, loose, ties, constants, trains } = (
    isPlainObject(given) ? given : {}
  ) as Partial<GraphRecord>;
  const fits =
    [inputs, nodes, names, ties].every((list) => Array.isArray(list)) &&
    [...(nodes ?? []), ...(names ?? [])].every(isPlainObject) &&
    (ties ?? []).every((tie) => Array.isArray(tie)) &&
    isPlainObject(loose) &&
    Number.isSafeInteger(constants) &&
    typeof trains === "boolean";
  return fits ? (given as GraphRecord) : refuse("a graph of inputs, nodes and names", typeof given);
}
