import type { Reductions } from "../backend.js";
import type { Runtime } from "./runtime.js";

/** Long rows are reduced in pieces of this many values, so that several threads can share one. */
const piece = 16384;
/** Columns of one unit of `sumColumns` and `maxColumns`. */
const columnBlock = 2048;
/** Columns of one unit of the softmax kernels and of `maxColumnsGradient`. */
const strip = 4;

/** What a value takes, in ns: {@link Runtime.share}. A sum of few columns takes more than one of rows. */
const nanoseconds = {
  sum: 0.06,
  sumColumns: 0.1,
  max: 0.5,
  maxGradient: 0.5,
  merge: 0.5,
  softmax: 1.8,
  logSoftmax: 2.1,
  softmaxGradient: 0.65,
  logSoftmaxGradient: 1.4,
};

/** Few columns are laid side by side: so many rows make one, so that four lanes are filled. */
function columnFold(count: number, inner: number): number {
  return inner < 32 && count * inner >= 4096 ? 4 * Math.ceil(16 / inner) : 1;
}

/** How a sum over the middle of (outer, count, inner) is cut; it depends on the shape only, and so do the bits of the result. */
function columnPlan(outer: number, count: number, inner: number) {
  const fold = columnFold(count, inner);
  const rows = Math.ceil(count / fold);
  const width = fold * inner;
  const lastWidth = (count - (rows - 1) * fold) * inner;
  const atMost = Math.max(1, Math.floor(64 / outer));
  const rowsPerPiece = Math.max(64, Math.ceil(65536 / width), Math.ceil(rows / atMost));
  return { fold, rows, width, lastWidth, rowsPerPiece, pieces: Math.ceil(rows / rowsPerPiece) };
}

/** Over the middle of (outer, count, inner): assembly/reductions.ts and assembly/softmax.ts. */
export function reductions(runtime: Runtime): Reductions<number> {
  function sumRows(x: number, y: number, rows: number, count: number): void {
    const pieces = Math.ceil(count / piece);
    const work = nanoseconds.sum * rows * count;
    if (pieces === 1) {
      runtime.share("sumRows", rows, work, x, y, count);
      return;
    }
    runtime.withScratch(8 * rows * pieces, (partial) => {
      runtime.share("sumPieces", rows * pieces, work, x, partial, count, piece);
      runtime.share("mergeSums", rows, nanoseconds.merge * rows * pieces, partial, y, pieces, 1);
    });
  }

  function sumColumns(x: number, y: number, outer: number, count: number, inner: number): void {
    const { fold, rows, width, lastWidth, rowsPerPiece, pieces } = columnPlan(outer, count, inner);
    const units = outer * pieces * Math.ceil(width / columnBlock);
    const sum = (partial: number): void => {
      const args = [x, partial, y, rows, width, lastWidth, rowsPerPiece];
      const work = nanoseconds.sumColumns * outer * count * inner;
      runtime.shareWithScratch("sumColumns", units, work, 8 * columnBlock, ...args);
    };
    if (pieces * fold === 1) {
      sum(0);
      return;
    }
    runtime.withScratch(8 * outer * pieces * width, (partial) => {
      sum(partial);
      const merging = nanoseconds.merge * outer * pieces * width;
      runtime.share("mergeSums", outer * inner, merging, partial, y, pieces * fold, inner);
    });
  }

  function maxRows(x: number, y: number, rows: number, count: number): void {
    const pieces = Math.ceil(count / piece);
    const work = nanoseconds.max * rows * count;
    if (pieces === 1) {
      runtime.share("maxPieces", rows, work, x, y, count, count);
      return;
    }
    runtime.withScratch(4 * rows * pieces, (partial) => {
      runtime.share("maxPieces", rows * pieces, work, x, partial, count, piece);
      runtime.share("maxPieces", rows, nanoseconds.max * rows * pieces, partial, y, pieces, pieces);
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
        runtime.run("maxColumns", 1, from, partial, (count - rest) / fold, fold * inner);
        runtime.memory.bytes.copyWithin(partial + fold * rowBytes, end - rest * rowBytes, end);
        runtime.run("maxColumns", 1, partial, y + o * rowBytes, fold + rest, inner);
      }
    });
  }

  /** Runs a kernel of assembly/softmax.ts over rows, or over columns four abreast. */
  function softmax(
    blocks: readonly number[],
    logarithm: boolean,
    suffix: "" | "Gradient",
    shape: readonly number[],
  ): void {
    const [outer, count, inner] = shape;
    const kind = `${logarithm ? "logSoftmax" : "softmax"}${suffix}` as const;
    const work = nanoseconds[kind] * outer * count * inner;
    if (inner === 1) {
      runtime.share(`${logarithm ? "logSoftmax" : "softmax"}Rows${suffix}`, outer, work, ...blocks, count);
    } else {
      const units = outer * Math.ceil(inner / strip);
      runtime.share(`softmaxColumns${suffix}`, units, work, ...blocks, Number(logarithm), count, inner);
    }
  }

  return {
    sum(x, y, outer, count, inner) {
      if (outer * inner === 0) return;
      if (count === 0) runtime.run("fill", Math.ceil((outer * inner) / 16), y, 0);
      else if (inner === 1) sumRows(x, y, outer, count);
      else sumColumns(x, y, outer, count, inner);
    },

    max(x, y, outer, count, inner) {
      const fold = columnFold(count, inner);
      if (inner === 1) maxRows(x, y, outer, count);
      else if (fold > 1 && inner < 16) maxFewColumns(x, y, outer, count, inner, fold);
      else {
        const work = nanoseconds.max * outer * count * inner;
        runtime.share("maxColumns", outer * Math.ceil(inner / columnBlock), work, x, y, count, inner);
      }
    },

    maxGradient(dy, x, dx, outer, count, inner) {
      const work = nanoseconds.maxGradient * outer * count * inner;
      if (inner === 1) runtime.share("maxRowsGradient", outer, work, dy, x, dx, count);
      else runtime.share("maxColumnsGradient", outer * Math.ceil(inner / strip), work, dy, x, dx, count, inner);
    },

    softmax(x, y, outer, count, inner) {
      softmax([x, y], false, "", [outer, count, inner]);
    },

    softmaxGradient(dy, y, dx, outer, count, inner) {
      softmax([dy, y, dx], false, "Gradient", [outer, count, inner]);
    },

    logSoftmax(x, y, outer, count, inner) {
      softmax([x, y], true, "", [outer, count, inner]);
    },

    logSoftmaxGradient(dy, y, dx, outer, count, inner) {
      softmax([dy, y, dx], true, "Gradient", [outer, count, inner]);
    },
  };
}
