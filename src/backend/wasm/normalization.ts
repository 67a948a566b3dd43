import type { AffineMap, Normalization, StatisticsView } from "../backend.js";
import { elementwise } from "./elementwise.js";
import {
  channelFold,
  channelPieceRows,
  columnPieces,
  isEmpty,
  partialBytes,
  patternOf,
  pieceImages,
  rowPieceRows,
  walkOf,
} from "./norm-pieces.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";
import type { Statistics } from "./statistics.js";

/** A block of moments holds three f64 per kept index. */
const momentsBytes = 24;

/** What a value takes, in ns ({@link Runtime.share}); and, beside them, a kept index and a pair of partial sums. */
const nanoseconds = {
  map: 0.12,
  gradientSums: 0.15,
  gradient: 0.2,
  rowGradient: 0.5,
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

/** The maps of normalisation by given moments, forward and backward. */
export function normalization(runtime: Runtime): Omit<Normalization<number>, keyof Statistics> {
  const { unaryGradient } = elementwise(runtime);

  function standardize(x: number, moments: number, given: StatisticsView, map: AffineMap<number>, y: number): void {
    const view = walkOf(given);
    if (isEmpty(view)) return;
    const { outer, kept, inner, repeat, period } = view;
    const work = nanoseconds.map * outer * kept * inner;
    const pattern = patternOf(view);
    const { weight, bias, eps, rectifies } = map;
    if (pattern === "rows") {
      runtime.share(
        kernels.rowStandardize,
        { units: kept, work },
        { x, moments, inner, repeat, period, weight: weight ?? 0, bias: bias ?? 0, eps, rectifies, y },
      );
      return;
    }
    withCoefficients(moments, view, map, (coefficients) => applyCoefficients(x, coefficients, view, rectifies, y));
  }

  /** The map of columns by coefficients. */
  function applyCoefficients(
    x: number,
    coefficients: number,
    view: StatisticsView,
    rectifies: boolean,
    y: number,
  ): void {
    const { outer, kept, inner } = view;
    const work = nanoseconds.map * outer * kept * inner;
    if (patternOf(view) === "channels") {
      const args = { x, coefficients, channels: kept, fold: channelFold(view), rectifies, y };
      runtime.share(kernels.channelStandardize, { units: outer, work }, args);
    } else {
      const args = { x, coefficients, kept, inner, rectifies, y };
      runtime.share(kernels.planeStandardize, { units: outer * kept, work }, args);
    }
  }

  /** Bytes of the coefficients of a view over columns. */
  function coefficientsBytes(view: StatisticsView): number {
    return runtime.size(kernels.coefficientBytes, { kept: channelFold(view) * view.kept });
  }

  /** Works out the coefficients of {@link standardize} over columns. */
  function writeCoefficients(
    moments: number,
    view: StatisticsView,
    { weight, bias, eps }: AffineMap<number>,
    coefficients: number,
  ): void {
    const { kept } = view;
    const work = nanoseconds.kept * kept;
    const args = { moments, weight: weight ?? 0, bias: bias ?? 0, eps, kept, fold: channelFold(view), coefficients };
    runtime.share(kernels.standardizeCoefficients, { units: kept, work }, args);
  }

  /** Runs `body` with the coefficients of {@link standardize} over columns. */
  function withCoefficients(
    moments: number,
    view: StatisticsView,
    map: AffineMap<number>,
    body: (coefficients: number) => void,
  ): void {
    runtime.withScratch(coefficientsBytes(view), (coefficients) => {
      writeCoefficients(moments, view, map, coefficients);
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

  /**
   * Runs `body` with what kernels of gradients over columns take; the rectifier of single values is undone in a pass
   * before.
   */
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
      runtime.share(
        kernels.channelGradientSums,
        { units: columnPieces(view), work },
        {
          dy,
          x,
          moments,
          rows: outer,
          channels: kept,
          fold: channelFold(view),
          pieceRows: channelPieceRows(view),
          partials: sums,
        },
      );
    } else {
      runtime.share(
        kernels.planeGradientSums,
        { units: columnPieces(view) * kept, work },
        { dy, x, moments, outer, kept, inner, forward, pieceImages: pieceImages(view), sums },
      );
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
    const bytes = dx ? coefficientsBytes(view) : 0;
    runtime.withScratch(bytes, (scratch) => {
      const coefficients = dx ? scratch : 0;
      runtime.share(
        kernels.gradientCoefficients,
        { units: kept, work: kept * (nanoseconds.kept + nanoseconds.pair * pieces) },
        { moments, sums, pieces, weight: map.weight ?? 0, eps: map.eps, kept, fold, coefficients, dweight, dbias },
      );
      if (!dx) return;
      if (patternOf(view) === "channels") {
        const args = { dy, x, coefficients, channels: kept, fold, dx };
        runtime.share(kernels.channelGradient, { units: outer, work }, args);
      } else {
        const args = { dy, x, coefficients, kept, inner, forward, dx };
        runtime.share(kernels.planeGradient, { units: outer * kept, work }, args);
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
      runtime.share(
        kernels.rowGradient,
        { units: pieces, work: nanoseconds.rowGradient * kept * inner },
        {
          dy,
          x,
          moments,
          rows: kept,
          inner,
          repeat,
          period,
          centred,
          weight: weight ?? 0,
          bias: bias ?? 0,
          eps,
          rectifies,
          dx,
          pieceRows,
          partials,
        },
      );
    };
    if (!dweight && !dbias) {
      run(0);
      return;
    }
    runtime.withScratch(pieces * period * partialBytes, (partials) => {
      run(partials);
      const work = nanoseconds.pair * pieces * period;
      runtime.share(kernels.mergeRowGradients, { units: period, work }, { partials, pieces, period, dweight, dbias });
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
      const { period } = view;
      const merged = { partials: 0, pieces: 0, period, dweight: dweight ?? 0, dbias: dbias ?? 0 };
      runtime.run(kernels.mergeRowGradients, period, merged);
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
      runtime.run(kernels.runningMoments, kept, { mean: mean ?? 0, variance, moments });
      body(moments);
    });
  }

  return {
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
          const { kept } = view;
          const work = nanoseconds.pair * pieces * kept;
          runtime.share(kernels.mergeGradientSums, { units: kept, work }, { partials, pieces, kept, sums });
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
    fixedMaps: {
      bytes(given) {
        const view = walkOf(given);
        return isEmpty(view) || patternOf(view) === "rows" ? 0 : coefficientsBytes(view);
      },
      prepare(mean, variance, view, map, coefficients) {
        withRunningMoments(mean, variance, view.kept, (moments) => writeCoefficients(moments, view, map, coefficients));
      },
      apply: applyCoefficients,
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
  };
}
