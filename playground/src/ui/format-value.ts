/** A number as a person writes it: at most 4 places behind the point, a real minus, no minus before 0. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = size !== 0 && (size >= 1e6 || size < 5e-5) ? exponential(value) : String(Number(value.toFixed(4)));
  return text.replace("-", "−");
}

/** Rounding of float32 beside numbers of size 1 is shown as the 0 that it stands for. */
function exponential(value: number): string {
  if (Math.abs(value) < 2e-6) return "0";
  const [digits, exponent] = value.toExponential(2).split("e");
  const power = `10${superscript(Number(exponent))}`;
  return Number(digits) === 1 ? power : `${Number(digits)}·${power}`;
}

function superscript(exponent: number): string {
  return [...String(exponent)].map((digit) => (digit === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)])).join("");
}
