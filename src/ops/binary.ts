import { record } from "../autograd.js";
import type { BinaryOp } from "../backend/backend.js";
import { ArgumentError } from "../errors.js";
import { broadcastShapes, broadcastStrides, collapse, type Shape } from "../shape.js";
import { commonBackend, empty, Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { sumTo } from "./sum.js";
import { neg } from "./unary.js";

/** f(a, b) of two tensors that broadcast, without graph. */
export function applyBinary(
  op: BinaryOp,
  a: Tensor,
  b: Tensor,
  shape: Shape = broadcastShapes(op, a.shape, b.shape),
): Tensor {
  const backend = commonBackend(op, a, b);
  const y = empty(op, backend, shape);
  const { extents, strides } = collapse({
    extents: shape,
    strides: [broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape)],
  });
  backend.binary(op, a.block, b.block, y.block, { extents, aStrides: strides[0], bStrides: strides[1] });
  return y;
}

/** t ← dy·t, of the same shape, without graph: t is nobody else's. */
export function timesInPlace(dy: Tensor, t: Tensor): Tensor {
  t.backend.binary("mul", dy.block, t.block, t.block, { extents: [t.size], aStrides: [1], bStrides: [1] });
  return t;
}

/**
 * f(x, value), or f(value, x) if the number comes first, without graph. The number goes along with the call: nothing is
 * uploaded.
 */
export function applyNumber(op: BinaryOp, x: Tensor, value: number, isFirst = false): Tensor {
  const y = empty(op, x.backend, x.shape);
  x.backend.binaryNumber(op, x.block, value, isFirst, y.block, x.size);
  return y;
}

/**
 * An op of two tensors, the second of which may be given as a number.
 *
 * @param slope - of a number: dx from dy, the number and x, which is saved if `savesInput`
 */
function defineArithmetic(
  name: "add" | "sub" | "mul" | "div" | "pow",
  run: (a: Tensor, b: Tensor) => Tensor,
  { slope, savesInput = false }: { slope: (dy: Tensor, value: number, x: Tensor) => Tensor; savesInput?: boolean },
): (a: Tensor, b: Tensor | number) => Tensor {
  return defineOp(name, (a: Tensor, b: Tensor | number): Tensor => {
    if (b instanceof Tensor) return run(a, b);
    const value = checkNumber(a, b);
    const y = applyNumber(name, a, value);
    return record(name, y, [a], savesInput ? [a] : [], (dy, [x]) => [slope(dy, value, x)]);
  });
}

/** Checks, for callers without types, what stands beside a tensor. */
function checkNumber(a: Tensor, value: unknown): number {
  if (typeof value === "number") return value;
  throw new ArgumentError({
    where: `${a.title}, arithmetic`,
    expected: "a tensor or a number",
    received: value === null ? "null" : typeof value,
    cure: "Wrap arrays with tensor().",
  });
}

/** a + b, broadcast */
export const add = defineArithmetic(
  "add",
  (a, b) => {
    const shapes = [a.shape, b.shape];
    return record("add", applyBinary("add", a, b), [a, b], [], (dy, _, needs) => [
      needs[0] ? sumTo(dy, shapes[0]) : null,
      needs[1] ? sumTo(dy, shapes[1]) : null,
    ]);
  },
  { slope: (dy) => dy },
);

/** a − b, broadcast */
export const sub = defineArithmetic(
  "sub",
  (a, b) => {
    const shapes = [a.shape, b.shape];
    return record("sub", applyBinary("sub", a, b), [a, b], [], (dy, _, needs) => [
      needs[0] ? sumTo(dy, shapes[0]) : null,
      needs[1] ? neg(sumTo(dy, shapes[1])) : null,
    ]);
  },
  { slope: (dy) => dy },
);

/** a·b, broadcast */
export const mul = defineArithmetic(
  "mul",
  (a, b) => {
    return record("mul", applyBinary("mul", a, b), [a, b], [a, b], (dy, [left, right], needs) => [
      needs[0] ? sumTo(applyBinary("mul", dy, right), left.shape) : null,
      needs[1] ? sumTo(applyBinary("mul", dy, left), right.shape) : null,
    ]);
  },
  { slope: (dy, value) => applyNumber("mul", dy, value) },
);

/** a / b, broadcast */
export const div = defineArithmetic(
  "div",
  (a, b) => {
    const y = applyBinary("div", a, b);
    const { shape } = a;
    return record("div", y, [a, b], [b, y], (dy, [right, quotient], needs) => {
      return [
        needs[0] ? sumTo(applyBinary("div", dy, right), shape) : null,
        // a/b² first: dy/b would overflow where a is 0, or small.
        needs[1] ? neg(sumTo(timesInPlace(dy, applyBinary("div", quotient, right)), right.shape)) : null,
      ];
    });
  },
  { slope: (dy, value) => applyNumber("div", dy, value) },
);

/** aᵇ, broadcast; the gradient for b is 0 where a is 0 */
export const pow = defineArithmetic(
  "pow",
  (a, b) => {
    return record("pow", applyBinary("pow", a, b), [a, b], [a, b], (dy, [base, exponent], needs) => [
      needs[0] ? sumTo(timesInPlace(dy, applyBinary("powBase", base, exponent)), base.shape) : null,
      needs[1] ? sumTo(timesInPlace(dy, applyBinary("powExponent", base, exponent)), exponent.shape) : null,
    ]);
  },
  { savesInput: true, slope: (dy, value, x) => timesInPlace(dy, applyNumber("powBase", x, value)) },
);
