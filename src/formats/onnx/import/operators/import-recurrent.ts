import type { Argument } from "../../../../graph/argument.js";
import { GRU } from "../../../../nn/recurrent/gru.js";
import { LSTM } from "../../../../nn/recurrent/lstm.js";
import type { RecurrentType } from "../../../foreign/unrolled-recurrence.js";
import { intOf, textOf } from "../../file/attributes.js";
import type { TensorValues } from "../../file/tensor-values.js";
import type { ImportStep } from "../import-step.js";
import { withState } from "../imported-layer.js";
import { keyOf } from "./import-layers.js";
import { importSteps, isUnrolled } from "./import-recurrent-steps.js";
import { activationsOf, gatesInOrder, partOf } from "./recurrent-weights.js";
import { isZeros } from "./zero-states.js";

/** Operators that are layers here. */
type LayerType = Exclude<RecurrentType, "RNN">;

/** What all nodes here are: σ and tanh. */
const usual = { LSTM: ["Sigmoid", "Tanh", "Tanh"], GRU: ["Sigmoid", "Tanh"] } as const;

/** What a plain RNN may apply. */
const plain = ["Tanh", "Relu", "Sigmoid"];

/**
 * A layer whose outputs are all hidden states, (T, directions, N, H), and the last, (directions, N, H). Where there are
 * first states, lengths, or the last cell is read, the ops that the layer consists of.
 */
export function importRecurrent(opType: RecurrentType): (at: ImportStep) => readonly Argument[] {
  return (at) => {
    checkSettings(at, opType);
    const isBatchFirst = intOf(at.node, "layout", 0) !== 0;
    const cell = at.node.output[2] ?? "";
    const isRead = cell !== "" && (at.graph.readerCount(cell) > 0 || at.graph.isOutput(cell));
    const hasStates =
      opType === "RNN" || isUnrolled(at, opType) || at.has(4) || isRead || hasFirst(at, 5) || hasFirst(at, 6);
    const [steps, ...last] = hasStates ? importSteps(at, opType, isBatchFirst) : ofLayer(at, opType, isBatchFirst);
    // (T, directions, N, H) and (directions, N, H), with the batch first if it is so.
    return isBatchFirst
      ? [at.op("transpose", steps, [2, 0, 1, 3]), ...last.map((one) => at.op("transpose", one, [1, 0, 2]))]
      : [steps, ...last];
  };
}

/** Whether a first state is given, other than zeros. */
function hasFirst(at: ImportStep, k: number): boolean {
  return at.has(k) && !isZeros(at.graph, at.node.input[k]);
}

function ofLayer(at: ImportStep, opType: LayerType, isBatchFirst: boolean): Argument[] {
  const direction = textOf(at.node, "direction", "forward");
  const isBackward = direction === "reverse";
  const hiddenSize = at.values(2).shape[2];
  const first = at.input(0);
  const sequence = isBackward ? at.op("flip", first, [isBatchFirst ? 1 : 0]) : first;
  const x = isBatchFirst ? sequence : at.op("transpose", sequence, [1, 0, 2]);
  const y = at.layer(keyOf(at.node, at.graph), () => layerOf(at, opType), x);
  // (N, T, H) of each direction.
  const sides =
    direction === "bidirectional" ? [0, 1].map((n) => at.op("slice", y, n * hiddenSize, (n + 1) * hiddenSize, 2)) : [y];
  const steps = sides.map((side) => {
    const turned = at.op("transpose", side, [1, 0, 2]);
    return at.op("unsqueeze", isBackward ? at.op("flip", turned, [0]) : turned, 1);
  });
  const last = sides.map((side, n) => {
    const step = n === 1 ? at.op("slice", side, 0, 1, 1) : at.op("slice", side, -1, undefined, 1);
    return at.op("transpose", step, [1, 0, 2]);
  });
  return [joined(at, steps, 1), joined(at, last, 0)];
}

function joined(at: ImportStep, parts: readonly Argument[], axis: number): Argument {
  return parts.length === 1 ? parts[0] : at.op("concat", parts, axis);
}

function checkSettings(at: ImportStep, opType: RecurrentType): void {
  const { node } = at;
  const activations = activationsOf(node);
  const fits = (name: string, k: number): boolean =>
    opType === "RNN" ? plain.includes(name) : name === usual[opType][k % usual[opType].length];
  if (!(activations ?? []).every(fits)) throw at.refuse(`activations ${activations?.join(", ")}`);
  if (node.attribute.some(({ name }) => name === "clip")) throw at.refuse("clip");
  if (intOf(node, "input_forget", 0) !== 0) throw at.refuse("input_forget 1");
}

function layerOf(at: ImportStep, opType: LayerType): LSTM | GRU {
  const [weightIh, weightHh] = [at.values(1), at.values(2)];
  const bias: TensorValues | null = at.has(3) ? at.values(3) : null;
  const [directions, , inputSize] = weightIh.shape;
  const hiddenSize = weightHh.shape[2];
  const options = { bidirectional: directions === 2, bias: bias !== null };
  const layer = opType === "LSTM" ? new LSTM(inputSize, hiddenSize, options) : new GRU(inputSize, hiddenSize, options);
  const state: Record<string, Float64Array> = {};
  for (let n = 0; n < directions; n++) {
    const suffix = n === 1 ? "l0_reverse" : "l0";
    state[`weight_ih_${suffix}`] = gatesInOrder(opType, partOf(weightIh, n, directions));
    state[`weight_hh_${suffix}`] = gatesInOrder(opType, partOf(weightHh, n, directions));
    if (bias === null) continue;
    const both = partOf(bias, n, directions);
    state[`bias_ih_${suffix}`] = gatesInOrder(opType, both.subarray(0, both.length / 2));
    state[`bias_hh_${suffix}`] = gatesInOrder(opType, both.subarray(both.length / 2));
  }
  return withState(layer, state);
}
