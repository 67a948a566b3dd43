import { SizeRef } from "../../../graph/argument.js";
import { sizeName, type WrittenOp, type WrittenWindows } from "../../foreign/layer-writers.js";
import { convolutionAttributes, resolveAxisOf } from "./attributes.js";
import { arrayOps } from "./export-array-ops.js";
import { attentionOps } from "./export-attention-ops.js";
import { elementwiseOps } from "./export-elementwise-ops.js";
import { poolingOps } from "./export-pooling-ops.js";
import { recurrenceOps } from "./export-recurrence-ops.js";
import { reductionOps } from "./export-reduction-ops.js";
import type { OnnxShape, OnnxValue, OnnxWriter } from "./onnx-writer.js";
import { binary, type Op, operator } from "./op-rows.js";

/** A convolution of x with a weight and a bias or none. */
function convolution(opType: string): Op {
  return ({ args, shape }, graph) => {
    const [x, weight, bias = null, options = {}] = args as [OnnxValue, OnnxValue, OnnxValue | null, WrittenWindows];
    const kernel = weight.shape.slice(2).map(Number);
    const attributes = convolutionAttributes(kernel, options, x.shape);
    const inputs = bias === null ? [x, weight] : [x, weight, bias];
    return graph.node(opType, inputs, attributes, { shape: shape ?? x.shape });
  };
}

/** x in another shape; sizes that grow with the batch are computed when it runs. */
function reshaped(x: OnnxValue, sizes: readonly (number | SizeRef)[], shape: OnnxShape, graph: OnnxWriter): OnnxValue {
  const open = sizes.flatMap((size, k) => (size instanceof SizeRef ? [k] : []));
  // One size that grows is what is left.
  const settled =
    open.length === 1 && !sizes.includes(-1) ? sizes.map((size) => (size instanceof SizeRef ? -1 : size)) : sizes;
  return graph.node("Reshape", [x, graph.sizes("shape", settled)], {}, { shape });
}

function filled(numberOf: (op: WrittenOp) => number): Op {
  return (op, graph) => {
    const sizes = op.args[0] as readonly (number | SizeRef)[];
    const value = graph.constant("value", [], [numberOf(op)]);
    const shape = sizes.map((size) => (size instanceof SizeRef ? sizeName(size) : size));
    return graph.node("Expand", [value, graph.sizes("shape", sizes)], {}, { shape });
  };
}

