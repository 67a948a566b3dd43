/** One setting: what it is at first, and how it is written in the address. */
export interface Field<T> {
  readonly initial: T;
  /** The value that a text stands for; null if it stands for none. */
  parse(text: string): T | null;
  format(value: T): string;
}

/** A setting that is one of some names. */
export interface Choice<T extends string> extends Field<T> {
  readonly names: readonly T[];
}

/** A setting that is a number in a range. */
export interface NumberField extends Field<number> {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

/** One of some names; the first at first. */
export function choice<const T extends string>(names: readonly T[], initial: NoInfer<T> = names[0]): Choice<T> {
  return {
    names,
    initial,
    parse: (text) => names.find((name) => name === text) ?? null,
    format: (value) => value,
  };
}

/** A number from `least` to `most`. */
export function number(least: number, most: number, initial: number, { whole = false } = {}): NumberField {
  return {
    least,
    most,
    whole,
    initial,
    parse(text) {
      const value = text.trim() === "" ? Number.NaN : Number(text);
      return value >= least && value <= most && (!whole || Number.isInteger(value)) ? value : null;
    },
    format: String,
  };
}

/** A whole number from `least` to `most`. */
export function integer(least: number, most: number, initial: number): NumberField {
  return number(least, most, initial, { whole: true });
}

/** A list of numbers, each in the same range, at most so many. */
export function numbers(
  least: number,
  most: number,
  longest: number,
  initial: readonly number[],
): Field<readonly number[]> {
  const one = number(least, most, 0);
  return {
    initial,
    parse(text) {
      const values = text.split(",").map(one.parse);
      return values.length <= longest && values.every((value) => value !== null) ? values : null;
    },
    format: (values) => values.join(","),
  };
}

/** Yes or no. */
export function flag(initial: boolean): Field<boolean> {
  return {
    initial,
    parse: (text) => (text === "yes" ? true : text === "no" ? false : null),
    format: (value) => (value ? "yes" : "no"),
  };
}

/** Settings by name. */
export type Fields = Readonly<Record<string, Field<unknown>>>;
/** The values of settings. */
export type Values<F> = { readonly [Name in keyof F]: F[Name] extends Field<infer T> ? T : never };
