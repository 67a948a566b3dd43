import type { Argument } from "../../../../graph/argument.js";
import { GRU } from "../../../../nn/recurrent/gru.js";
import { LSTM } from "../../../../nn/recurrent/lstm.js";
import { unrolled } from "../../../foreign/unrolled-recurrence.js";
import { withState } from "../../../onnx/import/imported-layer.js";
import { printable } from "../../../printable.js";
import { isObject, type JsonObject } from "../../model/json.js";
import { LayerStep } from "../layer-step.js";
import { type Numbers, rearranged } from "../rearranged.js";
import type { Value } from "../value.js";
import { hardened } from "./activations.js";
import type { Row } from "./row.js";

type Kind = "LSTM" | "GRU" | "SimpleRNN";

const kinds: readonly unknown[] = ["LSTM", "GRU", "SimpleRNN"] satisfies Kind[];

/** Which of Keras' gates stands at each place here: input, forget, cell, output; reset, update, new. */
const places: Readonly<Record<Kind, readonly number[]>> = { LSTM: [0, 1, 2, 3], GRU: [1, 0, 2], SimpleRNN: [0] };

/** What a SimpleRNN may apply, by the op. */
const plain: readonly unknown[] = ["tanh", "relu", "sigmoid"];

/** Refuses what no layer here does, by the configuration of the layer or of the one inside a Bidirectional. */
function checkSettings(at: LayerStep, kind: Kind, config: JsonObject): void {
  const activation = config["activation"] ?? "tanh";
  const recurrent = config["recurrent_activation"] ?? "sigmoid";
  const isUsual = kind === "SimpleRNN" ? plain.includes(activation) : activation === "tanh";
  if (!isUsual) throw at.refuse(`activation ${printable(activation)}`);
  if (kind !== "SimpleRNN" && recurrent !== "sigmoid" && !isHard(recurrent))
    throw at.refuse(`recurrent_activation ${printable(recurrent)}`);
  for (const key of ["stateful", "time_major"]) if (config[key] === true) throw at.refuse(key);
}

/** Keras' default before version 2.3, and that of TF.js. */
function isHard(activation: unknown): boolean {
  return activation === "hard_sigmoid" || activation === "hardSigmoid";
}

/** The weights of a direction as the layers here have them. @param part - of which they are: `forward/` */
function stateOf(at: LayerStep, kind: Kind, config: JsonObject, part: string, suffix: string) {
  const hasBias = config["use_bias"] !== false;
  const gates = places[kind].length;
  const [kernel, recurrent] = [at.weight(`${part}kernel`), at.weight(`${part}recurrent_kernel`)];
  const units = recurrent.shape[0];
  const isKernel = ({ shape }: Numbers): boolean => shape.length === 2 && shape[1] === gates * units;
  if (!isKernel(kernel) || !isKernel(recurrent) || units === 0) {
    throw at.refuse(`kernels of the shapes ${kernel.shape.join("×")} and ${recurrent.shape.join("×")}`);
  }
  const turned = (given: Numbers): Float64Array => inOrder(kind, rearranged(given, [1, 0]).data);
  const state: Record<string, Float64Array> = {
    [`weight_ih_l0${suffix}`]: turned(kernel),
    [`weight_hh_l0${suffix}`]: turned(recurrent),
  };
  if (hasBias) {
    const { data } = at.weight(`${part}bias`);
    const count = gates * units;
    // A GRU that resets behind the product has a bias of x and one of the state, others one of both.
    const isDouble = kind === "GRU" && resetsAfter(config);
    if (data.length !== (isDouble ? 2 : 1) * count) throw at.refuse(`a bias of ${data.length} values`);
    state[`bias_ih_l0${suffix}`] = inOrder(kind, data.subarray(0, count));
    state[`bias_hh_l0${suffix}`] = isDouble ? inOrder(kind, data.subarray(count)) : new Float64Array(count);
  }
  return { state, inputs: kernel.shape[0], units };
}

function inOrder(kind: Kind, data: Float64Array): Float64Array {
  const size = data.length / places[kind].length;
  const result = new Float64Array(data.length);
  for (const [k, gate] of places[kind].entries()) result.set(data.subarray(gate * size, (gate + 1) * size), k * size);
  return result;
}

