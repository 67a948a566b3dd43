import { Presets, SingleBar } from "cli-progress";
import type { Command } from "commander";
import { batches } from "../data/batches.js";
import type { Dataset } from "../data/dataset.js";
import { type RecalibrateMode, type Recalibration, recalibrate } from "../models/recalibrate.js";
import type { DataPart } from "../node/data/load-data-as.js";
import { writeModel } from "../node/write-model.js";
import { onWarning } from "../warnings.js";
import { dataHelp } from "./data-options.js";
import { draw, loadPart, type ModelDataFlags } from "./model-data.js";
import { type ModelFlags, modelCommand, openModel } from "./model-options.js";
import { count, number, oneOf } from "./options.js";
import { formatTable } from "./table.js";

interface RecalibrateFlags extends ModelFlags, ModelDataFlags {
  readonly output: string;
  readonly mode: RecalibrateMode;
  readonly blend: number;
}

const parts: readonly DataPart[] = ["test", "validation", "train", "all"];

/** `evenkeel recalibrate` */
export function recalibrateCommand(): Command {
  return modelCommand(
    "recalibrate",
    "Give batch norms the statistics of data: of what the model was trained on, or of where it will be used.",
  )
    .requiredOption("--data <source>", dataHelp)
    .requiredOption(
      "-o, --output <path>",
      "where to write: a .safetensors file, or a folder, which gets model.safetensors",
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
    .option("--skip-bad-rows", "leave out what cannot be used, instead of refusing it")
    .action((run: string, flags: RecalibrateFlags) => recalibrateRun(run, flags));
}

async function recalibrateRun(path: string, flags: RecalibrateFlags): Promise<void> {
  onWarning((message) => process.stderr.write(`evenkeel: warning: ${message}\n`));
  const run = await openModel(path, flags);
  const { dataset, part } = await loadPart(run.meta, flags);
  const drawn = draw(dataset as Dataset<unknown>, flags);
  const { mode, batchSize, blend } = flags;
  const bar = process.stderr.isTTY
    ? new SingleBar(
        { format: "norm {pass}/{passes} {bar} {percentage}%", clearOnComplete: true },
        Presets.shades_classic,
      )
    : null;
  bar?.start(1, 0, { pass: 0, passes: "–" });
  let result: Recalibration;
  try {
    result = await recalibrate(run.model, batches(drawn, { batchSize }), {
      mode,
      blend,
      onProgress({ pass, passes, samples }) {
        bar?.update((pass + samples / drawn.length) / passes, { pass: pass + 1, passes });
      },
    });
  } finally {
    bar?.stop();
  }
  const output = writeModel(flags.output, run.model, run);
  const about = { model: run.file, output, data: flags.data, part, mode };
  const text = flags.json === true ? JSON.stringify({ ...about, ...result }, null, 2) : describe(result, part, output);
  process.stdout.write(`${text}\n`);
}

function describe({ norms, left, samples }: Recalibration, part: DataPart, output: string): string {
  const rows = norms.map(({ norm, drift }) => [norm, drift.mean.toFixed(3), drift.deviation.toFixed(3)]);
  const table = formatTable([["norm", "mean moved by", "deviation by"], ...rows]);
  const kept = left.map(({ norm, reason }) => `${norm} is as it was: ${reason}`);
  return [
    `${samples} samples (${part}); in units of each channel's deviation:`,
    "",
    table,
    "",
    ...kept,
    `wrote ${output}`,
  ].join("\n");
}
