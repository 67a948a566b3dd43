import type { Argument } from "../../../../graph/argument.js";
import { type RecurrentType, unrolled } from "../../../foreign/unrolled-recurrence.js";
import { intOf, textOf } from "../../file/attributes.js";
import type { ImportStep } from "../import-step.js";
import { activationsOf, gatesInOrder, partOf } from "./recurrent-weights.js";
import { isZeros } from "./zero-states.js";

/** What a node makes in one direction: hidden states of all steps (T, N, H), and the last ones (N, H), of cells too. */
interface Direction {
  readonly steps: Argument;
  readonly last: readonly Argument[];
}

/**
 * A recurrent node as ops over its sequence: with first states, lengths, and all its outputs, (T, directions, N, H) and
 * (directions, N, H) of hidden states, and of cells where it has them.
 */
export function importSteps(at: ImportStep, opType: RecurrentType, isBatchFirst: boolean): Argument[] {
  const { node } = at;
  const direction = textOf(node, "direction", "forward");
  const first = at.input(0);
  const x = isBatchFirst ? at.op("transpose", first, [1, 0, 2]) : first;
  const mask = at.has(4) ? maskOf(at, at.sizes(0, [isBatchFirst ? 1 : 0])[isBatchFirst ? 1 : 0]) : null;
  const directions = at.values(1).shape[0];
  const timeAxis = isBatchFirst ? 1 : 0;
  const steps = isUnrolled(at, opType) ? at.sizes(0, [timeAxis])[timeAxis] : null;
  const both = Array.from({ length: directions }, (_, n) => {
    const isReversed = direction === "reverse" || n === 1;
    return inDirection(at, opType, { x, mask, n, directions, isReversed, isBatchFirst, steps });
  });
  const stacked = (parts: readonly Argument[], axis: number): Argument => {
    const apart = parts.map((part) => at.op("unsqueeze", part, axis));
    return apart.length === 1 ? apart[0] : at.op("concat", apart, axis);
  };
  const last = both[0].last.map((_, kind) =>
    stacked(
      both.map((one) => one.last[kind]),
      0,
    ),
  );
  return [
    stacked(
      both.map(({ steps }) => steps),
      1,
    ),
    ...last,
  ];
}

/** 1 for the steps of each sequence, and 0 behind its end: (T, N). */
function maskOf(at: ImportStep, steps: number): Argument {
  const places = Float32Array.from({ length: steps }, (_, step) => step);
  return at.op("less", at.constant([steps, 1], places), at.input(4));
}

function inDirection(
  at: ImportStep,
  opType: RecurrentType,
  {
    x,
    mask,
    n,
    directions,
    isReversed,
    isBatchFirst,
    steps,
  }: {
    readonly x: Argument;
    readonly mask: Argument | null;
    readonly n: number;
    readonly directions: number;
    readonly isReversed: boolean;
    readonly isBatchFirst: boolean;
    /** How many steps, where they are taken one by one. */
    readonly steps: number | null;
  },
): Direction {
  const [input, hidden] = [at.values(1).shape[2], at.values(2).shape[2]];
  const rows = at.values(1).shape[1];
  const suffix = directions === 1 ? "" : isReversed ? "_reverse" : "_forward";
  const parameter = (k: number, name: string, shape: readonly number[], data: Float64Array): Argument =>
    at.parameter(`${at.node.input[k]}${name}${suffix}`, { type: "float32", shape, data: gatesInOrder(opType, data) });
  const weight = parameter(1, "", [rows, input], partOf(at.values(1), n, directions));
  const recurrent = parameter(2, "", [rows, hidden], partOf(at.values(2), n, directions));
  const bias = at.has(3) ? partOf(at.values(3), n, directions) : null;
  const outer = bias === null ? null : parameter(3, "_ih", [rows], bias.subarray(0, rows));
  const inner = bias === null ? null : parameter(3, "_hh", [rows], bias.subarray(rows));
  const gates = at.op("linear", x, weight, outer);
  const start = (k: number): Argument => {
    if (!at.has(k) || isZeros(at.graph, at.node.input[k])) {
      const one = at.op("squeeze", at.op("slice", at.op("slice", gates, 0, 1, 0), 0, hidden, 2), 0);
      return at.op("mul", one, 0);
    }
    const all = isBatchFirst ? at.op("transpose", at.input(k), [1, 0, 2]) : at.input(k);
    return at.op("squeeze", at.op("slice", all, n, n + 1, 0), 0);
  };
  const h = start(5);
  const lastOf = (states: Argument): Argument =>
    at.op("squeeze", isReversed ? at.op("slice", states, 0, 1, 0) : at.op("slice", states, -1, undefined, 0), 0);
  // Steps behind the end of a sequence keep the state, and give 0.
  const shown = (states: Argument): Argument =>
    mask === null ? states : at.op("mul", states, at.op("unsqueeze", mask, 2));
  if (steps !== null) {
    const first = opType === "LSTM" ? [h, start(6)] : [h];
    const activation = activationOf(at, n);
    const peepholes = at.has(7) ? peepholesOf(at, n, directions, suffix) : null;
    const common = { gates, weight: recurrent, bias: inner, mask, isReversed, steps, width: hidden };
    const all = unrolled(at, opType, { ...common, first, activation, peepholes });
    return { steps: shown(all[0]), last: all.map(lastOf) };
  }
  if (opType === "GRU") {
    const states = at.op("gruSequence", gates, recurrent, inner, h, mask, isReversed);
    return { steps: shown(states), last: [lastOf(states)] };
  }
  const both = at.op("lstmSequence", gates, recurrent, inner, h, start(6), mask, isReversed);
  const [states, cells] = [0, 1].map((kind) => at.op("squeeze", at.op("slice", both, kind, kind + 1, 0), 0));
  return { steps: shown(states), last: [lastOf(states), lastOf(cells)] };
}

/** Whether a node does what no op does over a whole sequence. */
export function isUnrolled(at: ImportStep, opType: RecurrentType): boolean {
  return opType === "RNN" || (opType === "GRU" && intOf(at.node, "linear_before_reset", 0) === 0) || at.has(7);
}

/** What a plain RNN applies in a direction, as an op. */
function activationOf(at: ImportStep, n: number): string {
  return (activationsOf(at.node)?.[n] ?? "Tanh").toLowerCase();
}

/** One vector for each of the input, forget and output gates, which ONNX has in another order. */
function peepholesOf(at: ImportStep, n: number, directions: number, suffix: string): Argument[] {
  const data = partOf(at.values(7), n, directions);
  const width = data.length / 3;
  return [0, 2, 1].map((place, k) => {
    const name = `${at.node.input[7]}${suffix}_${["i", "f", "o"][k]}`;
    const shape = [width];
    return at.parameter(name, { type: "float32", shape, data: data.subarray(place * width, (place + 1) * width) });
  });
}