/** The states of all steps, (N, T, features), in one direction or both. */
function sequence(
  at: LayerStep,
  kind: Kind,
  [x, mask]: readonly [x: Argument, mask: Argument | null],
  config: JsonObject,
  parts: readonly string[],
  first: readonly Argument[] = [],
): { readonly y: Argument; readonly cells: Argument | null; readonly units: number } {
  checkSettings(at, kind, config);
  const hasBias = config["use_bias"] !== false;
  const directions = parts.map((part, k) => stateOf(at, kind, config, part, k === 0 ? "" : "_reverse"));
  const [{ inputs, units }] = directions;
  if (directions.some((one) => one.inputs !== inputs || one.units !== units))
    throw at.refuse("directions of different sizes");
  at.checkFeatures(inputs);
  const isHardened = isHard(config["recurrent_activation"]);
  const isBare = kind === "SimpleRNN" || isHardened || (kind === "GRU" && !resetsAfter(config));
  // A layer has neither first states nor the last cells.
  const showsCells = kind === "LSTM" && config["return_state"] === true;
  if (mask !== null || isBare || first.length > 0 || showsCells) {
    const states = directions.map(({ state }) => state);
    return { ...byOps(at, { kind, x, mask, config, inputs, units, states, first }), units };
  }
  const make = (): LSTM | GRU => {
    const options = { bias: hasBias, bidirectional: parts.length === 2 };
    const layer = kind === "LSTM" ? new LSTM(inputs, units, options) : new GRU(inputs, units, options);
    return withState(layer, Object.assign({}, ...directions.map(({ state }) => state)));
  };
  return { y: at.module(make, x), cells: null, units };
}

function resetsAfter(config: JsonObject): boolean {
  return config["reset_after"] === true;
}

/**
 * A recurrent layer as ops over its sequence (N, T, features), of which a mask (N, T) hides steps: these keep the
 * state.
 */
function byOps(
  at: LayerStep,
  given: {
    readonly kind: Kind;
    readonly x: Argument;
    readonly mask: Argument | null;
    readonly config: JsonObject;
    readonly inputs: number;
    readonly units: number;
    readonly states: readonly Readonly<Record<string, Float64Array>>[];
    /** First states and cells, (N, H) each; none: zeros. */
    readonly first: readonly Argument[];
  },
): { readonly y: Argument; readonly cells: Argument | null } {
  const { kind, config, inputs, units } = given;
  const x = at.op("transpose", given.x, [1, 0, 2]);
  const mask = given.mask === null ? null : at.op("transpose", given.mask, [1, 0]);
  const rows = places[kind].length * units;
  const sides = given.states.map((state, k): [y: Argument, cells: Argument | null] => {
    const isReversed = k === 1;
    const own = (role: string, shape: readonly number[]): Argument | null => {
      const key = `${role}_l0${isReversed ? "_reverse" : ""}`;
      const data = state[key];
      return data === undefined ? null : at.parameterOnce(key, { shape, data });
    };
    const gates = at.op("linear", x, own("weight_ih", [rows, inputs]) as Argument, own("bias_ih", [rows]));
    const weight = own("weight_hh", [rows, units]) as Argument;
    const isDouble = kind === "GRU" && resetsAfter(config);
    const bias = isDouble ? own("bias_hh", [rows]) : null;
    const states = given.first.length > 0 ? given.first : zeros(at, gates, units, kind === "LSTM" ? 2 : 1);
    const isHardened = isHard(config["recurrent_activation"]);
    if (kind === "LSTM" && !isHardened) {
      const both = at.op("lstmSequence", gates, weight, bias, states[0], states[1], mask, isReversed);
      const part = (n: number): Argument => at.op("squeeze", at.op("slice", both, n, n + 1, 0), 0);
      return [part(0), config["return_state"] === true ? part(1) : null];
    }
    if (isDouble && isHardened) throw at.refuse("recurrent_activation hard_sigmoid with reset_after");
    if (isDouble) return [at.op("gruSequence", gates, weight, bias, states[0], mask, isReversed), null];
    const steps = at.x.shape[1];
    if (typeof steps !== "number") throw at.refuse("an unknown number of steps");
    const activation = String(config["activation"] ?? "tanh");
    const common = { gates, weight, bias, mask, isReversed, steps, width: units, peepholes: null, activation };
    const gate = isHardened ? { gate: (y: Argument): Argument => hardened(at, y) } : {};
    const [y, cells = null] = unrolled(at, kind === "SimpleRNN" ? "RNN" : kind, { ...common, ...gate, first: states });
    return [y, cells];
  });
  const [[y, cells]] = sides;
  const all = sides.map(([side]) => side);
  const turned = (ref: Argument): Argument => at.op("transpose", ref, [1, 0, 2]);
  return { y: turned(all.length === 1 ? y : at.op("concat", all, 2)), cells: cells && turned(cells) };
}

/** As many states of zeros (N, H) as there are samples in gates (T, N, …). */
function zeros(at: LayerStep, gates: Argument, units: number, count: number): Argument[] {
  const one = at.op("squeeze", at.op("slice", at.op("slice", gates, 0, 1, 0), 0, units, 2), 0);
  return new Array<Argument>(count).fill(at.op("mul", one, 0));
}

