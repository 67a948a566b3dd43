import type { Command } from "commander";
import { batches } from "../../data/batches.js";
import type { Dataset } from "../../data/dataset.js";
import { recalibrate } from "../../graph/statistics/recalibrate.js";
import { checkModelOutput, writeModel } from "../../node/write-model.js";
import { data, drawSeed, part, samples, skipBadRows } from "../flags/data-flags.js";
import { command, type FlagsOf, flag, required, withDefault } from "../flags/flag.js";
import {
  checkForeignFlags,
  checkOnnxFlags,
  foreignData,
  initializersAreConstant,
  refuseForeignDataFlags,
} from "../flags/foreign-flags.js";
import { evaluationBatchSize, model } from "../flags/model-flags.js";
import { json, output } from "../flags/output-flags.js";
import { number, oneOf } from "../flags/parsers.js";
import { drawInOrder, loadPart } from "../model-data.js";
import { isOnnx } from "../model-kind.js";
import { openModel } from "../open-model.js";
import { checkAnyNorm, describeDrift } from "../print/describe-drift.js";
import { type PassProgress, passProgress } from "../print/pass-progress.js";
import { printResult } from "../print/result.js";
import { recalibrateOnnxFile } from "./onnx/recalibrate.js";

const flags = [
  required(data),
  { ...part, initially: "train, where there is one" },
  withDefault({ ...samples, help: "number of samples, at most; 1,000 to 10,000 are enough" }, 10_000),
  drawSeed,
  skipBadRows,
  ...foreignData("ONNX"),
  initializersAreConstant,
  model,
  withDefault(
    flag("--mode <mode>", {
      group: "Model",
      help: "mode: sequential (a pass for each norm, exact) or batch (one pass)",
      parse: oneOf(["sequential", "batch"]),
    }),
    "sequential",
  ),
  withDefault(
    flag("--blend <n>", {
      group: "Model",
      help: "number of samples that the old statistics count for",
      parse: number(),
    }),
    0,
  ),
  evaluationBatchSize,
  required({ ...output, help: "path to write to: for a run a folder, else a file of the same kind" }),
  json,
] as const;

/** What the command line of `evenkeel recalibrate` says. */
export type RecalibrateFlags = FlagsOf<typeof flags>;

/** `evenkeel recalibrate` */
export function recalibrateCommand(): Command {
  return command("recalibrate", {
    details: "Use the training data, or data like those in use. ONNX models need no labels.",
    flags,
    examples: [
      "evenkeel recalibrate runs/mnist --data mnist -o recalibrated",
      "evenkeel recalibrate model.onnx --data photos --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 -o new.onnx",
    ],
  }).action(async (path: string, given: RecalibrateFlags, self: Command) => {
    const progress = passProgress("norm", process.stderr);
    try {
      if (isOnnx(path)) {
        const batchSize = self.getOptionValueSource("batchSize") === "default" ? null : given.batchSize;
        await recalibrateOnnxFile(path, checkForeignFlags(path, given), batchSize, progress);
      } else await recalibrateRun(path, given, progress);
    } finally {
      progress.close();
    }
  });
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
