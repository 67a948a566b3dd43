import type { BinaryOp, Elementwise, UnaryOp } from "../backend.js";
import type { Runtime } from "./runtime.js";

/** The numbers by which assembly/elementwise.ts knows its functions. */
const unaryNumbers: Readonly<Record<UnaryOp, number>> = {
  neg: 0,
  exp: 1,
  log: 2,
  sqrt: 3,
  relu: 4,
  leakyRelu: 5,
  elu: 6,
  gelu: 7,
  silu: 8,
  sigmoid: 9,
  tanh: 10,
};

/** The numbers by which assembly/walk.ts knows its functions. */
const walkNumbers: Readonly<Record<BinaryOp | "copy", number>> = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  pow: 4,
  powBase: 5,
  powExponent: 6,
  logisticLoss: 7,
  logisticSlope: 8,
  copy: 9,
};

/** Values of one innermost loop that make a unit of a walk. */
const segment = 4096;
const loops = 5;
/** Rows of a transposition that go together. */
const tile = 16;

/** Lines of 16 values that so many values fill. */
export function lines(length: number): number {
  return Math.ceil(length / 16);
}

/** Numbers for each of the kernels' loops, outermost first, with `fill` for loops that are not needed. */
function padded(numbers: readonly number[], count: number, fill: number): number[] {
  return [...new Array<number>(count - numbers.length).fill(fill), ...numbers];
}

function product(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total * n, 1);
}

/** Kernels that go element by element: assembly/elementwise.ts and assembly/walk.ts. */
export function elementwise(runtime: Runtime): Elementwise<number> {
  const walk = (
    op: BinaryOp | "copy",
    blocks: readonly [number, number, number],
    extents: readonly number[],
    aStrides: readonly number[],
    bStrides: readonly number[],
  ): void => {
    const rows = product(extents.slice(0, -1));
    const units = rows * Math.ceil((extents.at(-1) ?? 1) / segment);
    const counts = padded(extents, loops, 1);
    runtime.run(
      "walk",
      units,
      ...[walkNumbers[op], ...blocks, ...counts, ...padded(aStrides, loops, 0), ...padded(bStrides, loops, 0)],
    );
  };
  return {
    fill(y, length, value) {
      runtime.run("fill", lines(length), y, value);
    },
    unary(op, x, y, length, parameter) {
      runtime.run("unary", lines(length), unaryNumbers[op], x, y, parameter);
    },
    unaryGradient(op, dy, saved, dx, length, parameter) {
      runtime.run("unaryGradient", lines(length), unaryNumbers[op], dy, saved, dx, parameter);
    },
    binary(op, a, b, y, { extents, aStrides, bStrides }) {
      walk(op, [a, b, y], extents, aStrides, bStrides);
    },
    copy(x, y, { extents, xStrides, xOffset, yStrides, yOffset }) {
      const from = x + 4 * xOffset;
      const to = y + 4 * yOffset;
      const last = extents.length - 1;
      const across = xStrides.indexOf(1);
      if (last < 1 || across < 0 || across === last || yStrides[last] !== 1) {
        walk("copy", [from, to, 0], extents, xStrides, yStrides);
        return;
      }
      // Reads along one loop, writes along another: tiles of a transposition.
      const outer = extents.map((_, k) => k).filter((k) => k !== last && k !== across);
      const pick = (numbers: readonly number[], fill: number): number[] =>
        padded(
          outer.map((k) => numbers[k]),
          3,
          fill,
        );
      const rows = extents[across];
      const units = product(outer.map((k) => extents[k])) * Math.ceil(rows / tile);
      runtime.run(
        "transpose",
        units,
        ...[from, to, ...pick(extents, 1), rows, extents[last]],
        ...[...pick(xStrides, 0), xStrides[last], ...pick(yStrides, 0), yStrides[across]],
      );
    },
    dropout(x, y, length, p, seed) {
      runtime.run("dropout", lines(length), x, y, 1 / (1 - p), Math.floor(p * 4294967296) | 0, seed | 0);
    },
  };
}
