import type { Argument } from "../../../../graph/argument.js";
import {
  ELU,
  GELU,
  HardSigmoid,
  HardSwish,
  LeakyReLU,
  Mish,
  PReLU,
  ReLU,
  ReLU6,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  Tanh,
} from "../../../../nn/activations.js";
import type { Module } from "../../../../nn/module.js";
import { withState } from "../../../onnx/import/imported-layer.js";
import { printable } from "../../../printable.js";
import { isObject, type JsonObject } from "../../model/json.js";
import type { LayerStep } from "../layer-step.js";
import { featuresByChannel, rearranged } from "../rearranged.js";
import { axisHere, type Value } from "../value.js";
import type { Row } from "./row.js";

/** SELU's constants (Klambauer et al. 2017, arXiv:1706.02515, eq. 2). */
const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

type Activation = (at: LayerStep, x: Value, role: string) => Argument;

const module =
  (make: () => Module): Activation =>
  (at, x, role) =>
    at.apply(make, x.ref, role);

/** max(0, min(1, αx + β)), by way of ReLU6. */
function hardSigmoid(at: LayerStep, x: Argument, alpha: number): Argument {
  return at.op("div", at.op("relu6", at.op("add", at.op("mul", x, 6 * alpha), 3)), 6);
}

/** As the file's version has it. */
export function hardened(at: LayerStep, x: Argument): Argument {
  return hardSigmoid(at, x, at.state.dialect === "keras3" ? 1 / 6 : 0.2);
}

/** Functions that Keras and TF.js know by name. */
const functions: Readonly<Record<string, Activation>> = {
  linear: (_, x) => x.ref,
  relu: module(() => new ReLU()),
  relu6: module(() => new ReLU6()),
  elu: module(() => new ELU()),
  selu: (at, x) => at.op("mul", at.op("elu", x.ref, seluAlpha), seluScale),
  gelu: module(() => new GELU()),
  sigmoid: module(() => new Sigmoid()),
  // Keras 3 has another slope than Keras 2 and TF.js.
  hard_sigmoid: (at, x, role) =>
    at.state.dialect === "keras3" ? at.apply(() => new HardSigmoid(), x.ref, role) : hardSigmoid(at, x.ref, 0.2),
  hard_silu: module(() => new HardSwish()),
  tanh: module(() => new Tanh()),
  softplus: module(() => new Softplus()),
  softsign: (at, x) => at.op("div", x.ref, at.op("add", at.op("abs", x.ref), 1)),
  silu: module(() => new SiLU()),
  mish: module(() => new Mish()),
  exponential: (at, x) => at.op("exp", x.ref),
  celu: module(() => new ELU()),
  hard_tanh: (at, x) => at.op("clamp", x.ref, -1, 1),
  hard_shrink: (at, x) => at.op("mul", x.ref, at.op("greater", at.op("abs", x.ref), 0.5)),
  soft_shrink: (at, x) => at.op("sub", x.ref, at.op("clamp", x.ref, -0.5, 0.5)),
  tanh_shrink: (at, x) => at.op("sub", x.ref, at.op("tanh", x.ref)),
  log_sigmoid: (at, x) => at.op("neg", at.op("softplus", at.op("neg", x.ref))),
  // (x + √(x² + 4)) / 2 (Barron 2021, arXiv:2112.11687).
  squareplus: (at, x) => at.op("div", at.op("add", x.ref, at.op("sqrt", at.op("add", at.op("square", x.ref), 4))), 2),
  // 0 up to −1, (x + 1)² / 4 up to 1, x beyond.
  sparse_plus: (at, x) => {
    const curve = at.op("square", at.op("add", at.op("clamp", x.ref, -1, 1), 1));
    return at.op("add", at.op("div", curve, 4), at.op("relu", at.op("sub", x.ref, 1)));
  },
  sparse_sigmoid: (at, x) => at.op("clamp", at.op("div", at.op("add", x.ref, 1), 2), 0, 1),
  leaky_relu: module(() => new LeakyReLU(0.2)),
  softmax: (at, x, role) => softmax(at, x, -1, role),
  log_softmax: (at, x) => at.op("logSoftmax", x.ref, axisHere(x.shape.length - 1, x.shape.length, x.order)),
};
const names: Readonly<Record<string, string>> = {
  ...{ swish: "silu", hardSigmoid: "hard_sigmoid", hard_swish: "hard_silu", hardSwish: "hard_silu" },
};

export function softmax(at: LayerStep, x: Value, axis: number, role: string): Argument {
  const rank = x.shape.length;
  const here = axisHere(axis < 0 ? axis + rank : axis, rank, x.order);
  return at.apply(() => new Softmax(here === rank - 1 ? -1 : here), x.ref, role);
}

/** A layer's output behind the activation that its configuration names. */
export function activated(at: LayerStep, y: Value): Value {
  const given = at.config["activation"] ?? "linear";
  if (isObject(given)) return at.like(y, ofObject(at, y, given));
  return at.like(y, named(at, y, given, at.layer.className === "Activation" ? "" : null));
}

