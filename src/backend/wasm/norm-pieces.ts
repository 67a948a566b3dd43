// How the values of a normalisation are walked, and cut into pieces that have sums of their own: by their shape only.
import type { StatisticsView } from "../backend.js";
import { flushTerms } from "./signatures.generated.js";

/** Partial results hold two f64 per piece and parameter. */
export const partialBytes = 16;
/** Rows are cut into so many pieces at most. */
const maxPieces = 32;
/** Fewer values than this are not worth a piece of their own. */
const minPieceValues = 16384;
/** Images of planes smaller than this are not either. */
const leastPlane = 32;

/** The view by which x is walked: single values of one channel are a row. */
export function walkOf(view: StatisticsView): StatisticsView {
  const { outer, kept, inner } = view;
  return kept * inner === 1 ? { ...view, outer: 1, inner: outer, repeat: outer } : view;
}

/**
 * How x is walked. `planes`: an image at a time. `channels`: a row of single values, one per mean, at a time. `rows`: a
 * mean per row, also where outer = 1 and the columns are rows; only rows can do without subtracting the mean.
 */
export function patternOf(view: StatisticsView): "planes" | "channels" | "rows" {
  const { outer, kept, inner, repeat, period, centred = true } = view;
  const isColumns = repeat === inner && period === kept;
  if (isColumns && inner === 1 && centred) return "channels";
  return isColumns && outer !== 1 ? "planes" : "rows";
}

/** Whether x has no values; where it has, no divisor in a kernel is 0. */
export function isEmpty({ outer, kept, inner }: StatisticsView): boolean {
  return outer * kept * inner === 0;
}

/** Rows of single values that are walked as one: where a row is too narrow to fill vectors, so many that they do. */
export function channelFold({ kept, inner }: StatisticsView): number {
  return inner === 1 && kept < 16 && kept % 4 !== 0 ? 4 * Math.ceil(4 / kept) : 1;
}

/** Rows per piece of single values: a multiple of those between two flushes of f32 sums. */
export function channelPieceRows(view: StatisticsView): number {
  const least = 4 * flushTerms * channelFold(view);
  return least * Math.max(1, Math.ceil(view.outer / (least * maxPieces)));
}

/** Rows per piece whose partial sums, one pair per parameter, cost little beside the rows themselves. */
export function rowPieceRows({ kept, inner, period }: StatisticsView): number {
  const least = Math.ceil(Math.max(minPieceValues, 8 * period) / Math.max(1, inner));
  return Math.max(least, Math.ceil(kept / maxPieces), 1);
}

/**
 * Images per piece: one, unless its planes are so small that their sums would cost more than their values. The sums are
 * the same either way.
 */
export function pieceImages({ outer, inner }: StatisticsView): number {
  return inner < leastPlane ? outer : 1;
}

/** Pieces whose sums stand one after another. */
export function columnPieces(view: StatisticsView): number {
  if (isEmpty(view)) return 0;
  return Math.ceil(view.outer / (patternOf(view) === "channels" ? channelPieceRows(view) : pieceImages(view)));
}
