import { FormatError } from "../../errors.js";
import {
  type Argument,
  ConstantRef,
  isPlainObject,
  leavesOf,
  SizeRef,
  StateRef,
  ValueRef,
} from "../../graph/argument.js";
import { Branch } from "../../graph/branch.js";
import { Graph } from "../../graph/graph.js";
import { findOp, type NetworkNode, type OpenShape } from "../../graph/node.js";
import type { AnyModule } from "../../nn/module.js";
import { joinPath } from "../../nn/paths.js";
import { sameShape } from "../../shape.js";
import { shown } from "../../shown.js";
import type { Tensor } from "../../tensor.js";
import type { OpFunction } from "../../tracing.js";
import type { FileBudget } from "../file-budget.js";
import { buildArchitecture, disposeParameters } from "./architecture.js";
import { constantName, encode, type GraphRecord, nameOfCustom } from "./graph-record.js";

/** So many names may stand in the path of a layer or tensor. */
const deepest = 100;

/** What a graph is built from: tensors of the file, layers that it describes. */
interface Source {
  readonly tensor: (name: string) => Tensor;
  readonly layer: (architecture: unknown) => AnyModule;
  readonly budget: FileBudget;
}

/**
 * The graph that a file holds, with the file's parameters, buffers and constants.
 *
 * @param tensors - all tensors of the file, by name
 * @param customOps - functions for the custom ops in it, by the names that they were made with
 * @param budget - of the file
 * @throws FormatError if the record is damaged or asks for more than the budget allows, or a custom op is missing
 */
export function buildGraph(
  given: unknown,
  tensors: Readonly<Record<string, Tensor>>,
  customOps: Readonly<Record<string, OpFunction>>,
  budget: FileBudget,
): Graph {
  const record = checkRecord(given);
  const undo: (() => void)[] = [];
  const source: Source = {
    tensor(name) {
      if (!Object.hasOwn(tensors, name)) return refuse(`a tensor ${shown(name)}`, "none");
      const t = tensors[name].alias();
      undo.push(() => t.dispose());
      return t;
    },
    layer(architecture) {
      const layer = buildArchitecture(architecture, budget);
      undo.push(() => disposeParameters(layer));
      return layer;
    },
    budget,
  };
  try {
    const { names, layers, state } = buildNames(record, source);
    for (const [name, architecture] of Object.entries(record.loose)) layers.set(name, source.layer(architecture));
    const constants: Tensor[] = [];
    while (constants.length < record.constants) constants.push(source.tensor(constantName(constants.length)));
    const inputs = record.inputs.map((shape) => ({ shape: shape === null ? null : decodeShape(shape, budget) }));
    const check = (argument: Argument, values: number): Argument => {
      for (const leaf of leavesOf(argument)) {
        const fits =
          leaf instanceof ValueRef
            ? leaf.value < values
            : leaf instanceof StateRef
              ? state.has(leaf.key)
              : !(leaf instanceof ConstantRef) || leaf.index < constants.length;
        if (!fits) refuse("references to what stands before", shown(encode(leaf)));
      }
      return argument;
    };
    const nodes = record.nodes.map((node, k): NetworkNode => {
      const { name, path, op } = node;
      const parts = {
        ...{ name: checkText("a node's name", name), path: checkText("a node's path", path) },
        gradient: node.gradient !== false,
        args: decodeList(node.args, budget).map((argument) => check(argument, inputs.length + k)),
        shape: node.shape === null || node.shape === undefined ? null : decodeShape(node.shape, budget),
      };
      if (node.layer === undefined) return { ...parts, ...opOf(checkText("the name of an op", op), customOps) };
      return { ...parts, layer: layers.get(node.layer) ?? refuse("a layer of the file", shown(node.layer)) };
    });
    const output = check(decode(record.output, budget), inputs.length + nodes.length);
    return new Graph({ inputs, nodes, output, constants, names, trains: record.trains });
  } catch (cause) {
    for (const free of undo) free();
    throw cause;
  }
}

/** The tree of names, the layers in it by path, and parameters and buffers by their keys. */
interface Names {
  readonly names: Branch;
  readonly layers: Map<string, AnyModule>;
  readonly state: Map<string, Tensor>;
}

/** What has several names costs its size for each, since states hold it under each. */
function buildNames(record: GraphRecord, { tensor, layer: build, budget }: Source): Names {
  const names = new Branch();
  const branches = new Map([["", names]]);
  const layers = new Map<string, AnyModule>();
  const state = new Map<string, Tensor>();
  const ties = groupTies(record.ties);
  const branchAt = (path: string): Branch => {
    const known = branches.get(path);
    if (known !== undefined) return known;
    if (layers.has(path)) refuse("no names inside a layer", shown(path));
    budget.spend("layers", 1);
    const branch = new Branch();
    const [around, key] = splitPath(path);
    branchAt(around).place(key, branch);
    branches.set(path, branch);
    return branch;
  };
  const addState = (key: string, t: Tensor): void => {
    if (state.has(key)) refuse("each parameter and buffer once", shown(key));
    state.set(key, t);
  };
  const payAlias = (t: Tensor): void => {
    budget.spend("parts", 1);
    budget.spend("work", t.size);
  };
  for (const entry of record.names) {
    const alias = entry.alias === undefined ? null : checkText("an alias", entry.alias);
    if ("layer" in entry) {
      const path = checkPath(entry.layer);
      const layer = alias === null ? build(entry.architecture) : layers.get(alias);
      if (layer === undefined) return refuse("a layer before its alias", shown(path));
      if (layers.has(path) || (path !== "" && branches.has(path))) refuse("each layer once", shown(path));
      const [around, key] = splitPath(path);
      branchAt(around).place(key, layer);
      layers.set(path, layer);
      for (const [own, t] of layer.ownState()) {
        if (alias !== null) payAlias(t);
        addState(joinPath(path, own), t);
      }
      const tied = alias === null ? (ties.get(path) ?? []) : [];
      const holders = tied.length === 0 ? null : new Map(layer.namedModules());
      for (const [own, earlier] of tied) {
        const t = tie(own, holders, state.get(earlier));
        payAlias(t);
        state.set(joinPath(path, own), t);
      }
      continue;
    }
    const isParameter = "parameter" in entry;
    const path = checkPath(isParameter ? entry.parameter : entry.buffer);
    const t = alias === null ? tensor(path) : state.get(alias);
    if (t === undefined) return refuse("a tensor before its alias", shown(path));
    if (alias !== null) payAlias(t);
    addState(path, t);
    if (isParameter) t.requiresGrad = true;
    const [around, key] = splitPath(path);
    branchAt(around).placeTensor(key, t);
  }
  return { names, layers, state };
}

