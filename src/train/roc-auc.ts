/**
 * The area under the ROC curve by ranks (Mann–Whitney): equal scores share their ranks. Null where all are right, or
 * none is; NaN where a score is.
 *
 * @param pairs - a score, then 1 if it belongs to the class or else 0, and so on
 */
export function rocAuc(pairs: Float64Array): number | null {
  const count = pairs.length / 2;
  for (let k = 0; k < count; k++) if (Number.isNaN(pairs[2 * k])) return Number.NaN;
  const order = Uint32Array.from({ length: count }, (_, k) => k).sort((a, b) => pairs[2 * a] - pairs[2 * b]);
  let [ranks, right] = [0, 0];
  for (let from = 0; from < count; ) {
    const score = pairs[2 * order[from]];
    let to = from;
    let within = 0;
    while (to < count && pairs[2 * order[to]] === score) within += pairs[2 * order[to++] + 1];
    ranks += (within * (from + 1 + to)) / 2;
    right += within;
    from = to;
  }
  const wrong = count - right;
  return right === 0 || wrong === 0 ? null : (ranks - (right * (right + 1)) / 2) / (right * wrong);
}
