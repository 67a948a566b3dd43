import { TraceError } from "../../errors.js";
import type { AnyModule, Module } from "../../nn/module.js";
import { checkOptions } from "../../options.js";
import { Tensor } from "../../tensor.js";
import { checkEvaluating } from "../check-evaluating.js";
import { Graph } from "../graph.js";
import { structuralParts } from "../trace/structure.js";
import { tracedParts } from "../trace/trace.js";
import { foldChains } from "./fold-chains.js";
import { foldGraph } from "./fold-graph.js";

/** Options of {@link foldBatchNorm}. */
export interface FoldBatchNormOptions {
  /**
   * An input of the model, or one for each of its inputs: how far the outputs then differ is measured on it, and what
   * has to be traced is traced with it.
   */
  readonly probe?: Tensor | readonly Tensor[];
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

/** What became of each norm. */
export interface FoldedNorms {
  /** Norms that have gone, and where to. */
  readonly folded: readonly FoldedNorm[];
  /** Norms that are still there, and why. */
  readonly left: readonly LeftNorm[];
}

/** What {@link foldBatchNorm} returns. */
export interface FoldedModel<M extends AnyModule = Module> extends FoldedNorms {
  /**
   * The folded copy, in evaluation mode. In a `Sequential` layers behind a norm that has gone have moved up: their
   * paths have changed. In a graph all others keep their paths.
   */
  readonly model: M;
  /** The largest difference between the outputs of the two models on `probe`, in units of the output. */
  readonly maxDifference?: number;
}

/**
 * A copy of a model in which each batch norm has become part of the layer before or behind it, so that inference does
 * not pay for it. The model itself stays as it is.
 *
 * With its running statistics a norm is the map y = s·x + t per channel, s = weight / √(variance + eps), t = bias −
 * mean · s. It goes
 * - into a Linear, convolution or transposed convolution **before** it: W′ = s·W, b′ = s·b + t (a bias is added where
 *   there was none);
 * - else into a Linear or a convolution without padding **behind** it: W′ = W·s, b′ = b + Σ W·t, the sum over all
 *   inputs of an output (with padding only if t is 0, since the zeros of a padding do not pass through the norm);
 * - else into a norm directly before it.
 *
 * Dropout, average pooling, means over planes, and max pooling if no s is negative, may stand between; flattening too,
 * where channels keep their places. The order in which layers are applied is known inside `Sequential` and `Residual`,
 * at any depth, and in a {@link Graph}, which is folded to a graph. A class with a `forward` of its own is traced with
 * the probe (see {@link trace}), and its folded graph is returned: it takes inputs of the probe's shape, in any number,
 * and does not train. Without a probe, only Sequentials in such a class are folded, which are taken to be applied as a
 * whole, and Linear layers to see (N, features). A norm is left, with the reason, where folding would change the
 * result: it or its neighbour stands in two places, has listeners ({@link Module.onForward}) or a weight that others
 * use too, it has no running statistics or does not use them, the order is not known. Instance norms with running
 * statistics fold as well. Other norms depend on their input and have nothing to fold.
 *
 * Factors are computed in float64 and rounded once. Modules that cannot be copied, since they have private fields, are
 * used by both models, unless a probe traces them.
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
export function foldBatchNorm<M extends AnyModule>(model: M): FoldedModel<M>;
export function foldBatchNorm<M extends AnyModule>(model: M, options: FoldBatchNormOptions): FoldedModel<M | Graph>;
export function foldBatchNorm<M extends AnyModule>(
  model: M,
  options: FoldBatchNormOptions = {},
): FoldedModel<M | Graph> {
  checkOptions("foldBatchNorm(model)", options, { probe: true });
  const { probe = [] } = options;
  checkEvaluating("foldBatchNorm(model)", model);
  const inputs = probe instanceof Tensor ? [probe] : probe;
  if (model instanceof Graph) return foldGraph(model, inputs);
  if (isTree(model)) return foldChains(model, inputs, "");
  if (inputs.length === 0) return foldChains(model, inputs, "; pass a probe, and it is traced");
  const traced = tracedBy(model, inputs);
  return typeof traced === "string" ? foldChains(model, inputs, `; ${traced}`) : foldGraph(traced, inputs, true);
}

/** Whether `Sequential` and `Residual` say the order of all modules. */
function isTree(model: AnyModule): boolean {
  return structuralParts(model, (module) => module.children().length === 0) !== null;
}

/** The graph of what a model does in evaluation; a text says why it has none. */
function tracedBy(model: AnyModule, inputs: readonly Tensor[]): Graph | string {
  try {
    return new Graph(tracedParts(model, [...inputs, { mode: "eval" }]));
  } catch (error) {
    if (error instanceof TraceError) return error.message;
    throw error;
  }
}