/** Ties by the path of their layer. */
function groupTies(ties: GraphRecord["ties"]): ReadonlyMap<string, (readonly [key: string, earlier: string])[]> {
  const groups = new Map<string, [string, string][]>();
  for (const tie of ties) {
    const [layer, key, earlier] = tie.map((part) => checkText("ties of three names", part));
    const group = groups.get(layer) ?? [];
    group.push([key, earlier]);
    groups.set(layer, group);
  }
  return groups;
}

/** Makes a parameter of a layer one with another tensor, which it returns. */
function tie(key: string, holders: ReadonlyMap<string, AnyModule> | null, t: Tensor | undefined): Tensor {
  const [path, name] = splitPath(key);
  const holder = holders?.get(path);
  const own = holder?.ownParameters().find(([candidate]) => candidate === name)?.[1];
  if (holder === undefined || own === undefined || t === undefined || !sameShape(own.shape, t.shape)) {
    return refuse("tied parameters of one shape", shown(key));
  }
  Reflect.set(holder, name, t);
  return t;
}

/** What an op does. @throws FormatError if neither this version nor who loads the file has it */
function opOf(op: string, customOps: Readonly<Record<string, OpFunction>>): { readonly op: string; run: OpFunction } {
  const custom = nameOfCustom(op);
  const run = custom === null ? findOp(op) : Object.hasOwn(customOps, custom) ? customOps[custom] : undefined;
  if (run !== undefined) return { op, run };
  throw new FormatError({
    where: "loadModel(bytes)",
    expected: custom === null ? "ops of this version" : "a function for each custom op",
    received: custom === null ? shown(op) : `none for ${shown(custom)}`,
    cure:
      custom === null
        ? "Load it with the version of Evenkeel that wrote it, or a newer one."
        : `Pass it: loadModel(bytes, { ops: { ${custom} } }).`,
  });
}

function decode(tree: unknown, budget: FileBudget): Argument {
  if (Array.isArray(tree)) return decodeList(tree, budget);
  if (!isPlainObject(tree)) {
    if (tree === null || ["number", "string", "boolean"].includes(typeof tree)) return tree as Argument;
    return refuse("arguments of numbers, strings, lists and references", typeof tree);
  }
  budget.spend("parts", 1);
  const entries = Object.entries(tree);
  const [key, value] = entries[0] ?? ["", null];
  if (entries.length !== 1 || !key.startsWith("$")) {
    return Object.fromEntries(entries.map(([name, member]) => [name, decode(member, budget)]));
  }
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
  return refuse("a reference to a value, a tensor or a size", shown(tree));
}

function decodeList(list: unknown, budget: FileBudget): Argument[] {
  if (!Array.isArray(list)) return refuse("a list", typeof list);
  budget.spend("parts", 1);
  return list.map((member) => decode(member, budget));
}

function decodeShape(shape: unknown, budget: FileBudget): OpenShape {
  const sizes = decodeList(shape, budget);
  const isSize = (size: Argument): size is number | SizeRef | null =>
    size === null || size instanceof SizeRef || isCount(size);
  return sizes.every(isSize) ? sizes : refuse("a shape", shown(shape));
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function checkText(expected: string, value: unknown): string {
  return typeof value === "string" ? value : refuse(expected, shown(value));
}

/** The path of a layer or tensor. */
function checkPath(given: unknown): string {
  const path = checkText("the name of a layer or tensor", given);
  const parts = path.split(".", deepest + 1);
  return path === "" || (parts.length <= deepest && !parts.includes("")) ? path : refuse("a path", shown(path));
}

/** The path of what is around, and the last name. */
function splitPath(path: string): [around: string, key: string] {
  const at = path.lastIndexOf(".");
  return at < 0 ? ["", path] : [path.slice(0, at), path.slice(at + 1)];
}

/** The parts that every record has. */
function checkRecord(given: unknown): GraphRecord {
  const { inputs, nodes, names, loose, ties, constants, trains } = (
    isPlainObject(given) ? given : {}
  ) as Partial<GraphRecord>;
  const fits =
    [inputs, nodes, names, ties].every((list) => Array.isArray(list)) &&
    [...(nodes ?? []), ...(names ?? [])].every(isPlainObject) &&
    (ties ?? []).every((tie) => Array.isArray(tie) && tie.length === 3) &&
    isPlainObject(loose) &&
    isCount(constants) &&
    typeof trains === "boolean";
  return fits ? (given as GraphRecord) : refuse("a graph of inputs, nodes and names", typeof given);
}

function refuse(expected: string, received: string): never {
  throw new FormatError({
    where: "loadModel(bytes)",
    expected,
    received,
    cure: "Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
  });
}
