import { type Argument, ValueRef } from "../../../../graph/argument.js";
import { Linear } from "../../../../nn/linear.js";
import { formatShape } from "../../../../shape.js";
import { floatOf, intOf, isOp } from "../../file/attributes.js";
import type { NodeProto } from "../../file/codec.js";
import type { TensorValues } from "../../file/tensor-values.js";
import type { OnnxGraph } from "../../graph/graph.js";
import type { ImportStep } from "../import-step.js";
import { unsupported, withState } from "../imported-layer.js";

/** A·B + C: a linear layer where B is constant, with C as its bias where that is one for each output. */
export function importGemm(at: ImportStep): Argument {
  const { node, graph } = at;
  const [alpha, beta] = [floatOf(node, "alpha", 1), floatOf(node, "beta", 1)];
  const isTransposed = intOf(node, "transB", 0) !== 0;
  const bias = at.has(2) && graph.isConstant(node.input[2]) ? at.values(2) : null;
  const isFixed = graph.isConstant(node.input[1] ?? "");
  const weight = isFixed ? at.values(1) : null;
  const shape = weight?.shape ?? at.shape(1);
  if (shape !== null && shape.length !== 2) throw at.refuse(`a weight of rank ${shape.length}`);
  const outputs = shape?.[isTransposed ? 0 : 1];
  if (bias !== null && typeof outputs === "number" && ![1, outputs].includes(bias.shape.at(-1) ?? 1)) {
    throw at.refuse(`a bias ${formatShape(bias.shape)}`);
  }
  const isOwn = bias !== null && typeof outputs === "number" && isPerOutput(bias, outputs);
  const isPlain = weight !== null && (!at.has(2) || isOwn);
  const x = intOf(node, "transA", 0) === 0 ? at.input(0) : at.op("transpose", at.input(0), [1, 0]);
  if (isPlain) return at.layer(keyOf(at, 1, 2), () => gemm(weight, bias, { alpha, beta, isTransposed }), x);
  let y: Argument;
  if (weight !== null) y = at.layer(keyOf(at, 1), () => gemm(weight, null, { alpha, beta, isTransposed }), x);
  else {
    y = at.op("matmul", x, isTransposed ? at.op("transpose", at.input(1), [1, 0]) : at.input(1));
    if (alpha !== 1) y = at.op("mul", y, alpha);
  }
  if (!at.has(2)) return y;
  return at.op("add", y, beta === 1 ? at.input(2) : at.op("mul", at.input(2), beta));
}

function gemm(
  weight: TensorValues,
  bias: TensorValues | null,
  { alpha, beta, isTransposed }: { readonly alpha: number; readonly beta: number; readonly isTransposed: boolean },
): Linear {
  const outputs = weight.shape[isTransposed ? 0 : 1];
  const shift = bias && Float64Array.from({ length: outputs }, (_, o) => beta * (bias.data[o] ?? bias.data[0]));
  return linearOf({ ...weight, data: weight.data.map((value) => alpha * value) }, shift, isTransposed);
}

/** A product with a constant matrix is a linear layer, with the Add of a constant behind it; other products are ops. */
export function importMatMul(at: ImportStep): Argument {
  const { node, graph } = at;
  const isFixed = graph.isConstant(node.input[1] ?? "");
  const weight = isFixed ? at.values(1) : null;
  if (weight === null || weight.shape.length !== 2) {
    const [a, b] = at.inputs();
    for (const [k, one] of [a, b].entries()) {
      const rank = at.state.builder.shapeOf(one)?.length ?? 2;
      if (rank < 2) throw at.refuse(`input ${k} of rank ${rank}`);
    }
    const [inner, other] = [at.state.builder.shapeOf(a)?.at(-1), at.state.builder.shapeOf(b)?.at(-2)];
    if (typeof inner === "number" && typeof other === "number" && inner !== other) {
      throw at.refuse(`matrices of ${inner} columns and ${other} rows`);
    }
    return at.op("matmul", a, b);
  }
  const [output] = node.output;
  const [next] = graph.readersOf(output);
  const x = at.input(0);
  if (x instanceof ValueRef && next !== undefined && graph.isReadOnce(output)) {
    const bias = biasOf(next, output, weight.shape[1], graph);
    if (bias !== null) {
      const key = JSON.stringify(["MatMul", node.input[1], ...next.input.filter((name) => name !== output)]);
      const y = at.layer(key, () => linearOf(weight, bias), x);
      at.state.done.add(next);
      at.state.bind(next.output[0], y);
      return y;
    }
  }
  return at.layer(keyOf(at, 1), () => linearOf(weight, null), x);
}

/** The constant that an Add behind a product adds, if it is one for each output. */
function biasOf(node: NodeProto, product: string, outputs: number, graph: OnnxGraph): Float64Array | null {
  if (!isOp(node, "Add") || node.input.length !== 2 || intOf(node, "axis", -1) !== -1) return null;
  const values = graph.constant(node.input[node.input[0] === product ? 1 : 0]);
  const isBias = typeof values !== "string" && values.data.length === outputs && isPerOutput(values, outputs);
  return isBias ? values.data : null;
}

/** Whether a bias is one for each output, or one for all: a column of values would be one for each row. */
function isPerOutput({ shape, data }: TensorValues, outputs: number): boolean {
  return shape.length <= 2 && (data.length === 1 || (data.length === outputs && shape.at(-1) === outputs));
}

/** What a layer is made of: its operator, attributes and constants. */
function keyOf({ node }: ImportStep, ...inputs: readonly number[]): string {
  return JSON.stringify([
    node.opType,
    ...inputs.map((k) => node.input[k] ?? ""),
    ...[floatOf(node, "alpha", 1), floatOf(node, "beta", 1), intOf(node, "transB", 0)],
  ]);
}

/** The layer of a matrix that x is multiplied by: (inputs, outputs), or (outputs, inputs) if it is transposed first. */
function linearOf({ shape, data }: TensorValues, bias: Float64Array | null, isTransposed = false): Linear {
  const [outputs, inputs] = isTransposed ? shape : shape.toReversed();
  return withState(new Linear(inputs, outputs, { bias: bias !== null }), {
    weight: isTransposed ? data : turned(data, inputs, outputs),
    ...(bias === null ? {} : { bias }),
  });
}

/** A matrix of so many rows and columns with its columns as rows. */
function turned(data: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(data.length);
  for (let j = 0; j < columns; j++) {
    for (let i = 0; i < rows; i++) result[j * rows + i] = data[i * columns + j];
  }
  return result;
}

/** The linear layer that a Conv of planes of one value is. */
export function linearOfConv(at: ImportStep): Argument {
  const weight = at.values(1);
  const bias = at.has(2) ? at.values(2).data : null;
  const key = JSON.stringify(["planes", at.node.input[1], at.node.input[2] ?? ""]);
  if (bias !== null && bias.length !== weight.shape[0]) throw unsupported(at.node, `a bias of ${bias.length} values`);
  return at.layer(key, () => linearOf({ ...weight, shape: weight.shape.slice(0, 2) }, bias, true));
}
