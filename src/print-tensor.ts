import { formatShape, type Shape } from "./shape.js";

/** Tensors of more values are shown by their ends. */
const mostValues = 1000;
/** So many entries stand at either end of a long axis. */
const ends = 3;

/**
 * The values of a tensor as people read them: a line for each row, brackets for each axis, columns aligned. Whole
 * numbers stand without decimals, others with four of them, or with exponents where the largest is below 0.01 or from
 * 100,000 on. Of more than 1,000 values, three at either end of each axis are shown.
 */
export function printValues(values: Float32Array, shape: Shape): string {
  if (values.length === 0) return `[] (${formatShape(shape)})`;
  const isCut = values.length > mostValues;
  const shown = (axis: number): (number | null)[] => {
    const length = shape[axis];
    if (!isCut || length <= 2 * ends) return Array.from({ length }, (_, k) => k);
    const tail = Array.from({ length: ends }, (_, k) => length - ends + k);
    return [0, 1, 2, null, ...tail];
  };
  const places: number[] = [];
  const collect = (axis: number, at: number): void => {
    if (axis === shape.length) places.push(at);
    else for (const k of shown(axis)) if (k !== null) collect(axis + 1, at * shape[axis] + k);
  };
  collect(0, 0);
  const format = formatter(places.map((at) => values[at]));
  const texts = new Map(places.map((at) => [at, format(values[at])]));
  const width = shape.length === 0 ? 0 : Math.max(...[...texts.values()].map(({ length }) => length));
  const write = (axis: number, at: number): string => {
    if (axis === shape.length) return (texts.get(at) ?? "").padStart(width);
    const parts = shown(axis).map((k) => (k === null ? "…" : write(axis + 1, at * shape[axis] + k)));
    // Blocks of matrices stand apart by an empty line.
    const newLines = "\n".repeat(Math.max(1, shape.length - axis - 1));
    const separator = axis === shape.length - 1 ? ", " : `,${newLines}${" ".repeat(axis + 1)}`;
    return `[${parts.join(separator)}]`;
  };
  return write(0, 0);
}

/** One way of writing for all values, so that they can be compared at a glance. */
function formatter(values: readonly number[]): (value: number) => string {
  const finite = values.filter(Number.isFinite).map(Math.abs);
  const largest = Math.max(0, ...finite);
  const asNumber = (write: (value: number) => string) => (value: number) =>
    Number.isFinite(value) ? write(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
  if (finite.every(Number.isInteger) && largest < 1e7)
    return asNumber((value) => (Object.is(value, -0) ? "-0" : `${value}`));
  if (largest >= 1e5 || largest < 1e-2) return asNumber((value) => value.toExponential(4));
  return asNumber((value) => value.toFixed(4));
}
