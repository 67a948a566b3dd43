import { floatOf, intOf, intsOf, isOp, textOf, titleOf } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { isFloat, packValues, type TensorValues } from "../file/tensor-values.js";
import type { Affine } from "../graph/batch-norm-node.js";
import type { Graph } from "../graph/graph.js";

/** New constants for inputs of a node, worked out before anything is edited. */
interface Change {
  readonly weight: TensorValues;
  /** null: it stays as it is. */
  readonly bias: TensorValues | null;
}

/** Operators that a map per channel can be folded into. */
const linear = ["Conv", "ConvTranspose", "Gemm", "MatMul"] as const;

export function isLinear(node: NodeProto): boolean {
  return isOp(node, ...linear);
}

/** The weights of a node of {@link linear}, read as out = bias + Σ weight · in. */
interface Weights {
  readonly weight: TensorValues;
  readonly bias: TensorValues | null;
  readonly inputs: number;
  readonly outputs: number;
  /** Visits each element of the weight, in its order, with the channels that it joins. */
  readonly each: (visit: (element: number, output: number, input: number) => void) => void;
  /** What the product is multiplied by before the bias is added, and the bias before it is. */
  readonly alpha: number;
  readonly beta: number;
}

function weightsOf(graph: Graph, node: NodeProto): Weights | string {
  const weight = graph.constant(node.input[1] ?? "");
  if (typeof weight === "string") return `the weight of ${titleOf(node)} is not constant: ${weight}`;
  if (!isFloat(weight.type)) return `the weight of ${titleOf(node)} is of type ${weight.type}`;
  if (weight.data.length === 0) return `the weight of ${titleOf(node)} is empty`;
  const biasName = node.input[2] ?? "";
  const bias = biasName === "" ? null : graph.constant(biasName);
  if (typeof bias === "string") return `the bias of ${titleOf(node)} is not constant: ${bias}`;
  const layout = isOp(node, "Conv", "ConvTranspose") ? convolution(node, weight) : product(node, weight);
  if (typeof layout === "string") return `${titleOf(node)} has ${layout}`;
  const isGemm = node.opType === "Gemm";
  const { outputs } = layout;
  // Gemm adds whatever broadcasts; one value for each row would grow to a whole matrix.
  const fits = bias === null || (bias.shape.length < 3 && (bias.data.length === 1 || bias.shape.at(-1) === outputs));
  if (!fits || (!isGemm && bias !== null && bias.data.length !== outputs)) {
    return `the bias of ${titleOf(node)} has the shape ${bias?.shape.join("×")}, for ${outputs} outputs`;
  }
  return {
    weight,
    bias,
    ...layout,
    alpha: isGemm ? floatOf(node, "alpha", 1) : 1,
    beta: isGemm ? floatOf(node, "beta", 1) : 1,
  };
}

type Layout = Pick<Weights, "inputs" | "outputs" | "each">;

function convolution(node: NodeProto, { shape }: TensorValues): Layout | string {
  const groups = intOf(node, "group", 1);
  const [rows, columns, ...kernel] = shape;
  if (shape.length < 3 || groups < 1 || rows % groups !== 0)
    return `a weight of ${shape.join("×")} for ${groups} groups`;
  const taps = kernel.reduce((all, extent) => all * extent, 1);
  const perGroup = rows / groups;
  const isTransposed = node.opType === "ConvTranspose";
  return {
    outputs: isTransposed ? columns * groups : rows,
    inputs: isTransposed ? rows : columns * groups,
    each(visit) {
      let element = 0;
      for (let row = 0; row < rows; row++) {
        const first = Math.floor(row / perGroup) * columns;
        for (let column = first; column < first + columns; column++) {
          for (let tap = 0; tap < taps; tap++) {
            if (isTransposed) visit(element++, column, row);
            else visit(element++, row, column);
          }
        }
      }
    },
  };
}

function product(node: NodeProto, { shape }: TensorValues): Layout | string {
  if (shape.length !== 2) return `a weight of rank ${shape.length}`;
  if (intOf(node, "transA", 0) !== 0) return "a transposed input";
  const [rows, columns] = shape;
  const isTransposed = node.opType === "Gemm" && intOf(node, "transB", 0) !== 0;
  return {
    outputs: isTransposed ? rows : columns,
    inputs: isTransposed ? columns : rows,
    each(visit) {
      for (let row = 0, element = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++, element++) {
          if (isTransposed) visit(element, row, column);
          else visit(element, column, row);
        }
      }
    },
  };
}

