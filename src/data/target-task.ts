import { shown } from "../shown.js";
import { warn } from "../warnings.js";

/**
 * Whether numbers are taken for classes where nothing says what they are, whatever they are stored as: they are two
 * values at most, or the whole numbers 0 to k − 1, each twice or more.
 */
export function isClassList(values: ArrayLike<number>): boolean {
  const counts = new Map<number, number>();
  for (let k = 0; k < values.length; k++) counts.set(values[k], (counts.get(values[k]) ?? 0) + 1);
  if (counts.size <= 2) return true;
  for (let label = 0; label < counts.size; label++) if ((counts.get(label) ?? 0) < 2) return false;
  return true;
}

/** Which class each row of (N, k) values marks, if each is 1 at one place and 0 elsewhere; else null. */
export function oneHotLabels(values: ArrayLike<number>, width: number): Int32Array | null {
  if (width < 2) return null;
  const labels = new Int32Array(values.length / width);
  for (let row = 0; row < labels.length; row++) {
    let ones = 0;
    for (let k = 0; k < width; k++) {
      const value = values[row * width + k];
      if (value === 1) {
        ones++;
        labels[row] = k;
      } else if (value !== 0) return null;
    }
    if (ones !== 1) return null;
  }
  return labels;
}

/** Says that numbers are taken for classes, and how to say otherwise. */
export function sayClasses(where: string, values: ArrayLike<number>): void {
  const listed = differentOf(values);
  warn(
    `${where}: numbers are taken for ${listed.length} classes (${some(listed)}). To predict them as numbers, pass { task: "regression" }.`,
  );
}

/** So many whole numbers may be classes that do not count from 0, such as ratings. */
const mostClasses = 20;

/**
 * Says that numbers are taken for what they are, and how to say otherwise, where they may well be classes.
 *
 * @returns whether they may
 */
export function sayNumbers(where: string, values: ArrayLike<number>): boolean {
  const listed = differentOf(values);
  const areFew = listed.length <= mostClasses && 2 * listed.length <= values.length;
  if (!areFew || !listed.every(Number.isInteger)) return false;
  warn(
    `${where}: ${listed.length} whole numbers (${some(listed)}) are taken for numbers to predict. If they are classes, pass ` +
      '{ task: "classification" }.',
  );
  return true;
}

/** Says that rows of zeros and ones, of which each is one label of several, are taken for numbers. */
export function sayLabelRows(where: string, values: ArrayLike<number>, width: number): void {
  if (width < 2 || !differentOf(values).every((value) => value === 0 || value === 1)) return;
  warn(
    `${where}: rows of ${width} zeros and ones are taken for numbers to predict, since not every row has a single one. ` +
      'Pass { task: "regression" } if that is meant.',
  );
}

function differentOf(values: ArrayLike<number>): number[] {
  const found = new Set<number>();
  for (let k = 0; k < values.length; k++) found.add(values[k]);
  return [...found].sort((a, b) => a - b);
}

function some(listed: readonly number[]): string {
  if (listed.length <= 4) return listed.map(shown).join(", ");
  return `${listed.slice(0, 2).map(shown).join(", ")} to ${shown(listed.at(-1))}`;
}
