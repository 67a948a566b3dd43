import { inspectTfjs, type TfjsNorm } from "../../models/tfjs/inspect-tfjs.js";
import { readTfjsFiles } from "../../node/tfjs-files.js";
import { formatNumber, formatTable } from "../table.js";

/** `evenkeel inspect model.json` */
export function inspectTfjsFile(path: string, { json }: { readonly json?: boolean }): string {
  const { format, producer, layers, norms } = inspectTfjs(readTfjsFiles(path));
  if (json === true) return JSON.stringify({ model: path, format, producer, layers, norms }, null, 2);
  const foldable = norms.filter(({ foldsInto }) => foldsInto !== null).length;
  const by = producer === "" ? "" : `, written by ${producer}`;
  const parts = format === "layers-model" ? "layers" : "nodes";
  const lines = [
    `${format}${by}: ${layers} ${parts}, ${norms.length} normalisations, ${foldable} of them can be folded`,
  ];
  if (norms.length > 0) lines.push("", formatTable([header, ...norms.map(row)]));
  const remarks = norms.flatMap(({ place, findings, leftBecause }) => [
    ...findings.map((finding) => `${place}: ${finding}`),
    ...(leftBecause === null ? [] : [`${place}: cannot be folded: ${leftBecause}`]),
  ]);
  if (remarks.length > 0) lines.push("", ...remarks);
  return lines.join("\n");
}

const header = ["norm", "kind", "input", "channels", "eps", "momentum", "mean", "variance", "weight", "folds into"];

function row({ place, kind, input, channels, eps, momentum, parameters, foldsInto }: TfjsNorm): string[] {
  const range = (name: string): string => {
    const { min, max } = parameters[name] ?? {};
    return min === undefined || max === undefined ? "–" : `${formatNumber(min)} to ${formatNumber(max)}`;
  };
  const shown = (value: number | null): string => (value === null ? "–" : String(value));
  const ranges = ["mean", "variance", "weight"].map(range);
  return [place, kind, input, shown(channels), shown(eps), shown(momentum), ...ranges, foldsInto ?? "–"];
}
