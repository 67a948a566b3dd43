import type { AffineMap, Normalization, StatisticsView } from "../backend.js";
import { elementwise } from "./elementwise.js";
import {
  channelFold,
  channelPieceRows,
  columnPieces,
  isEmpty,
  patternOf,
  pieceImages,
  rowPieceRows,
  walkOf,
} from "./norm-pieces.js";
import type { Runtime } from "./runtime.js";

/** A block of moments holds three f64 per kept index. */
const momentsBytes = 24;
/** Partial results hold two f64 per piece and parameter. */
const partialBytes = 16;

/** What a value takes, in ns ({@link Runtime.share}); and, beside them, a kept index and a pair of partial sums. */
const nanoseconds = {
  sums: 0.1,
  map: 0.12,
  gradientSums: 0.15,
  gradient: 0.2,
  rowGradient: 0.5,
  masked: 0.4,
  kept: 12,
  pair: 2,
};

/** What the kernels of gradients over columns take. */
interface Columns {
  readonly dy: number;
  readonly x: number;
  readonly moments: number;
  readonly view: StatisticsView;
  readonly map: AffineMap<number>;
  /** The coefficients of the map, where dy is yet to be stopped by a rectifier; or 0. */
  readonly forward: number;
}

/** Bytes of an f32 array padded to 16 values. */
function paddedBytes(length: number): number {
  return 64 * Math.ceil(length / 16);
}

/** Bytes of the coefficients of `kept` channels: see assembly/norm-coefficients.ts. */
function coefficientBytes(kept: number): number {
  return 5 * paddedBytes(kept) + 32 * kept;
}

