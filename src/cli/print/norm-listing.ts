import type { InspectedNorm } from "../../formats/foreign/inspected-norm.js";
import { formatShort, formatTable } from "./table.js";

/** The normalisations of a model that another system wrote: a table, then what is to be said of them. */
export function listNorms(norms: readonly InspectedNorm[]): string[] {
  const table = norms.length === 0 ? [] : ["", formatTable([header, ...norms.map(row)])];
  const remarks = norms.flatMap(({ place, findings, leftBecause }) => [
    ...findings.map((finding) => `${place}: ${finding}`),
    ...(leftBecause === null ? [] : [`${place}: cannot be folded: ${leftBecause}`]),
  ]);
  return [...table, ...(remarks.length === 0 ? [] : ["", ...remarks])];
}

/** `38 normalisations, 35 of them can be folded` */
export function countNorms(norms: readonly InspectedNorm[]): string {
  const foldable = norms.filter(({ foldsInto }) => foldsInto !== null).length;
  return `${norms.length} normalisations, ${foldable} of them can be folded`;
}

const header = ["norm", "kind", "input", "channels", "eps", "momentum", "mean", "variance", "weight", "folds into"];

function row({ place, kind, input, channels, eps, momentum, parameters, foldsInto }: InspectedNorm): string[] {
  const range = (name: string): string => {
    const { min, max } = parameters[name] ?? {};
    return min === undefined || max === undefined ? "–" : `${formatShort(min)} to ${formatShort(max)}`;
  };
  const shown = (value: number | null): string => (value === null ? "–" : String(value));
  const ranges = ["mean", "variance", "weight"].map(range);
  return [place, kind, input, shown(channels), shown(eps), shown(momentum), ...ranges, foldsInto ?? "–"];
}
