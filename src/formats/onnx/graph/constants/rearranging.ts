import { sizeOf } from "../../../../shape.js";
import { intOf, intsOf } from "../../file/attributes.js";
import { elementTypeOf, type TensorValues } from "../../file/tensor-values.js";
import {
  type Computation,
  type ConstantOperator,
  commonShape,
  expanded,
  NotComputed,
  permuted,
  roundTo,
  strided,
} from "./computation.js";

/** Operators that give constants another shape, order or type, or put them together. */
export const rearranging: Readonly<Record<string, ConstantOperator>> = {
  Identity: (at) => at.input(0),
  Transpose: (at) => {
    const values = at.input(0);
    const { shape } = values;
    const order = intsOf(at.node, "perm") ?? shape.map((_, axis) => shape.length - 1 - axis);
    const isPermutation = order.length === shape.length && shape.every((_, axis) => order.includes(axis));
    if (!isPermutation) throw new NotComputed(`its axes are permuted by ${listed(order)}`);
    return permuted(at, values, order);
  },
  Reshape: (at) => {
    const values = at.input(0);
    const wanted = at.list("shape", 1);
    if (wanted === null) throw new NotComputed("its shape is not given");
    const keepsZero = intOf(at.node, "allowzero", 0) !== 0;
    const sizes = wanted.map((size, axis) => (size === 0 && !keepsZero ? (values.shape[axis] ?? 0) : size));
    return reshaped(values, sizes);
  },
  Flatten: (at) => {
    const values = at.input(0);
    const { shape } = values;
    const given = intOf(at.node, "axis", 1);
    const axis = given === shape.length ? given : at.axis(given, shape.length);
    return reshaped(values, [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))]);
  },
  Squeeze: (at) => {
    const values = at.input(0);
    const { shape } = values;
    const gone = at.list("axes", 1)?.map((axis) => at.axis(axis, shape.length));
    return reshaped(
      values,
      shape.filter((size, axis) => !(gone?.includes(axis) ?? size === 1)),
    );
  },
  Unsqueeze: (at) => {
    const values = at.input(0);
    const axes = at.list("axes", 1);
    if (axes === null) throw new NotComputed("its axes are not given");
    const rank = values.shape.length + axes.length;
    const added = new Set(axes.map((axis) => at.axis(axis, rank)));
    const left = values.shape[Symbol.iterator]();
    return reshaped(
      values,
      Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (left.next().value ?? 1))),
    );
  },
  Cast: (at) => {
    const { shape, data } = at.input(0);
    const type = elementTypeOf(intOf(at.node, "to", 0));
    if (type === undefined) throw new NotComputed("its type becomes one without numbers");
    return { type, shape, data: roundTo(type, data) };
  },
  Concat: (at) => concatenated(at, at.inputs(), at.ownAxis(at.input(0).shape.length)),
  Split: (at) => {
    const values = at.input(0);
    const axis = at.ownAxis(values.shape.length);
    const count = at.node.output.length;
    const part = Math.ceil(values.shape[axis] / count);
    const sizes = at.list("split", 1) ?? at.node.output.map((_, k) => Math.min(part, values.shape[axis] - k * part));
    let start = 0;
    return sizes.map((size) => {
      const from = start;
      start += size;
      if (!(size >= 0) || start > values.shape[axis]) throw new NotComputed(`its parts are ${listed(sizes)} long`);
      return sliced(at, values, [{ axis, start: from, count: size, step: 1 }]);
    });
  },
  Slice: (at) => {
    const values = at.input(0);
    const { shape } = values;
    const [starts, ends] = [at.list("starts", 1), at.list("ends", 2)];
    const axes = at.list("axes", 3) ?? starts?.map((_, k) => k);
    const steps = at.list("steps", 4) ?? starts?.map(() => 1);
    if (
      starts === null ||
      ends?.length !== starts.length ||
      axes?.length !== starts.length ||
      steps?.length !== starts.length
    ) {
      throw new NotComputed("its starts and ends differ in number");
    }
    const cuts = starts.map((start, k) => {
      const axis = at.axis(axes[k], shape.length);
      const step = steps[k];
      if (step === 0) throw new NotComputed("its step is 0");
      const [least, most] = step > 0 ? [0, shape[axis]] : [-1, shape[axis] - 1];
      const within = (place: number): number =>
        Math.min(Math.max(place < 0 ? place + shape[axis] : place, least), most);
      return {
        axis,
        start: within(start),
        step,
        count: Math.max(0, Math.ceil((within(ends[k]) - within(start)) / step)),
      };
    });
    return sliced(at, values, cuts);
  },
  Gather: (at) => {
    const [values, places] = [at.input(0), at.input(1)];
    const axis = at.ownAxis(values.shape.length);
    const parts = [...places.data].map((place) =>
      sliced(at, values, [{ axis, start: at.axis(place, values.shape[axis]), count: 1, step: 1 }]),
    );
    const shape = [...values.shape.slice(0, axis), ...places.shape, ...values.shape.slice(axis + 1)];
    if (parts.length === 0) return { type: values.type, shape, data: new Float64Array(0) };
    return reshaped(concatenated(at, parts, axis), shape);
  },
  Expand: (at) => expanded(at, at.input(0), commonShape([at.input(0).shape, [...at.input(1).data]])),
  Tile: (at) => {
    let values = at.input(0);
    for (const [axis, count] of at.input(1).data.entries()) {
      // An axis of size 1 that is expanded, and made one with the axis that it stands before.
      const { type, shape, data } = values;
      const [before, after] = [shape.slice(0, axis), shape.slice(axis)];
      const many = expanded(at, { type, data, shape: [...before, 1, ...after] }, [...before, count, ...after]);
      values = { type, data: many.data, shape: shape.map((size, k) => (k === axis ? size * count : size)) };
    }
    return values;
  },
};