/** The values of one step, (N, features). @param step - 0 or −1 */
function stepOf(at: LayerStep, y: Argument, step: 0 | -1, features: number): Argument {
  const [batch] = at.x.shape;
  const one = step === 0 ? at.op("slice", y, 0, 1, 1) : at.op("slice", y, -1, undefined, 1);
  return at.reshape(one, [batch, features]);
}

/** x, and the first states that the call gives. */
function inputsOf(at: LayerStep, kind: Kind): { readonly step: LayerStep; readonly first: readonly Argument[] } {
  const named = at.options["initial_state"];
  const [x, ...given] = [...at.inputs, ...(isObject(named) ? [named as unknown as Value] : [])];
  if (given.length === 0) return { step: at, first: [] };
  if (given.length !== (kind === "LSTM" ? 2 : 1)) throw at.refuse(`${given.length} first states`);
  const step = new LayerStep(at.state, at.layer, [x], at.options, at.name);
  return { step, first: given.map((state) => at.keras(state)) };
}

function recurrent(kind: Kind): Row {
  return (call) => {
    const { step: at, first } = inputsOf(call, kind);
    at.checkRank(3);
    const { x, config } = at;
    const isBackward = at.flag("go_backwards", false);
    const turned = (ref: Argument): Argument => (isBackward ? at.op("flip", ref, [1]) : ref);
    const mask = x.mask === undefined ? null : turned(x.mask);
    const { y, cells, units } = sequence(at, kind, [turned(at.keras(x)), mask], config, [""], first);
    const [batch, steps] = x.shape;
    const last = (ref: Argument): Value => at.plain(stepOf(at, ref, -1, units), [batch, units]);
    const isSequence = at.flag("return_sequences", false);
    const output = isSequence ? at.plain(y, [batch, steps, units]) : last(y);
    if (!at.flag("return_state", false)) return output;
    return { ...output, others: [y, ...(cells === null ? [] : [cells])].map(last) };
  };
}

const merges: Readonly<Record<string, (at: LayerStep, a: Argument, b: Argument) => Argument>> = {
  concat: (at, a, b) => at.op("concat", [a, b], 1),
  sum: (at, a, b) => at.op("add", a, b),
  mul: (at, a, b) => at.op("mul", a, b),
  ave: (at, a, b) => at.op("div", at.op("add", a, b), 2),
};

function isKind(kind: unknown): kind is Kind {
  return kinds.includes(kind);
}

/** Both directions, with the last state of each, or all states step by step. */
function importBidirectional(at: LayerStep): Value {
  at.checkRank(3);
  const { layer: inner, backward_layer: backward, merge_mode: mode = "concat" } = at.config;
  const kind = isObject(inner) ? inner["class_name"] : undefined;
  if (!isKind(kind) || !isObject(inner) || !isObject(inner["config"])) {
    throw at.refuse(`a ${printable(kind)} inside`);
  }
  const { config } = inner;
  const other = isObject(backward) && isObject(backward["config"]) ? backward["config"] : null;
  if (other !== null && (other["units"] !== config["units"] || other["use_bias"] !== config["use_bias"])) {
    throw at.refuse("a backward_layer with other settings");
  }
  if (other !== null) checkSettings(at, kind, other);
  for (const key of ["go_backwards", "return_state"]) if (config[key] === true) throw at.refuse(key);
  if (typeof mode !== "string" || !Object.hasOwn(merges, mode)) throw at.refuse(`merge_mode ${printable(mode)}`);
  const { x } = at;
  const { y, units } = sequence(at, kind, [at.keras(x), x.mask ?? null], config, ["forward/", "backward/"]);
  const [batch, steps] = x.shape;
  const isSequence = config["return_sequences"] === true;
  const width = mode === "concat" ? 2 * units : units;
  const shape = isSequence ? [batch, steps, width] : [batch, width];
  if (isSequence && mode === "concat") return at.plain(y, shape);
  const [forward, back] = [0, 1].map((n) => {
    const side = at.op("slice", y, n * units, (n + 1) * units, 2);
    return isSequence ? side : stepOf(at, side, n === 0 ? -1 : 0, units);
  });
  return at.plain(merges[mode](at, forward, back), shape);
}

/** Layers over sequences (N, T, features). */
export const recurrentRows: Readonly<Record<string, Row>> = {
  ...{ LSTM: recurrent("LSTM"), GRU: recurrent("GRU"), SimpleRNN: recurrent("SimpleRNN") },
  Bidirectional: importBidirectional,
};
