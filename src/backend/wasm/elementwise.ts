import type { BinaryOp, CopyView, Elementwise } from "../backend.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";

/**
 * Kernels and their constants by their names, which are those of the ops, with `Value`, `Gradient`, `Op`, `Ns` behind.
 */
const named = { ...kernels };

/** What a value takes of kernels that do not say it themselves, in ns. */
const nanoseconds = { fill: 0.04, transpose: 0.2, dropout: 0.4 };

const loops = 5;
/** Loops shorter than this are not worth transposing in tiles. */
const shortest = 4;

/** How many lines of 16 values hold `length` values. */
function linesOf(length: number): number {
  return Math.ceil(length / 16);
}

/** Extents or strides for five loops; those added outside all others run once. */
function padded(values: readonly number[]): number[] {
  return [...new Array<number>(loops - values.length).fill(1), ...values];
}

function product(values: readonly number[]): number {
  return values.reduce((total, value) => total * value, 1);
}

/**
 * Where a copy reads along one loop and writes along another: the indices of both, or null if it is no transposition.
 */
function transposition({ extents, xStrides, yStrides }: CopyView): { rows: number; columns: number } | null {
  const rows = xStrides.indexOf(1);
  const columns = yStrides.indexOf(1);
  if (rows < 0 || columns < 0 || rows === columns) return null;
  return extents[rows] >= shortest && extents[columns] >= shortest ? { rows, columns } : null;
}

/** Element by element: assembly/elementwise/, whose kernels and constants are found by the name of the op. */
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
    const ns = named[`${op}Ns` as const];
    const inner = extents.length === 0 ? 1 : extents[extents.length - 1];
    const [, e1, e2, e3, e4] = padded(extents);
    // Strides of 1 for loops that run once: a copy steps through its output by them.
    const [a0, a1, a2, a3, a4] = padded(aStrides);
    const [b0, b1, b2, b3, b4] = padded(bStrides);
    const units = (size / inner) * Math.ceil(inner / kernels.walkSegment);
    const loops = { op: named[`${op}Op` as const], a, b, y, e1, e2, e3, e4, a0, a1, a2, a3, a4, b0, b1, b2, b3, b4 };
    runtime.share(kernels.walk, { units, work: ns * size }, loops);
  }

  function fill(y: number, length: number, value: number): void {
    runtime.share(kernels.fill, { units: linesOf(length), work: nanoseconds.fill * length }, { y, value });
  }

  return {
    fill,

    unary(op, x, y, length, p) {
      const work = named[`${op}ValueNs` as const] * length;
      runtime.share(named[`${op}Value` as const], { units: linesOf(length), work }, { x, y, p });
    },

    unaryGradient(op, dy, saved, dx, length, p) {
      const work = named[`${op}GradientNs` as const] * length;
      runtime.share(named[`${op}Gradient` as const], { units: linesOf(length), work }, { dy, saved, dx, p });
    },

    binary(op, a, b, y, { extents, aStrides, bStrides }) {
      walk(op, [a, b, y], extents, aStrides, bStrides);
    },

    binaryNumber(op, x, value, isFirst, y, length) {
      runtime.withScratch(4, (number) => {
        new Float32Array(runtime.memory.bytes.buffer, number, 1)[0] = value;
        const [own, repeated] = [[1], [0]];
        if (isFirst) walk(op, [number, x, y], [length], repeated, own);
        else walk(op, [x, number, y], [length], own, repeated);
      });
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
        padded(values.filter((_, axis) => axis !== rows && axis !== columns)).slice(2);
      const [e0, e1, e2] = outerOf(extents);
      const [x0, x1, x2] = outerOf(xStrides);
      const [y0, y1, y2] = outerOf(yStrides);
      runtime.share(
        kernels.transpose,
        {
          units: e0 * e1 * e2 * Math.ceil(extents[rows] / kernels.transposedRows),
          work: nanoseconds.transpose * product(extents),
        },
        {
          x: from,
          y: to,
          e1,
          e2,
          x0,
          x1,
          x2,
          y0,
          y1,
          y2,
          rows: extents[rows],
          columns: extents[columns],
          xStep: xStrides[columns],
          yStep: yStrides[rows],
        },
      );
    },

    dropout(x, y, length, p, seed) {
      if (p >= 1) {
        fill(y, length, 0);
        return;
      }
      const work = nanoseconds.dropout * length;
      const args = { x, y, scale: 1 / (1 - p), threshold: Math.floor(p * 2 ** 32), seed };
      runtime.share(kernels.dropout, { units: linesOf(length), work }, args);
    },
  };
}
