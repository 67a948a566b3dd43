import { sizeOf } from "../../../../shape.js";
import { floatOf, intOf } from "../../file/attributes.js";
import type { ElementType, TensorValues } from "../../file/tensor-values.js";
import {
  type Computation,
  type ConstantOperator,
  commonShape,
  expanded,
  isReal,
  like,
  NotComputed,
  permuted,
  roundTo,
} from "./computation.js";

type Each = (...values: number[]) => number;

/**
 * An operator element by element, whose inputs broadcast.
 *
 * @param type - of the result, if it is not that of the first input
 */
function each(f: Each, type?: ElementType): ConstantOperator {
  return (at) => elementwise(at, at.inputs(), f, type);
}

function elementwise(at: Computation, inputs: readonly TensorValues[], f: Each, type?: ElementType): TensorValues {
  if (at.opset < 7 && at.node.attribute.some(({ name }) => name === "axis")) throw new NotComputed("its axis is set");
  const shape = commonShape(inputs.map((one) => one.shape));
  const same = inputs.map((one) => expanded(at, one, shape).data);
  const data = at.room(shape);
  const [a, b, c] = same;
  for (let i = 0; i < data.length; i++) data[i] = f(a[i], b?.[i], c?.[i]);
  const to = type ?? inputs[0].type;
  return { type: to, shape, data: roundTo(to, data) };
}

/** The same operator of any number of inputs. */
function folded(f: (a: number, b: number) => number): ConstantOperator {
  return (at) => at.inputs().reduce((a, b) => elementwise(at, [a, b], (x, y) => f(x, y)));
}

/** An operator of rows, which reduces some axes. */
function reduction(f: (row: Float64Array) => number): ConstantOperator {
  return (at) => {
    const values = at.input(0);
    const { shape } = values;
    const given = at.list("axes", 1);
    if (!given?.length && intOf(at.node, "noop_with_empty_axes", 0) !== 0) return values;
    const gone = new Set(given?.length ? given.map((axis) => at.axis(axis, shape.length)) : shape.keys());
    const axes = [...shape.keys()];
    const kept = axes.filter((axis) => !gone.has(axis));
    const rows = permuted(at, values, [...kept, ...gone]).data;
    const keepDims = intOf(at.node, "keepdims", 1) !== 0;
    const data = at.room(kept.map((axis) => shape[axis]));
    const width = sizeOf([...gone].map((axis) => shape[axis]));
    for (let k = 0; k < data.length; k++) data[k] = f(rows.subarray(k * width, (k + 1) * width));
    return like(
      values,
      axes.flatMap((axis) => (gone.has(axis) ? (keepDims ? [1] : []) : [shape[axis]])),
      data,
    );
  };
}

const sum = (row: Float64Array): number => row.reduce((total, value) => total + value, 0);
const sumOfSquares = (row: Float64Array): number => row.reduce((total, value) => total + value * value, 0);

