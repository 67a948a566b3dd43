/** A range that holds 0 and all values, between round numbers, and the round numbers. */
export function axisOf(values: readonly number[]): { low: number; high: number; ticks: number[] } {
  const least = Math.min(0, ...values);
  const most = Math.max(0, ...values);
  const span = most - least || 1;
  const rough = 10 ** Math.floor(Math.log10(span / 4));
  const step = rough * ([1, 2, 5, 10].find((factor) => span / (factor * rough) <= 6) ?? 10);
  const first = Math.floor(least / step);
  const last = Math.max(first + 1, Math.ceil(most / step));
  const ticks = Array.from({ length: last - first + 1 }, (_, k) => Number(((first + k) * step).toPrecision(12)));
  return { low: first * step, high: last * step, ticks };
}
