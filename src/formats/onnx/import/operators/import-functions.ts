import type { Argument } from "../../../../graph/argument.js";
import { sizeOf } from "../../../../shape.js";
import { floatOf, intOf, intsOf, textOf } from "../../file/attributes.js";
import type { ImportStep } from "../import-step.js";
import type { Operator } from "../operators.js";
import { importLayer } from "./import-layers.js";
import { alongMatrix } from "./import-reshape.js";

type Function = (at: ImportStep, x: Argument) => Argument;

function ofFirst(f: Function): Operator {
  return (at) => f(at, at.input(0));
}

/** Beyond this, atan is ±π/2 in float32, and squares still are finite. */
const mostTangent = 1e18;

/**
 * atan x = 2·atan(x / (1 + √(1 + x²))), three times, which leaves |x| < 0.2, where five terms of its series have all
 * digits of float32.
 */
const atan: Function = (at, x) => {
  let u: Argument = at.op("clamp", x, -mostTangent, mostTangent);
  for (let k = 0; k < 3; k++) {
    u = at.op("div", u, at.op("add", at.op("sqrt", at.op("add", at.op("square", u), 1)), 1));
  }
  const square = at.op("square", u);
  let sum: Argument = at.op("mul", square, 1 / 9);
  for (const term of [-1 / 7, 1 / 5, -1 / 3]) sum = at.op("mul", at.op("add", sum, term), square);
  return at.op("mul", at.op("mul", at.op("add", sum, 1), u), 8);
};

/** 1 ± x. */
const onePlus: Function = (at, x) => at.op("add", x, 1);
const oneMinus: Function = (at, x) => at.op("add", at.op("neg", x), 1);

/** asin x = 2·atan(x / (1 + √(1 − x²))). */
const asin: Function = (at, x) => {
  const root = at.op("sqrt", at.op("mul", oneMinus(at, x), onePlus(at, x)));
  return at.op("mul", atan(at, at.op("div", x, onePlus(at, root))), 2);
};

/** acos x = 2·atan √((1 − x) / (1 + x)). */
const acos: Function = (at, x) =>
  at.op("mul", atan(at, at.op("sqrt", at.op("div", oneMinus(at, x), onePlus(at, x)))), 2);

/** asinh x = sign x · log(|x| + √(x² + 1)), without loss near 0. */
const asinh: Function = (at, x) => {
  const square = at.op("square", x);
  const root = onePlus(at, at.op("sqrt", onePlus(at, square)));
  const large = at.op("add", at.op("abs", x), at.op("div", square, root));
  return at.op("mul", at.op("sign", x), at.op("log1p", large));
};

/** acosh x = log(x + √(x² − 1)), without loss near 1. */
const acosh: Function = (at, x) => {
  const t = at.op("sub", x, 1);
  return at.op("log1p", at.op("add", t, at.op("sqrt", at.op("mul", t, at.op("add", t, 2)))));
};

const atanh: Function = (at, x) => at.op("mul", at.op("sub", at.op("log1p", x), at.op("log1p", at.op("neg", x))), 0.5);

const sinh: Function = (at, x) => at.op("mul", at.op("sub", at.op("expm1", x), at.op("expm1", at.op("neg", x))), 0.5);

const cosh: Function = (at, x) => at.op("mul", at.op("add", at.op("exp", x), at.op("exp", at.op("neg", x))), 0.5);

/** x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))), which stands for GELU (Hendrycks & Gimpel 2016, arXiv:1606.08415). */
const tanhGelu: Function = (at, x) => {
  const cube = at.op("mul", at.op("mul", at.op("square", x), x), 0.044715);
  const inner = at.op("mul", at.op("add", x, cube), Math.sqrt(2 / Math.PI));
  return at.op("mul", at.op("mul", x, 0.5), onePlus(at, at.op("tanh", inner)));
};

/** Values beyond ±`lambd`, brought nearer to 0 by `bias`; others are 0. */
const shrink: Function = (at, x) => {
  const [limit, bias] = [floatOf(at.node, "lambd", 0.5), floatOf(at.node, "bias", 0)];
  if (limit < 0) throw at.refuse(`lambd ${limit}`);
  const moved = bias === 0 ? x : at.op("sub", x, at.op("mul", at.op("sign", x), bias));
  return at.op("where", at.op("greater", at.op("abs", x), limit), moved, 0);
};

/** 1 at the first of the largest values along an axis of `size`, else 0. */
function hardmax(at: ImportStep, x: Argument, axis: number, size: number): Argument {
  const last = at.rankOf(x) - 1;
  const order = Array.from({ length: last }, (_, k) => k);
  order.splice(axis, 0, last);
  return at.transposed(at.op("oneHot", at.op("argmax", x, axis, { keepDims: false }), size), order);
}

