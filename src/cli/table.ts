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
