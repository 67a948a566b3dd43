import type { AnyModule } from "../nn/module.js";
import { ops } from "../ops/table.js";
import type { OpFunction } from "../tracing.js";
import type { Argument, SizeRef } from "./argument.js";

/** Sizes as a graph knows them: numbers, what grows with an input, or null where neither holds. */
export type OpenShape = readonly (number | SizeRef | null)[];

/** What nodes of a {@link Graph} have in common. */
interface NodeParts {
  /** Unique in the graph: a layer's path, or the path of the module that called the op, with the op's name. */
  readonly name: string;
  /** The path, as in `namedModules`, of the layer, or of the module that called the op. */
  readonly path: string;
  /** What it is called with. */
  readonly args: readonly Argument[];
  /** Whether gradients flow through it: not where it stood inside `noGrad`. */
  readonly gradient: boolean;
  /** The shape of what it gives; null where that is no tensor, or nobody has run it. */
  readonly shape: OpenShape | null;
}

/** A layer of the library at work; one that is used twice has two nodes. */
export interface LayerNode extends NodeParts {
  /** The layer, shared with the model that was traced. */
  readonly layer: AnyModule;
}

/** An op at work. */
export interface OpNode extends NodeParts {
  /** Its name in the table of ops, or `custom.` and the name of a {@link customOp}. */
  readonly op: string;
  /** The function that computes it. */
  readonly run: OpFunction;
}

/** A step of a {@link Graph}. */
export type NetworkNode = LayerNode | OpNode;

/** Whether a node is a layer. */
export function isLayerNode(node: NetworkNode): node is LayerNode {
  return "layer" in node;
}

/** The function of an op that the library has; undefined for others. */
export function findOp(name: string): OpFunction | undefined {
  return Object.hasOwn(ops, name) ? ops[name] : undefined;
}

/** A shape as tables print it: `N×64×7×7`. */
export function formatOpenShape(shape: OpenShape): string {
  return shape.length === 0 ? "scalar" : shape.map((size) => (size === null ? "?" : String(size))).join("×");
}
