import { recalibrateOnnx } from "../../../formats/onnx/recalibrate/recalibrate-onnx.js";
import type { RecalibrateMode, RecalibrateProgress } from "../../../graph/recalibrate.js";
import type { ForeignInputOptions } from "../../../node/data/load-foreign-inputs.js";
import { checkOutput, readWholeOnnxFile, writeOnnxFile } from "../../../node/onnx-file.js";
import { checkAnyNorm, describeDrift } from "../../print/describe-drift.js";
import { onnxData } from "./data.js";

/** The flags of `recalibrate` that serve ONNX files. */
export interface RecalibrateOnnxFlags extends ForeignInputOptions {
  readonly data: string;
  readonly output: string;
  readonly mode: RecalibrateMode;
  readonly blend: number;
  readonly json?: boolean;
}

/** `evenkeel recalibrate model.onnx` */
export async function recalibrateOnnxFile(
  path: string,
  flags: RecalibrateOnnxFlags,
  batchSize: number | null,
  onProgress: (progress: RecalibrateProgress, samples: number) => void,
): Promise<string> {
  const { output, mode, blend } = flags;
  checkOutput(output, path);
  const source = await readWholeOnnxFile(path);
  const { batches, samples } = await onnxData(source, flags.data, batchSize, flags);
  const { bytes, ...result } = await recalibrateOnnx(source.bytes, batches, {
    mode,
    blend,
    files: source.files,
    onProgress: (progress) => onProgress(progress, samples),
  });
  checkAnyNorm(path, result);
  await writeOnnxFile(output, bytes, source);
  if (flags.json === true) return JSON.stringify({ model: path, output, data: flags.data, mode, ...result }, null, 2);
  return [...describeDrift(result, `${samples} samples`), `wrote ${output}`].join("\n");
}
