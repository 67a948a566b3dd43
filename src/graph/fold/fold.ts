import type { ChannelMap } from "../../nn/layer-traits.js";
import { composeMaps } from "./channel-map.js";
import type { FoldedNorms } from "./fold-batch-norm.js";
import type { Host, Passing, Side } from "./host.js";
import { type LinearMap, mapInputs, mapOutputs } from "./linear-map.js";

/**
 * What became of a norm: what took it, what that was called then, and what it passed on its way; or why it was left.
 */
export type Outcome<Node> =
  | (Omit<Passing<Node>, "map"> & { readonly taker: Node; readonly into: string })
  | { readonly norm: Node; readonly reason: string };

/** The norms that were folded, and those that were left, by their paths. */
export function sortedOut(
  outcomes: readonly { readonly norm: string; readonly into?: string; readonly reason?: string }[],
): FoldedNorms {
  return {
    folded: outcomes.flatMap(({ norm, into }) => (into === undefined ? [] : [{ norm, into }])),
    left: outcomes.flatMap(({ norm, reason }) => (reason === undefined ? [] : [{ norm, reason }])),
  };
}

/**
 * Makes each norm of a network, as far as it is a fixed map, part of what stands before it, a linear layer or a norm;
 * else of a linear layer that stands behind it. Between them may stand what a map passes.
 *
 * @returns what became of each, in the order of the host's norms
 */
export function foldNorms<Node, Linear extends LinearMap>(host: Host<Node, Linear>): Outcome<Node>[] {
  const folding = new Folding(host);
  const outcomes = host.norms.map((norm) => folding.fold(norm, "before"));
  // Only now, since norms in a row have become one; the last first, which makes way for those before it.
  for (let k = outcomes.length - 1; k >= 0; k--) {
    const outcome = outcomes[k];
    if (!("reason" in outcome) || typeof folding.mapOf(outcome.norm) === "string") continue;
    const second = folding.fold(outcome.norm, "behind");
    outcomes[k] = "reason" in second ? { ...second, reason: `${outcome.reason}; ${second.reason}` } : second;
  }
  return outcomes;
}

class Folding<Node, Linear extends LinearMap> {
  readonly #host: Host<Node, Linear>;
  readonly #norms: ReadonlySet<Node>;
  readonly #maps = new Map<Node, ChannelMap | string>();

  constructor(host: Host<Node, Linear>) {
    this.#host = host;
    this.#norms = new Set(host.norms);
  }

  /** The map of a norm, with those of norms that it has taken. */
  mapOf(norm: Node): ChannelMap | string {
    let map = this.#maps.get(norm);
    if (map === undefined) {
      map = this.#host.mapOf(norm);
      this.#maps.set(norm, map);
    }
    return map;
  }

  fold(norm: Node, side: Side): Outcome<Node> {
    const host = this.#host;
    const { mostPassed = Number.POSITIVE_INFINITY } = host;
    const left = (reason: string): Outcome<Node> => ({ norm, reason });
    const own = this.mapOf(norm);
    if (typeof own === "string") return left(own);
    let map = own;
    let at = norm;
    for (const passed: Node[] = []; passed.length <= mostPassed; passed.push(at)) {
      const next = this.#next(at, side, at === norm ? "its output" : `the output of ${host.titleOf(at)}`);
      if (typeof next === "string") return left(next);
      const passing = { norm, side, map, passed };
      const isItsInput = side === "before" || host.before(next) === at;
      const beyond = isItsInput ? host.pass(next, passing) : null;
      if (beyond === null && !(isItsInput && host.canTake(next, side))) return left(host.standing(next, side));
      const reader = side === "before" ? host.behind(next, `the output of ${host.titleOf(next)}`) : next;
      if (typeof reader === "string") return left(reader);
      if (beyond !== null) {
        map = beyond;
        at = next;
        continue;
      }
      const reason = this.#take(next, passing);
      if (reason !== null) return left(reason);
      if (side === "before") host.replace(passing, next);
      else host.remove(passing, next);
      return { norm, side, passed, taker: next, into: host.titleOf(next) };
    }
    return left(`more than ${mostPassed} layers that pass it on stand beside it`);
  }

  #next(node: Node, side: Side, what: string): Node | string {
    return side === "before" ? (this.#host.before(node) ?? "nothing stands before it") : this.#host.behind(node, what);
  }

  /** @returns why a node does not take a map */
  #take(node: Node, passing: Passing<Node>): string | null {
    const host = this.#host;
    const { side, map } = passing;
    const own = this.#norms.has(node) ? this.mapOf(node) : null;
    if (typeof own === "string") return `${host.standing(node, side)}, and ${own}`;
    const linear = host.linearOf(node, passing);
    if (typeof linear === "string") return linear;
    const { length } = map.scale;
    const { inputs, outputs, edge = null } = linear;
    if (side === "before" && outputs !== length)
      return `${host.titleOf(node)} has ${outputs} channels, the norm ${length}`;
    if (side === "behind" && inputs !== length)
      return `${host.titleOf(node)} takes ${inputs} channels, the norm has ${length}`;
    if (side === "behind" && edge !== null && map.shift.some((value) => value !== 0)) return edge;
    const reason = host.take(node, side === "before" ? mapOutputs(linear, map) : mapInputs(linear, map));
    if (reason === null && own !== null) this.#maps.set(node, composeMaps(map, own));
    return reason;
  }
}
