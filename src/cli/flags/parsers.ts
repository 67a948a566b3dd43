import { ArgumentError } from "../../errors.js";
import { nearest } from "../../nearest.js";

/**
 * Reads what stands behind a flag. `where` is the flag, by which an ArgumentError names it; `before` what it was given
 * before.
 */
export type Parser<Value> = (text: string, where: string, before?: unknown) => Value;

/** A text as it is; an empty one is what a variable of the shell leaves that is not set. */
export const text: Parser<string> = (given, where) => {
  if (given !== "") return given;
  throw new ArgumentError({
    where,
    expected: "a value",
    received: "an empty text",
    cure: "Pass one, or leave it out.",
  });
};

/** A number of at least `minimum`. */
export function number(minimum = Number.NEGATIVE_INFINITY): Parser<number> {
  return (text, where) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value) && value >= minimum) return value;
    const expected = `a finite number${Number.isFinite(minimum) ? ` of at least ${minimum}` : ""}`;
    throw new ArgumentError({ where, expected, received: text, cure: "Pass a number." });
  };
}

/** A whole number of at least `minimum`. */
export function count(minimum = 1): Parser<number> {
  return (text, where) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= minimum) return value;
    const expected = `a whole number of at least ${minimum}`;
    throw new ArgumentError({ where, expected, received: text, cure: "Pass a whole number." });
  };
}

/** One of some words. */
export function oneOf<const Word extends string>(words: readonly Word[]): Parser<Word> {
  return (text, where) => {
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    const near = nearest(text, words);
    const cure = near === null ? "Pass one of them." : `Did you mean ${near}?`;
    throw new ArgumentError({ where, expected: words.join(" or "), received: text, cure });
  };
}

/** Texts separated by commas. */
export const list: Parser<string[]> = (text) => text.split(",").map((part) => part.trim());

/**
 * Adds a text to those given before: it may hold several with commas between, which only who knows the names can tell.
 */
export const again: Parser<string[]> = (text, _, before) => [...((before as string[] | undefined) ?? []), text];

/** Numbers separated by commas. */
export const numbers: Parser<number[]> = (text, where) => list(text, where).map((part) => number()(part, where));

/** A height and a width, `48x320`, or one number for both. */
export const heightAndWidth: Parser<readonly [height: number, width: number]> = (text, where) => {
  const match = /^([1-9]\d{0,4})(?:[x×]([1-9]\d{0,4}))?$/.exec(text);
  if (match !== null) return [Number(match[1]), Number(match[2] ?? match[1])];
  const expected = "a height and width, such as 224 or 48x320";
  throw new ArgumentError({ where, expected, received: text, cure: "Write it so." });
};
