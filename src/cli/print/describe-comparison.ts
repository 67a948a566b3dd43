import { type Comparison, differencesOf, sameFindings } from "../../pages/doctor/comparison.js";
import { formatPairs, formatTable } from "./table.js";

/** How two models differ, for a terminal. */
export function describeComparison(comparison: Comparison): string {
  const { settings, figures, findings } = differencesOf(comparison);
  const [a, b] = comparison.models;
  const lines = [`A  ${a.model}`, `B  ${b.model}`, "", formatTable([["", "A", "B"], ...figures])];
  if (settings.length > 0) lines.push("", formatTable([["setting", "A", "B"], ...settings]));
  const only = findings.map(({ model, layer, text }) => [`only ${"AB"[model]}, ${layer}:`, text] as const);
  lines.push("", ...(only.length === 0 ? [sameFindings(comparison)] : formatPairs(only)));
  return lines.join("\n");
}