/**
 * Folds a map per channel into the node before it: weight ← scale · weight, bias ← scale · bias + shift.
 *
 * @returns why not, or null if it is done
 */
export function foldBefore(graph: Graph, node: NodeProto, { scale, shift }: Affine): string | null {
  const weights = weightsOf(graph, node);
  if (typeof weights === "string") return weights;
  const { outputs, each } = weights;
  if (outputs !== scale.length) return `${titleOf(node)} makes ${outputs} channels, not ${scale.length}`;
  const data = new Float64Array(weights.weight.data.length);
  each((element, output) => {
    data[element] = weights.weight.data[element] * scale[output];
  });
  return apply(graph, node, weights, { weight: { ...weights.weight, data }, bias: newBias(weights, scale, shift) });
}

/**
 * Folds a map per channel into a node that reads its output: weight ← weight · scale, bias ← bias + Σ weight · shift.
 *
 * @returns why not, or null if it is done
 */
export function foldAfter(graph: Graph, node: NodeProto, { scale, shift }: Affine): string | null {
  const weights = weightsOf(graph, node);
  if (typeof weights === "string") return weights;
  const { inputs, outputs, each } = weights;
  if (inputs !== scale.length) return `${titleOf(node)} takes ${inputs} channels, not ${scale.length}`;
  const { data: old } = weights.weight;
  if (shift.some((value) => value !== 0) && isPadded(node, weights.weight.shape)) {
    return `${titleOf(node)}, after it, pads with zeros, which the norm would have shifted`;
  }
  const data = new Float64Array(old.length);
  const shifts = new Float64Array(outputs);
  each((element, output, input) => {
    data[element] = old[element] * scale[input];
    shifts[output] += weights.alpha * old[element] * shift[input];
  });
  const bias = newBias(weights, new Float64Array(outputs).fill(1), shifts);
  return apply(graph, node, weights, { weight: { ...weights.weight, data }, bias });
}

/** scale · bias + shift, such that beta times it is what is added; a bias of any shape that broadcasts to (rows, outputs). */
function newBias(
  { bias, weight, outputs, beta }: Weights,
  scale: Float64Array,
  shift: Float64Array,
): TensorValues | null {
  if (bias === null || beta === 0) {
    return shift.every((value) => value === 0) ? null : { type: weight.type, shape: [outputs], data: shift };
  }
  const { shape, data, type } = bias;
  const width = shape.at(-1) ?? 1;
  const rows = data.length / width;
  const result = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < outputs; k++) {
      result[row * outputs + k] = scale[k] * data[row * width + (width === 1 ? 0 : k)] + shift[k] / beta;
    }
  }
  return { type, shape: [...shape.slice(0, -1), outputs], data: result };
}

/** Whether a node reads zeros beside its input, or takes a different number of inputs for different outputs. */
function isPadded(node: NodeProto, shape: readonly number[]): boolean {
  if (node.opType === "ConvTranspose") return true;
  if (node.opType !== "Conv") return false;
  if ((intsOf(node, "pads") ?? []).some((pad) => pad !== 0)) return true;
  return textOf(node, "auto_pad", "NOTSET").startsWith("SAME") && shape.slice(2).some((extent) => extent !== 1);
}

function apply(graph: Graph, node: NodeProto, old: Weights, { weight, bias }: Change): string | null {
  const broken = (values: TensorValues): string => `the folded weights of ${titleOf(node)} overflow ${values.type}`;
  const packed = packValues(weight);
  const packedBias = bias === null ? null : packValues(bias);
  if (packed === null) return broken(weight);
  if (bias !== null && packedBias === null) return broken(bias);
  graph.setConstant(node, 1, weight, packed);
  if (bias === null || packedBias === null) return null;
  if (node.opType === "MatMul") node.opType = "Gemm";
  if (node.opType === "Gemm") {
    if (old.bias === null || old.beta === 0) setAttribute(graph, node, "beta", 1);
    if (graph.model.opset < 7) setAttribute(graph, node, "broadcast", 1);
  }
  graph.setConstant(node, 2, bias, packedBias);
  return null;
}

/** Sets an attribute of Gemm: beta, a real number, or broadcast, a whole one. */
function setAttribute({ model }: Graph, node: NodeProto, name: "beta" | "broadcast", value: number): void {
  node.attribute = node.attribute.filter((one) => one.name !== name);
  if (name === "broadcast") node.attribute.push(model.codec.attribute({ name, type: 2, i: BigInt(value) }));
  else if (value !== 1) node.attribute.push(model.codec.attribute({ name, type: 1, f: value }));
}
