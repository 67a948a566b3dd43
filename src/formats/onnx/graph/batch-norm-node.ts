import { fixedMap } from "../../../graph/fold/channel-map.js";
import type { ChannelMap } from "../../../nn/layer-traits.js";
import { floatOf, intOf, isOp } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { isFloat, type TensorValues } from "../file/tensor-values.js";
import type { OnnxGraph } from "./graph.js";

/** The parameters of a batch norm, by their place among its inputs. */
export const parameterInputs = { weight: 1, bias: 2, mean: 3, variance: 4 } as const;

/** See {@link parameterInputs}. */
export type ParameterName = keyof typeof parameterInputs;

export function isBatchNorm(node: NodeProto): boolean {
  return isOp(node, "BatchNormalization");
}

/** eps, as the file has it. */
export function epsOf(node: NodeProto): number {
  return floatOf(node, "epsilon", Math.fround(1e-5));
}

/**
 * Whether a batch norm normalises by the batch: a flag says so since version 14, extra outputs did before, and
 * `is_test` before 7.
 */
export function isTraining(node: NodeProto, opset: number): boolean {
  if (opset >= 14) return intOf(node, "training_mode", 0) !== 0;
  if (opset >= 7) return node.output.filter((name) => name !== "").length > 1;
  return intOf(node, "is_test", 0) === 0;
}

/** One of a batch norm's parameters; a text says why it cannot be read. */
export function parameterOf(graph: OnnxGraph, node: NodeProto, name: ParameterName): TensorValues | string {
  const input = node.input[parameterInputs[name]] ?? "";
  if (input === "") return "it is missing";
  const values = graph.constant(input);
  return typeof values === "string" || isFloat(values.type) ? values : `it is of type ${values.type}`;
}

/**
 * Parameters of a batch norm that normalises by its running statistics; a text says why it does not, or one is not
 * known.
 */
export function fixedParameters<Name extends ParameterName>(
  graph: OnnxGraph,
  node: NodeProto,
  names: readonly Name[],
): Record<Name, TensorValues> | string {
  const { opset } = graph.model;
  if (isTraining(node, opset)) return "it normalises by the batch (training mode): repair the model first";
  if (node.output.filter((name) => name !== "").length > 1)
    return "it has outputs besides its first: repair the model first";
  if (opset < 9 && intOf(node, "spatial", 1) === 0) return "each position has its own statistics (spatial = 0)";
  const values = {} as Record<Name, TensorValues>;
  for (const name of names) {
    const parameter = parameterOf(graph, node, name);
    if (typeof parameter === "string") return `its ${name} is not known: ${parameter}`;
    const { shape, data } = parameter;
    const { length: channels } = (values[names[0]] ?? parameter).data;
    if (shape.length !== 1 || data.length !== channels)
      return `its ${name} has the shape ${shape.join("×") || "scalar"}, its ${names[0]} ${channels} values`;
    values[name] = parameter;
  }
  return values;
}

/** The map of a batch norm; a text says why it has none that is fixed. */
export function nodeMapOf(graph: OnnxGraph, node: NodeProto): ChannelMap | string {
  const parameters = fixedParameters(graph, node, ["weight", "bias", "mean", "variance"]);
  if (typeof parameters === "string") return parameters;
  const { weight, bias, mean, variance } = parameters;
  return fixedMap({ weight: weight.data, bias: bias.data, mean: mean.data, variance: variance.data }, epsOf(node));
}