/** @param role - null: the activation's own name */
export function named(at: LayerStep, x: Value, given: unknown, role: string | null): Argument {
  const name = String(given);
  const known = Object.hasOwn(names, name) ? names[name] : name;
  if (!Object.hasOwn(functions, known)) throw at.refuse(`the activation ${printable(given)}`);
  return functions[known](at, x, role ?? name);
}

/** Keras 3 writes a function as an object, and takes a layer for an activation. */
function ofObject(at: LayerStep, x: Value, given: JsonObject): Argument {
  const { class_name: className, config } = given;
  if (className === "function") return named(at, x, config, null);
  if (typeof className !== "string" || !isObject(config) || !Object.hasOwn(byConfig, className)) {
    throw at.refuse(`the activation ${printable(className)}`);
  }
  return byConfig[className](at, x, config, className);
}

type Configured = (at: LayerStep, x: Value, config: JsonObject, role: string) => Argument;

function numberOf(at: LayerStep, config: JsonObject, key: string, absent: number): number {
  const value = config[key] ?? absent;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw at.refuse(`${key} ${printable(value)}`);
}

/** Layers that are functions of a value with numbers of their configuration. */
const byConfig: Readonly<Record<string, Configured>> = {
  ReLU: (at, x, config, role) => {
    const [slope, threshold] = [numberOf(at, config, "negative_slope", 0), numberOf(at, config, "threshold", 0)];
    const limit = (config["max_value"] ?? null) === null ? null : numberOf(at, config, "max_value", 0);
    if (threshold === 0) {
      if (limit === null) return at.apply(() => (slope === 0 ? new ReLU() : new LeakyReLU(slope)), x.ref, role);
      if (slope === 0) return limit === 6 ? at.apply(() => new ReLU6(), x.ref, role) : at.op("clamp", x.ref, 0, limit);
    }
    // slope·(x − threshold) below it, x up to the limit.
    const below = at.op("mul", at.op("sub", x.ref, threshold), slope);
    const chosen = at.op("where", at.op("greaterEqual", x.ref, threshold), x.ref, below);
    return limit === null ? chosen : at.op("minimum", chosen, limit);
  },
  ThresholdedReLU: (at, x, config) => at.op("mul", x.ref, at.op("greater", x.ref, numberOf(at, config, "theta", 1))),
  LeakyReLU: (at, x, config, role) => {
    const slope = numberOf(at, config, config["negative_slope"] === undefined ? "alpha" : "negative_slope", 0.3);
    return at.apply(() => new LeakyReLU(slope), x.ref, role);
  },
  ELU: (at, x, config, role) => at.apply(() => new ELU(numberOf(at, config, "alpha", 1)), x.ref, role),
  Softmax: (at, x, config, role) => {
    const absent = at.state.dialect === "tfjs" ? 1 : -1;
    const axis =
      Array.isArray(config["axis"]) && config["axis"].length === 1 ? config["axis"][0] : (config["axis"] ?? absent);
    const rank = x.shape.length;
    if (!Number.isInteger(axis) || axis >= rank || axis < -rank) throw at.refuse(`axis ${printable(axis)}`);
    return softmax(at, x, axis, role);
  },
};

/** A slope for each channel, or for each value. */
function importPRelu(at: LayerStep): Value {
  const { x } = at;
  const rank = x.shape.length;
  const alpha = at.weight("alpha");
  if (alpha.shape.length !== rank - 1) throw at.refuse(`a weight alpha of rank ${alpha.shape.length}`);
  const channels = alpha.shape[alpha.shape.length - 1];
  const isPerChannel = alpha.data.length === channels;
  if (rank > 2 && isPerChannel) {
    at.checkFeatures(channels);
    const ref = at.first(x);
    const y = at.module(() => withState(new PReLU(channels), { weight: alpha.data }), ref);
    return { ref: y, shape: x.shape, order: "first" };
  }
  const { order } = x;
  if (rank === 2) at.checkFeatures(channels);
  const data = typeof order === "string" ? alpha.data : featuresByChannel(alpha.data, order.channels);
  if (rank === 2)
    return at.like(
      x,
      at.module(() => withState(new PReLU(channels), { weight: data }), x.ref),
    );
  const axes = alpha.shape.map((_, k) => (order === "first" ? (k + rank - 2) % (rank - 1) : k));
  const slope = at.parameter("alpha", order === "first" ? rearranged(alpha, axes) : alpha);
  const below = at.op("mul", at.op("relu", at.op("neg", x.ref)), slope);
  return at.like(x, at.op("sub", at.op("relu", x.ref), below));
}

/** Layers that treat each value by itself. */
export const activationRows: Readonly<Record<string, Row>> = {
  Activation: (at) => activated(at, at.x),
  ...Object.fromEntries(
    Object.entries(byConfig).map(([name, make]): [string, Row] => [
      name,
      (at) => at.like(at.x, make(at, at.x, at.config, "")),
    ]),
  ),
  PReLU: importPRelu,
};
