import type { Argument } from "../../../../graph/argument.js";
import { floatOf, intOf } from "../../file/attributes.js";
import { elementTypes } from "../../file/tensor-values.js";
import type { ImportStep } from "../import-step.js";
import type { Operator } from "../operators.js";

function unary(op: string): Operator {
  return (at) => at.op(op, at.input(0));
}

function binary(op: string): Operator {
  return (at) => at.op(op, at.input(0), at.input(1));
}

/** An operator of any number of inputs, two at a time. */
function variadic(op: string): Operator {
  return (at) => at.inputs().reduce((result, one) => at.op(op, result, one));
}

/** A limit of Clip, which was an attribute before version 11; null if there is none. */
function limitOf(at: ImportStep, name: string, k: number): Argument {
  if (at.has(k)) return at.graph.isConstant(at.node.input[k]) ? at.values(k).data[0] : at.input(k);
  const limit = floatOf(at.node, name, Number.NaN);
  return Number.isNaN(limit) ? null : limit;
}

/** What a Cast goes to: reals stay, booleans are 0 and 1, and whole numbers lose what follows the point. */
function importCast(at: ImportStep, type = intOf(at.node, "to", 1)): Argument {
  const x = at.input(0);
  const [reals, texts, booleans] = [[1, 10, 11, 16], [8], [9]];
  if (reals.includes(type)) return x;
  if (booleans.includes(type)) return at.op("notEqual", x, 0);
  if (texts.includes(type) || type > 16) throw at.refuse(`a type ${type}, which is no number`);
  return at.op("mul", at.op("sign", x), at.op("floor", at.op("abs", x)));
}

/** Operators that treat each number by itself. Booleans are 0 and 1. */
export const elementwiseOperators: Readonly<Record<string, Operator>> = {
  Abs: unary("abs"),
  Sign: unary("sign"),
  Floor: unary("floor"),
  Ceil: unary("ceil"),
  Round: unary("round"),
  Sin: unary("sin"),
  Cos: unary("cos"),
  Tan: (at) => at.op("div", at.op("sin", at.input(0)), at.op("cos", at.input(0))),
  Erf: unary("erf"),
  Mish: unary("mish"),
  Reciprocal: unary("reciprocal"),
  Min: variadic("minimum"),
  Max: variadic("maximum"),
  Clip: (at) => {
    const [low, high] = [limitOf(at, "min", 1), limitOf(at, "max", 2)];
    return low === null && high === null ? at.input(0) : at.op("clamp", at.input(0), low, high);
  },
  Where: (at) => at.op("where", at.input(0), at.input(1), at.input(2)),
  Equal: binary("equal"),
  Less: binary("less"),
  LessOrEqual: binary("lessEqual"),
  Greater: binary("greater"),
  GreaterOrEqual: binary("greaterEqual"),
  Not: (at) => at.op("equal", at.input(0), 0),
  And: binary("minimum"),
  Or: binary("maximum"),
  Xor: binary("notEqual"),
  Cast: (at) => importCast(at),
  CastLike: (at) => {
    if (!at.graph.isConstant(at.node.input[1])) throw at.refuse("the type of a value that is not constant");
    return importCast(at, elementTypes[at.values(1).type]);
  },
};
