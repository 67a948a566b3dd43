import { warn } from "../../warnings.js";
import { plain, quantityOf } from "./quantity.js";

/** A whole number as no one writes an amount. */
const padded = /^0\d{2,}$/;
const long = /^\d{16,}$/;
const compactDate = /^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/;
/** So many cells are no dates by chance. */
const fewDates = 5;
/** What stands for a missing number in old files: -99, 999, -9999, … */
const mark = /^-?9{2,}(\.0*)?$/;
/** So many other numbers say how far a mark lies from them. */
const fewNumbers = 8;

/** What to do about a column that means something else than numbers. */
interface Cures {
  /** Where they name something, such as places or people. */
  readonly ofNames: string;
  /** Where one of them marks what is missing. */
  readonly ofMarks: string;
}

/**
 * Says what the numbers of a column may be instead, where their writing gives cause: names with leading zeros, dates
 * without hyphens, or marks of missing values among them. One warning at most.
 *
 * @param cells - those that are numbers without a unit
 */
export function sayReadings(where: string, cells: readonly string[], { ofNames, ofMarks }: Cures): void {
  const texts = cells.map((cell) => cell.trim());
  const code = texts.find((text) => padded.test(text) && Number(text) > 0);
  if (code !== undefined) {
    warn(
      `${where}: ${code.slice(0, 30)} and others with leading zeros are taken for numbers (${Number(code)}). If they name ` +
        `something, ${ofNames}.`,
    );
    return;
  }
  const id = texts.find((text) => long.test(text) && !Number.isSafeInteger(Number(text)));
  if (id !== undefined) {
    warn(
      `${where}: ${id.slice(0, 30)} and others of more than 15 digits are taken for numbers, which are rounded. If they name ` +
        `something, ${ofNames}.`,
    );
    return;
  }
  if (texts.length >= fewDates && texts.every((text) => compactDate.test(text))) {
    const [day] = texts;
    const written = `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`;
    warn(`${where}: ${day} and others are taken for numbers. If they are dates, write them as ${written}.`);
    return;
  }
  sayMarks(where, texts, ofMarks);
}

/** Says that a number like -999, which stands several times far from all others, is taken for one. */
export function sayMarks(where: string, cells: readonly string[], cure: string): void {
  const counts = new Map<number, number>();
  let [least, most, others] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const cell of cells) {
    const value = quantityOf(cell)?.value ?? Number.NaN;
    if (mark.test(plain(cell).trim())) counts.set(value, (counts.get(value) ?? 0) + 1);
    else if (Number.isFinite(value))
      [least, most, others] = [Math.min(least, value), Math.max(most, value), others + 1];
  }
  const isFar = (value: number): boolean => Math.max(least - value, value - most) > most - least;
  const found = [...counts].find(([value, count]) => count > 1 && isFar(value));
  if (found === undefined || others < fewNumbers || most === least) return;
  const [value, count] = found;
  warn(
    `${where}: ${value} in ${count} of ${cells.length} rows is taken for a number, far from the others (${short(least)} to ${short(most)}). ` +
      `If it marks missing values, ${cure}.`,
  );
}

function short(value: number): number {
  return Number(value.toPrecision(4));
}
