import { sizeOf, stridesOf } from "../../../../shape.js";
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../../../half.js";
import { intOf, intsOf } from "../../file/attributes.js";
import type { NodeProto } from "../../file/codec.js";
import { type ElementType, isFloat, mostAxes, type TensorValues } from "../../file/tensor-values.js";

/** Thrown where a node cannot be computed: the message says why, as a clause. */
export class NotComputed extends Error {}

/** What a node makes of constants: a value, or one for each output. */
export type ConstantOperator = (at: Computation) => TensorValues | readonly TensorValues[];

/** A node all of whose inputs are constant, while it is computed. */
export class Computation {
  readonly node: NodeProto;
  readonly opset: number;
  readonly #inputs: readonly (TensorValues | undefined)[];
  readonly #spend: (values: number) => boolean;

  /** @param spend - counts values that are about to be made; false where they are too many for the file */
  constructor(
    node: NodeProto,
    inputs: readonly (TensorValues | undefined)[],
    opset: number,
    spend: (values: number) => boolean,
  ) {
    this.node = node;
    this.opset = opset;
    this.#inputs = inputs;
    this.#spend = spend;
  }

  has(k: number): boolean {
    return this.#inputs[k] !== undefined;
  }

  input(k: number): TensorValues {
    const values = this.#inputs[k];
    if (values === undefined) throw new NotComputed(`it has no input ${k}`);
    return values;
  }

  inputs(): TensorValues[] {
    return this.#inputs.map((_, k) => this.input(k));
  }

  /** Whole numbers that are an attribute in old versions and an input in new ones; null where there are none. */
  list(name: string, k: number): number[] | null {
    return intsOf(this.node, name) ?? (this.has(k) ? [...this.input(k).data] : null);
  }

  /** An axis of a value of so many, from the end if it is negative. */
  axis(axis: number, rank: number): number {
    const resolved = axis < 0 ? axis + rank : axis;
    if (Number.isInteger(resolved) && resolved >= 0 && resolved < rank) return resolved;
    throw new NotComputed(`it names axis ${axis} of ${rank}`);
  }

  /** {@link Computation.axis} of the attribute `axis`, 0 by default. */
  ownAxis(rank: number): number {
    return this.axis(intOf(this.node, "axis", 0), rank);
  }

  /** Room for values of a shape. @throws NotComputed where it is none, or they are too many */
  room(shape: readonly number[]): Float64Array {
    const size = sizeOf(shape);
    if (shape.length > mostAxes) throw new NotComputed(`it has ${shape.length} axes`);
    if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
      throw new NotComputed(`its shape is ${shape.join("×")}`);
    }
    this.spend(size);
    return new Float64Array(size);
  }

  /** Counts work that takes as long as making so many values. */
  spend(values: number): void {
    if (!this.#spend(values)) throw new NotComputed("it makes more values than the size of the file gives cause for");
  }
}

const halves = { float32: Math.fround, float16: (x: number) => halfToNumber(numberToHalf(x)) };
const rounders: Partial<Record<ElementType, (value: number) => number>> = {
  ...halves,
  bfloat16: (x) => bfloatToNumber(numberToBfloat(x)),
  float64: (x) => x,
  bool: (x) => (x === 0 ? 0 : 1),
};
const bits: Partial<Record<ElementType, readonly [number, number]>> = {
  ...{ uint8: [0, 8], uint16: [0, 16], uint32: [0, 32], uint64: [0, 53] },
  ...{ int8: [7, 7], int16: [15, 15], int32: [31, 31], int64: [53, 53] },
};

/** Rounds values to a type, in place. @throws NotComputed where a whole number does not fit */
export function roundTo(type: ElementType, data: Float64Array): Float64Array {
  const round = rounders[type];
  if (round !== undefined) return type === "float64" ? data : data.map(round);
  const [below, above] = bits[type] ?? [0, 0];
  const least = below === 0 ? 0 : -(2 ** below);
  return data.map((value) => {
    const whole = Math.trunc(value);
    if (whole >= least && whole < 2 ** above) return whole;
    throw new NotComputed(`${value} is beyond ${type}`);
  });
}

/**
 * Values in another order, some maybe several times: element (i, j, …) of the result is at start + Σ i·stride.
 *
 * @param shape - of the result
 */
export function strided(
  at: Computation,
  { type, data }: TensorValues,
  shape: readonly number[],
  strides: readonly number[],
  start = 0,
): TensorValues {
  const result = at.room(shape);
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0, from = start; i < result.length; i++) {
    result[i] = data[from];
    // On to the next element, the last axis fastest.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return { type, shape, data: result };
}

/** Values with their axes in another order. */
export function permuted(at: Computation, values: TensorValues, order: readonly number[]): TensorValues {
  const strides = stridesOf(values.shape);
  const shape = order.map((axis) => values.shape[axis]);
  return strided(
    at,
    values,
    shape,
    order.map((axis) => strides[axis]),
  );
}

/** The shape that shapes broadcast to. */
export function commonShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    const size = sizes.find((one) => one !== 1) ?? 1;
    if (sizes.every((one) => one === 1 || one === size)) return size;
    throw new NotComputed(
      `shapes ${shapes.map((shape) => shape.join("×") || "scalar").join(" and ")} do not broadcast`,
    );
  });
}

/** Values repeated along axes of size 1, to a shape that theirs broadcasts to. */
export function expanded(at: Computation, values: TensorValues, shape: readonly number[]): TensorValues {
  if (String(values.shape) === String(shape)) return values;
  const own = stridesOf(values.shape);
  const strides = shape.map((_, axis) => {
    const k = axis - shape.length + values.shape.length;
    return k < 0 || values.shape[k] === 1 ? 0 : own[k];
  });
  return strided(at, values, shape, strides);
}

/** A value like another, of other numbers, rounded to its type. */
export function like({ type }: TensorValues, shape: readonly number[], data: Float64Array): TensorValues {
  return { type, shape, data: roundTo(type, data) };
}

/** Whether numbers of a type divide without remainder. */
export function isReal({ type }: TensorValues): boolean {
  return isFloat(type);
}
