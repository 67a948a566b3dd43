import { sizeOf, stridesOf } from "../../../../shape.js";
import { intOf, textOf } from "../../file/attributes.js";
import type { TensorValues } from "../../file/tensor-values.js";
import { type Computation, type ConstantOperator, NotComputed } from "./computation.js";

/** A copy of values, to be written in places. */
function copied(at: Computation): TensorValues {
  const { type, shape, data } = at.input(0);
  const reduction = textOf(at.node, "reduction", "none");
  if (reduction !== "none") throw new NotComputed(`its reduction is ${reduction}`);
  const copy = at.room(shape);
  copy.set(data);
  return { type, shape, data: copy };
}

/** Operators that write values into others. */
export const scattering: Readonly<Record<string, ConstantOperator>> = {
  ScatterND: (at) => {
    const values = copied(at);
    const [indices, updates] = [at.input(1), at.input(2)];
    const width = indices.shape.at(-1) ?? 0;
    const inner = sizeOf(values.shape.slice(width));
    const count = sizeOf(indices.shape.slice(0, -1));
    if (width < 1 || width > values.shape.length || updates.data.length !== count * inner) {
      throw new NotComputed(`its updates have the shape ${updates.shape.join("×")}`);
    }
    for (let i = 0; i < count; i++) {
      let place = 0;
      for (let k = 0; k < width; k++) {
        place = place * values.shape[k] + at.axis(indices.data[i * width + k], values.shape[k]);
      }
      values.data.set(updates.data.subarray(i * inner, (i + 1) * inner), place * inner);
    }
    return values;
  },
  ScatterElements: (at) => {
    const values = copied(at);
    const [indices, updates] = [at.input(1), at.input(2)];
    const axis = at.ownAxis(values.shape.length);
    const fits = indices.shape.length === values.shape.length && updates.data.length === indices.data.length;
    if (!fits) throw new NotComputed(`its updates have the shape ${updates.shape.join("×")}`);
    const strides = stridesOf(values.shape);
    for (const [i, update] of updates.data.entries()) {
      let [rest, place] = [i, 0];
      for (let k = indices.shape.length - 1; k >= 0; k--) {
        const own = k === axis ? indices.data[i] : rest % indices.shape[k];
        place += at.axis(own, values.shape[k]) * strides[k];
        rest = Math.floor(rest / indices.shape[k]);
      }
      values.data[place] = update;
    }
    return values;
  },
  Trilu: (at) => {
    const values = copied(at);
    const [rows, columns] = values.shape.slice(-2);
    if (values.shape.length < 2) throw new NotComputed("it is no matrix");
    const [isUpper, shift] = [intOf(at.node, "upper", 1) !== 0, at.has(1) ? at.input(1).data[0] : 0];
    const isKept = (row: number, column: number): boolean => (isUpper ? column - row >= shift : column - row <= shift);
    return {
      ...values,
      data: values.data.map((value, i) => (isKept(Math.floor(i / columns) % rows, i % columns) ? value : 0)),
    };
  },
};