/** Operators that compute. */
export const arithmetic: Readonly<Record<string, ConstantOperator>> = {
  Add: each((a, b) => a + b),
  Sub: each((a, b) => a - b),
  Mul: each((a, b) => a * b),
  Div: (at) => {
    const [a, b] = at.inputs();
    if (!isReal(a) && b.data.includes(0)) throw new NotComputed("it divides by 0");
    return elementwise(at, [a, b], (x, y) => x / y);
  },
  Pow: each((a, b) => a ** b),
  Sum: folded((a, b) => a + b),
  Min: folded(Math.min),
  Max: folded(Math.max),
  Neg: each((a) => -a),
  Abs: each(Math.abs),
  Sign: each(Math.sign),
  Floor: each(Math.floor),
  Ceil: each(Math.ceil),
  Sqrt: each(Math.sqrt),
  Exp: each(Math.exp),
  Log: each(Math.log),
  Reciprocal: each((a) => 1 / a),
  Relu: each((a) => Math.max(a, 0)),
  Sigmoid: each((a) => 1 / (1 + Math.exp(-a))),
  Tanh: each(Math.tanh),
  Softplus: each((a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)))),
  Clip: (at) => {
    const limit = (k: number, name: string, absent: number): number =>
      at.has(k) ? at.input(k).data[0] : floatOf(at.node, name, absent);
    const [low, high] = [limit(1, "min", Number.NEGATIVE_INFINITY), limit(2, "max", Number.POSITIVE_INFINITY)];
    return elementwise(at, [at.input(0)], (value) => Math.min(Math.max(value, low), high));
  },
  Equal: each((a, b) => Number(a === b), "bool"),
  Less: each((a, b) => Number(a < b), "bool"),
  Greater: each((a, b) => Number(a > b), "bool"),
  LessOrEqual: each((a, b) => Number(a <= b), "bool"),
  GreaterOrEqual: each((a, b) => Number(a >= b), "bool"),
  And: each((a, b) => a * b, "bool"),
  Or: each((a, b) => a + b, "bool"),
  Not: each((a) => 1 - a, "bool"),
  Where: (at) => elementwise(at, at.inputs(), (is, a, b) => (is === 0 ? b : a), at.input(1).type),
  ReduceSum: reduction(sum),
  ReduceMean: reduction((row) => sum(row) / row.length),
  ReduceProd: reduction((row) => row.reduce((product, value) => product * value, 1)),
  ReduceMax: reduction((row) => row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)),
  ReduceMin: reduction((row) => row.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)),
  ReduceL1: reduction((row) => row.reduce((total, value) => total + Math.abs(value), 0)),
  ReduceL2: reduction((row) => Math.sqrt(sumOfSquares(row))),
  ReduceSumSquare: reduction(sumOfSquares),
  MatMul: (at) => product(at, at.input(0), at.input(1)),
  Gemm: (at) => {
    const turned = (k: number, name: string): TensorValues =>
      intOf(at.node, name, 0) === 0 ? at.input(k) : permuted(at, at.input(k), [1, 0]);
    const [alpha, beta] = [floatOf(at.node, "alpha", 1), floatOf(at.node, "beta", 1)];
    const products = product(at, turned(0, "transA"), turned(1, "transB"));
    const scaled = elementwise(at, [products], (value) => alpha * value);
    return at.has(2) ? elementwise(at, [scaled, at.input(2)], (a, c) => a + beta * c) : scaled;
  },
};

/** Products of matrices, whose other axes broadcast; a vector is a row on the left, a column on the right. */
function product(at: Computation, a: TensorValues, b: TensorValues): TensorValues {
  if (a.shape.length === 0 || b.shape.length === 0) throw new NotComputed("it multiplies a scalar");
  const [left, right] = [
    a.shape.length === 1 ? [1, ...a.shape] : a.shape,
    b.shape.length === 1 ? [...b.shape, 1] : b.shape,
  ];
  const [rows, inner] = left.slice(-2);
  const [depth, columns] = right.slice(-2);
  if (inner !== depth) throw new NotComputed(`it multiplies ${a.shape.join("×")} by ${b.shape.join("×")}`);
  const outer = commonShape([left.slice(0, -2), right.slice(0, -2)]);
  const shape = [...outer, ...(a.shape.length === 1 ? [] : [rows]), ...(b.shape.length === 1 ? [] : [columns])];
  at.spend(sizeOf(outer) * rows * inner * columns);
  const one = expanded(at, { ...a, shape: left }, [...outer, rows, inner]).data;
  const other = expanded(at, { ...b, shape: right }, [...outer, inner, columns]).data;
  const data = at.room(shape);
  for (let row = 0; row < sizeOf(outer) * rows; row++) {
    const matrix = Math.floor(row / rows) * inner;
    for (let k = 0; k < inner; k++) {
      const factor = one[row * inner + k];
      for (let j = 0; j < columns; j++) data[row * columns + j] += factor * other[(matrix + k) * columns + j];
    }
  }
  return like(a, shape, data);
}

/** Operators that make constants of settings. */
export const makers: Readonly<Record<string, ConstantOperator>> = {
  ConstantOfShape: (at) => {
    const shape = [...at.input(0).data];
    const value = at.has(1) ? at.input(1) : { type: "float32" as const, data: [0] };
    const data = at.room(shape).fill(value.data[0]);
    return { type: value.type, shape, data };
  },
  Shape: (at) => {
    const { shape } = at.input(0);
    const start = intOf(at.node, "start", 0);
    const sizes = shape.slice(start, intOf(at.node, "end", shape.length));
    return { type: "int64", shape: [sizes.length], data: Float64Array.from(sizes) };
  },
  Size: (at) => ({ type: "int64", shape: [], data: Float64Array.of(at.input(0).data.length) }),
  Range: (at) => {
    const [start, limit, delta] = at.inputs().map(({ data }) => data[0]);
    const count = Math.max(0, Math.ceil((limit - start) / delta));
    const data = at.room([count]);
    return like(
      at.input(0),
      [count],
      data.map((_, k) => start + k * delta),
    );
  },
};
