import { batches } from "../../data/batches.js";
import { type ConfusionMatrix, confusionMatrix } from "../../evaluation/confusion-matrix.js";
import { regressionErrors } from "../../evaluation/regression-errors.js";
import { type DataPart, loadDataAs } from "../../node/data/load-data-as.js";
import type { EvaluateFlags } from "../commands/evaluate.js";
import { openModel } from "../open-model.js";
import { describeErrors } from "../print/describe-errors.js";
import { printResult } from "../print/result.js";
import { formatTable } from "../print/table.js";
import { useBackend } from "../use-backend.js";

/** More classes than these make a table that no terminal shows. */
const mostColumns = 20;

/** What `evenkeel evaluate` does. */
export async function evaluateRun(run: string, given: EvaluateFlags): Promise<void> {
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
