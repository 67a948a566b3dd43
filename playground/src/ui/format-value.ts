/** A number as a person writes it: at most 4 places behind the point, a real minus, no minus before 0. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  // Rounding of float32 beside numbers of size 1 is shown as the 0 that it stands for.
  if (size < 2e-6) return "0";
  return withMinus(size >= 1e6 || size < 5e-5 ? exponential(value, 2) : String(Number(value.toFixed(4))));
}

/** A number in three digits, or in one and a power of ten. */
export function formatShort(value: number): string {
  const size = Math.abs(value);
  const isExtreme = size !== 0 && (size < 0.001 || size >= 100_000);
  return withMinus(isExtreme ? exponential(value, 0) : String(Number(value.toPrecision(3))));
}

function withMinus(text: string): string {
  return text.replace("-", "−");
}

function exponential(value: number, places: number): string {
  const [digits, exponent] = value.toExponential(places).split("e");
  const power = `10${superscript(Number(exponent))}`;
  return Number(digits) === 1 ? power : `${Number(digits)}·${power}`;
}

function superscript(exponent: number): string {
  return [...String(exponent)].map((digit) => (digit === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)])).join("");
}

/** A number to two places; null and NaN are no number. */
export function formatHundredths(value: number | null): string {
  if (value === null || Number.isNaN(value)) return "not a number";
  return Math.abs(value) < 0.005 ? "0" : withMinus(value.toFixed(2));
}

/** A share of 1 in whole percent. */
export function formatPercent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
