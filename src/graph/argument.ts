import { Tensor } from "../tensor.js";

/**
 * An input of a graph, or what a node gives (`value` counts inputs first, then nodes); `path` leads to a part of an
 * array or object.
 */
export class ValueRef {
  readonly value: number;
  readonly path: readonly string[];

  constructor(value: number, path: readonly string[] = []) {
    this.value = value;
    this.path = path;
  }
}

/** A parameter or buffer, by its key in the state dict. */
export class StateRef {
  readonly key: string;

  constructor(key: string) {
    this.key = key;
  }
}

/** A tensor that `forward` makes out of nothing, equal in every run. */
export class ConstantRef {
  readonly index: number;

  constructor(index: number) {
    this.index = index;
  }
}

/** A number that grows with an input: `factor` times the size of an axis of the first one; axis 0 is the batch. */
export class SizeRef {
  readonly axis: number;
  readonly factor: number;

  constructor(axis: number, factor: number) {
    this.axis = axis;
    this.factor = factor;
  }

  toString(): string {
    const name = ["N", "C", "H", "W", "D"][this.axis] ?? `axis ${this.axis}`;
    return this.factor === 1 ? name : `${this.factor}·${name}`;
  }
}

/** What an argument of a node refers to. */
export type Reference = ValueRef | StateRef | ConstantRef | SizeRef;

/** An argument of a node as it was written: settings, with references where tensors and growing sizes stood. */
export type Argument =
  | Reference
  | number
  | string
  | boolean
  | null
  | undefined
  | readonly Argument[]
  | { readonly [key: string]: Argument };

/** Whether an argument is a reference. */
export function isReference(argument: unknown): argument is Reference {
  return (
    argument instanceof ValueRef ||
    argument instanceof StateRef ||
    argument instanceof ConstantRef ||
    argument instanceof SizeRef
  );
}

/** Whether a value is an object as a literal makes it. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The same arrays and objects with `visit` applied to what stands in them. */
export function mapTree(tree: unknown, visit: (leaf: unknown, path: readonly string[]) => unknown): unknown {
  const walk = (part: unknown, path: readonly string[]): unknown => {
    if (Array.isArray(part)) return part.map((member, k) => walk(member, [...path, String(k)]));
    if (!isPlainObject(part)) return visit(part, path);
    return Object.fromEntries(Object.entries(part).map(([key, member]) => [key, walk(member, [...path, key])]));
  };
  return walk(tree, []);
}

/** The leaves of a tree of arrays and objects. */
export function leavesOf(tree: unknown): unknown[] {
  const leaves: unknown[] = [];
  mapTree(tree, (leaf) => leaves.push(leaf));
  return leaves;
}

/** The part of a tree that a path leads to. */
export function partAt(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((part, key) => (part as Readonly<Record<string, unknown>>)[key], tree);
}

/** The values that arguments refer to, each once. */
export function valuesIn(tree: unknown): number[] {
  return [...new Set(leavesOf(tree).flatMap((leaf) => (leaf instanceof ValueRef ? [leaf.value] : [])))];
}

/** The tensors of a tree. */
export function tensorsIn(tree: unknown): Tensor[] {
  return leavesOf(tree).filter((leaf): leaf is Tensor => leaf instanceof Tensor);
}
