import type { Argument } from "../../graph/argument.js";

/** The kinds of recurrent layers. */
export type RecurrentType = "LSTM" | "GRU" | "RNN";

/** Who adds the ops: a step of an import from any format. */
export interface OpMaker {
  op(name: string, ...args: Argument[]): Argument;
  refuse(received: string): Error;
}

/** Sequences of so many steps are taken, each of which becomes a dozen nodes. */
const mostSteps = 128;

/** What a recurrent node does in one direction. */
export interface Recurrence {
  /** What x gives to the gates, in their order here: (T, N, count·H). */
  readonly gates: Argument;
  /** (count·H, H) */
  readonly weight: Argument;
  /** (count·H), or null. */
  readonly bias: Argument | null;
  /** First states, (N, H); the second is that of an LSTM's cells. */
  readonly first: readonly Argument[];
  /** (T, N): where it is 0 a step keeps the state; null: nowhere. */
  readonly mask: Argument | null;
  readonly isReversed: boolean;
  readonly steps: number;
  readonly width: number;
  /** What opens gates. @defaultValue σ */
  readonly gate?: (x: Argument) => Argument;
  /** What a plain RNN applies, as an op. */
  readonly activation: string;
  /** What an LSTM's cells give to its gates, (H) each: input, forget, output; null without. */
  readonly peepholes: readonly Argument[] | null;
}

/**
 * What no op does over a whole sequence, step by step: a plain RNN, h′ = f(g + R·h + b); a GRU whose reset gate comes
 * before the product, n = tanh(g + R·(r∘h) + b), h′ = (1 − z)·n + z·h; an LSTM whose gates see its cells, i, f = σ(… +
 * p∘c), o = σ(… + p∘c′); gates that something else than σ opens.
 *
 * @returns all states, (T, N, H), and cells where there are some
 */
export function unrolled(at: OpMaker, opType: RecurrentType, recurrence: Recurrence): Argument[] {
  const { gates, mask, isReversed, steps, first } = recurrence;
  if (steps > mostSteps)
    throw at.refuse(`${steps} steps of a kind that is imported step by step, of which ${mostSteps} are taken`);
  const row = (x: Argument, step: number): Argument => at.op("squeeze", at.op("slice", x, step, step + 1, 0), 0);
  const next = { RNN: plainStep, GRU: resetBeforeStep, LSTM: peepholeStep }[opType](at, recurrence);
  const found: Argument[][] = [];
  let states: readonly Argument[] = first;
  for (let k = 0; k < steps; k++) {
    const step = isReversed ? steps - 1 - k : k;
    const made = next(row(gates, step), states);
    const before = states;
    if (mask === null) states = made;
    else {
      const isReal = at.op("unsqueeze", row(mask, step), 1);
      states = made.map((state, kind) => at.op("where", isReal, state, before[kind]));
    }
    for (const [kind, state] of states.entries()) {
      found[kind] ??= [];
      found[kind][step] = at.op("unsqueeze", state, 0);
    }
  }
  return found.map((all) => at.op("concat", all, 0));
}

type Step = (gates: Argument, states: readonly Argument[]) => Argument[];

function plainStep(at: OpMaker, { weight, bias, activation }: Recurrence): Step {
  return (gates, [h]) => [at.op(activation, at.op("add", gates, at.op("linear", h, weight, bias)))];
}

function resetBeforeStep(at: OpMaker, { weight, bias, width, gate }: Recurrence): Step {
  const open = gate ?? ((x: Argument): Argument => at.op("sigmoid", x));
  const part = (x: Argument, from: number, to: number, axis: number): Argument =>
    at.op("slice", x, from * width, to * width, axis);
  const biasOf = (from: number, to: number): Argument | null => (bias === null ? null : part(bias, from, to, 0));
  const [ofGates, ofNew] = [part(weight, 0, 2, 0), part(weight, 2, 3, 0)];
  const [biasOfGates, biasOfNew] = [biasOf(0, 2), biasOf(2, 3)];
  return (gates, [h]) => {
    const both = open(at.op("add", part(gates, 0, 2, 1), at.op("linear", h, ofGates, biasOfGates)));
    const [reset, update] = [part(both, 0, 1, 1), part(both, 1, 2, 1)];
    const product = at.op("linear", at.op("mul", reset, h), ofNew, biasOfNew);
    const fresh = at.op("tanh", at.op("add", part(gates, 2, 3, 1), product));
    return [at.op("add", fresh, at.op("mul", update, at.op("sub", h, fresh)))];
  };
}

function peepholeStep(at: OpMaker, { weight, bias, width, peepholes, ...recurrence }: Recurrence): Step {
  const opened = recurrence.gate ?? ((x: Argument): Argument => at.op("sigmoid", x));
  return (gates, [h, c]) => {
    const sums = at.op("add", gates, at.op("linear", h, weight, bias));
    const gate = (k: number): Argument => at.op("slice", sums, k * width, (k + 1) * width, 1);
    const open = (k: number, place: number, cells: Argument): Argument => {
      const seen = peepholes === null ? gate(k) : at.op("add", gate(k), at.op("mul", cells, peepholes[place]));
      return opened(seen);
    };
    const kept = at.op("mul", open(1, 1, c), c);
    const cell = at.op("add", kept, at.op("mul", open(0, 0, c), at.op("tanh", gate(2))));
    return [at.op("mul", open(3, 2, cell), at.op("tanh", cell)), cell];
  };
}
