import { inspectOnnx, type OnnxNorm } from "../../models/onnx/inspect-onnx.js";
import { readOnnxFile } from "../../node/onnx-file.js";
import { formatNumber, formatTable } from "../table.js";

/** `evenkeel inspect model.onnx` */
export async function inspectOnnxFile(path: string, { json }: { readonly json?: boolean }): Promise<string> {
  const { bytes, files } = await readOnnxFile(path);
  const { opset, irVersion, producer, inputs, nodes, norms } = await inspectOnnx(bytes, { files });
  if (json === true) return JSON.stringify({ model: path, opset, irVersion, producer, inputs, nodes, norms }, null, 2);
  const foldable = norms.filter(({ foldsInto }) => foldsInto !== null).length;
  const by = producer === "" ? "" : `, written by ${producer}`;
  const lines = [
    `opset ${opset}${by}: ${nodes} nodes, ${norms.length} normalisations, ${foldable} of them can be folded`,
  ];
  const takes = inputs.map(({ name, type, shape }) => `${name} (${type} ${shape.join("×")})`);
  if (takes.length > 0) lines.push(`takes ${takes.join(", ")}`);
  if (norms.length > 0) lines.push("", formatTable([header, ...norms.map(row)]));
  const remarks = norms.flatMap(({ place, findings, leftBecause }) => [
    ...findings.map((finding) => `${place}: ${finding}`),
    ...(leftBecause === null ? [] : [`${place}: cannot be folded: ${leftBecause}`]),
  ]);
  if (remarks.length > 0) lines.push("", ...remarks);
  return lines.join("\n");
}

const header = ["norm", "kind", "input", "channels", "eps", "momentum", "mean", "variance", "weight", "folds into"];

function row({ place, kind, input, channels, eps, momentum, parameters, foldsInto }: OnnxNorm): string[] {
  const range = (name: string): string => {
    const { min, max } = parameters[name] ?? {};
    return min === undefined || max === undefined ? "–" : `${formatNumber(min)} to ${formatNumber(max)}`;
  };
  const shown = (value: number | null): string => (value === null ? "–" : String(value));
  const ranges = ["mean", "variance", "weight"].map(range);
  return [place, kind, input, shown(channels), shown(eps), shown(momentum), ...ranges, foldsInto ?? "–"];
}
