import type { AffineLayer, AffineWeights } from "../nn/affine-weights.js";
import { Dropout } from "../nn/dropout.js";
import { Flatten } from "../nn/flatten.js";
import type { ChannelMap } from "../nn/layer-traits.js";
import { Linear } from "../nn/linear.js";
import type { AnyModule } from "../nn/module.js";
import { RunningNorm } from "../nn/norms/running-norm.js";
import { AvgPool2d, GlobalAvgPool2d, MaxPool2d } from "../nn/pooling.js";
import { Weighted } from "../nn/reparametrized/weighted.js";
import { fitsFloat32, mapInputs, mapOutputs } from "./affine-maps.js";
import { type Chain, type Order, rankBefore, type Step } from "./chains.js";

/** A norm that is no longer there. */
interface Gone {
  readonly parent: AnyModule;
  /** The layer that does its work. */
  readonly into: () => AnyModule;
}

/**
 * Decides which norms go into which layers: first those that can go backwards, then forwards, then into one another. It changes nothing itself.
 */
export class Folding {
  /** Norms that have gone. */
  readonly gone = new Map<AnyModule, Gone>();
  /** Why others have not. */
  readonly reasons = new Map<AnyModule, string>();
  /** New weights of layers that have taken norms in. */
  readonly changed = new Map<AffineLayer, AffineWeights>();
  readonly #order: Order;
  readonly #ranks: ReadonlyMap<AnyModule, number>;

  /** @param ranks - those of the inputs of linear layers, as far as they are known */
  constructor(order: Order, ranks: ReadonlyMap<AnyModule, number>) {
    this.#order = order;
    this.#ranks = ranks;
    for (const chain of order.chains) this.#fold(chain);
  }

  #fold(chain: Chain): void {
    const norms = chain.flatMap(({ module, parent }, at) => {
      if (!(module instanceof RunningNorm)) return [];
      const reason = this.#whyFixed(module);
      const map = module.channelMap();
      if (reason !== null) this.reasons.set(module, reason);
      return reason === null && map !== null ? [{ norm: module, at, parent, map }] : [];
    });
    const remaining = (): typeof norms => norms.filter(({ norm }) => !this.gone.has(norm));
    const attempts = new Map(norms.map(({ norm }) => [norm, [] as string[]]));
    const attempt = ({ norm, parent }: (typeof norms)[number], found: Found): void => {
      if (typeof found === "string") attempts.get(norm)?.push(found);
      else {
        this.changed.set(found.layer, found.weights);
        this.gone.set(norm, { parent, into: () => this.gone.get(found.layer)?.into() ?? found.layer });
      }
    };
    for (const one of norms) attempt(one, this.#backwards(chain, one.at, one.map));
    for (const one of remaining().reverse()) attempt(one, this.#forwards(chain, one.at, one.map));
    for (const one of remaining()) {
      const target = this.#neighbour(chain, one.at, -1, one.map);
      const earlier = remaining().find(({ norm }) => norm === target?.module)?.norm;
      if (earlier?.numFeatures !== one.norm.numFeatures) continue;
      attempt(
        one,
        this.#into(earlier, (weights) => mapOutputs(weights, one.map)),
      );
    }
    for (const { norm } of remaining()) this.reasons.set(norm, (attempts.get(norm) ?? []).join("; "));
  }

  /** Why a norm is not a fixed map that may go; null if it is. */
  #whyFixed(norm: RunningNorm): string | null {
    if (norm.runningVar === null) return "it has no running statistics";
    if (norm.normalizeWith === "batch") return "it normalises with the statistics of each batch";
    if (norm.channelMap() === null) return "it has a forward pass of its own";
    if (norm.updateRunning) return "its running statistics are being updated";
    const stray = norm.runningVar.dataSync().findIndex((variance) => !(variance + norm.eps > 0));
    if (stray >= 0) return `variance + eps is not above 0 in channel ${stray}`;
    return this.#whyNot(norm);
  }

