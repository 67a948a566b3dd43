import type { Check, MomentsCheck, Offence } from "./expectations.js";

/** What is not as expected of values that the host can look at; null: nothing. Moments are given as float64. */
export function findOffence(check: Check, values: Float32Array | Float64Array): Offence | null {
  if (check.is === "moments") return findShare(check, values);
  if (check.is === "someNotZero") {
    return values.some((value) => value !== 0) ? null : { place: 0, value: 0, count: values.length };
  }
  const place = values.findIndex((value) => !isFit(check, value));
  if (place < 0) return null;
  let count = 0;
  for (let k = place; k < values.length; k++) if (!isFit(check, values[k])) count++;
  return { place, value: values[place], count };
}

function isFit(check: Exclude<Check, MomentsCheck>, value: number): boolean {
  switch (check.is) {
    case "zeroOrOne":
      return value === 0 || value === 1;
    case "notZero":
      return value !== 0;
    case "between":
      return !(value < check.low || value > check.high);
    case "whole":
      return Number.isInteger(value) && value >= check.low && value <= check.high;
    default:
      throw new Error(`internal: no check ${check.is}`);
  }
}

function findShare({ some, several, varied }: MomentsCheck, moments: Float32Array | Float64Array): Offence | null {
  let first: { readonly place: number; readonly value: number } | null = null;
  let count = 0;
  for (let place = 0; 3 * place < moments.length; place++) {
    const [value, m2] = [moments[3 * place], moments[3 * place + 2]];
    if (!((some && value === 0) || (several && value === 1) || (varied && value !== 0 && m2 === 0))) continue;
    first ??= { place, value };
    count++;
  }
  return first === null ? null : { ...first, count };
}
