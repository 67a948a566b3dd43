import type { ChannelMap } from "../nn/layer-traits.js";
import { Linear } from "../nn/linear.js";
import type { AnyModule } from "../nn/module.js";
import { RunningNorm } from "../nn/norms/running-norm.js";
import { type Chain, type Order, rankBefore, type Step } from "./chains.js";
import type { Host, Passing, Side } from "./host.js";
import { isWeighted, LayerFolding } from "./layer-folding.js";
import type { LinearMap } from "./linear-map.js";
import { passLayer } from "./passing-ops.js";

/** The chains of a model as a host: it changes nothing itself, but notes what is to be changed. */
export class ChainHost implements Host<Step> {
  readonly norms: readonly Step[];
  /** Steps whose norms have gone. */
  readonly gone = new Set<Step>();
  /** What layers become. */
  readonly layers = new LayerFolding();
  readonly #places: ReadonlyMap<AnyModule, number>;
  readonly #ranks: ReadonlyMap<AnyModule, number>;
  readonly #at = new Map<Step, readonly [chain: Chain, at: number]>();

  /** @param ranks - those of the inputs of linear layers, as far as they are known */
  constructor({ chains, places }: Order, ranks: ReadonlyMap<AnyModule, number>) {
    this.#places = places;
    this.#ranks = ranks;
    for (const chain of chains) for (const [at, step] of chain.entries()) this.#at.set(step, [chain, at]);
    this.norms = chains.flat().filter(({ module }) => module instanceof RunningNorm);
  }

  titleOf({ module }: Step): string {
    return String(module);
  }

  standing({ module }: Step, side: Side): string {
    return `${side} it stands ${module}`;
  }

  mapOf({ module: norm }: Step): ChannelMap | string {
    const map = this.layers.mapOf(norm);
    return typeof map === "string" ? map : (this.#whyNot(norm) ?? map);
  }

  /** Why a layer may not be changed; null if it may. */
  #whyNot(layer: AnyModule): string | null {
    const places = this.#places.get(layer) ?? 0;
    if (places > 1) return `it stands in ${places} places`;
    return layer.hooked ? "it has listeners" : null;
  }

  before(step: Step): Step | null {
    return this.#neighbour(step, -1);
  }

  behind(step: Step): Step | string {
    return this.#neighbour(step, 1) ?? "nothing stands behind it";
  }

  #neighbour(step: Step, direction: 1 | -1): Step | null {
    const [chain, at] = this.#at.get(step) ?? [[], 0];
    let k = at + direction;
    while (this.gone.has(chain[k])) k += direction;
    return chain[k] ?? null;
  }

  pass(step: Step, { map }: Passing<Step>): ChannelMap | null {
    return this.#passed(step, map) === null ? null : map;
  }

  #passed({ module }: Step, map: ChannelMap): ReturnType<typeof passLayer> {
    return passLayer(module, { map, input: null, output: null });
  }

  canTake(step: Step, side: Side): boolean {
    return isWeighted(step.module) || (side === "before" && this.norms.includes(step));
  }

  linearOf(step: Step, { side, map, passed }: Passing<Step>): LinearMap | string {
    const fault = this.#whyNot(step.module) ?? this.#whyNotRows(step);
    if (fault !== null) return `${this.standing(step, side)}, but ${fault}`;
    const isFlat = side === "behind" && passed.some((one) => this.#passed(one, map) === "flattened");
    return this.layers.linearOf(step.module, this.standing(step, side), isFlat ? map.scale.length : null);
  }

  /** Linear layers work on the last axis, norms on axis 1: they are the same in (N, features). */
  #whyNotRows(step: Step): string | null {
    if (!step.module.is(Linear)) return null;
    const [chain, at] = this.#at.get(step) ?? [[], 0];
    const rank = this.#ranks.get(step.module) ?? rankBefore(chain, at);
    return rank === null || rank === 2 ? null : `its features are not axis 1 of inputs of rank ${rank}`;
  }

  take({ module }: Step, linear: LinearMap): string | null {
    return this.layers.take(module, linear);
  }

  replace({ norm }: Passing<Step>): void {
    this.gone.add(norm);
  }

  remove({ norm }: Passing<Step>): void {
    this.gone.add(norm);
  }
}
