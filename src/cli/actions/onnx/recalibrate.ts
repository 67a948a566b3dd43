import { recalibrateOnnx } from "../../../formats/onnx/recalibrate/recalibrate-onnx.js";
import { checkOnnxOutput, readWholeOnnxFile, writeOnnxFile } from "../../../node/onnx-file.js";
import type { RecalibrateFlags } from "../../commands/recalibrate.js";
import { checkAnyNorm, describeDrift } from "../../print/describe-drift.js";
import type { PassProgress } from "../../print/pass-progress.js";
import { printResult } from "../../print/result.js";
import { onnxData } from "./data.js";

/** `evenkeel recalibrate model.onnx` */
export async function recalibrateOnnxFile(
  path: string,
  flags: RecalibrateFlags,
  batchSize: number | null,
  progress: PassProgress,
): Promise<void> {
  const { output, mode, blend, initializersAreConstant = false } = flags;
  const source = await readWholeOnnxFile(path);
  checkOnnxOutput(output, source, flags.data);
  const { batches, samples } = await onnxData(source, flags.data, batchSize, flags);
  const { bytes, ...result } = await recalibrateOnnx(source.bytes, batches, {
    mode,
    blend,
    files: source.files,
    initializersAreConstant,
    onProgress: (state) => progress.show(state, samples),
  });
  progress.close();
  checkAnyNorm(path, result);
  await writeOnnxFile(output, bytes, source);
  printResult(flags, { model: path, output, data: flags.data, mode, ...result }, () => [
    ...describeDrift(result, `${samples} samples`),
    `wrote ${output}`,
  ]);
}
