import { ArgumentError } from "./errors.js";
import { shown } from "./shown.js";

/** @throws ArgumentError if a value is none of some words, or null where that is among them */
export function checkOneOf(where: string, name: string, value: unknown, choices: readonly (string | null)[]): void {
  if (choices.some((choice) => choice === value)) return;
  const words = choices.map((choice) => JSON.stringify(choice));
  throw new ArgumentError({
    where,
    expected: `${name} to be ${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`,
    received: shown(value),
    cure: "Choose one of them.",
  });
}
