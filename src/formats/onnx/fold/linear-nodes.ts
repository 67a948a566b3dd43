import type { Kernel, LinearMap } from "../../../graph/fold/linear-map.js";
import { diagonal } from "../../../graph/fold/linear-map.js";
import { floatOf, intOf, intsOf, isOp, nodeTitle, textOf } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { isFloat, packValues, type TensorValues } from "../file/tensor-values.js";
import { isBatchNorm, parameterInputs, parameterOf } from "../graph/batch-norm-node.js";
import type { OnnxGraph } from "../graph/graph.js";

/** A node in numbers, and the constants that they are of. */
export interface LinearNode extends LinearMap {
  readonly constants: {
    readonly weight: TensorValues;
    readonly bias: TensorValues | null;
    /** What the bias is multiplied by. */
    readonly beta: number;
  };
}

/** Whether a node is of an operator that computes weight · x + bias. */
export function isLinear(node: NodeProto): boolean {
  return isOp(node, "Conv", "ConvTranspose", "Gemm", "MatMul");
}

/**
 * The numbers of a linear node, or of a batch norm what follows x̂; a text says why they are not known, or cannot be
 * changed.
 */
export function linearNode(graph: OnnxGraph, node: NodeProto): LinearNode | string {
  return isBatchNorm(node) ? ofNorm(graph, node) : ofWeight(graph, node);
}

function ofNorm(graph: OnnxGraph, norm: NodeProto): LinearNode | string {
  const [weight, bias] = [parameterOf(graph, norm, "weight"), parameterOf(graph, norm, "bias")];
  if (typeof weight === "string" || typeof bias === "string") throw new Error("internal: a norm lost its parameters");
  return { ...diagonal(weight.data, bias.data), constants: { weight, bias, beta: 1 } };
}

function ofWeight(graph: OnnxGraph, node: NodeProto): LinearNode | string {
  const title = nodeTitle(node);
  const weight = graph.constant(node.input[1] ?? "");
  if (typeof weight === "string") return `the weight of ${title} is not constant: ${weight}`;
  if (!isFloat(weight.type)) return `the weight of ${title} is of type ${weight.type}`;
  if (weight.data.length === 0) return `the weight of ${title} is empty`;
  const biasName = node.input[2] ?? "";
  const bias = biasName === "" ? null : graph.constant(biasName);
  if (typeof bias === "string") return `the bias of ${title} is not constant: ${bias}`;
  const layout = isOp(node, "Conv", "ConvTranspose") ? convolution(node, weight) : product(node, weight);
  if (typeof layout === "string") return `${title} has ${layout}`;
  const { outputs } = layout;
  const isGemm = node.opType === "Gemm";
  // Gemm adds whatever broadcasts; one value for each row would grow to a whole matrix.
  const fits = bias === null || (bias.shape.length < 3 && (bias.data.length === 1 || bias.shape.at(-1) === outputs));
  if (!fits || (!isGemm && bias !== null && bias.data.length !== outputs))
    return `the bias of ${title} has the shape ${bias?.shape.join("×")}, for ${outputs} outputs`;
  const beta = isGemm ? floatOf(node, "beta", 1) : 1;
  const isAdded = bias !== null && beta !== 0;
  const added = bias?.data.length === 1 ? new Float64Array(outputs).fill(bias.data[0]) : bias?.data;
  return {
    ...layout,
    bias: isAdded ? (added?.map((value) => beta * value) ?? null) : null,
    gain: isGemm ? floatOf(node, "alpha", 1) : 1,
    edge: isPadded(node, weight.shape)
      ? `${title}, after it, pads with zeros, which the norm would have shifted`
      : null,
    constants: { weight, bias: isAdded ? bias : null, beta: isAdded ? beta : 1 },
  };
}

type Layout = Pick<LinearMap, "kernels" | "inputs" | "outputs">;

function convolution(node: NodeProto, { shape, data }: TensorValues): Layout | string {
  const groups = intOf(node, "group", 1);
  const [rows, columns, ...kernel] = shape;
  if (shape.length < 3 || groups < 1 || rows % groups !== 0)
    return `a weight of ${shape.join("×")} for ${groups} groups`;
  const taps = kernel.reduce((all, extent) => all * extent, 1);
  return layoutOf(data, [rows, columns, taps], groups, node.opType === "ConvTranspose");
}

