import { DataError } from "../errors.js";
import { shown } from "../shown.js";

/** What a label may be: the number of a class. */
export function isLabel(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 31;
}

/** A label that is the number of no class. */
export function labelFault(where: string, label: unknown, row: number): DataError {
  return new DataError({
    where,
    expected: "whole numbers from 0",
    received: `${shown(label)} in row ${row}`,
    cure:
      typeof label === "number" && Number.isFinite(label) && !Number.isInteger(label)
        ? fractional
        : "Number the classes from 0.",
  });
}

const fractional =
  "Number the classes from 0; numbers to predict are { targets } of arrayDataset, and lists in a stream.";

/** A number to predict that is none. */
export function targetFault(where: string, target: unknown, row: number): DataError {
  return new DataError({
    where,
    expected: "finite numbers",
    received: `${shown(target)} in row ${row}`,
    cure: "Leave such samples out.",
  });
}

/** @throws DataError if the inputs hold texts or big integers, which no tensor takes; their first value tells */
export function checkNumericInputs(where: string, inputs: ArrayLike<unknown>): void {
  if (inputs.length === 0 || typeof inputs[0] === "number") return;
  throw new DataError({
    where,
    expected: "numbers",
    received: shown(inputs[0]),
    cure: "Convert them, for example with Float32Array.from(inputs, Number).",
  });
}
