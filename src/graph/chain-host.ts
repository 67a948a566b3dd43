import type { AffineLayer, AffineWeights } from "../nn/affine-weights.js";
import { Dropout } from "../nn/dropout.js";
import { Flatten } from "../nn/flatten.js";
import type { ChannelMap } from "../nn/layer-traits.js";
import { Linear } from "../nn/linear.js";
import type { AnyModule } from "../nn/module.js";
import { RunningNorm } from "../nn/norms/running-norm.js";
import { AvgPool2d, GlobalAvgPool2d, MaxPool2d } from "../nn/pooling.js";
import { Weighted } from "../nn/reparametrized/weighted.js";
import { type Chain, type Order, rankBefore, type Step } from "./chains.js";
import type { Host, Passing, Side } from "./host.js";
import { type LinearMap, unflattened } from "./linear-map.js";

/** The chains of a model as a host: it changes nothing itself, but notes what is to be changed. */
export class ChainHost implements Host<Step> {
  readonly norms: readonly Step[];
  /** Steps whose norms have gone. */
  readonly gone = new Set<Step>();
  /** New weights of layers that have taken norms in. */
  readonly changed = new Map<AffineLayer, AffineWeights>();
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
    if (!(norm instanceof RunningNorm) || norm.runningVar === null) return "it has no running statistics";
    if (norm.normalizeWith === "batch") return "it normalises with the statistics of each batch";
    const map = norm.channelMap();
    if (map === null) return "it has a forward pass of its own";
    if (norm.updateRunning) return "its running statistics are being updated";
    const stray = norm.runningVar.dataSync().findIndex((variance) => !(variance + norm.eps > 0));
    if (stray >= 0) return `variance + eps is not above 0 in channel ${stray}`;
    const bad = map.shift.findIndex((shift, c) => !Number.isFinite(shift + map.scale[c]));
    if (bad >= 0) return `its statistics, weight and bias are not all finite in channel ${bad}`;
    return this.#whyNot(norm) ?? map;
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

  /** A map passes where f(s·x + t) = s·f(x) + t, and a flattening as it is, whose channels are found again by their number. */
  pass({ module }: Step, { map }: Passing<Step>): ChannelMap | null {
    if (module.hooked) return null;
    const passes =
      (module.is(Dropout) && (!module.training || module.p === 0)) ||
      (module.is(MaxPool2d) && map.scale.every((value) => value >= 0)) ||
      module.is(AvgPool2d) ||
      module.is(GlobalAvgPool2d) ||
      module.is(Flatten);
    return passes ? map : null;
  }

  canTake(step: Step, side: Side): boolean {
    return isWeighted(step.module) || (side === "before" && this.norms.includes(step));
  }

  linearOf(step: Step, { side, map, passed }: Passing<Step>): LinearMap | string {
    const { module } = step;
    const fault = this.#whyNot(module) ?? this.#whyNotRows(step);
    if (fault !== null) return `${this.standing(step, side)}, but ${fault}`;
    const { weight, bias, inputs, outputOf, inputOf } =
      this.changed.get(module as AffineLayer) ?? (module as AffineLayer).affineWeights();
    const outputs = bias.length;
    const edge = edgeOf(module);
    const layer: LinearMap = {
      ...{ kernels: [{ values: weight, outputs, outputOf, inputOf }], bias, inputs, outputs },
      edge: edge === null ? null : `${this.standing(step, side)}, ${edge}`,
    };
    const isFlat = side === "behind" && passed.some((one) => one.module.is(Flatten));
    return isFlat ? unflattened(layer, map.scale.length, "first") : layer;
  }

  /** Linear layers work on the last axis, norms on axis 1: they are the same in (N, features). */
  #whyNotRows(step: Step): string | null {
    if (!step.module.is(Linear)) return null;
    const [chain, at] = this.#at.get(step) ?? [[], 0];
    const rank = this.#ranks.get(step.module) ?? rankBefore(chain, at);
    return rank === null || rank === 2 ? null : `its features are not axis 1 of inputs of rank ${rank}`;
  }

  take({ module }: Step, { kernels: [{ values }], bias }: LinearMap): string | null {
    const layer = module as AffineLayer;
    const weights = { ...layer.affineWeights(), weight: values, ...(bias === null ? {} : { bias }) };
    const fits = (value: number): boolean => Number.isFinite(Math.fround(value));
    if (!weights.weight.every(fits) || !weights.bias.every(fits))
      return `the weights of ${module} would leave the range of float32`;
    this.changed.set(layer, weights);
    return null;
  }

  replace({ norm }: Passing<Step>): void {
    this.gone.add(norm);
  }

  remove({ norm }: Passing<Step>): void {
    this.gone.add(norm);
  }
}

/** Whether a layer applies its own weight, as its class does. */
function isWeighted(module: AnyModule): boolean {
  return module instanceof Weighted && module.constructorArguments() !== null;
}

/** Why a shift of the inputs of a layer is not one of all its outputs; null where it is. */
function edgeOf(module: AnyModule): string | null {
  if ("outputPadding" in module) return "whose outputs see different numbers of inputs";
  const isPadded = "padding" in module && [module.padding].flat().some((width) => Number(width) > 0);
  return isPadded ? "whose padding would be shifted too" : null;
}
