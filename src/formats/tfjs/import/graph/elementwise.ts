import type { Argument } from "../../../../graph/argument.js";
import { ELU, LeakyReLU, PReLU, ReLU, ReLU6, Sigmoid, Softmax, Softplus, Tanh } from "../../../../nn/activations.js";
import type { Module } from "../../../../nn/module.js";
import { withState } from "../../../onnx/import/imported-layer.js";
import { broadcastOpen } from "../../../onnx/import/shapes/open-shapes.js";
import { type Numbers, rearranged } from "../rearranged.js";
import { axisHere, toFirst, type Value } from "../value.js";
import { type GraphStep, isNumbers, isValue, type Made } from "./graph-step.js";
import type { GraphRow } from "./row.js";

const layer =
  (make: (at: GraphStep) => Module): GraphRow =>
  (at) =>
    at.like(
      at.value(),
      at.apply(() => make(at), at.value().ref),
    );

const unary =
  (op: string): GraphRow =>
  (at) =>
    at.like(at.value(), at.op(op, at.value().ref));

/** Numbers of one operator on constants. */
type Arithmetic = (a: number, b: number) => number;

const binary =
  (op: string, ofConstants: Arithmetic | null = null): GraphRow =>
  (at) =>
    paired(at, at.inputs[0], at.inputs[1], (a, b) => at.op(op, a, b), ofConstants);

/** Two operands, brought into one order; those of fewer axes stand behind, as in NumPy. */
export function paired(
  at: GraphStep,
  a: Made | undefined,
  b: Made | undefined,
  make: (a: Argument, b: Argument) => Argument,
  ofConstants: Arithmetic | null,
): Made {
  if (a === undefined || b === undefined) throw at.refuse("fewer than two inputs");
  if (!isValue(a) && !isValue(b)) return constants(at, a, b, ofConstants);
  if ((!isValue(a) && !isNumbers(a)) || (!isValue(b) && !isNumbers(b))) throw at.refuse("an input of sizes");
  const values = [a, b].filter(isValue);
  const rank = Math.max(a.shape.length, b.shape.length);
  const isWhole = values.every(({ shape }) => shape.length === rank);
  const order = isWhole && rank > 2 && values.some((one) => one.order === "first") ? "first" : "keras";
  const operand = (one: Value | Numbers, role: string): Argument =>
    isValue(one) ? at.ordered(one, order) : at.operand(one, rank, order, role);
  const shape = broadcastOpen([a.shape, b.shape]);
  if (shape === null) throw at.refuse("inputs of unknown shape");
  const misfits = [a, b].some(({ shape: own }) =>
    own.some((size, axis) => {
      const common = shape[axis + rank - own.length];
      return typeof size === "number" && size !== 1 && typeof common === "number" && size !== common;
    }),
  );
  if (misfits) throw at.refuse("inputs of shapes that do not broadcast");
  const left = operand(a, "a");
  // Ops take a number behind a value only.
  const first = typeof left === "number" ? at.constant({ shape: [], data: Float64Array.of(left) }) : left;
  return { ref: make(first, operand(b, "b")), shape, order };
}

/** Arithmetic of numbers in the file: of as many each, or with one. */
function constants(at: GraphStep, a: Exclude<Made, Value>, b: Exclude<Made, Value>, f: Arithmetic | null): Made {
  if (f === null) throw at.refuse("constants alone");
  const [left, right] = [at.sizesOf(0), at.sizesOf(1)];
  const length = Math.max(left.sizes.length, right.sizes.length);
  if (![1, length].includes(left.sizes.length) || ![1, length].includes(right.sizes.length))
    throw at.refuse("constants of shapes that do not fit");
  at.state.budget.spend("computed", length);
  const pick = (sizes: readonly unknown[], k: number): unknown => sizes[sizes.length === 1 ? 0 : k];
  const results = Array.from({ length }, (_, k) => {
    const [x, y] = [pick(left.sizes, k), pick(right.sizes, k)];
    return typeof x === "number" && typeof y === "number" ? f(x, y) : null;
  });
  if (isNumbers(a) && isNumbers(b)) {
    const { shape } = a.data.length === length ? a : b;
    return { shape, data: Float64Array.from(results, Number) };
  }
  return { sizes: results, isOne: left.isOne && right.isOne };
}

function importSoftmax(at: GraphStep): Value {
  const x = at.value();
  const rank = x.shape.length;
  const here = axisHere(rank - 1, rank, x.order);
  return at.like(
    x,
    at.apply(() => new Softmax(here === rank - 1 ? -1 : here), x.ref),
  );
}