/** Normalisation, forward and backward. */
export function normalization(runtime: Runtime): Normalization<number> {
  const { unaryGradient } = elementwise(runtime);

  function standardize(x: number, moments: number, given: StatisticsView, map: AffineMap<number>, y: number): void {
    const view = walkOf(given);
    if (isEmpty(view)) return;
    const { outer, kept, inner, repeat, period } = view;
    const work = nanoseconds.map * outer * kept * inner;
    const pattern = patternOf(view);
    const rectifies = Number(map.rectifies);
    if (pattern === "rows") {
      const { weight, bias, eps } = map;
      const args = [inner, repeat, period, weight ?? 0, bias ?? 0, eps, rectifies, y];
      runtime.share("rowStandardize", kept, work, x, moments, ...args);
      return;
    }
    withCoefficients(moments, view, map, (coefficients) => {
      if (pattern === "channels") {
        const args = [x, coefficients, kept, channelFold(view), rectifies, y];
        runtime.share("channelStandardize", outer, work, ...args);
      } else runtime.share("planeStandardize", outer * kept, work, x, coefficients, kept, inner, rectifies, y);
    });
  }

  /** Runs `body` with the coefficients of {@link standardize} over columns. */
  function withCoefficients(
    moments: number,
    view: StatisticsView,
    { weight, bias, eps }: AffineMap<number>,
    body: (coefficients: number) => void,
  ): void {
    const { kept } = view;
    const fold = channelFold(view);
    runtime.withScratch(coefficientBytes(fold * kept), (coefficients) => {
      const args = [moments, weight ?? 0, bias ?? 0, eps, kept, fold, coefficients];
      runtime.share("standardizeCoefficients", kept, nanoseconds.kept * kept, ...args);
      body(coefficients);
    });
  }

  /** Runs `body` with dy as it reaches the output of the map without its rectifier. */
  function withReaching(
    dy: number,
    x: number,
    moments: number,
    view: StatisticsView,
    map: AffineMap<number>,
    body: (g: number) => void,
  ): void {
    if (!map.rectifies) {
      body(dy);
      return;
    }
    const size = view.outer * view.kept * view.inner;
    runtime.withScratch(4 * size, (g) => {
      standardize(x, moments, view, { ...map, rectifies: false }, g);
      unaryGradient("relu", dy, g, g, size, 0);
      body(g);
    });
  }

  /** Runs `body` with what kernels of gradients over columns take; the rectifier of single values is undone in a pass before. */
  function withColumns(
    dy: number,
    x: number,
    moments: number,
    view: StatisticsView,
    map: AffineMap<number>,
    body: (columns: Columns) => void,
  ): void {
    const columns = { dy, x, moments, view, map, forward: 0 };
    if (!map.rectifies) body(columns);
    else if (patternOf(view) === "channels") {
      withReaching(dy, x, moments, view, map, (g) => body({ ...columns, dy: g }));
    } else withCoefficients(moments, view, map, (forward) => body({ ...columns, forward }));
  }

  /** Σ dy and Σ dy·(x − mean) of each piece and channel. */
  function columnSums({ dy, x, moments, view, forward }: Columns, sums: number): void {
    const { outer, kept, inner } = view;
    const work = nanoseconds.gradientSums * outer * kept * inner;
    if (patternOf(view) === "channels") {
      const fold = channelFold(view);
      const args = [dy, x, moments, outer, kept, fold, channelPieceRows(view), sums];
      runtime.shareWithScratch("channelGradientSums", columnPieces(view), work, 3 * paddedBytes(fold * kept), ...args);
    } else {
      const args = [dy, x, moments, outer, kept, inner, forward, pieceImages(view), sums];
      const units = columnPieces(view) * kept;
      runtime.shareWithScratch("planeGradientSums", units, work, forward ? paddedBytes(inner) : 0, ...args);
    }
  }

  /** Gradients from sums of `pieces` pieces. */
  function columnGradient(
    { dy, x, moments, view, map, forward }: Columns,
    sums: number,
    pieces: number,
    dx: number,
    dweight: number,
    dbias: number,
  ): void {
    const { outer, kept, inner } = view;
    const work = nanoseconds.gradient * outer * kept * inner;
    const fold = channelFold(view);
    runtime.withScratch(dx ? coefficientBytes(fold * kept) : 0, (scratch) => {
      const coefficients = dx ? scratch : 0;
      const outputs = [coefficients, dweight, dbias];
      const args = [moments, sums, pieces, map.weight ?? 0, map.eps, kept, fold, ...outputs];
      runtime.share("gradientCoefficients", kept, kept * (nanoseconds.kept + nanoseconds.pair * pieces), ...args);
      if (!dx) return;
      if (patternOf(view) === "channels") {
        runtime.share("channelGradient", outer, work, dy, x, coefficients, kept, fold, dx);
      } else {
        const args = [dy, x, coefficients, kept, inner, forward, dx];
        runtime.shareWithScratch("planeGradient", outer * kept, work, forward ? paddedBytes(inner) : 0, ...args);
      }
    });
  }

  function rowsGradient(
    dy: number,
    x: number,
    moments: number,
    view: StatisticsView,
    { weight, bias, eps, rectifies }: AffineMap<number>,
    dx: number,
    dweight: number,
    dbias: number,
  ): void {
    const { kept, inner, repeat, period, centred = true } = view;
    const pieceRows = rowPieceRows(view);
    const pieces = Math.ceil(kept / pieceRows);
    const run = (partials: number): void => {
      const scratch = paddedBytes(inner) + (repeat === 1 ? 3 * paddedBytes(period) : 0);
      const map = [weight ?? 0, bias ?? 0, eps, Number(rectifies)];
      const args = [dy, x, moments, kept, inner, repeat, period, Number(centred), ...map, dx, pieceRows, partials];
      runtime.shareWithScratch("rowGradient", pieces, nanoseconds.rowGradient * kept * inner, scratch, ...args);
    };
    if (!dweight && !dbias) {
      run(0);
      return;
    }
    runtime.withScratch(pieces * period * partialBytes, (partials) => {
      run(partials);
      const merging = nanoseconds.pair * pieces * period;
      runtime.share("mergeRowGradients", period, merging, partials, pieces, period, dweight, dbias);
    });
  }

  function standardizeGradient(
    dy: number,
    x: number,
    moments: number,
    given: StatisticsView,
    map: AffineMap<number>,
    dx: number | null,
    dweight: number | null,
    dbias: number | null,
  ): void {
    if (dx === null && dweight === null && dbias === null) return;
    const view = walkOf(given);
    if (isEmpty(view)) {
      // The sums of no pieces: zeros.
      runtime.run("mergeRowGradients", view.period, 0, 0, view.period, dweight ?? 0, dbias ?? 0);
      return;
    }
    const outputs = [dx ?? 0, dweight ?? 0, dbias ?? 0] as const;
    if (patternOf(view) === "rows") {
      rowsGradient(dy, x, moments, view, map, ...outputs);
      return;
    }
    withColumns(dy, x, moments, view, map, (columns) => {
      const pieces = columnPieces(view);
      runtime.withScratch(pieces * view.kept * partialBytes, (sums) => {
        columnSums(columns, sums);
        columnGradient(columns, sums, pieces, ...outputs);
      });
    });
  }

  /** Runs `body` with given statistics in the form of moments; a null mean is 0. */
  function withRunningMoments(
    mean: number | null,
    variance: number,
    kept: number,
    body: (moments: number) => void,
  ): void {
    runtime.withScratch(kept * momentsBytes, (moments) => {
      runtime.run("runningMoments", kept, mean ?? 0, variance, moments);
      body(moments);
    });
  }

  return {
    moments(x, given, mask, moments) {
      const view = walkOf(given);
      const { outer, kept, inner, centred = true } = view;
      const size = outer * kept * inner;
      const work = nanoseconds.sums * size;
      const pattern = patternOf(view);
      if (mask !== null) {
        const args = [x, mask, outer, kept, inner, Number(centred), moments];
        runtime.shareWithScratch("maskedMoments", kept, nanoseconds.masked * size, 4 * outer * inner, ...args);
      } else if (pattern === "rows") {
        runtime.share(centred ? "rowMoments" : "rowSquares", kept, work, x, inner, moments);
      } else if (pattern === "planes") {
        const pieces = columnPieces(view);
        runtime.share("planeShifts", kept, nanoseconds.sums * kept * inner, x, outer, kept, inner, moments);
        runtime.withScratch(pieces * kept * partialBytes, (sums) => {
          const args = [x, moments, outer, kept, inner, pieceImages(view), sums];
          runtime.share("planeSums", pieces * kept, work, ...args);
          const merging = kept * (nanoseconds.kept + nanoseconds.pair * pieces);
          runtime.share("planeMoments", kept, merging, x, sums, pieces, outer, kept, inner, moments);
        });
      } else {
        const fold = channelFold(view);
        const pieceRows = channelPieceRows(view);
        const pieces = columnPieces(view);
        runtime.withScratch(pieces * kept * partialBytes, (partials) => {
          const scratch = 3 * paddedBytes(fold * kept);
          runtime.shareWithScratch("channelMoments", pieces, work, scratch, x, outer, kept, fold, pieceRows, partials);
          runtime.share(
            "mergeMoments",
            kept,
            nanoseconds.pair * pieces * kept,
            partials,
            outer,
            pieceRows,
            kept,
            moments,
          );
        });
      }
    },
    standardize,
    standardizeGradient,
    standardizeGradientSums(dy, x, moments, view, map, sums) {
      const pieces = columnPieces(view);
      withColumns(dy, x, moments, view, map, (columns) => {
        if (pieces === 1) {
          columnSums(columns, sums);
          return;
        }
        runtime.withScratch(pieces * view.kept * partialBytes, (partials) => {
          if (pieces > 0) columnSums(columns, partials);
          runtime.share(
            "mergeGradientSums",
            view.kept,
            nanoseconds.pair * pieces * view.kept,
            partials,
            pieces,
            view.kept,
            sums,
          );
        });
      });
    },
    standardizeGradientFromSums(dy, x, moments, view, map, sums, dx, dweight, dbias) {
      withColumns(dy, x, moments, view, map, (columns) => {
        columnGradient(columns, sums, 1, isEmpty(view) ? 0 : (dx ?? 0), dweight ?? 0, dbias ?? 0);
      });
    },
    normalizeWith(x, mean, variance, view, map, y) {
      withRunningMoments(mean, variance, view.kept, (moments) => standardize(x, moments, view, map, y));
    },
    normalizeWithGradient(dy, x, mean, variance, view, map, dx, dweight, dbias) {
      withRunningMoments(mean, variance, view.kept, (moments) => {
        withReaching(dy, x, moments, view, map, (g) => {
          const plain = { ...map, rectifies: false };
          if (dweight !== null || dbias !== null) {
            standardizeGradient(g, x, moments, view, plain, null, dweight, dbias);
          }
          // dx = weight·g·s is the map itself, without its mean and its bias.
          if (dx === null) return;
          withRunningMoments(null, variance, view.kept, (around0) => {
            standardize(g, around0, view, { ...plain, bias: null }, dx);
          });
        });
      });
    },
    averageMoments(moments, samples, kept, averaged) {
      runtime.run("averageMoments", kept, moments, samples, kept, averaged);
    },
    updateRunning(moments, kept, mean, variance, counters, momentum, unbiased) {
      const flag = unbiased ? 1 : 0;
      runtime.run("updateRunning", 1, moments, kept, mean, variance, counters, momentum, flag);
    },
    renormFactors(moments, kept, mean, variance, counters, eps, { rmax, dmax, start, rmaxAt, dmaxAt }, r, d) {
      const limits = [rmax, dmax, start, rmaxAt, dmaxAt];
      runtime.run("renormFactors", kept, moments, mean, variance, counters, eps, ...limits, r, d);
    },
  };
}
