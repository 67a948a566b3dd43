import type { Command } from "commander";
import { batches } from "../../data/batches.js";
import type { Dataset } from "../../data/dataset.js";
import { recalibrate } from "../../graph/statistics/recalibrate.js";
import { checkModelOutput, writeModel } from "../../node/write-model.js";
import { recalibrateOnnxFile } from "../actions/onnx/recalibrate.js";
import type { RecalibrateFlags } from "../commands/recalibrate.js";
import { checkForeignFlags, checkOnnxFlags, refuseForeignDataFlags } from "../flags/foreign-flags.js";
import { drawInOrder, loadPart } from "../model-data.js";
import { isOnnx } from "../model-kind.js";
import { openModel } from "../open-model.js";
import { checkAnyNorm, describeDrift } from "../print/describe-drift.js";
import { type PassProgress, passProgress } from "../print/pass-progress.js";
import { printResult } from "../print/result.js";

/** What `evenkeel recalibrate` does. */
export async function recalibrateModel(path: string, given: RecalibrateFlags, self: Command): Promise<void> {
  const progress = passProgress("norm", process.stderr);
  try {
    if (isOnnx(path)) {
      const batchSize = self.getOptionValueSource("batchSize") === "default" ? null : given.batchSize;
      await recalibrateOnnxFile(path, checkForeignFlags(path, given), batchSize, progress);
    } else await recalibrateRun(path, given, progress);
  } finally {
    progress.close();
  }
}

async function recalibrateRun(path: string, given: RecalibrateFlags, progress: PassProgress): Promise<void> {
  refuseForeignDataFlags(path, given, "an .onnx model");
  checkOnnxFlags(path, given);
  const run = await openModel(path, given);
  checkModelOutput(given.output, run);
  const { dataset, part } = await loadPart(run.meta, given);
  const drawn = drawInOrder(dataset as Dataset<unknown>, given);
  const { mode, batchSize, blend } = given;
  const result = await recalibrate(run.model, batches(drawn, { batchSize }), {
    mode,
    blend,
    onProgress: (state) => progress.show(state, drawn.length),
  });
  progress.close();
  checkAnyNorm(path, result);
  const output = writeModel(given.output, run.model, run);
  printResult(given, { model: run.file, output, data: given.data, part, mode, ...result }, () => [
    ...describeDrift(result, `${result.samples} samples (${part})`),
    `wrote ${output}`,
  ]);
}
