import { numberOf } from "./table.js";

/** Zeros before a number are those of a code, which is no number. */
const code = /^[+-]?0\d/;

/**
 * Names of classes in which each number is written in one way, that of its first row: `1` and `1.0` are one class. As
 * they are if one is no number.
 */
export function oneNamePerNumber(names: readonly string[]): readonly string[] {
  const first = new Map<number, string>();
  const named: string[] = [];
  for (const name of names) {
    const value = numberOf(name);
    if (value === null || code.test(name)) return names;
    const known = first.get(value) ?? name;
    first.set(value, known);
    named.push(known);
  }
  return named;
}
