/** The rows of each class, the lowest class first. */
export function rowsByClass(labels: ArrayLike<number>): number[][] {
  const byClass = new Map<number, number[]>();
  for (let k = 0; k < labels.length; k++) {
    const rows = byClass.get(labels[k]);
    if (rows === undefined) byClass.set(labels[k], [k]);
    else rows.push(k);
  }
  return [...byClass].sort(([a], [b]) => a - b).map(([, rows]) => rows);
}
