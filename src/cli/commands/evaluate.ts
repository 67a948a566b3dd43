import type { Command } from "commander";
import { batches } from "../../data/batches.js";
import { type ConfusionMatrix, confusionMatrix } from "../../evaluation/confusion-matrix.js";
import { regressionErrors } from "../../evaluation/regression-errors.js";
import { type DataPart, loadDataAs } from "../../node/data/load-data-as.js";
import { backend } from "../flags/backend-flag.js";
import { data, part, skipBadRows } from "../flags/data-flags.js";
import { command, type FlagsOf, required } from "../flags/flag.js";
import { evaluationBatchSize, model } from "../flags/model-flags.js";
import { json } from "../flags/output-flags.js";
import { openModel } from "../open-model.js";
import { describeErrors } from "../print/describe-errors.js";
import { printResult } from "../print/result.js";
import { formatTable } from "../print/table.js";
import { useBackend } from "../use-backend.js";

const flags = [
  required(data),
  { ...part, initially: "test, where there is one" },
  skipBadRows,
  model,
  evaluationBatchSize,
  backend,
  json,
] as const;

/** More classes than these make a table that no terminal shows. */
const mostColumns = 20;

/** `evenkeel evaluate` */
export function evaluateCommand(): Command {
  return command("evaluate", {
    flags,
    examples: [
      "evenkeel evaluate runs/mnist --data mnist",
      "evenkeel evaluate runs/homes --data homes.csv --part all --json",
    ],
  }).action((run: string, given: FlagsOf<typeof flags>) => evaluateRun(run, given));
}

async function evaluateRun(run: string, given: FlagsOf<typeof flags>): Promise<void> {
  await useBackend(given.backend);
  const { model, meta, file } = await openModel(run, given);
  const { dataset, task, part } = await loadDataAs(meta, given.data, {
    part: given.part,
    skipBadRows: given.skipBadRows,
  });
  const about = { model: file, data: given.data, part };
  const { batchSize } = given;
  if (task === "classification") {
    const result = await confusionMatrix(model, batches(dataset, { batchSize }), { metrics: ["f1", "meanIou", "auc"] });
    const classes = result.counts.map((_, k) => meta.classes?.[k] ?? String(k));
    printResult(given, { ...about, classes, ...result }, () => describe(result, classes, part));
  } else {
    const { targetScale } = meta;
    const result = await regressionErrors(model, batches(dataset, { batchSize }), { targetScale });
    printResult(given, { ...about, ...result }, () => `${result.samples} samples (${part}): ${describeErrors(result)}`);
  }
}

function describe(
  { loss, accuracy, samples, counts, recall, precision, f1, metrics = {} }: ConfusionMatrix,
  names: readonly string[],
  part: DataPart,
): string {
  const share = (value: number | null | undefined): string => (typeof value === "number" ? value.toFixed(4) : "–");
  const summary = `${samples} samples (${part}): loss ${loss.toFixed(4)}, accuracy ${share(accuracy)}, F1 ${share(metrics.f1)}, AUC ${share(metrics.auc)}`;
  if (names.length > mostColumns) {
    const rows = names.map((name, k) => [name, share(recall[k]), share(precision[k]), share(f1[k])]);
    return `${summary}\n\n${formatTable([["class", "recall", "precision", "F1"], ...rows])}`;
  }
  const rows = names.map((name, k) => [name, ...counts[k].map(String), share(recall[k])]);
  const table = formatTable([
    ["true \\ predicted", ...names, "recall"],
    ...rows,
    ["precision", ...precision.map(share), ""],
  ]);
  return `${summary}\n\n${table}`;
}
