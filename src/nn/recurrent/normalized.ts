import { sigmoid, tanh } from "../../ops/activations.js";
import { add, mul, sub } from "../../ops/binary.js";
import { where } from "../../ops/choice.js";
import { concat } from "../../ops/concat.js";
import { linear } from "../../ops/linear.js";
import { reshape } from "../../ops/reshape.js";
import { slice } from "../../ops/slice.js";
import type { Tensor } from "../../tensor.js";
import type { CellParameters, DirectionStates } from "./recurrent.js";
import type { StepNorm } from "./step-norm.js";

/** Norms of what x and the state give to the gates, and of the cell of an LSTM. */
export interface CellNorms {
  readonly ih: StepNorm;
  readonly hh: StepNorm;
  readonly c: StepNorm | null;
}

/** One step: the states behind it, from what x gives to the gates (N, gates·H). */
type Step = (gates: Tensor, states: readonly Tensor[], step: number, mask: Tensor | null) => readonly Tensor[];

/** The part of one step, without the axis of time. */
function at(t: Tensor, step: number): Tensor {
  return reshape(slice(t, step, step + 1), t.shape.slice(1));
}

/**
 * Runs a cell step by step; steps of padding keep the states.
 *
 * @param gates - (T, N, gates·H)
 * @param mask - (T, N), or null
 */
function run(
  step: Step,
  gates: Tensor,
  first: readonly Tensor[],
  mask: Tensor | null,
  isReversed: boolean,
): DirectionStates {
  const [count] = gates.shape;
  const hidden: Tensor[] = new Array(count);
  let states = first;
  for (let k = 0; k < count; k++) {
    const place = isReversed ? count - 1 - k : k;
    const real = mask === null ? null : at(mask, place);
    const before = states;
    const after = step(at(gates, place), before, k, real);
    const column = real && reshape(real, [real.size, 1]);
    states = column === null ? after : after.map((t, n) => where(column, t, before[n]));
    hidden[place] = reshape(states[0], [1, ...states[0].shape]);
  }
  return { steps: count === 0 ? slice(reshape(first[0], [1, ...first[0].shape]), 0, 0) : concat(hidden), last: states };
}

/** A gate of several, which lie one after another. */
function gate(all: Tensor, n: number, width: number): Tensor {
  return slice(all, n * width, (n + 1) * width, 1);
}

/**
 * An LSTM with norms of both products and of the cell: i, f, o, g of N(W·x) + N(W′·h) + b, h′ = o·tanh N(c′)
 * (Cooijmans et al. 2016, arXiv:1603.09025, equations 6 to 8; Ba et al. 2016, arXiv:1607.06450, equations 20 to 22).
 */
export function normalizedLstm(
  gates: Tensor,
  { weightHh, biasIh }: CellParameters,
  norms: CellNorms,
  first: readonly Tensor[],
  mask: Tensor | null,
  isReversed: boolean,
): DirectionStates {
  const width = weightHh.shape[1];
  const step: Step = (x, [h, c], k, real) => {
    const products = add(norms.ih.forward(x, k, real), norms.hh.forward(linear(h, weightHh), k, real));
    const all = biasIh === null ? products : add(products, biasIh);
    const [i, f, o] = [0, 1, 3].map((n) => sigmoid(gate(all, n, width)));
    const cell = add(mul(f, c), mul(i, tanh(gate(all, 2, width))));
    const shown = norms.c === null ? cell : norms.c.forward(cell, k, real);
    return [mul(o, tanh(shown)), cell];
  };
  return run(step, gates, first, mask, isReversed);
}

/** A GRU with norms of both products: r, z of N(W·x) + N(W′·h) + b, n = tanh(N(W·x) + b + r·N(W′·h)). */
export function normalizedGru(
  gates: Tensor,
  { weightHh, biasIh }: CellParameters,
  norms: CellNorms,
  first: readonly Tensor[],
  mask: Tensor | null,
  isReversed: boolean,
): DirectionStates {
  const width = weightHh.shape[1];
  const step: Step = (x, [h], k, real) => {
    const own = norms.ih.forward(x, k, real);
    const outer = biasIh === null ? own : add(own, biasIh);
    const inner = norms.hh.forward(linear(h, weightHh), k, real);
    const [r, z] = [0, 1].map((n) => sigmoid(add(gate(outer, n, width), gate(inner, n, width))));
    const fresh = tanh(add(gate(outer, 2, width), mul(r, gate(inner, 2, width))));
    return [add(fresh, mul(z, sub(h, fresh)))];
  };
  return run(step, gates, first, mask, isReversed);
}