function product(node: NodeProto, { shape, data }: TensorValues): Layout | string {
  if (shape.length !== 2) return `a weight of rank ${shape.length}`;
  if (intOf(node, "transA", 0) !== 0) return "a transposed input";
  const [rows, columns] = shape;
  const outputsFirst = node.opType === "Gemm" && intOf(node, "transB", 0) !== 0;
  return layoutOf(data, [rows, columns, 1], 1, !outputsFirst);
}

/** Of a weight of (rows, columns of a group, taps) whose rows are outputs, or inputs if it is transposed. */
function layoutOf(
  values: Float64Array,
  [rows, columns, taps]: readonly [number, number, number],
  groups: number,
  isTransposed: boolean,
): Layout {
  const rowOf = (i: number): number => Math.floor(i / (columns * taps));
  const columnOf = (i: number): number =>
    Math.floor(rowOf(i) / (rows / groups)) * columns + (Math.floor(i / taps) % columns);
  const [inputs, outputs] = isTransposed ? [rows, columns * groups] : [columns * groups, rows];
  const ends: Pick<Kernel, "outputOf" | "inputOf"> = isTransposed
    ? { outputOf: columnOf, inputOf: rowOf }
    : { outputOf: rowOf, inputOf: columnOf };
  return { kernels: [{ values, outputs, ...ends }], inputs, outputs };
}

/** Whether a node reads zeros beside its input, or takes a different number of inputs for different outputs. */
function isPadded(node: NodeProto, shape: readonly number[]): boolean {
  if (node.opType === "ConvTranspose") return true;
  if (node.opType !== "Conv") return false;
  if ((intsOf(node, "pads") ?? []).some((pad) => pad !== 0)) return true;
  return textOf(node, "auto_pad", "NOTSET").startsWith("SAME") && shape.slice(2).some((extent) => extent !== 1);
}

/** Gives a node other numbers; a text says why they do not fit, and then nothing has changed. */
export function writeLinearNode(graph: OnnxGraph, node: NodeProto, linear: LinearNode): string | null {
  const isNorm = isBatchNorm(node);
  const { weight: old, bias: oldBias, beta } = linear.constants;
  const weight = { ...old, data: linear.kernels[0].values };
  const bias =
    linear.bias === null ? null : biasOf(linear.bias, linear, oldBias ?? { type: old.type, shape: [] }, beta);
  const isReal = ({ data }: TensorValues): boolean => data.every(Number.isFinite);
  const pack = (values: TensorValues | null) => (values !== null && isReal(values) ? packValues(values) : null);
  const [packed, packedBias] = [pack(weight), pack(bias)];
  if (packed === null || (bias !== null && packedBias === null)) {
    const what = isNorm ? "the parameters" : "the folded weights";
    return `${what} of ${nodeTitle(node)} overflow ${(packed === null ? weight : (bias ?? weight)).type}`;
  }
  graph.setConstant(node, isNorm ? parameterInputs.weight : 1, weight, packed);
  if (bias === null || packedBias === null) return null;
  if (node.opType === "MatMul") node.opType = "Gemm";
  if (node.opType === "Gemm") {
    if (oldBias === null) setAttribute(graph, node, "beta", 1);
    if (graph.model.opset < 7) setAttribute(graph, node, "broadcast", 1);
  }
  graph.setConstant(node, isNorm ? parameterInputs.bias : 2, bias, packedBias);
  return null;
}

/** The constant that, multiplied by beta, is what is added. */
function biasOf(
  added: Float64Array,
  { outputs }: LinearMap,
  { type, shape }: Pick<TensorValues, "type" | "shape">,
  beta: number,
): TensorValues {
  return { type, shape: [...shape.slice(0, -1), outputs], data: added.map((value) => value / beta) };
}

/** Sets an attribute of Gemm: beta, a real number, or broadcast, a whole one. */
function setAttribute({ model }: OnnxGraph, node: NodeProto, name: "beta" | "broadcast", value: number): void {
  node.attribute = node.attribute.filter((one) => one.name !== name);
  if (name === "broadcast") node.attribute.push(model.codec.attribute({ name, type: 2, i: BigInt(value) }));
  else if (value !== 1) node.attribute.push(model.codec.attribute({ name, type: 1, f: value }));
}
