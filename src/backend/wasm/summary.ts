import type { Normalization, Summaries } from "../backend.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";

/** Values of a piece, of which one thread counts the histogram. */
const piece = 16384;
/** Pieces, at most: larger ones where there are more values. */
const maxPieces = 32;

/** What a value takes, in ns: {@link Runtime.share}. */
const nanoseconds = { extremes: 0.3, count: 1 };

/** What values are like: assembly/reductions/summary.ts. */
export function summaries(runtime: Runtime, { moments }: Normalization<number>): Summaries<number> {
  return {
    summarize(x, view, { range, bins, counted }, summary) {
      const { outer, kept, inner } = view;
      const size = outer * kept * inner;
      const pieceSize = Math.max(piece, Math.ceil(counted / maxPieces));
      const pieces = Math.ceil(counted / pieceSize);
      const momentsBytes = 24 * kept;
      const extremesBytes = 3 * 64 * Math.ceil(kept / 16);
      runtime.withScratch(momentsBytes + extremesBytes + 4 * pieces * (bins + 2), (scratch) => {
        const extremes = scratch + momentsBytes;
        const counts = extremes + extremesBytes;
        moments(x, { ...view, repeat: inner, period: kept }, null, scratch);
        const extremesWork = nanoseconds.extremes * size;
        const rows = size === 0 ? 0 : outer;
        runtime.share(
          kernels.channelExtremes,
          { units: kept, work: extremesWork },
          { x, extremes, outer: rows, kept, inner },
        );
        const [low, high] = range ?? [0, 0];
        runtime.run(kernels.summarizeChannels, 1, { moments: scratch, extremes, kept, bins, low, high, summary });
        const work = nanoseconds.count * counted;
        const values = { x, summary, counts, length: counted, piece: pieceSize, bins };
        runtime.share(kernels.countPieces, { units: pieces, work }, values);
        runtime.run(kernels.mergeCounts, 1, { counts, pieces, bins, summary });
      });
    },
  };
}