function importHardmax(at: ImportStep): Argument {
  const rank = at.rank(0);
  const isOld = at.graph.model.opset < 13;
  const first = at.axis("axis", isOld ? 1 : -1, rank);
  if (!isOld) return hardmax(at, at.input(0), first, at.sizes(0, [first])[first]);
  const axes = Array.from({ length: rank - first }, (_, k) => first + k);
  const sizes = at.sizes(0, axes);
  const size = sizeOf(axes.map((axis) => sizes[axis]));
  return alongMatrix(at, (x, axis) => hardmax(at, x, axis, size));
}

/** What is left of a division; with the sign of x if `fmod` is set, else with that of y. */
function importMod(at: ImportStep): Argument {
  const [x, y] = [at.input(0), at.input(1)];
  const quotient = at.op("div", x, y);
  const isOfX = intOf(at.node, "fmod", 0) !== 0;
  const whole = isOfX
    ? at.op("mul", at.op("sign", quotient), at.op("floor", at.op("abs", quotient)))
    : at.op("floor", quotient);
  const rest = at.op("sub", x, at.op("mul", whole, y));
  // A quotient just below a whole number rounds to it.
  if (!isOfX) return at.op("where", at.op("less", at.op("mul", rest, y), 0), at.op("add", rest, y), rest);
  const size = at.op("mul", at.op("sign", x), at.op("abs", y));
  return at.op("where", at.op("less", at.op("mul", rest, x), 0), at.op("add", rest, size), rest);
}

/** So many channels may be summed for each. */
const mostNeighbours = 64;

/** x / (bias + alpha/size · Σ x²)^beta, summed over neighbouring channels. */
function importLrn(at: ImportStep): Argument {
  const size = intOf(at.node, "size", 1);
  if (size < 1 || size > mostNeighbours) throw at.refuse(`size ${size}`);
  const x = at.input(0);
  const rank = at.rank(0);
  const channels = at.sizes(0, [1])[1];
  const before = Math.floor((size - 1) / 2);
  const widths = Array.from({ length: rank - 1 }, (_, k) => (k === 0 ? [before, size - 1 - before] : [0, 0]));
  const squares = at.op("square", x);
  const padded = size === 1 ? squares : at.op("pad", squares, widths);
  let sum: Argument = at.op("slice", padded, 0, channels, 1);
  for (let k = 1; k < size; k++) sum = at.op("add", sum, at.op("slice", padded, k, k + channels, 1));
  const scaled = at.op("mul", sum, floatOf(at.node, "alpha", 1e-4) / size);
  const base = at.op("add", scaled, floatOf(at.node, "bias", 1));
  return at.op("div", x, at.op("pow", base, floatOf(at.node, "beta", 0.75)));
}

/** (x − mean) / (σ + 1e-9), over all axes but that of the channels by default. */
function importMvn(at: ImportStep): Argument {
  const rank = at.rank(0);
  const axes = (intsOf(at.node, "axes") ?? [0, 2, 3]).map((axis) => at.resolve(axis, rank));
  const x = at.input(0);
  const centred = at.op("sub", x, at.op("mean", x, axes, { keepDims: true }));
  const deviation = at.op("sqrt", at.op("mean", at.op("square", centred), axes, { keepDims: true }));
  return at.op("div", centred, at.op("add", deviation, 1e-9));
}

/** Operators that ops compute together. */
export const functionOperators: Readonly<Record<string, Operator>> = {
  Sinh: ofFirst(sinh),
  Cosh: ofFirst(cosh),
  Asin: ofFirst(asin),
  Acos: ofFirst(acos),
  Atan: ofFirst(atan),
  Asinh: ofFirst(asinh),
  Acosh: ofFirst(acosh),
  Atanh: ofFirst(atanh),
  Softsign: ofFirst((at, x) => at.op("div", x, onePlus(at, at.op("abs", x)))),
  Celu: ofFirst((at, x) => {
    const alpha = floatOf(at.node, "alpha", 1);
    return at.op("mul", at.op("elu", at.op("div", x, alpha), 1), alpha);
  }),
  ThresholdedRelu: ofFirst((at, x) => at.op("where", at.op("greater", x, floatOf(at.node, "alpha", 1)), x, 0)),
  Shrink: ofFirst(shrink),
  Gelu: (at) => (textOf(at.node, "approximate", "none") === "tanh" ? tanhGelu(at, at.input(0)) : importLayer(at)),
  Hardmax: importHardmax,
  Mod: importMod,
  LRN: importLrn,
  MeanVarianceNormalization: importMvn,
};
