import type { Command } from "commander";
import { batches } from "../../data/batches.js";
import { type ConfusionMatrix, confusionMatrix } from "../../evaluation/confusion-matrix.js";
import { regressionErrors } from "../../evaluation/regression-errors.js";
import { type DataPart, loadDataAs } from "../../node/data/load-data-as.js";
import { dataHelp } from "../flags/data-options.js";
import { type ModelFlags, modelCommand, openModel } from "../flags/model-options.js";
import { oneOf } from "../flags/options.js";
import { describeErrors } from "../print/describe-errors.js";
import { formatTable } from "../print/table.js";

interface EvaluateFlags extends ModelFlags {
  readonly data: string;
  readonly part?: DataPart;
  readonly skipBadRows?: boolean;
}

const parts: readonly DataPart[] = ["test", "validation", "train", "all"];

/** More classes than these make a table that no terminal shows. */
const mostColumns = 20;

/** `evenkeel evaluate` */
export function evaluateCommand(): Command {
  return modelCommand(
    "evaluate",
    "Measure a model on labelled data: loss, accuracy, and which classes it takes for which; or the errors of a regression.",
  )
    .requiredOption("--data <source>", dataHelp)
    .option(
      "--part <part>",
      "test, validation, train or all (default: test, where the data have it or the model was trained on them)",
      oneOf("--part", parts),
    )
    .option("--skip-bad-rows", "leave out what cannot be used, instead of refusing it")
    .action((run: string, flags: EvaluateFlags) => evaluateRun(run, flags));
}

async function evaluateRun(run: string, flags: EvaluateFlags): Promise<void> {
  const { model, meta, file } = await openModel(run, flags);
  const data = await loadDataAs(meta, flags.data, flags);
  const about = { model: file, data: flags.data, part: data.part };
  const { batchSize } = flags;
  let text: string;
  if (data.task === "classification") {
    const result = await confusionMatrix(model, batches(data.dataset, { batchSize }));
    const names = result.counts.map((_, k) => meta.classes?.[k] ?? String(k));
    text = flags.json === true ? json({ ...about, classes: names, ...result }) : describe(result, names, data.part);
  } else {
    const { targetScale } = meta;
    const result = await regressionErrors(model, batches(data.dataset, { batchSize }), { targetScale });
    text =
      flags.json === true
        ? json({ ...about, ...result })
        : `${result.samples} samples (${data.part}): ${describeErrors(result)}`;
  }
  process.stdout.write(`${text}\n`);
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

function describe(
  { loss, accuracy, samples, counts, recall, precision }: ConfusionMatrix,
  names: readonly string[],
  part: DataPart,
): string {
  const share = (value: number | null): string => (value === null ? "–" : value.toFixed(4));
  const summary = `${samples} samples (${part}): loss ${loss.toFixed(4)}, accuracy ${share(accuracy)}`;
  if (names.length > mostColumns) {
    const rows = names.map((name, k) => [name, share(recall[k]), share(precision[k])]);
    return `${summary}\n\n${formatTable([["class", "recall", "precision"], ...rows])}`;
  }
  const rows = names.map((name, k) => [name, ...counts[k].map(String), share(recall[k])]);
  const table = formatTable([
    ["true \\ predicted", ...names, "recall"],
    ...rows,
    ["precision", ...precision.map(share), ""],
  ]);
  return `${summary}\n\n${table}`;
}
