/** A number for a reader: four digits, no more zeros than needed; NaN as a dash. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value).replace("-", "−");
  return String(Number(value.toPrecision(4))).replaceAll("-", "−");
}