/** What each op is in ONNX. An operator that ONNX lacks is written as those it is made of. */
export const onnxOps: Readonly<Record<string, Op>> = {
  add: binary("Add"),
  sub: binary("Sub"),
  mul: binary("Mul"),
  div: binary("Div"),
  pow: binary("Pow"),
  neg: operator("Neg"),
  exp: operator("Exp"),
  log: operator("Log"),
  sqrt: operator("Sqrt"),
  relu: operator("Relu"),
  leakyRelu: operator("LeakyRelu", (slope: number = 0.01) => ({ alpha: { float: slope } })),
  prelu: ({ args }, graph) => {
    const [x, weight] = args as [OnnxValue, OnnxValue];
    const slopes = x.shape.length <= 2 ? weight : graph.reshaped(weight, slopeShape(weight, x));
    return graph.node("PRelu", [x, slopes]);
  },
  elu: operator("Elu", (alpha: number = 1) => ({ alpha: { float: alpha } })),
  sigmoid: operator("Sigmoid"),
  tanh: operator("Tanh"),
  softplus: operator("Softplus"),
  softmax: operator("Softmax", (axis: number = -1) => ({ axis })),
  logSoftmax: operator("LogSoftmax", (axis: number = -1) => ({ axis })),
  relu6: ({ args: [x] }, graph) =>
    graph.node("Clip", [x as OnnxValue, graph.constant("min", [], [0]), graph.constant("max", [], [6])]),
  silu: ({ args: [x] }, graph) => graph.node("Mul", [x as OnnxValue, graph.node("Sigmoid", [x as OnnxValue])]),
  hardSwish: ({ args }, graph) => {
    const x = args[0] as OnnxValue;
    if (graph.opset >= 14) return graph.node("HardSwish", [x]);
    return graph.node("Mul", [x, graph.node("HardSigmoid", [x], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } })]);
  },
  gelu: ({ args }, graph) => {
    // x/2 · (1 + erf(x / √2)): an operator of its own only since version 20.
    const x = args[0] as OnnxValue;
    const scaled = graph.node("Mul", [x, graph.constant("half", [], [0.5])]);
    const ratio = graph.node("Div", [x, graph.constant("root", [], [Math.SQRT2])]);
    const raised = graph.node("Add", [graph.node("Erf", [ratio]), graph.constant("one", [], [1])]);
    return graph.node("Mul", [scaled, raised]);
  },
  ...elementwiseOps,
  ...reductionOps,
  ...arrayOps,
  matmul: ({ args, shape }, graph) =>
    graph.node("MatMul", args as OnnxValue[], {}, { shape: shape ?? (args[0] as OnnxValue).shape }),
  linear: ({ args, shape }, graph) => {
    const [x, weight, bias = null] = args as [OnnxValue, OnnxValue, OnnxValue | null];
    const output = { shape: shape ?? x.shape };
    if (x.shape.length === 2) {
      return graph.node("Gemm", bias === null ? [x, weight] : [x, weight, bias], { transB: 1 }, output);
    }
    const product = graph.node("MatMul", [x, graph.transposed(weight)], {}, output);
    return bias === null ? product : graph.node("Add", [product, bias]);
  },
  transpose: ({ args, shape }, graph) => {
    const [x, order] = args as [OnnxValue, readonly number[] | undefined];
    const rank = x.shape.length;
    const perm = order ?? x.shape.map((_, axis) => rank - 1 - axis);
    return graph.node("Transpose", [x], { perm }, { shape: shape ?? perm.map((k) => x.shape[k]) });
  },
  reshape: ({ args, shape }, graph) => {
    const [x, sizes] = args as [OnnxValue, readonly (number | SizeRef)[]];
    return reshaped(x, sizes, shape ?? x.shape, graph);
  },
  flatten: ({ args, shape }, graph) => {
    const [x, start = 0] = args as [OnnxValue, number | undefined];
    const axis = resolveAxisOf(start, x.shape.length);
    const joined = x.shape
      .slice(axis)
      .map(Number)
      .reduce((product, size) => product * size, 1);
    if (axis === 1) return graph.node("Flatten", [x], { axis: 1 }, { shape: [x.shape[0], joined] });
    // 0 keeps a size.
    return reshaped(x, [...x.shape.slice(0, axis).map(() => 0), -1], shape ?? x.shape, graph);
  },
  slice: ({ args, shape }, graph) => {
    const [x, start, end, axis = 0] = args as [
      OnnxValue,
      number | SizeRef,
      number | SizeRef | undefined,
      number | undefined,
    ];
    const inputs = [
      x,
      graph.sizes("starts", [start]),
      graph.sizes("ends", [end ?? mostRows]),
      graph.constant("axes", [1], [axis], "int64"),
    ];
    return graph.node("Slice", inputs, {}, { shape: shape ?? x.shape });
  },
  concat: ({ args, shape }, graph) => {
    const [list, axis = 0] = args as [readonly OnnxValue[], number | undefined];
    return graph.node("Concat", list, { axis }, { shape: shape ?? list[0].shape });
  },
  detach: ({ args: [x] }) => x as OnnxValue,
  conv1d: convolution("Conv"),
  conv2d: convolution("Conv"),
  conv3d: convolution("Conv"),
  convTranspose1d: convolution("ConvTranspose"),
  convTranspose2d: convolution("ConvTranspose"),
  ...poolingOps,
  ...attentionOps,
  ...recurrenceOps,
  embedding: ({ args, shape }, graph) => {
    const [indices, weight] = args as [OnnxValue, OnnxValue];
    // Whole numbers may be given as such, or have come through other layers as reals.
    const whole = indices.type === "int64" ? indices : graph.node("Cast", [indices], { to: 7 }, { type: "int64" });
    const output = shape ?? [...indices.shape, weight.shape[1]];
    return graph.node("Gather", [weight, whole], { axis: 0 }, { shape: output, type: "float32" });
  },
  zeros: filled(() => 0),
  ones: filled(() => 1),
  full: filled(({ args }) => args[1] as number),
};

/** Slopes along axis 1 of x. */
function slopeShape({ shape }: OnnxValue, x: OnnxValue): number[] {
  return [Number(shape[0]), ...x.shape.slice(2).map(() => 1)];
}

/** Where a slice ends that has no end: behind all that float32 can count. */
const mostRows = 2 ** 31 - 1;
