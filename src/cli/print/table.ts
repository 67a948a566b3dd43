/** Rows of cells as aligned lines: the first column to the left, the others to the right, two spaces between. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, k) => Math.max(widest[k] ?? 0, cell.length)),
    [],
  );
  return rows
    .map((row) => row.map((cell, k) => (k === 0 ? cell.padEnd(widths[k]) : cell.padStart(widths[k]))).join("  "))
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Pairs as aligned lines, two spaces between. */
export function formatPairs(pairs: readonly (readonly [string, string])[]): string[] {
  const width = pairs.reduce((widest, [first]) => Math.max(widest, first.length), 0);
  return pairs.map(([first, second]) => `${first.padEnd(width)}  ${second}`);
}

/** A number to three digits, as short as it goes. */
export function formatShort(value: number): string {
  return String(Number(value.toPrecision(3)));
}