  /** Why a layer may not be changed; null if it may. */
  #whyNot(layer: AnyModule): string | null {
    const places = this.#order.places.get(layer) ?? 0;
    if (places > 1) return `it stands in ${places} places`;
    return layer.hooked ? "it has listeners" : null;
  }

  /** The nearest step in a direction that a channel map does not pass through unchanged. */
  #neighbour(
    chain: Chain,
    at: number,
    direction: 1 | -1,
    map: ChannelMap,
  ): (Step & { at: number; flattened: boolean }) | null {
    let flattened = false;
    for (let k = at + direction; k >= 0 && k < chain.length; k += direction) {
      const step = chain[k];
      if (this.gone.has(step.module)) continue;
      if (step.module.is(Flatten) && !step.module.hooked) flattened = true;
      else if (step.module.hooked || !commutes(step.module, map)) return { ...step, at: k, flattened };
    }
    return null;
  }

  #backwards(chain: Chain, at: number, map: ChannelMap): Found {
    const step = this.#neighbour(chain, at, -1, map);
    if (step === null) return "nothing stands before it";
    const { module } = step;
    if (!isWeighted(module)) return `before it stands ${module}`;
    const fault = this.#whyNot(module) ?? this.#whyNotRows(chain, step);
    if (fault !== null) return `before it stands ${module}, but ${fault}`;
    const { bias } = module.affineWeights();
    if (bias.length !== map.scale.length) return `before it stands ${module}, whose outputs are not its channels`;
    return this.#into(module, (weights) => mapOutputs(weights, map));
  }

  #forwards(chain: Chain, at: number, map: ChannelMap): Found {
    const step = this.#neighbour(chain, at, 1, map);
    if (step === null) return "nothing stands behind it";
    const { module, flattened } = step;
    if (!isWeighted(module)) return `behind it stands ${module}`;
    const fault = this.#whyNot(module) ?? this.#whyNotRows(chain, step);
    if (fault !== null) return `behind it stands ${module}, but ${fault}`;
    const { inputs } = module.affineWeights();
    const fits = flattened ? inputs % map.scale.length === 0 : inputs === map.scale.length;
    if (!fits) return `behind it stands ${module}, whose inputs are not its channels`;
    if (map.shift.some((value) => value !== 0)) {
      if ("outputPadding" in module) return `behind it stands ${module}, whose outputs see different numbers of inputs`;
      if ("padding" in module && [module.padding].flat().some((width) => Number(width) > 0)) {
        return `behind it stands ${module}, whose padding would be shifted too`;
      }
    }
    return this.#into(module, (weights) => mapInputs(weights, map));
  }

  /** Linear layers work on the last axis, norms on axis 1: they are the same in (N, features). */
  #whyNotRows(chain: Chain, { module, at }: { module: AnyModule; at: number }): string | null {
    if (!module.is(Linear)) return null;
    const rank = this.#ranks.get(module) ?? rankBefore(chain, at);
    return rank === null || rank === 2 ? null : `its features are not axis 1 of inputs of rank ${rank}`;
  }

  #into(layer: AffineLayer, change: (weights: AffineWeights) => AffineWeights): Found {
    const weights = change(this.changed.get(layer) ?? layer.affineWeights());
    return fitsFloat32(weights) ? { layer, weights } : `the weights of ${layer} would leave the range of float32`;
  }
}

/** A layer that can take a norm in, with its new weights; or why there is none. */
type Found = string | { readonly layer: AffineLayer; readonly weights: AffineWeights };

/** Whether a layer applies its own weight, as its class does. */
function isWeighted(module: AnyModule): module is Weighted {
  return module instanceof Weighted && module.constructorArguments() !== null;
}

/** Whether f(s·x + t) = s·f(x) + t for a module f, so that a channel map may pass it. */
function commutes(module: AnyModule, { scale }: ChannelMap): boolean {
  if (module.is(Dropout)) return !module.training || module.p === 0;
  if (module.is(MaxPool2d)) return scale.every((value) => value >= 0);
  return module.is(AvgPool2d) || module.is(GlobalAvgPool2d);
}