/** A slope for each channel, or for each value. @param alpha - which input has the slopes */
export function prelu(at: GraphStep, x: Value, alpha: Numbers): Value {
  const rank = x.shape.length;
  const channels = alpha.shape[alpha.shape.length - 1] ?? 1;
  if (alpha.data.length === channels && rank > 1) {
    const ref = rank > 2 ? at.first(x) : at.keras(x);
    const y = at.module(() => withState(new PReLU(channels), { weight: alpha.data }), ref, "prelu");
    return { ref: y, shape: x.shape, order: rank > 2 ? "first" : "keras" };
  }
  if (alpha.shape.length !== rank - 1) throw at.refuse(`slopes of rank ${alpha.shape.length}`);
  const isFirst = x.order === "first";
  const whole = { shape: [1, ...alpha.shape], data: alpha.data };
  const slopes = isFirst ? rearranged(whole, toFirst(rank)) : whole;
  const ref = isFirst ? x.ref : at.keras(x);
  const below = at.op("mul", at.op("relu", at.op("neg", ref)), at.parameter("alpha", slopes));
  return { ref: at.op("sub", at.op("relu", ref), below), shape: x.shape, order: isFirst ? "first" : "keras" };
}

/** A cast: reals stay, booleans are 0 and 1, whole numbers lose what follows the point. */
function importCast(at: GraphStep): Made {
  const [x] = at.inputs;
  if (x === undefined) throw at.refuse("no input 0");
  const type = at.type("DstT");
  if (!isValue(x) || ["DT_FLOAT", "DT_DOUBLE", "DT_HALF", "DT_BFLOAT16", "1", "2", "14", "19"].includes(type)) return x;
  if (type === "DT_BOOL" || type === "10") return at.like(x, at.op("notEqual", x.ref, 0));
  if (!/^DT_U?INT\d+$|^[34569]$/.test(type)) throw at.refuse(`a type ${type}`);
  return at.like(x, at.op("mul", at.op("sign", x.ref), at.op("floor", at.op("abs", x.ref))));
}

/** Operators that treat each number by itself. */
export const elementwiseRows: Readonly<Record<string, GraphRow>> = {
  Relu: layer(() => new ReLU()),
  Relu6: layer(() => new ReLU6()),
  LeakyRelu: layer((at) => new LeakyReLU(at.float("alpha", 0.2))),
  Elu: layer(() => new ELU()),
  Selu: (at) => at.like(at.value(), at.op("mul", at.op("elu", at.value().ref, 1.6732632423543772), 1.0507009873554805)),
  Sigmoid: layer(() => new Sigmoid()),
  Tanh: layer(() => new Tanh()),
  Softplus: layer(() => new Softplus()),
  Softmax: importSoftmax,
  LogSoftmax: (at) => {
    const x = at.value();
    const rank = x.shape.length;
    return at.like(x, at.op("logSoftmax", x.ref, axisHere(rank - 1, rank, x.order)));
  },
  Prelu: (at) => prelu(at, at.value(), at.numbers(1)),
  ...{ Abs: unary("abs"), Neg: unary("neg"), Exp: unary("exp"), Log: unary("log"), Sqrt: unary("sqrt") },
  ...{ Rsqrt: unary("rsqrt"), Square: unary("square"), Reciprocal: unary("reciprocal"), Inv: unary("reciprocal") },
  ...{ Sign: unary("sign"), Floor: unary("floor"), Ceil: unary("ceil"), Round: unary("round") },
  ...{ Sin: unary("sin"), Cos: unary("cos"), Erf: unary("erf"), Log1p: unary("log1p"), Expm1: unary("expm1") },
  ...{ Add: binary("add", (a, b) => a + b), AddV2: binary("add", (a, b) => a + b) },
  ...{ Sub: binary("sub", (a, b) => a - b), Mul: binary("mul", (a, b) => a * b) },
  ...{ RealDiv: binary("div", (a, b) => a / b), Div: binary("div", (a, b) => a / b) },
  FloorDiv: binary("div", (a, b) => Math.floor(a / b)),
  ...{ Maximum: binary("maximum", Math.max), Minimum: binary("minimum", Math.min), Pow: binary("pow") },
  ...{ Greater: binary("greater"), GreaterEqual: binary("greaterEqual"), Less: binary("less") },
  ...{ LessEqual: binary("lessEqual"), Equal: binary("equal"), NotEqual: binary("notEqual") },
  SquaredDifference: (at) =>
    paired(at, at.inputs[0], at.inputs[1], (a, b) => at.op("square", at.op("sub", a, b)), null),
  AddN: (at) => {
    const [first, ...others] = at.inputs;
    return others.reduce((sum, one) => paired(at, sum, one, (a, b) => at.op("add", a, b), null), first);
  },
  ClipByValue: (at) => at.like(at.value(), at.op("clamp", at.value().ref, at.list(1)[0], at.list(2)[0])),
  Cast: importCast,
};
