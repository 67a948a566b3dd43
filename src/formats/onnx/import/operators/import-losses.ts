import type { Argument } from "../../../../graph/argument.js";
import { allAxes } from "../../../../shape.js";
import { intOf, textOf } from "../../file/attributes.js";
import type { ImportStep } from "../import-step.js";
import type { Operator } from "../operators.js";

/** The loss of labels, by the logarithms of probabilities (N, C, …) in the place of the first input. */
function lossOf(at: ImportStep, logProbabilities: Argument): Argument {
  const { node } = at;
  const reduction = textOf(node, "reduction", "mean");
  if (!["none", "sum", "mean"].includes(reduction)) throw at.refuse(`reduction ${reduction}`);
  const labels = at.input(1);
  const rank = at.rank(1);
  const hasIgnored = node.attribute.some(({ name }) => name === "ignore_index");
  const seen = hasIgnored ? at.op("notEqual", labels, intOf(node, "ignore_index", 0)) : null;
  // An ignored label may be no class: it is taken for the first one, and weighs nothing.
  const places = seen === null ? labels : at.op("mul", labels, seen);
  const taken = at.op("takeAlongAxis", logProbabilities, at.op("unsqueeze", places, 1), 1);
  let loss: Argument = at.op("neg", at.op("squeeze", taken, 1));
  let weight: Argument | null = seen;
  if (at.has(2)) {
    const own = at.op("gather", fixed(at, 2), places, 0);
    weight = seen === null ? own : at.op("mul", own, seen);
  }
  if (weight !== null) loss = at.op("mul", loss, weight);
  if (reduction === "none") return loss;
  const axes = allAxes(rank);
  if (reduction === "mean" && weight === null) return at.op("mean", loss, axes);
  const sum = at.op("sum", loss, axes);
  return reduction === "sum" || weight === null ? sum : at.op("div", sum, at.op("sum", weight, axes));
}

/** An input that does not train where it is constant. */
function fixed(at: ImportStep, k: number): Argument {
  const name = at.node.input[k];
  if (at.state.values.has(name) || !at.graph.isConstant(name)) return at.input(k);
  const { shape, data } = at.values(k);
  return at.constant(shape, data);
}

/** Losses as operators, which models that were exported for training have at their end. */
export const lossOperators: Readonly<Record<string, Operator>> = {
  NegativeLogLikelihoodLoss: (at) => lossOf(at, at.input(0)),
  SoftmaxCrossEntropyLoss: (at) => {
    const logProbabilities = at.op("logSoftmax", at.input(0), 1);
    return [lossOf(at, logProbabilities), logProbabilities];
  },
};
