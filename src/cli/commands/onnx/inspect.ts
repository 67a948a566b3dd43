import { inspectOnnx } from "../../../formats/onnx/inspect/inspect-onnx.js";
import { readOnnxFile } from "../../../node/onnx-file.js";
import { countNorms, listNorms } from "../../print/norm-listing.js";

/** `evenkeel inspect model.onnx` */
export async function inspectOnnxFile(path: string, { json }: { readonly json?: boolean }): Promise<string> {
  const { bytes, files, missing } = await readOnnxFile(path);
  const { opset, irVersion, producer, inputs, nodes, norms } = await inspectOnnx(bytes, { files });
  if (json === true)
    return JSON.stringify({ model: path, opset, irVersion, producer, inputs, nodes, missing, norms }, null, 2);
  const by = producer === "" ? "" : `, written by ${producer}`;
  const takes = inputs.map(({ name, type, shape }) => `${name} (${type} ${shape.join("×")})`);
  return [
    `opset ${opset}${by}: ${nodes} nodes, ${countNorms(norms)}`,
    ...(takes.length === 0 ? [] : [`takes ${takes.join(", ")}`]),
    ...missing.map((name) => `missing: the file ${JSON.stringify(name)}, in which it keeps tensors`),
    ...listNorms(norms),
  ].join("\n");
}
