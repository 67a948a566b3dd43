import { formatValue } from "../../ui/format-value.js";

/** A number behind a minus or in a product: in brackets where it has a sign of its own. */
export function factor(value: number): string {
  return value < 0 ? `(${formatValue(value)})` : formatValue(value);
}

/** The first two and the last of a sum. */
export function sumOf(parts: readonly string[]): string {
  return parts.length <= 4 ? parts.join(" + ") : `${parts[0]} + ${parts[1]} + … + ${parts[parts.length - 1]}`;
}
