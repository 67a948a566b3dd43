/** A recurrence over sequences: time comes first, then samples. */
export interface Recurrence {
  readonly steps: number;
  readonly rows: number;
  /** Values of a state. */
  readonly width: number;
  /** Whether it runs from the last step to the first. */
  readonly isReversed: boolean;
}

/** What a recurrence is computed from. */
export interface RecurrenceInput<Block> {
  /** What x gives to the gates of each step: (steps, rows, gates·width). */
  readonly gates: Block;
  /** (gates·width, width): what the state before a step is multiplied by. */
  readonly weight: Block;
  /** gates·width values that are added to that product; null: none. */
  readonly bias: Block | null;
  /** (steps, rows): where it is 0 a step leaves the state as it is; null: nowhere. */
  readonly mask: Block | null;
  /** (rows, width): the first hidden state. */
  readonly hidden: Block;
}

/** What of a recurrence its gradient is computed from. */
export interface RecurrenceSaved<Block> extends Omit<RecurrenceInput<Block>, "gates" | "bias"> {
  /** (steps, rows, 4·width): what the member has left there. */
  readonly activated: Block;
  /** What the member gave. */
  readonly states: Block;
}

/** Recurrences over whole sequences, with their gradients; weights' gradients are products of what these give. */
export interface Recurrences<Block> {
  /**
   * An LSTM, whose gates are input, forget, cell and output: i, f, o = σ, g = tanh of gates + weight·h + bias, c′ = f·c
   * + i·g, h′ = o·tanh c′. `cell` (rows, width) is the first c; `states` (2, steps, rows, width) receives all h, then
   * all c; `activated` i, f, g, o.
   */
  lstm(input: RecurrenceInput<Block>, cell: Block, states: Block, activated: Block, recurrence: Recurrence): void;
  /**
   * From `dstates` those of the gates (steps, rows, 4·width), equally of weight·h, and of the first states (rows,
   * width).
   */
  lstmGradient(
    saved: RecurrenceSaved<Block>,
    cell: Block,
    dstates: Block,
    dgates: Block,
    dhidden: Block,
    dcell: Block,
    recurrence: Recurrence,
  ): void;
  /**
   * A GRU, whose gates are reset, update and new: r, z = σ of gates + (weight·h + bias), n = tanh(gates + r·(weight·h +
   * bias)), h′ = (1 − z)·n + z·h. `states` (steps, rows, width) receives all h; `activated` r, z, n and what r
   * multiplies.
   */
  gru(input: RecurrenceInput<Block>, states: Block, activated: Block, recurrence: Recurrence): void;
  /** From `dstates` those of the gates and of weight·h + bias (steps, rows, 3·width), and of the first state. */
  gruGradient(
    saved: RecurrenceSaved<Block>,
    dstates: Block,
    dgates: Block,
    dinner: Block,
    dhidden: Block,
    recurrence: Recurrence,
  ): void;
}

/** The steps in the order in which they are computed, each with the one before it; −1: the first state. */
export function* stepsOf({ steps, isReversed }: Recurrence): Generator<readonly [step: number, before: number]> {
  for (let k = 0; k < steps; k++) {
    yield isReversed ? [steps - 1 - k, k === 0 ? -1 : steps - k] : [k, k - 1];
  }
}
