import { record } from "../autograd.js";
import type { Recurrence } from "../backend/backend.js";
import { commonBackend, empty, type Tensor, view } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { multiply } from "./matmul.js";
import { move } from "./slice.js";
import { sumTo } from "./sum.js";

/** A recurrence over gates (T, N, count·H). */
function recurrenceOf(gates: Tensor, weight: Tensor, isReversed: boolean): Recurrence {
  return { steps: gates.shape[0], rows: gates.shape[1], width: weight.shape[1], isReversed };
}

/** The hidden state before each step (T, N, H). @param states - (…, T, N, H), hidden ones first */
function before(states: Tensor, first: Tensor, { steps, rows, width, isReversed }: Recurrence): Tensor {
  const y = empty("recurrence", states.backend, [steps, rows, width]);
  if (steps === 0) return y;
  const all = view("recurrence", states, [states.size / (rows * width || 1), rows, width]);
  const one = view("recurrence", first, [1, rows, width]);
  move(all, y, [steps - 1, rows, width], 0, isReversed ? 1 : 0, isReversed ? 0 : 1);
  move(one, y, [1, rows, width], 0, 0, isReversed ? steps - 1 : 0);
  return y;
}

/**
 * The gradients of a weight and a bias that every state is multiplied by, from those of the products (T, N, count·H).
 */
function ofProducts(dinner: Tensor, states: Tensor, first: Tensor, recurrence: Recurrence): readonly [Tensor, Tensor] {
  const { steps, rows, width } = recurrence;
  const gates = dinner.shape[2];
  const rowsOf = (t: Tensor, size: number): Tensor => view("recurrence", t, [steps * rows, size]);
  const dweight = multiply(rowsOf(dinner, gates), true, rowsOf(before(states, first, recurrence), width), false);
  return [dweight, sumTo(dinner, [gates])];
}

/**
 * An LSTM over a whole sequence, with one gradient (Hochreiter & Schmidhuber 1997; Gers et al. 2000): i, f, o = σ and
 * g = tanh of gates + weight·h + bias; c′ = f·c + i·g; h′ = o·tanh c′. {@link LSTM} checks what it is given.
 *
 * @param gates - what x gives to them, (T, N, 4H) in the order i, f, g, o
 * @param weight - (4H, H)
 * @param bias - (4H), or null
 * @param hidden - the first h, (N, H)
 * @param cell - the first c, (N, H)
 * @param mask - (T, N): where it is 0 a step keeps the state; null: nowhere
 * @param isReversed - whether it runs from the last step to the first
 * @returns all h and all c, (2, T, N, H)
 */
export const lstmSequence = defineOp(
  "lstmSequence",
  (
    gates: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    hidden: Tensor,
    cell: Tensor,
    mask: Tensor | null,
    isReversed: boolean,
  ): Tensor => {
    const backend = commonBackend("lstmSequence", gates, weight, bias, hidden, cell, mask);
    const recurrence = recurrenceOf(gates, weight, isReversed);
    const { steps, rows, width } = recurrence;
    const states = empty("lstmSequence", backend, [2, steps, rows, width]);
    const activated = empty("lstmSequence", backend, gates.shape);
    backend.lstm(
      {
        ...{ gates: gates.block, weight: weight.block, hidden: hidden.block },
        ...{ bias: bias?.block ?? null, mask: mask?.block ?? null },
      },
      cell.block,
      states.block,
      activated.block,
      recurrence,
    );
    const inputs = [gates, weight, hidden, cell, ...(bias === null ? [] : [bias])];
    const saved = [weight, hidden, cell, activated, states, ...(mask === null ? [] : [mask])];
    record("lstmSequence", states, inputs, saved, (dstates, [w, h, c, kept, all, seen]) => {
      const dgates = empty("lstmSequence", backend, kept.shape);
      const [dhidden, dcell] = [empty("lstmSequence", backend, h.shape), empty("lstmSequence", backend, c.shape)];
      backend.lstmGradient(
        { activated: kept.block, states: all.block, weight: w.block, mask: seen?.block ?? null, hidden: h.block },
        c.block,
        dstates.block,
        dgates.block,
        dhidden.block,
        dcell.block,
        recurrence,
      );
      const [dweight, dbias] = ofProducts(dgates, all, h, recurrence);
      return [dgates, dweight, dhidden, dcell, dbias].slice(0, inputs.length);
    });
    activated.dispose();
    return states;
  },
);

/**
 * A GRU over a whole sequence, with one gradient (Cho et al. 2014, arXiv:1406.1078, as PyTorch has it): r, z = σ of
 * gates + (weight·h + bias); n = tanh(gates + r·(weight·h + bias)); h′ = (1 − z)·n + z·h. {@link GRU} checks what it is
 * given.
 *
 * @param gates - what x gives to them, (T, N, 3H) in the order r, z, n
 * @param weight - (3H, H)
 * @param bias - (3H), or null
 * @param hidden - the first h, (N, H)
 * @param mask - (T, N): where it is 0 a step keeps the state; null: nowhere
 * @param isReversed - whether it runs from the last step to the first
 * @returns all h, (T, N, H)
 */
export const gruSequence = defineOp(
  "gruSequence",
  (
    gates: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    hidden: Tensor,
    mask: Tensor | null,
    isReversed: boolean,
  ): Tensor => {
    const backend = commonBackend("gruSequence", gates, weight, bias, hidden, mask);
    const recurrence = recurrenceOf(gates, weight, isReversed);
    const { steps, rows, width } = recurrence;
    const states = empty("gruSequence", backend, [steps, rows, width]);
    const activated = empty("gruSequence", backend, [steps, rows, 4 * width]);
    backend.gru(
      {
        ...{ gates: gates.block, weight: weight.block, hidden: hidden.block },
        ...{ bias: bias?.block ?? null, mask: mask?.block ?? null },
      },
      states.block,
      activated.block,
      recurrence,
    );
    const inputs = [gates, weight, hidden, ...(bias === null ? [] : [bias])];
    const saved = [weight, hidden, activated, states, ...(mask === null ? [] : [mask])];
    record("gruSequence", states, inputs, saved, (dstates, [w, h, kept, all, seen]) => {
      const [dgates, dinner] = [0, 1].map(() => empty("gruSequence", backend, [steps, rows, 3 * width]));
      const dhidden = empty("gruSequence", backend, h.shape);
      backend.gruGradient(
        { activated: kept.block, states: all.block, weight: w.block, mask: seen?.block ?? null, hidden: h.block },
        dstates.block,
        dgates.block,
        dinner.block,
        dhidden.block,
        recurrence,
      );
      const [dweight, dbias] = ofProducts(dinner, all, h, recurrence);
      return [dgates, dweight, dhidden, dbias].slice(0, inputs.length);
    });
    activated.dispose();
    return states;
  },
);
