import type { Answer } from "../../study/run-study.js";
import { formatNumber } from "../format-number.js";

/** The measured effect in words, with its interval and what it is compared with. */
export function describeAnswer({ mean, interval, effects, question: { unit, rule } }: Answer): string {
  const range = interval === null ? "no interval from one seed" : `95 % interval ${formatRange(interval)}`;
  const bound =
    rule.claim === "constancy"
      ? `bound ±${formatNumber(rule.smallest)}`
      : `smallest of interest ${formatNumber(rule.smallest)}`;
  return `Effect ${formatRounded(mean)} ${unit}, ${range}, ${bound}, ${effects.length} ${effects.length === 1 ? "seed" : "seeds"}.`;
}

/** `1.2 to 3.4` */
export function formatRange([low, high]: readonly [number, number]): string {
  return `${formatRounded(low)} to ${formatRounded(high)}`;
}

/** Three digits are more than a few seeds tell. */
export function formatRounded(value: number): string {
  return formatNumber(Number(value.toPrecision(3)));
}
