import type { Reductions } from "../backend.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";

/** Long rows are reduced in pieces of this many values, so that several threads can share one. */
const piece = 16384;

/** What a value takes, in ns: {@link Runtime.share}. A sum of few columns takes more than one of rows. */
const nanoseconds = {
  sum: 0.06,
  sumColumns: 0.1,
  max: 0.5,
  maxGradient: 0.5,
  merge: 0.5,
  cumSum: 0.7,
  softmax: 1.8,
  logSoftmax: 2.1,
  softmaxGradient: 0.65,
  logSoftmaxGradient: 1.4,
};

/** Few columns are laid side by side: so many rows make one, so that four lanes are filled. */
function columnFold(count: number, inner: number): number {
  return inner < 32 && count * inner >= 4096 ? 4 * Math.ceil(16 / inner) : 1;
}

/**
 * How a sum over the middle of (outer, count, inner) is cut; it depends on the shape only, and so do the bits of the
 * result.
 */
function columnPlan(outer: number, count: number, inner: number) {
  const fold = columnFold(count, inner);
  const rows = Math.ceil(count / fold);
  const width = fold * inner;
  const lastWidth = (count - (rows - 1) * fold) * inner;
  const atMost = Math.max(1, Math.floor(64 / outer));
  const rowsPerPiece = Math.max(64, Math.ceil(65536 / width), Math.ceil(rows / atMost));
  return { fold, rows, width, lastWidth, rowsPerPiece, pieces: Math.ceil(rows / rowsPerPiece) };
}

