import { sizeOf } from "../../../shape.js";
import { intOf, intsOf, isOp } from "../file/attributes.js";
import type { AttributeProto, NodeProto, TensorProto } from "../file/codec.js";
import { elementTypeOf, isFloat, mostAxes, type TensorValues } from "../file/tensor-values.js";

/** Operators that give a constant another shape, order or type of its numbers. */
const operators = ["Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Cast"] as const;

/** Whether a node makes a constant of a constant, as {@link constantMadeBy} tells. */
export function rearranges(node: NodeProto): boolean {
  return isOp(node, ...operators);
}

/**
 * What a node that {@link rearranges} makes of constants; a text says why that is not known.
 *
 * @param read - the node's inputs that are constant
 */
export function constantMadeBy(node: NodeProto, read: (input: number) => TensorValues | string): TensorValues | string {
  const values = read(0);
  if (typeof values === "string") return values;
  const { shape } = values;
  const axesOf = (name: string): number[] | string | null => {
    if (!node.input[1]) return intsOf(node, name);
    const given = read(1);
    return typeof given === "string" ? given : [...given.data];
  };
  switch (node.opType) {
    case "Transpose":
      return transposed(values, intsOf(node, "perm") ?? shape.map((_, axis) => shape.length - 1 - axis));
    case "Reshape":
      return reshaped(values, axesOf("shape"), (size, axis) => (size === 0 ? shape[axis] : size));
    case "Squeeze": {
      const axes = axesOf("axes");
      if (typeof axes === "string") return axes;
      const gone = axes?.map((axis) => (axis + shape.length) % shape.length);
      return reshaped(
        values,
        shape.filter((size, axis) => !(gone?.includes(axis) ?? size === 1)),
      );
    }
    case "Unsqueeze": {
      const axes = axesOf("axes");
      if (axes === null || typeof axes === "string") return axes ?? "its axes are not given";
      const rank = shape.length + axes.length;
      const added = new Set(axes.map((axis) => (axis + rank) % rank));
      const left = shape[Symbol.iterator]();
      return reshaped(
        values,
        Array.from({ length: Math.min(rank, mostAxes) }, (_, axis) => (added.has(axis) ? 1 : (left.next().value ?? 1))),
      );
    }
    case "Cast": {
      const type = elementTypeOf(intOf(node, "to", 0));
      if (type === "float64" || type === values.type) return { ...values, type };
      if (type === "float32") return { ...values, type, data: values.data.map(Math.fround) };
      return type !== undefined && isFloat(type) ? `it is rounded to ${type}` : "its type is converted";
    }
    default:
      return values;
  }
}

function reshaped(
  values: TensorValues,
  wanted: readonly number[] | string | null,
  sizeOfAxis: (size: number, axis: number) => number = (size) => size,
): TensorValues | string {
  if (wanted === null || typeof wanted === "string") return wanted ?? "its shape is not given";
  if (wanted.length > mostAxes) return `it has ${wanted.length} axes`;
  const sizes = wanted.map(sizeOfAxis);
  const known = sizes.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const shape = sizes.map((size) => (size === -1 ? values.data.length / known : size));
  const fits = shape.every((size) => Number.isInteger(size) && size >= 0) && sizeOf(shape) === values.data.length;
  return fits ? { ...values, shape } : `its ${values.data.length} values do not have the shape ${shape.join("×")}`;
}

function transposed({ type, shape, data }: TensorValues, perm: readonly number[]): TensorValues | string {
  const isPermutation = perm.length === shape.length && shape.every((_, axis) => perm.includes(axis));
  if (!isPermutation) return `its axes are permuted by ${perm.join(", ")}`;
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const sizes = perm.map((axis) => shape[axis]);
  const result = new Float64Array(data.length);
  const index = new Array<number>(sizes.length).fill(0);
  for (let i = 0, from = 0; i < result.length; i++) {
    result[i] = data[from];
    // On to the next element, the last axis fastest.
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      from += strides[perm[axis]];
      if (++index[axis] < sizes[axis]) break;
      from -= sizes[axis] * strides[perm[axis]];
      index[axis] = 0;
    }
  }
  return { type, shape: sizes, data: result };
}

/** What an attribute of a Constant node holds; null if it is no number. */
export function constantOf({ name, t, f, i, floats, ints }: AttributeProto): TensorProto | TensorValues | null {
  const values = (type: "float32" | "int64", numbers: readonly number[], shape: number[]): TensorValues => ({
    type,
    shape,
    data: Float64Array.from(numbers),
  });
  if (name === "value" && t !== undefined) return t;
  if (name === "value_float") return values("float32", [f], []);
  if (name === "value_floats") return values("float32", floats, [floats.length]);
  if (name === "value_int") return values("int64", [Number(i)], []);
  if (name === "value_ints") return values("int64", ints.map(Number), [ints.length]);
  return null;
}
