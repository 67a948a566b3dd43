import type { Command } from "commander";
import { batches } from "../../data/batches.js";
import type { Dataset } from "../../data/dataset.js";
import { type RecalibrateMode, type RecalibrateProgress, recalibrate } from "../../graph/recalibrate.js";
import type { DataPart } from "../../node/data/load-data-as.js";
import { writeModel } from "../../node/write-model.js";
import { onWarning } from "../../warnings.js";
import { dataHelp } from "../flags/data-options.js";
import {
  checkForeignFlags,
  type ForeignDataFlags,
  foreignDataOptions,
  refuseForeignDataFlags,
} from "../flags/foreign-data-options.js";
import { type ModelFlags, modelCommand, openModel } from "../flags/model-options.js";
import { count, number, oneOf } from "../flags/options.js";
import { draw, loadPart, type ModelDataFlags } from "../model-data.js";
import { isOnnx } from "../model-kind.js";
import { checkAnyNorm, describeDrift } from "../print/describe-drift.js";
import { passProgress } from "../print/pass-progress.js";
import { recalibrateOnnxFile } from "./onnx/recalibrate.js";

interface RecalibrateFlags extends ModelFlags, ModelDataFlags, ForeignDataFlags {
  readonly output: string;
  readonly mode: RecalibrateMode;
  readonly blend: number;
}

const parts: readonly DataPart[] = ["test", "validation", "train", "all"];

/** `evenkeel recalibrate` */
export function recalibrateCommand(): Command {
  const command = modelCommand(
    "recalibrate",
    "Give batch norms the statistics of data: of what the model was trained on, or of where it will be used.",
    "an .onnx file, a run's folder, or a .safetensors file",
  )
    .requiredOption(
      "--data <source>",
      `${dataHelp}. ONNX: a folder of images, an NPY or NPZ (x) file, or a CSV file of numbers`,
    )
    .requiredOption(
      "-o, --output <path>",
      "where to write: a file of the same kind, or for a run a folder, which gets model.safetensors",
    )
    .option(
      "--mode <mode>",
      "sequential (exact, a pass for each norm) or batch (one pass, as in training)",
      oneOf("--mode", ["sequential", "batch"] as const),
      "sequential",
    )
    .option("--samples <n>", "how many samples, at most; 1,000 to 10,000 are enough", count("--samples"), 10_000)
    .option("--blend <n>", "how many samples the old statistics count for", number("--blend"), 0)
    .option(
      "--part <part>",
      "train, validation, test or all (default: train, where the data have it or the model was trained on them)",
      oneOf("--part", parts),
    )
    .option("--seed <n>", "what the samples are drawn by, if there are more", count("--seed", 0), 0)
    .option("--skip-bad-rows", "leave out what cannot be used, instead of refusing it");
  return foreignDataOptions(command, "ONNX").action(async (model: string, flags: RecalibrateFlags) => {
    const progress = passProgress("norm", process.stderr);
    try {
      const isGiven = command.getOptionValueSource("batchSize") !== "default";
      const text = isOnnx(model)
        ? await recalibrateOnnxFile(
            model,
            checkForeignFlags(model, flags),
            isGiven ? flags.batchSize : null,
            progress.show,
          )
        : await recalibrateRun(model, flags, progress.show);
      progress.close();
      process.stdout.write(`${text}\n`);
    } finally {
      progress.close();
    }
  });
}

async function recalibrateRun(
  path: string,
  flags: RecalibrateFlags,
  onProgress: (progress: RecalibrateProgress, samples: number) => void,
): Promise<string> {
  refuseForeignDataFlags(path, flags, "an .onnx model");
  onWarning((message) => process.stderr.write(`evenkeel: warning: ${message}\n`));
  const run = await openModel(path, flags);
  const { dataset, part } = await loadPart(run.meta, flags);
  const drawn = draw(dataset as Dataset<unknown>, flags);
  const { mode, batchSize, blend } = flags;
  const result = await recalibrate(run.model, batches(drawn, { batchSize }), {
    mode,
    blend,
    onProgress: (progress) => onProgress(progress, drawn.length),
  });
  checkAnyNorm(path, result);
  const output = writeModel(flags.output, run.model, run);
  const about = { model: run.file, output, data: flags.data, part, mode };
  if (flags.json === true) return JSON.stringify({ ...about, ...result }, null, 2);
  return [...describeDrift(result, `${result.samples} samples (${part})`), `wrote ${output}`].join("\n");
}
