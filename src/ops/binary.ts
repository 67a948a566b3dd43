import { record } from "../autograd.js";
import type { BinaryOp } from "../backend/backend.js";
import { ArgumentError } from "../errors.js";
import { broadcastShapes, broadcastStrides, collapse, type Shape } from "../shape.js";
import { commonBackend, empty, Tensor, upload } from "../tensor.js";
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

/** A number as a tensor beside `like`. */
function operand(value: Tensor | number, like: Tensor): Tensor {
  if (value instanceof Tensor) return value;
  if (typeof value === "number") return upload("number", like.backend, [], Float32Array.of(value));
  throw new ArgumentError({
    where: `${like}, arithmetic`,
    expected: "a tensor or a number",
    received: value === null ? "null" : typeof value,
    cure: "Wrap arrays with tensor().",
  });
}

/** a + b, broadcast */
export const add = defineOp("add", (a: Tensor, b: Tensor | number): Tensor => {
  const other = operand(b, a);
  const shapes = [a.shape, other.shape];
  return record("add", applyBinary("add", a, other), [a, other], [], (dy, _, needs) => [
    needs[0] ? sumTo(dy, shapes[0]) : null,
    needs[1] ? sumTo(dy, shapes[1]) : null,
  ]);
});

/** a − b, broadcast */
export const sub = defineOp("sub", (a: Tensor, b: Tensor | number): Tensor => {
  const other = operand(b, a);
  const shapes = [a.shape, other.shape];
  return record("sub", applyBinary("sub", a, other), [a, other], [], (dy, _, needs) => [
    needs[0] ? sumTo(dy, shapes[0]) : null,
    needs[1] ? neg(sumTo(dy, shapes[1])) : null,
  ]);
});

/** a·b, broadcast */
export const mul = defineOp("mul", (a: Tensor, b: Tensor | number): Tensor => {
  const other = operand(b, a);
  return record("mul", applyBinary("mul", a, other), [a, other], [a, other], (dy, [left, right], needs) => [
    needs[0] ? sumTo(applyBinary("mul", dy, right), left.shape) : null,
    needs[1] ? sumTo(applyBinary("mul", dy, left), right.shape) : null,
  ]);
});

/** a / b, broadcast */
export const div = defineOp("div", (a: Tensor, b: Tensor | number): Tensor => {
  const other = operand(b, a);
  const y = applyBinary("div", a, other);
  const { shape } = a;
  return record("div", y, [a, other], [other, y], (dy, [right, quotient], needs) => {
    const scaled = applyBinary("div", dy, right);
    return [
      needs[0] ? sumTo(scaled, shape) : null,
      needs[1] ? neg(sumTo(applyBinary("mul", scaled, quotient), right.shape)) : null,
    ];
  });
});

/** aᵇ, broadcast; the gradient for b is 0 where a is 0 */
export const pow = defineOp("pow", (a: Tensor, b: Tensor | number): Tensor => {
  const other = operand(b, a);
  return record("pow", applyBinary("pow", a, other), [a, other], [a, other], (dy, [base, exponent], needs) => [
    needs[0] ? sumTo(applyBinary("mul", dy, applyBinary("powBase", base, exponent)), base.shape) : null,
    needs[1] ? sumTo(applyBinary("mul", dy, applyBinary("powExponent", base, exponent)), exponent.shape) : null,
  ]);
});
