import { noGrad } from "../autograd.js";
import { ArgumentError } from "../errors.js";
import type { AffineLayer } from "../nn/affine-weights.js";
import { Linear } from "../nn/linear.js";
import type { AnyModule, Module } from "../nn/module.js";
import { RunningNorm } from "../nn/norms/running-norm.js";
import { scope } from "../scope.js";
import { Tensor } from "../tensor.js";
import { ChainHost } from "./chain-host.js";
import { findChains, type Order } from "./chains.js";
import { copyModel, tensorsOf } from "./copy-model.js";
import { foldNorms } from "./fold.js";
import { replaceChild } from "./replace-child.js";

/** Options of {@link foldBatchNorm}. */
export interface FoldBatchNormOptions {
  /** An input of the model: how far the outputs then differ is measured on it. */
  readonly probe?: Tensor;
}

/** A norm that has become part of a layer; both by their paths in the model that was given. */
export interface FoldedNorm {
  /** The norm that has gone. */
  readonly norm: string;
  /** The layer that does its work now. */
  readonly into: string;
}

/** A norm that is still there. */
export interface LeftNorm {
  /** Its path in the model that was given. */
  readonly norm: string;
  /** Why, as the end of a sentence. */
  readonly reason: string;
}

/** What {@link foldBatchNorm} returns. */
export interface FoldedModel<M extends AnyModule = Module> {
  /** The folded copy, in evaluation mode. Layers behind a norm that has gone have moved up: their paths have changed. */
  readonly model: M;
  /** Norms that have gone, and where to. */
  readonly folded: readonly FoldedNorm[];
  /** Norms that are still there, and why. */
  readonly left: readonly LeftNorm[];
  /** The largest difference between the outputs of the two models on `probe`, in units of the output. */
  readonly maxDifference?: number;
}

/**
 * A copy of a model in which each batch norm has become part of the layer before or behind it, so that inference does not pay for it. The
 * model itself stays as it is.
 *
 * With its running statistics a norm is the map y = s·x + t per channel, s = weight / √(variance + eps), t = bias − mean · s. It goes
 * - into a Linear, Conv1d, Conv2d or ConvTranspose2d **before** it: W′ = s·W, b′ = s·b + t (a bias is added where there was none);
 * - else into a Linear or a convolution without padding **behind** it: W′ = W·s, b′ = b + Σ W·t, the sum over all inputs of an output (with
 *   padding only if t is 0, since the zeros of a padding do not pass through the norm);
 * - else into a norm directly before it.
 *
 * Dropout, average pooling, and max pooling if no s is negative, may stand between; Flatten too, where channels keep their places. The order in
 * which layers are applied is known inside `Sequential` and `Residual`, at any depth; a Sequential inside a class of one's own is taken to be
 * applied as a whole, and Linear layers to see (N, features). A norm is left, with the reason, where folding would change the result: it or its
 * neighbour stands in two places or has listeners ({@link Module.onForward}), it has no running statistics or does not use them, the order is not
 * known. Instance norms with running statistics fold as well. Other norms depend on their input and have nothing to fold.
 *
 * Factors are computed in float64 and rounded once. Modules that cannot be copied, since they have private fields, are used by both models.
 *
 * @param model - in evaluation mode
 * @throws ArgumentError if the model is in training mode
 * @example
 * ```ts
 * const net = new Sequential(new Conv2d(3, 8, 3, { bias: false }), new BatchNorm(8), new ReLU()).eval();
 * const { model, folded, maxDifference } = foldBatchNorm(net, { probe: ones([1, 3, 8, 8]) });
 * model.toString(); // Sequential(Conv2d(3, 8, 3), ReLU())
 * folded.map(({ norm, into }) => `${norm} into ${into}`); // ["1 into 0"]
 * maxDifference < 1e-5; // true
 * ```
 */
