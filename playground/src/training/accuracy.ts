/** The class that scores or probabilities speak for: the place of the largest. */
export function likeliest(scores: Float32Array): number {
  return scores.indexOf(Math.max(...scores));
}

/** The likeliest class of each of `count` samples, whose scores stand one after another. */
export function guessesOf(scores: Float32Array, count: number): number[] {
  const classes = scores.length / count;
  return Array.from({ length: count }, (_, k) => likeliest(scores.subarray(k * classes, (k + 1) * classes)));
}

/** The share of samples whose own class is the likeliest. */
export function accuracyOf(scores: Float32Array, labels: Int32Array): number {
  return guessesOf(scores, labels.length).filter((guess, k) => guess === labels[k]).length / labels.length;
}
