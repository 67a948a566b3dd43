import { inspectTfjs } from "../../../formats/tfjs/inspect-tfjs.js";
import { readTfjsFiles } from "../../../node/tfjs-files.js";
import { countNorms, listNorms } from "../../print/norm-listing.js";

/** `evenkeel inspect model.json` */
export function inspectTfjsFile(path: string, { json }: { readonly json?: boolean }): string {
  const { format, producer, layers, inputs, norms } = inspectTfjs(readTfjsFiles(path));
  if (json === true) return JSON.stringify({ model: path, format, producer, layers, inputs, norms }, null, 2);
  const by = producer === "" ? "" : `, written by ${producer}`;
  const parts = format === "layers-model" ? "layers" : "nodes";
  const takes = inputs.map(({ name, type, shape }) => `${name} (${type} ${shape.join("×") || "of open shape"})`);
  return [
    `${format}${by}: ${layers} ${parts}, ${countNorms(norms)}`,
    ...(takes.length === 0 ? [] : [`takes ${takes.join(", ")}`]),
    ...listNorms(norms),
  ].join("\n");
}
