import { inspectTfjs } from "../../models/tfjs/inspect-tfjs.js";
import { readTfjsFiles } from "../../node/tfjs-files.js";
import { countNorms, listNorms } from "../norm-listing.js";

/** `evenkeel inspect model.json` */
export function inspectTfjsFile(path: string, { json }: { readonly json?: boolean }): string {
  const { format, producer, layers, norms } = inspectTfjs(readTfjsFiles(path));
  if (json === true) return JSON.stringify({ model: path, format, producer, layers, norms }, null, 2);
  const by = producer === "" ? "" : `, written by ${producer}`;
  const parts = format === "layers-model" ? "layers" : "nodes";
  return [`${format}${by}: ${layers} ${parts}, ${countNorms(norms)}`, ...listNorms(norms)].join("\n");
}
