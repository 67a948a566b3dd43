import type { Normalization } from "../backend.js";
import {
  channelFold,
  channelPieceRows,
  columnPieces,
  partialBytes,
  patternOf,
  pieceImages,
  walkOf,
} from "./norm-pieces.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";

/** The statistics of a batch, and what is made of them. */
export type Statistics = Pick<
  Normalization<number>,
  "moments" | "variances" | "averageMoments" | "updateRunning" | "renormFactors"
>;

/** What a value takes, in ns ({@link Runtime.share}); and, beside them, a kept index and a pair of partial sums. */
const nanoseconds = { sums: 0.1, masked: 0.4, kept: 12, pair: 2 };

/** Statistics of batches, on the kernels of assembly/norm/. */
export function statistics(runtime: Runtime): Statistics {
  return {
    moments(x, given, mask, moments) {
      const view = walkOf(given);
      const { outer, kept, inner, centred = true } = view;
      const size = outer * kept * inner;
      const work = nanoseconds.sums * size;
      const pattern = patternOf(view);
      if (mask !== null) {
        const masked = { x, mask, outer, kept, inner, centred, moments };
        runtime.share(kernels.maskedMoments, { units: kept, work: nanoseconds.masked * size }, masked);
      } else if (pattern === "rows") {
        const kernel = centred ? kernels.rowMoments : kernels.rowSquares;
        runtime.share(kernel, { units: kept, work }, { x, inner, moments });
      } else if (pattern === "planes") {
        const pieces = columnPieces(view);
        const shifting = nanoseconds.sums * kept * inner;
        runtime.share(kernels.planeShifts, { units: kept, work: shifting }, { x, outer, kept, inner, moments });
        runtime.withScratch(pieces * kept * partialBytes, (sums) => {
          const summed = { x, moments, outer, kept, inner, pieceImages: pieceImages(view), sums };
          runtime.share(kernels.planeSums, { units: pieces * kept, work }, summed);
          const merging = kept * (nanoseconds.kept + nanoseconds.pair * pieces);
          const merged = { x, sums, pieces, outer, kept, inner, moments };
          runtime.share(kernels.planeMoments, { units: kept, work: merging }, merged);
        });
      } else {
        const fold = channelFold(view);
        const pieceRows = channelPieceRows(view);
        const pieces = columnPieces(view);
        runtime.withScratch(pieces * kept * partialBytes, (partials) => {
          const walked = { x, rows: outer, channels: kept, fold, pieceRows, partials };
          runtime.share(kernels.channelMoments, { units: pieces, work }, walked);
          const merging = nanoseconds.pair * pieces * kept;
          const merged = { partials, rows: outer, pieceRows, kept, moments };
          runtime.share(kernels.mergeMoments, { units: kept, work: merging }, merged);
        });
      }
    },
    variances(moments, kept, variance) {
      runtime.run(kernels.variances, kept, { moments, variance });
    },
    averageMoments(moments, samples, kept, averaged) {
      runtime.run(kernels.averageMoments, kept, { moments, samples, kept, averaged });
    },
    updateRunning(moments, kept, mean, variance, counters, momentum, unbiased, warmsUp) {
      runtime.run(kernels.updateRunning, 1, { moments, kept, mean, variance, counters, momentum, unbiased, warmsUp });
    },
    renormFactors(moments, kept, mean, variance, counters, eps, { rmax, dmax, start, rmaxAt, dmaxAt }, r, d) {
      const args = { moments, mean, variance, counters, eps, rmax, dmax, start, rmaxAt, dmaxAt, r, d };
      runtime.run(kernels.renormFactors, kept, args);
    },
  };
}