function reshaped(values: TensorValues, sizes: readonly number[]): TensorValues {
  const known = sizes.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const shape = sizes.map((size) => (size === -1 ? values.data.length / known : size));
  const fits = shape.every((size) => Number.isInteger(size) && size >= 0) && sizeOf(shape) === values.data.length;
  if (!fits) throw new NotComputed(`its ${values.data.length} values do not have the shape ${shape.join("×")}`);
  return { ...values, shape };
}

/** Numbers as a message names them: the first few. */
function listed(numbers: readonly number[]): string {
  return `${numbers.slice(0, 8).join(", ")}${numbers.length > 8 ? ", …" : ""}`;
}

/** What is left of one axis: so many places from a start on. */
interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly count: number;
  readonly step: number;
}

function sliced(at: Computation, values: TensorValues, cuts: readonly Cut[]): TensorValues {
  const shape = [...values.shape];
  const strides = shape.map((_, axis) => sizeOf(values.shape.slice(axis + 1)));
  let first = 0;
  for (const { axis, start, count, step } of cuts) {
    first += start * strides[axis];
    shape[axis] = count;
    strides[axis] *= step;
  }
  return strided(at, values, shape, strides, first);
}

function concatenated(at: Computation, parts: readonly TensorValues[], axis: number): TensorValues {
  const [{ type, shape }] = parts;
  const rest = (sizes: readonly number[]): string => String(sizes.filter((_, k) => k !== axis));
  if (!parts.every((part) => part.type === type && rest(part.shape) === rest(shape))) {
    throw new NotComputed("its parts differ in type or shape");
  }
  const total = parts.reduce((sum, part) => sum + part.shape[axis], 0);
  const data = at.room(shape.map((size, k) => (k === axis ? total : size)));
  const rows = sizeOf(shape.slice(0, axis));
  let start = 0;
  for (const part of parts) {
    const width = part.data.length / Math.max(rows, 1);
    for (let row = 0; row < rows; row++) {
      data.set(part.data.subarray(row * width, (row + 1) * width), row * (data.length / rows) + start);
    }
    start += width;
  }
  return { type, shape: shape.map((size, k) => (k === axis ? total : size)), data };
}
