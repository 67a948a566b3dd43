import { ArgumentError, TraceError } from "../../errors.js";
import type { AnyModule, Module } from "../../nn/module.js";
import { checkOptions } from "../../options.js";
import { Tensor } from "../../tensor.js";
import { checkEvaluating } from "../check-evaluating.js";
import { copyModel, tensorsOf } from "../copy-model.js";
import { Graph } from "../graph.js";
import { largestDifference, outputsOf } from "../probe.js";
import { replaceChild } from "../replace-child.js";
import { structuralParts } from "../trace/structure.js";
import { tracedParts } from "../trace/trace.js";
import { chooseCells } from "./choose.js";
import { followChannels } from "./flow.js";
import { narrowedLayers, narrowedParts } from "./narrowed-parts.js";
import { type ConstantChannels, type PrunedChannels, reportPruning } from "./report.js";

/** Options of {@link pruneDeadChannels}. */
export interface PruneDeadChannelsOptions {
  /**
   * An input of the model, or one for each of its inputs: how far the outputs then differ is measured on it, and what
   * has to be traced is traced with it.
   */
  readonly probe?: Tensor | readonly Tensor[];
}

/** What {@link pruneDeadChannels} returns. */
export interface PrunedModel<M extends AnyModule = Module> {
  /** The copy with fewer channels, in evaluation mode. All paths are those of the model that was given. */
  readonly model: M;
  /** The output channels that each layer has lost. */
  readonly removed: readonly PrunedChannels[];
  /** Channels that are constant, but had to stay, and why. */
  readonly left: readonly ConstantChannels[];
  /** Numbers in parameters, before and after. */
  readonly parameters: {
    /** In the model that was given. */
    readonly before: number;
    /** In the copy. */
    readonly after: number;
  };
  /** The largest difference between the outputs of the two models on `probe`, in units of the output. */
  readonly maxDifference?: number;
}

/**
 * A copy of a model without its dead channels: those that are the same number whatever the input is, as behind a norm
 * with γ = 0, a ReLU whose inputs are never positive, or a filter of zeros; and those that nobody has a weight for.
 * Outputs stay the same, to rounding. The model itself stays as it is.
 *
 * Constants are followed from layer to layer: a channel c with the value k adds Σ W[·, c]·k to what a layer behind it
 * gives, which becomes part of that layer's bias, in float64 and rounded once. Where the layer pads with zeros, this
 * holds for k = 0 alone: other constants stay. Channels that are added, multiplied or concatenated go only where all of
 * them can go, with the parameters of the norms and depthwise convolutions that they pass. A layer keeps at least one
 * channel. Channels stay that inputs and outputs of the network have, that norms over several channels, attention,
 * recurrent layers and convolutions in groups see together, and those of layers that stand in several places, have
 * listeners or share their tensors.
 *
 * Sequentials, Residuals and a {@link Graph}, such as that of `importOnnx`, are pruned as they are; without a probe,
 * Linear layers are taken to see (N, features). A class with a `forward` of its own is traced with the probe (see
 * {@link trace}), and its graph returned.
 *
 * @param model - in evaluation mode
 * @throws ArgumentError if the model is in training mode, or of a class of its own and there is no probe
 * @throws TraceError if such a class cannot be traced
 * @example
 * ```ts
 * const net = new Sequential(new Conv2d(3, 8, 3), new BatchNorm(8), new ReLU(), new Conv2d(8, 4, 3)).eval();
 * net.stateDict()["1.weight"].shape; // [8]
 * const { model, removed } = pruneDeadChannels(net);
 * model.toString(); // Sequential(Conv2d(3, 8, 3), BatchNorm(8), ReLU(), Conv2d(8, 4, 3))
 * removed; // []
 * ```
 */
export function pruneDeadChannels<M extends AnyModule>(model: M): PrunedModel<M>;
export function pruneDeadChannels<M extends AnyModule>(
  model: M,
  options: PruneDeadChannelsOptions,
): PrunedModel<M | Graph>;
export function pruneDeadChannels<M extends AnyModule>(
  model: M,
  options: PruneDeadChannelsOptions = {},
): PrunedModel<M | Graph> {
  checkOptions("pruneDeadChannels(model)", options, { probe: true });
  const { probe = [] } = options;
  checkEvaluating("pruneDeadChannels(model)", model);
  const inputs = probe instanceof Tensor ? [probe] : probe;
  const known = structuralParts(model, (module) => module.children().length === 0);
  const source = known === null ? tracedBy(model, inputs) : model;
  const parts = source instanceof Graph ? source.parts : known;
  if (parts === null) throw new Error("internal: a network of layers has no structure");
  const flow = followChannels(parts);
  const choice = chooseCells(flow);
  const { model: copy, copies } = copyModel(source);
  const layers = narrowedLayers(flow, choice, copies);
  const before = tensorsOf(copy);
  const pruned = copy instanceof Graph ? new Graph(narrowedParts(copy.parts, flow, choice, layers)) : copy;
  if (!(copy instanceof Graph)) {
    for (const [, parent] of copy.namedModules()) for (const [from, to] of layers) replaceChild(parent, from, to);
  }
  const kept = new Set(tensorsOf(pruned));
  for (const t of before) if (!kept.has(t)) t.dispose();
  const parameters = { before: sizeOf(source), after: sizeOf(pruned) };
  const result = { model: pruned as M | Graph, ...reportPruning(parts, flow, choice), parameters };
  const outputs = (one: AnyModule): Float32Array[] => outputsOf(one, inputs, "pruneDeadChannels");
  const difference = (): number => largestDifference(outputs(source), outputs(pruned));
  const measured = inputs.length === 0 ? result : { ...result, maxDifference: difference() };
  if (source !== model && source instanceof Graph) for (const t of source.parts.constants) t.dispose();
  return measured;
}

function sizeOf(model: AnyModule): number {
  return model.parameters().reduce((total, t) => total + t.size, 0);
}

/** The graph of a model; of its evaluation alone where training takes other steps. */
function tracedBy(model: AnyModule, inputs: readonly Tensor[]): Graph {
  if (inputs.length === 0) {
    throw new ArgumentError({
      where: "pruneDeadChannels(model)",
      expected: "a Graph, a model of Sequential and Residual, or a probe by which it is traced",
      received: `${model.constructor.name}, a class of its own, without a probe`,
      cure: "Pass an example of its input: { probe: zeros([1, 3, 32, 32]) }.",
    });
  }
  try {
    return new Graph(tracedParts(model, inputs));
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    return new Graph(tracedParts(model, [...inputs, { mode: "eval" }]));
  }
}
