/** The word that a mistyped one was probably meant to be; null if none is near. */
export function nearest(text: string, words: readonly string[]): string | null {
  const distances = words.map((word) => editDistance(text.toLowerCase(), word.toLowerCase()));
  const least = Math.min(...distances);
  const word = words[distances.indexOf(least)];
  // As commander does for flags: three edits at most, and more of the word right than wrong.
  return word !== undefined && least <= 3 && least < 0.6 * Math.max(text.length, word.length) ? word : null;
}

/** Letters to insert, delete, replace or swap with their neighbour until `a` is `b` (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        next[j] = Math.min(next[j], before[j - 2] + 1);
    }
    [before, row] = [row, next];
  }
  return row[b.length];
}
