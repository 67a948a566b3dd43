import type { BinaryOp, CopyView, Elementwise, UnaryOp } from "../backend.js";
import type { Runtime } from "./runtime.js";

/** The numbers of the ops in assembly/elementwise.ts, and what a value takes forward and backward, in ns: {@link Runtime.share}. */
const unaryOps: Readonly<Record<UnaryOp, readonly [op: number, forward: number, backward: number]>> = {
  neg: [0, 0.2, 0.2],
  exp: [1, 1, 0.2],
  log: [2, 1.7, 0.2],
  sqrt: [3, 0.3, 0.3],
  relu: [4, 0.2, 0.2],
  leakyRelu: [5, 0.25, 0.25],
  elu: [6, 1, 1.3],
  gelu: [7, 2.9, 3.1],
  silu: [8, 1.6, 2.1],
  sigmoid: [9, 1.6, 0.3],
  tanh: [10, 1.2, 0.3],
};

/** The numbers of the ops in assembly/walk.ts, and what a value takes, in ns; a power more or less, by its exponent. */
const walkOps: Readonly<Record<BinaryOp | "copy", readonly [op: number, ns: number]>> = {
  add: [0, 0.15],
  sub: [1, 0.15],
  mul: [2, 0.15],
  div: [3, 0.15],
  pow: [4, 3],
  powBase: [5, 3],
  powExponent: [6, 30],
  logisticLoss: [7, 2.5],
  logisticSlope: [8, 1.7],
  copy: [9, 0.09],
  pass: [10, 0.15],
};

/** What a value of the other kernels takes, in ns. */
const nanoseconds = { fill: 0.04, transpose: 0.2, dropout: 0.4 };

const loops = 5;
/** Values of an innermost loop that make one unit of `walk`. */
const segment = 4096;
/** Rows of a transposition that make one unit of `transpose`. */
const transposedRows = 8;
/** Loops shorter than this are not worth transposing in tiles. */
const shortest = 4;

/** How many lines of 16 values hold `length` values. */
function linesOf(length: number): number {
  return Math.ceil(length / 16);
}

/** `values` for five loops; the loops added outside all others have `value`. */
function padded(values: readonly number[], value: number): number[] {
  return [...new Array<number>(loops - values.length).fill(value), ...values];
}

function product(values: readonly number[]): number {
  return values.reduce((total, value) => total * value, 1);
}

/** Where a copy reads along one loop and writes along another: the indices of both, or null if it is no transposition. */
function transposition({ extents, xStrides, yStrides }: CopyView): { rows: number; columns: number } | null {
  const rows = xStrides.indexOf(1);
  const columns = yStrides.indexOf(1);
  if (rows < 0 || columns < 0 || rows === columns) return null;
  return extents[rows] >= shortest && extents[columns] >= shortest ? { rows, columns } : null;
}

/** Element by element: assembly/elementwise.ts and assembly/walk.ts. */
export function elementwise(runtime: Runtime): Elementwise<number> {
  /** Walks nested loops; `b` is an input, or for `copy` the output. */
  function walk(
    op: BinaryOp | "copy",
    [a, b, y]: readonly [number, number, number],
    extents: readonly number[],
    aStrides: readonly number[],
    bStrides: readonly number[],
  ): void {
    const size = product(extents);
    if (size === 0) return;
    const [number, ns] = walkOps[op];
    const inner = extents.length === 0 ? 1 : extents[extents.length - 1];
    const units = (size / inner) * Math.ceil(inner / segment);
    // Strides of 1 for loops that run once: a copy steps through its output by them.
    runtime.share(
      "walk",
      units,
      ns * size,
      number,
      a,
      b,
      y,
      ...padded(extents, 1),
      ...padded(aStrides, 1),
      ...padded(bStrides, 1),
    );
  }

  return {
    fill(y, length, value) {
      runtime.share("fill", linesOf(length), nanoseconds.fill * length, y, value);
    },

    unary(op, x, y, length, parameter) {
      const [number, ns] = unaryOps[op];
      runtime.share("unary", linesOf(length), ns * length, number, x, y, parameter);
    },

    unaryGradient(op, dy, saved, dx, length, parameter) {
      const [number, , ns] = unaryOps[op];
      runtime.share("unaryGradient", linesOf(length), ns * length, number, dy, saved, dx, parameter);
    },

    binary(op, a, b, y, { extents, aStrides, bStrides }) {
      walk(op, [a, b, y], extents, aStrides, bStrides);
    },

    copy(x, y, view) {
      const from = x + 4 * view.xOffset;
      const to = y + 4 * view.yOffset;
      const { extents, xStrides, yStrides } = view;
      const transposed = transposition(view);
      if (transposed === null) {
        walk("copy", [from, to, 0], extents, xStrides, yStrides);
        return;
      }
      const { rows, columns } = transposed;
      const outerOf = (values: readonly number[]): number[] =>
        padded(
          values.filter((_, axis) => axis !== rows && axis !== columns),
          1,
        ).slice(2);
      const outer = outerOf(extents);
      runtime.share(
        "transpose",
        product(outer) * Math.ceil(extents[rows] / transposedRows),
        nanoseconds.transpose * product(extents),
        from,
        to,
        ...outer,
        extents[rows],
        extents[columns],
        ...outerOf(xStrides),
        xStrides[columns],
        ...outerOf(yStrides),
        yStrides[rows],
      );
    },

    dropout(x, y, length, p, seed) {
      if (p >= 1) {
        runtime.share("fill", linesOf(length), nanoseconds.fill * length, y, 0);
        return;
      }
      const work = nanoseconds.dropout * length;
      runtime.share("dropout", linesOf(length), work, x, y, 1 / (1 - p), Math.floor(p * 2 ** 32), seed);
    },
  };
}
