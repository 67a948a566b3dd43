import { work } from "../../file-budget.js";
import { isOp, titleOf } from "../file/attributes.js";
import type { TensorProto } from "../file/codec.js";
import { readTensor, type TensorValues } from "../file/tensor-values.js";
import { constantMadeBy, constantOf, rearranges } from "./constant-operators.js";
import type { Graph } from "./graph.js";

/** What has a constant's numbers; a text says why there is nothing. */
type ConstantSource = TensorProto | TensorValues | string;

/** So many nodes may pass a constant on. */
const mostPasses = 100;

/**
 * Where the numbers of a value come from: an initializer, a Constant node, here or in a graph around, or nodes that only rearrange these.
 *
 * @param passes - how many nodes may still stand between
 */
export function sourceOf(graph: Graph, name: string, passes = mostPasses): ConstantSource {
  if (passes === 0) return `more than ${mostPasses} nodes pass it on`;
  const tensor = graph.initializerOf(name);
  if (tensor !== undefined) {
    const { initializersAreConstant, proto } = graph.model;
    const isDefault = graph.isListed(name) && proto.irVersion >= 4n && !initializersAreConstant;
    return isDefault ? "whoever runs the model may replace it, since it is also an input" : tensor;
  }
  const maker = graph.makerOf(name);
  if (maker === undefined) {
    if (graph.parent !== null && !graph.isListed(name)) return sourceOf(graph.parent, name, passes);
    return "it is an input of the model";
  }
  if (isOp(maker, "Identity") && maker.input.length === 1) return sourceOf(graph, maker.input[0], passes - 1);
  const isShaping = rearranges(maker);
  if (!isShaping && !isOp(maker, "Constant")) {
    graph.model.spend(work.title);
    return `${titleOf(maker)} computes it`;
  }
  const numbers = maker.attribute.reduce((sum, { ints, floats }) => sum + 1 + ints.length + floats.length, 0);
  graph.model.spend(work.attributes + numbers);
  if (isShaping) {
    return constantMadeBy(maker, (input) => numbersOf(graph, sourceOf(graph, maker.input[input], passes - 1)));
  }
  const value = maker.attribute.map(constantOf).find((one) => one !== null);
  return value ?? `${titleOf(maker)} computes it`;
}

/** The numbers themselves. */
export function numbersOf({ model }: Graph, source: ConstantSource): TensorValues | string {
  if (typeof source === "string") return source;
  const values = "dims" in source ? readTensor(source, model.files) : source;
  if (typeof values !== "string") model.spend(values.data.length);
  return values;
}
