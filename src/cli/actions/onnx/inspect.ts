import { inspectOnnx } from "../../../formats/onnx/inspect/inspect-onnx.js";
import { readOnnxFile } from "../../../node/onnx-file.js";
import { countNorms, listNorms } from "../../print/norm-listing.js";
import { printResult } from "../../print/result.js";

interface InspectFlags {
  readonly initializersAreConstant: boolean | undefined;
  readonly json: boolean | undefined;
}

/** `evenkeel inspect model.onnx` */
export async function inspectOnnxFile(path: string, flags: InspectFlags): Promise<void> {
  const { initializersAreConstant = false } = flags;
  const { bytes, files, missing } = await readOnnxFile(path);
  const { opset, irVersion, producer, inputs, nodes, norms } = await inspectOnnx(bytes, {
    files,
    initializersAreConstant,
  });
  const by = producer === "" ? "" : `, written by ${producer}`;
  const takes = inputs.map(({ name, type, shape }) => `${name} (${type} ${shape.join("×")})`);
  printResult(flags, { model: path, opset, irVersion, producer, inputs, nodes, missing, norms }, () => [
    `opset ${opset}${by}: ${nodes} nodes, ${countNorms(norms)}`,
    ...(takes.length === 0 ? [] : [`takes ${takes.join(", ")}`]),
    ...missing.map((name) => `missing: the file ${JSON.stringify(name)}, in which it keeps tensors`),
    ...listNorms(norms),
  ]);
}
