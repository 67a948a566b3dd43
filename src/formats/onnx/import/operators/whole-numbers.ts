import type { Argument } from "../../../../graph/argument.js";
import { intOf } from "../../file/attributes.js";
import { elementTypeOf, isWholeType } from "../../file/tensor-values.js";
import type { ImportStep } from "../import-step.js";

/** Operators whose outputs are booleans. */
const conditions = new Set("Equal Less LessOrEqual Greater GreaterOrEqual Not And Or Xor".split(" "));

/** Which input an output has its type of, where that is not the first. */
const typedBy: Readonly<Record<string, number>> = { Where: 1, OneHot: 2, CastLike: 1 };

/** The outputs of a node that hold whole numbers in the file. */
export function wholeOutputs(at: ImportStep): readonly string[] {
  const { node } = at;
  const { opType, output } = node;
  if (conditions.has(opType)) return [];
  if (opType === "ArgMax" || opType === "ArgMin") return output;
  if (opType === "Cast") {
    const type = elementTypeOf(intOf(node, "to", 1));
    return type !== undefined && isWholeType(type) ? output : [];
  }
  // What it repeats has a type of its own, real numbers where there is none.
  if (opType === "ConstantOfShape") {
    return node.attribute.some(({ t }) => isWholeType(elementTypeOf(t?.dataType ?? 1) ?? "float32")) ? output : [];
  }
  const isWhole = at.isWhole(typedBy[opType] ?? 0);
  if (opType === "TopK") return isWhole ? output : output.slice(1);
  return isWhole ? output : [];
}

/** What two whole numbers divide to, towards 0. */
export function wholeQuotient(at: ImportStep): Argument {
  const quotient = at.op("div", at.input(0), at.input(1));
  return at.op("mul", at.op("sign", quotient), at.op("floor", at.op("abs", quotient)));
}
