import { ArgumentError } from "./errors.js";
import { shown } from "./shown.js";

/**
 * The number, if it lies in [low, high), which is [0, ∞) unless given.
 *
 * @throws ArgumentError if it does not
 */
export function checkRange(
  where: string,
  name: string,
  value: number,
  low = 0,
  high = Number.POSITIVE_INFINITY,
): number {
  // In JavaScript null is at least 0, and so are some texts.
  if (typeof value === "number" && value >= low && value < high) return value;
  throw new ArgumentError({
    where,
    expected: `${name} to be ${high === Number.POSITIVE_INFINITY ? `a finite number of at least ${low}` : `from ${low} up to, not including, ${high}`}`,
    received: shown(value),
    cure: `Correct ${name}.`,
  });
}

/** @throws ArgumentError unless a number is above 0 and finite */
export function checkPositive(
  where: string,
  name: string,
  value: number,
  {
    bound = "above",
    cure = `Correct ${name}.`,
  }: { readonly bound?: "above" | "at least"; readonly cure?: string } = {},
): void {
  if (typeof value === "number" && value > 0 && value < Number.POSITIVE_INFINITY) return;
  throw new ArgumentError({
    where,
    expected: `${name} to be a finite number ${bound} 0`,
    received: shown(value),
    cure,
  });
}

/** @throws ArgumentError unless a number is a probability */
export function checkProbability(where: string, value: number, cure: string): void {
  if (typeof value === "number" && value >= 0 && value <= 1) return;
  throw new ArgumentError({ where, expected: "a probability from 0 to 1", received: shown(value), cure });
}
