import { inspectTfjs } from "../../../formats/tfjs/inspect-tfjs.js";
import { readLayersFiles } from "../../../node/keras-file.js";
import { countNorms, listNorms } from "../../print/norm-listing.js";
import { printResult } from "../../print/result.js";

/** `evenkeel inspect model.json`, or `model.keras` */
export async function inspectTfjsFile(path: string, flags: { readonly json: boolean | undefined }): Promise<void> {
  const { format, producer, layers, inputs, norms } = inspectTfjs(await readLayersFiles(path));
  const by = producer === "" ? "" : `, written by ${producer}`;
  const parts = format === "layers-model" ? "layers" : "nodes";
  const takes = inputs.map(({ name, type, shape }) => `${name} (${type} ${shape.join("×") || "of open shape"})`);
  printResult(flags, { model: path, format, producer, layers, inputs, norms }, () => [
    `${format}${by}: ${layers} ${parts}, ${countNorms(norms)}`,
    ...(takes.length === 0 ? [] : [`takes ${takes.join(", ")}`]),
    ...listNorms(norms),
  ]);
}
