import { ArgumentError } from "../../../errors.js";
import type { OnnxValue, OnnxWriter } from "./onnx-writer.js";
import type { Op } from "./op-rows.js";

/** Sequences of so many steps are written, each of which becomes a dozen nodes. */
const mostSteps = 128;

/** The values of a step that a state becomes of. */
type Step = (gates: OnnxValue, states: readonly OnnxValue[]) => readonly OnnxValue[];

/**
 * Recurrences over whole sequences, step by step: ONNX's own LSTM gives the last cells alone, and takes lengths where
 * these take a mask.
 */
export const recurrenceOps: Readonly<Record<string, Op>> = {
  lstmSequence: ({ args }, graph) => {
    const [gates, weight, bias, h, c, mask, isReversed] = args as readonly OnnxValue[];
    const sums = productOf(weight, bias, graph);
    const step: Step = (x, [hidden, cell]) => {
      const all = graph.node("Add", [x, sums(hidden)]);
      const [input, forget, fresh, output] = parts(all, 4, graph);
      const kept = graph.node("Mul", [graph.node("Sigmoid", [forget]), cell]);
      const added = graph.node("Mul", [graph.node("Sigmoid", [input]), graph.node("Tanh", [fresh])]);
      const next = graph.node("Add", [kept, added]);
      return [graph.node("Mul", [graph.node("Sigmoid", [output]), graph.node("Tanh", [next])]), next];
    };
    const kinds = overSteps(
      "lstmSequence",
      step,
      { gates, mask, isReversed: Boolean(isReversed), first: [h, c] },
      graph,
    );
    return joined(kinds, graph);
  },
  gruSequence: ({ args }, graph) => {
    const [gates, weight, bias, h, mask, isReversed] = args as readonly OnnxValue[];
    const sums = productOf(weight, bias, graph);
    const step: Step = (x, [hidden]) => {
      const [ofReset, ofUpdate, ofNew] = parts(x, 3, graph);
      const [toReset, toUpdate, toNew] = parts(sums(hidden), 3, graph);
      const reset = graph.node("Sigmoid", [graph.node("Add", [ofReset, toReset])]);
      const update = graph.node("Sigmoid", [graph.node("Add", [ofUpdate, toUpdate])]);
      const fresh = graph.node("Tanh", [graph.node("Add", [ofNew, graph.node("Mul", [reset, toNew])])]);
      const change = graph.node("Mul", [update, graph.node("Sub", [hidden, fresh])]);
      return [graph.node("Add", [fresh, change])];
    };
    return overSteps("gruSequence", step, { gates, mask, isReversed: Boolean(isReversed), first: [h] }, graph)[0];
  },
};

/** weight · h + bias, (N, count·H) of (N, H). */
function productOf(weight: OnnxValue, bias: OnnxValue | null, graph: OnnxWriter): (h: OnnxValue) => OnnxValue {
  const columns = graph.transposed(weight);
  return (h) => {
    const product = graph.node("MatMul", [h, columns], {}, { shape: [h.shape[0], columns.shape[1]] });
    return bias === null ? product : graph.node("Add", [product, bias]);
  };
}

/** (N, H) of each gate in (N, count·H). */
function parts(all: OnnxValue, count: number, graph: OnnxWriter): OnnxValue[] {
  const width = Number(all.shape[1]) / count;
  const sizes = graph.constant("shape", [3], [0, count, width], "int64");
  const apart = graph.node("Reshape", [all, sizes], {}, { shape: [all.shape[0], count, width] });
  return Array.from({ length: count }, (_, k) => taken(apart, k, 1, graph));
}

/** One place of an axis, which goes. */
function taken(x: OnnxValue, place: number, axis: number, graph: OnnxWriter): OnnxValue {
  const index = graph.constant("place", [], [place], "int64");
  return graph.node("Gather", [x, index], { axis }, { shape: x.shape.filter((_, k) => k !== axis) });
}

/** Values of one shape along a new first axis. */
function joined(values: readonly OnnxValue[], graph: OnnxWriter): OnnxValue {
  const axes = graph.constant("axes", [1], [0], "int64");
  const rows = values.map((value) => graph.node("Unsqueeze", [value, axes], {}, { shape: [1, ...value.shape] }));
  return graph.node("Concat", rows, { axis: 0 }, { shape: [values.length, ...values[0].shape] });
}

/** All states of each kind, (T, N, H). */
function overSteps(
  op: string,
  step: Step,
  {
    gates,
    mask,
    isReversed,
    first,
  }: {
    readonly gates: OnnxValue;
    readonly mask: OnnxValue | null;
    readonly isReversed: boolean;
    readonly first: readonly OnnxValue[];
  },
  graph: OnnxWriter,
): OnnxValue[] {
  const [steps] = gates.shape;
  if (typeof steps !== "number" || steps < 1 || steps > mostSteps) {
    throw new ArgumentError({
      where: "exportOnnx(model)",
      expected: `sequences of 1 to ${mostSteps} steps, since ${op} is written step by step`,
      received: `${steps}`,
      cure: "Take an LSTM or GRU without first states and masks, which is one node.",
    });
  }
  const found = first.map((): OnnxValue[] => []);
  let states = first;
  for (let k = 0; k < steps; k++) {
    const place = isReversed ? steps - 1 - k : k;
    const made = step(taken(gates, place, 0, graph), states);
    states = mask === null ? made : kept(taken(mask, place, 0, graph), made, states, graph);
    for (const [kind, state] of states.entries()) found[kind][place] = state;
  }
  return found.map((all) => joined(all, graph));
}

/** New states where the mask is not 0, else those before. */
function kept(
  mask: OnnxValue,
  made: readonly OnnxValue[],
  before: readonly OnnxValue[],
  graph: OnnxWriter,
): readonly OnnxValue[] {
  const axes = graph.constant("axes", [1], [1], "int64");
  const column = graph.node("Unsqueeze", [mask, axes], {}, { shape: [mask.shape[0], 1] });
  const isReal = graph.node("Cast", [column], { to: 9 }, { type: "bool" });
  return made.map((state, kind) => {
    return graph.node("Where", [isReal, state, before[kind]], {}, { shape: state.shape, type: state.type });
  });
}
