import { lstmSequence } from "../../ops/recurrence.js";
import { reshape } from "../../ops/reshape.js";
import { slice } from "../../ops/slice.js";
import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { lastStep } from "./last-step.js";
import { normalizedLstm } from "./normalized.js";
import { type CellParameters, type DirectionStates, Recurrent, type RecurrentOptions } from "./recurrent.js";

/** States of an {@link LSTM}, each (numLayers · directions, N, hiddenSize). */
export interface LstmState {
  readonly [kind: string]: Tensor;
  /** Hidden states. */
  readonly h: Tensor;
  /** Cells. */
  readonly c: Tensor;
}

/**
 * Long short-term memory over sequences (N, T, inputSize), batches first (Hochreiter & Schmidhuber 1997; Gers et al.
 * 2000): i, f, o = σ and g = tanh of W·x + b + W′·h + b′; c′ = f·c + i·g; h′ = o·tanh c′.
 *
 * @example
 * ```ts
 * const tagger = new Sequential(new Embedding(100, 16), new LSTM(16, 32, { bidirectional: true }), new Linear(64, 5));
 * const lstm = new LSTM(16, 32);
 * lstm.forward(zeros([2, 10, 16])).shape; // [2, 10, 32]
 * lstm.forwardWithState(zeros([2, 10, 16])).c.shape; // [1, 2, 32]
 * ```
 */
export class LSTM extends Recurrent<LstmState> {
  /**
   * @param inputSize - features of x
   * @param hiddenSize - values of a state
   * @throws ArgumentError if a number is not whole or out of range
   */
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(4, ["h", "c"], inputSize, hiddenSize, options);
  }

  protected override run(
    gates: Tensor,
    parameters: CellParameters,
    [h, c]: readonly Tensor[],
    mask: Tensor | null,
    isReversed: boolean,
  ): DirectionStates {
    const { weightHh, biasHh, norms } = parameters;
    if (norms !== null) return normalizedLstm(gates, parameters, norms, [h, c], mask, isReversed);
    const states = lstmSequence(gates, weightHh, biasHh, h, c, mask, isReversed);
    const [steps, cells] = [0, 1].map((n) => reshape(slice(states, n, n + 1), states.shape.slice(1)));
    return { steps, last: [lastStep(steps, h, isReversed), lastStep(cells, c, isReversed)] };
  }

  protected override traits(): LayerTraits {
    return this.sequenceTraits();
  }
}