/** Over the middle of (outer, count, inner): assembly/reductions/. */
export function reductions(runtime: Runtime): Reductions<number> {
  function sumRows(x: number, y: number, rows: number, count: number): void {
    const pieces = Math.ceil(count / piece);
    const work = nanoseconds.sum * rows * count;
    if (pieces === 1) {
      runtime.share(kernels.sumRows, { units: rows, work }, { x, y, count });
      return;
    }
    runtime.withScratch(8 * rows * pieces, (partial) => {
      runtime.share(kernels.sumPieces, { units: rows * pieces, work }, { x, partial, count, piece });
      const merging = nanoseconds.merge * rows * pieces;
      runtime.share(kernels.mergeSums, { units: rows, work: merging }, { partial, y, pieces, inner: 1 });
    });
  }

  function sumColumns(x: number, y: number, outer: number, count: number, inner: number): void {
    const { fold, rows, width, lastWidth, rowsPerPiece, pieces } = columnPlan(outer, count, inner);
    const units = outer * pieces * Math.ceil(width / kernels.columnBlock);
    const sum = (partial: number): void => {
      const work = nanoseconds.sumColumns * outer * count * inner;
      const args = { x, partial, y, rows, width, lastWidth, piece: rowsPerPiece };
      runtime.share(kernels.sumColumns, { units, work }, args);
    };
    if (pieces * fold === 1) {
      sum(0);
      return;
    }
    runtime.withScratch(8 * outer * pieces * width, (partial) => {
      sum(partial);
      const merging = nanoseconds.merge * outer * pieces * width;
      const call = { units: outer * inner, work: merging };
      runtime.share(kernels.mergeSums, call, { partial, y, pieces: pieces * fold, inner });
    });
  }

  function maxRows(x: number, y: number, rows: number, count: number): void {
    const pieces = Math.ceil(count / piece);
    const work = nanoseconds.max * rows * count;
    if (pieces === 1) {
      runtime.share(kernels.maxPieces, { units: rows, work }, { x, y, count, piece: count });
      return;
    }
    runtime.withScratch(4 * rows * pieces, (partial) => {
      runtime.share(kernels.maxPieces, { units: rows * pieces, work }, { x, y: partial, count, piece });
      const merging = nanoseconds.max * rows * pieces;
      runtime.share(kernels.maxPieces, { units: rows, work: merging }, { x: partial, y, count: pieces, piece: pieces });
    });
  }

  /** The largest of each column over `fold` rows at a time, then over what these leave and the rows left over. */
  function maxFewColumns(x: number, y: number, outer: number, count: number, inner: number, fold: number): void {
    const rowBytes = 4 * inner;
    const rest = count % fold;
    runtime.withScratch((fold + rest) * rowBytes, (partial) => {
      for (let o = 0; o < outer; o++) {
        const from = x + o * count * rowBytes;
        const end = from + count * rowBytes;
        const whole = (count - rest) / fold;
        runtime.run(kernels.maxColumns, 1, { x: from, y: partial, count: whole, inner: fold * inner });
        runtime.memory.bytes.copyWithin(partial + fold * rowBytes, end - rest * rowBytes, end);
        runtime.run(kernels.maxColumns, 1, { x: partial, y: y + o * rowBytes, count: fold + rest, inner });
      }
    });
  }

  /** The softmax, or its logarithm, of rows, or of columns some abreast. */
  function softmax(x: number, y: number, logarithm: boolean, outer: number, count: number, inner: number): void {
    const work = (logarithm ? nanoseconds.logSoftmax : nanoseconds.softmax) * outer * count * inner;
    if (inner === 1) {
      const kernel = logarithm ? kernels.logSoftmaxRows : kernels.softmaxRows;
      runtime.share(kernel, { units: outer, work }, { x, y, count });
    } else {
      const units = outer * Math.ceil(inner / kernels.columnStrip);
      runtime.share(kernels.softmaxColumns, { units, work }, { x, y, logarithm, count, inner });
    }
  }

  function softmaxGradient(
    [dy, y, dx]: readonly [number, number, number],
    logarithm: boolean,
    outer: number,
    count: number,
    inner: number,
  ): void {
    const ns = logarithm ? nanoseconds.logSoftmaxGradient : nanoseconds.softmaxGradient;
    const work = ns * outer * count * inner;
    if (inner === 1) {
      const kernel = logarithm ? kernels.logSoftmaxRowsGradient : kernels.softmaxRowsGradient;
      runtime.share(kernel, { units: outer, work }, { dy, y, dx, count });
    } else {
      const units = outer * Math.ceil(inner / kernels.columnStrip);
      runtime.share(kernels.softmaxColumnsGradient, { units, work }, { dy, y, dx, logarithm, count, inner });
    }
  }

  return {
    sum(x, y, outer, count, inner) {
      if (outer * inner === 0) return;
      if (count === 0) runtime.run(kernels.fill, Math.ceil((outer * inner) / 16), { y, value: 0 });
      else if (inner === 1) sumRows(x, y, outer, count);
      else sumColumns(x, y, outer, count, inner);
    },

    max(x, y, outer, count, inner) {
      const fold = columnFold(count, inner);
      if (inner === 1) maxRows(x, y, outer, count);
      else if (fold > 1 && inner < 16) maxFewColumns(x, y, outer, count, inner, fold);
      else {
        const work = nanoseconds.max * outer * count * inner;
        const units = outer * Math.ceil(inner / kernels.columnBlock);
        runtime.share(kernels.maxColumns, { units, work }, { x, y, count, inner });
      }
    },

    maxGradient(dy, x, dx, outer, count, inner) {
      const work = nanoseconds.maxGradient * outer * count * inner;
      if (inner === 1) runtime.share(kernels.maxRowsGradient, { units: outer, work }, { dy, x, dx, count });
      else {
        const units = outer * Math.ceil(inner / kernels.columnStrip);
        runtime.share(kernels.maxColumnsGradient, { units, work }, { dy, x, dx, count, inner });
      }
    },

    cumSum(x, y, outer, count, inner, isReversed) {
      const units = outer * Math.ceil(inner / kernels.cumSumStrip);
      const work = nanoseconds.cumSum * outer * count * inner;
      runtime.share(kernels.cumSum, { units, work }, { x, y, count, inner, isReversed });
    },

    softmax(x, y, outer, count, inner) {
      softmax(x, y, false, outer, count, inner);
    },

    softmaxGradient(dy, y, dx, outer, count, inner) {
      softmaxGradient([dy, y, dx], false, outer, count, inner);
    },

    logSoftmax(x, y, outer, count, inner) {
      softmax(x, y, true, outer, count, inner);
    },

    logSoftmaxGradient(dy, y, dx, outer, count, inner) {
      softmaxGradient([dy, y, dx], true, outer, count, inner);
    },
  };
}
