import type { Reductions } from "../backend.js";
import type { Runtime } from "./runtime.js";

/** A row longer than two of these is summed in pieces of this many values. */
const rowPiece = 16384;
/** Rows are summed down their columns in at most this many pieces, of at least so many rows. */
const columnPieces = 64;
const leastRows = 256;
/** Columns that a kernel takes together. */
const columnBlock = 2048;
const bytesPerDouble = 8;

/** Kernels over the middle of (outer, count, inner): assembly/reductions.ts and assembly/softmax.ts. */
export function reductions(runtime: Runtime): Reductions<number> {
  const columnScratch = columnBlock * bytesPerDouble;
  const strips = (outer: number, inner: number): number => outer * Math.ceil(inner / 4);
  const blocks = (outer: number, inner: number): number => outer * Math.ceil(inner / columnBlock);

  const sumRows = (x: number, y: number, outer: number, count: number): void => {
    if (count <= 2 * rowPiece) {
      runtime.run("sumRows", outer, x, y, count);
      return;
    }
    const pieces = Math.ceil(count / rowPiece);
    runtime.withScratch(outer * pieces * bytesPerDouble, (partial) => {
      runtime.run("sumPieces", outer * pieces, x, partial, count, rowPiece);
      runtime.run("mergeSums", outer, partial, y, pieces, 1);
    });
  };

  const sumColumns = (x: number, y: number, outer: number, count: number, inner: number): void => {
    const piece = Math.max(leastRows, Math.ceil(count / columnPieces));
    const pieces = Math.ceil(count / piece);
    const units = blocks(outer * pieces, inner);
    if (pieces === 1) {
      runtime.runWithScratch("sumColumns", units, columnScratch, x, 0, y, count, inner, inner, piece);
      return;
    }
    runtime.withScratch(outer * pieces * inner * bytesPerDouble, (partial) => {
      runtime.runWithScratch("sumColumns", units, columnScratch, x, partial, y, count, inner, inner, piece);
      runtime.run("mergeSums", outer, partial, y, pieces, inner);
    });
  };

  return {
    sum(x, y, outer, count, inner) {
      if (count === 0) runtime.run("fill", Math.ceil((outer * inner) / 16), y, 0);
      else if (inner === 1) sumRows(x, y, outer, count);
      else sumColumns(x, y, outer, count, inner);
    },
    max(x, y, outer, count, inner) {
      if (inner === 1) runtime.run("maxPieces", outer, x, y, count, count);
      else runtime.run("maxColumns", blocks(outer, inner), x, y, count, inner);
    },
    maxGradient(dy, x, dx, outer, count, inner) {
      if (inner === 1) runtime.run("maxRowsGradient", outer, dy, x, dx, count);
      else runtime.run("maxColumnsGradient", strips(outer, inner), dy, x, dx, count, inner);
    },
    softmax(x, y, outer, count, inner) {
      if (inner === 1) runtime.run("softmaxRows", outer, x, y, count);
      else runtime.run("softmaxColumns", strips(outer, inner), x, y, 0, count, inner);
    },
    softmaxGradient(dy, y, dx, outer, count, inner) {
      if (inner === 1) runtime.run("softmaxRowsGradient", outer, dy, y, dx, count);
      else runtime.run("softmaxColumnsGradient", strips(outer, inner), dy, y, dx, 0, count, inner);
    },
    logSoftmax(x, y, outer, count, inner) {
      if (inner === 1) runtime.run("logSoftmaxRows", outer, x, y, count);
      else runtime.run("softmaxColumns", strips(outer, inner), x, y, 1, count, inner);
    },
    logSoftmaxGradient(dy, y, dx, outer, count, inner) {
      if (inner === 1) runtime.run("logSoftmaxRowsGradient", outer, dy, y, dx, count);
      else runtime.run("softmaxColumnsGradient", strips(outer, inner), dy, y, dx, 1, count, inner);
    },
  };
}
