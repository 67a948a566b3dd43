import { ArgumentError } from "../../errors.js";

/** Reads a number of at least `minimum` from the command line. @throws ArgumentError if it is none */
export function number(flag: string, minimum = Number.NEGATIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value) && value >= minimum) return value;
    const expected = `a finite number${Number.isFinite(minimum) ? ` of at least ${minimum}` : ""}`;
    throw new ArgumentError({ where: flag, expected, received: text, cure: "Pass a number." });
  };
}

/** Reads a whole number of at least `minimum` from the command line. @throws ArgumentError if it is none */
export function count(flag: string, minimum = 1): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= minimum) return value;
    const expected = `a whole number of at least ${minimum}`;
    throw new ArgumentError({ where: flag, expected, received: text, cure: "Pass a whole number." });
  };
}

/** Reads one of some words from the command line. @throws ArgumentError if it is none of them */
export function oneOf<Word extends string>(flag: string, words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    const cure = words.length === 1 ? `Pass ${words[0]}.` : "Pass one of them.";
    throw new ArgumentError({ where: flag, expected: words.join(" or "), received: text, cure });
  };
}
