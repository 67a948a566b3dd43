import { inspectOnnx } from "../../../formats/onnx/inspect/inspect-onnx.js";
import type { ForeignInputOptions } from "../../../node/data/load-foreign-inputs.js";
import type { OnnxFile } from "../../../node/onnx-file.js";
import { type ForeignData, foreignData } from "../../foreign-data.js";

/** Loads data for the inputs of an ONNX model, as {@link foreignData} does. */
export async function onnxData(
  { path, bytes, files }: OnnxFile,
  source: string,
  batchSize: number | null,
  options: ForeignInputOptions,
): Promise<ForeignData> {
  const { inputs } = await inspectOnnx(bytes, { files });
  const isNamed = inputs.length > 1;
  const cure = isNamed
    ? "Pass an .npz file with an array for each, under its name."
    : "Pass its inputs in code: recalibrateOnnx(bytes, data), or foldOnnx(bytes, { inputs }).";
  return foreignData({ path, inputs, cure }, source, batchSize, options);
}
