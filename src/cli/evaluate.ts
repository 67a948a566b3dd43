import type { Command } from "commander";
import { batches } from "../data/batches.js";
import type { Dataset } from "../data/dataset.js";
import { type ConfusionMatrix, confusionMatrix } from "../diagnostics/confusion-matrix.js";
import { DataError } from "../errors.js";
import type { ModelMeta } from "../models/save-model.js";
import type { Module } from "../nn/module.js";
import { loadImageData } from "../node/image-data.js";
import { inputShapeOf } from "../node/model-inputs.js";
import { formatShape } from "../shape.js";
import { type ModelFlags, modelCommand, openModel } from "./model-options.js";
import { formatTable } from "./table.js";

interface EvaluateFlags extends ModelFlags {
  readonly data: string;
}

/** More classes than these make a table that no terminal shows. */
const mostColumns = 20;

/** `evenkeel evaluate` */
export function evaluateCommand(): Command {
  return modelCommand(
    "evaluate",
    "Measure a model on labelled data: loss, accuracy, and which classes it takes for which.",
  )
    .requiredOption(
      "--data <name|folder>",
      "mnist, fashion-mnist, or a folder with MNIST's four IDX files: their test part",
    )
    .action((run: string, flags: EvaluateFlags) => evaluateRun(run, flags));
}

async function evaluateRun(run: string, flags: EvaluateFlags): Promise<void> {
  const { model, meta, file } = await openModel(run, flags);
  const result = await measureClasses(model, loadTest(meta, flags.data), flags);
  const names = result.counts.map((_, k) => meta.classes?.[k] ?? String(k));
  const text =
    flags.json === true
      ? JSON.stringify({ model: file, data: flags.data, classes: names, ...result }, null, 2)
      : describe(result, names);
  process.stdout.write(`${text}\n`);
}

function measureClasses(model: Module, data: Dataset, { batchSize }: EvaluateFlags): Promise<ConfusionMatrix> {
  return confusionMatrix(model, batches(data, { batchSize }));
}

function loadTest(meta: ModelMeta, source: string): Dataset {
  const trained = inputShapeOf(meta);
  const { preprocessing = {} } = meta;
  const { test, inputShape } = loadImageData(source, { preprocessing });
  if (formatShape(trained) === formatShape(inputShape)) return test;
  throw new DataError({
    where: `--data ${source}`,
    expected: `inputs of shape ${formatShape(trained)}, which the model was trained on`,
    received: formatShape(inputShape),
    cure: "Evaluate it on data like those it was trained on.",
  });
}

function describe({ loss, accuracy, samples, counts, recall, precision }: ConfusionMatrix, names: string[]): string {
  const share = (value: number | null): string => (value === null ? "–" : value.toFixed(4));
  const summary = `${samples} samples: loss ${loss.toFixed(4)}, accuracy ${share(accuracy)}`;
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
