import type { ChannelMap } from "../../nn/layer-traits.js";
import type { LinearMap } from "./linear-map.js";

/** Where something stands, as seen from a norm. */
export type Side = "before" | "behind";

/** A norm on its way to what may take it. */
export interface Passing<Node> {
  readonly norm: Node;
  readonly side: Side;
  /** That of the norm, with those of what it has passed. */
  readonly map: ChannelMap;
  /** What it has passed, from the norm on. */
  readonly passed: readonly Node[];
}

/**
 * A network of any kind, as {@link foldNorms} needs to see and change it: nodes, each of which makes one value that
 * others read.
 */
export interface Host<Node, Linear extends LinearMap = LinearMap> {
  /** The norms, each behind those before it. */
  readonly norms: readonly Node[];
  /**
   * So many nodes between a norm and what takes it are looked past, where nothing else bounds what a hostile file
   * costs.
   *
   * @defaultValue all
   */
  readonly mostPassed?: number;
  /** What messages call a node. */
  titleOf(node: Node): string;
  /** A clause that says on which side of a norm a node stands. */
  standing(node: Node, side: Side): string;
  /** The map that a norm is at inference; a text says why it is none that is fixed. */
  mapOf(norm: Node): ChannelMap | string;
  /** What makes the value that a node is applied to; null where nothing does, or it is applied to several. */
  before(node: Node): Node | null;
  /** The only reader of what a node makes; a text says why that cannot change. @param what - what the text calls it */
  behind(node: Node, what: string): Node | string;
  /** What a map becomes on the other side of a node; null where that is no map. */
  pass(node: Node, passing: Passing<Node>): ChannelMap | null;
  /** Whether a node is of a kind that may take a norm from this side of it. */
  canTake(node: Node, side: Side): boolean;
  /**
   * A node that may take a norm, in numbers: by the channels of the norm where a flattening was passed. A text says why
   * it cannot.
   */
  linearOf(node: Node, passing: Passing<Node>): Linear | string;
  /** Gives a node other numbers; a text says why they do not fit, and then nothing has changed. */
  take(node: Node, linear: Linear): string | null;
  /** Takes out a norm that is part of what stood before it: what read the norm reads what that makes. */
  replace(passing: Passing<Node>, by: Node): void;
  /** Takes out a norm that is part of what stood behind it: what read the norm reads what the norm read. */
  remove(passing: Passing<Node>, reader: Node): void;
}
