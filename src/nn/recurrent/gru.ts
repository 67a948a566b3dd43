import { gruSequence } from "../../ops/recurrence.js";
import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { lastStep } from "./last-step.js";
import { normalizedGru } from "./normalized.js";
import { type CellParameters, type DirectionStates, Recurrent, type RecurrentOptions } from "./recurrent.js";

/** The state of a {@link GRU}. */
export interface GruState {
  readonly [kind: string]: Tensor;
  /** Hidden states, (numLayers · directions, N, hiddenSize). */
  readonly h: Tensor;
}

/**
 * A gated recurrent unit over sequences (N, T, inputSize), batches first (Cho et al. 2014, arXiv:1406.1078), in the
 * form that PyTorch and cuDNN have: r, z = σ of W·x + b + W′·h + b′; n = tanh(W·x + b + r·(W′·h + b′)); h′ = (1 − z)·n
 * + z·h.
 *
 * @example
 * ```ts
 * const gru = new GRU(16, 32, { numLayers: 2 });
 * gru.forward(zeros([2, 10, 16])).shape; // [2, 10, 32]
 * gru.forwardWithState(zeros([2, 10, 16])).h.shape; // [2, 2, 32]
 * ```
 */
export class GRU extends Recurrent<GruState> {
  /**
   * @param inputSize - features of x
   * @param hiddenSize - values of a state
   * @throws ArgumentError if a number is not whole or out of range
   */
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(3, ["h"], inputSize, hiddenSize, options);
  }

  protected override run(
    gates: Tensor,
    parameters: CellParameters,
    [h]: readonly Tensor[],
    mask: Tensor | null,
    isReversed: boolean,
  ): DirectionStates {
    const { weightHh, biasHh, norms } = parameters;
    if (norms !== null) return normalizedGru(gates, parameters, norms, [h], mask, isReversed);
    const steps = gruSequence(gates, weightHh, biasHh, h, mask, isReversed);
    return { steps, last: [lastStep(steps, h, isReversed)] };
  }

  protected override traits(): LayerTraits {
    return this.sequenceTraits();
  }
}