export function foldBatchNorm<M extends AnyModule>(model: M, { probe }: FoldBatchNormOptions = {}): FoldedModel<M> {
  if (model.training) {
    throw new ArgumentError({
      where: "foldBatchNorm(model)",
      expected: "a model in evaluation mode, whose norms are fixed maps",
      received: `one in training mode, ${model.constructor.name}`,
      cure: "Call model.eval() first.",
    });
  }
  const { model: copy, copies } = copyModel(model, probe && ((candidate) => outputOf(candidate, probe)));
  const isClosed = (module: AnyModule): boolean => copies.get(module) === module || !copies.has(module);
  const order = findChains(model, isClosed);
  const ranks = new Map<AnyModule, number>();
  const before = probe === undefined ? null : outputOf(copy, probe, copies, ranks);
  const tensors = tensorsOf(copy);
  const host = new ChainHost(order, ranks);
  const outcomes = new Map(foldNorms(host).map((outcome) => [outcome.norm.module, outcome]));

  for (const [layer, weights] of host.changed) (copies.get(layer) as AffineLayer).setAffineWeights(weights);
  for (const { module, parent } of host.gone) {
    const [holder, child] = [copies.get(parent), copies.get(module)];
    if (holder === undefined || child === undefined) throw new Error("internal: a module was not copied");
    replaceChild(holder, child, null);
  }
  const kept = new Set(tensorsOf(copy));
  for (const t of tensors) if (!kept.has(t)) t.dispose();
  const names = new Map(model.namedModules().map(([name, module]) => [module, name]));
  // What took a norm may be one that has gone itself.
  const takerOf = (layer: AnyModule): AnyModule => {
    const outcome = outcomes.get(layer);
    return outcome === undefined || "reason" in outcome ? layer : takerOf(outcome.taker.module);
  };
  const norms = [...names].filter(([module]) => module instanceof RunningNorm);
  const folded: FoldedNorm[] = [];
  const left: LeftNorm[] = [];
  for (const [module, norm] of norms) {
    const outcome = outcomes.get(module);
    if (outcome === undefined) left.push({ norm, reason: whyOutside(module, model, order, isClosed) });
    else if ("reason" in outcome) left.push({ norm, reason: outcome.reason });
    else folded.push({ norm, into: names.get(takerOf(outcome.taker.module)) ?? "" });
  }
  const result = { model: copy as M, folded, left };
  if (probe === undefined || before === null) return result;
  return { ...result, maxDifference: largestDifference(before, outputOf(copy, probe)) };
}

/** Why a norm is in no chain. */
function whyOutside(
  norm: AnyModule,
  model: AnyModule,
  { unordered }: Order,
  isClosed: (module: AnyModule) => boolean,
): string {
  if (norm === model) return "it is the whole model";
  const parent = unordered.find(({ module }) => module === norm)?.parent;
  if (parent !== undefined && !isClosed(parent))
    return `${parent.constructor.name} applies it in an order that is not known`;
  return "it stands inside a module that cannot be copied, since it has private fields or functions of its own";
}

/** The output for a probe; the ranks of what linear layers are given are noted by their original. */
function outputOf(
  copy: AnyModule,
  probe: Tensor,
  copies: ReadonlyMap<AnyModule, AnyModule> = new Map(),
  ranks: Map<AnyModule, number> = new Map(),
): Float32Array {
  const stops = [...copies].flatMap(([original, module]) =>
    module instanceof Linear && module !== original
      ? [module.onForward((_, input) => ranks.set(original, Math.max(input.rank, ranks.get(original) ?? 0)))]
      : [],
  );
  try {
    return scope(() =>
      noGrad(() => {
        const output: unknown = Reflect.apply(copy.forward, copy, [probe]);
        if (output instanceof Tensor) return output.dataSync();
        throw new ArgumentError({
          where: "foldBatchNorm(model, { probe })",
          expected: "a model whose output for the probe is a tensor",
          received: typeof output,
          cure: "Leave the probe out.",
        });
      }),
    );
  } finally {
    for (const stop of stops) stop();
  }
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  // Equal infinities do not differ; NaN against anything else does.
  return a.reduce((largest, value, i) => Math.max(largest, Object.is(value, b[i]) ? 0 : Math.abs(value - b[i])), 0);
}
