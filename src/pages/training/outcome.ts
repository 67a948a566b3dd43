import type { ConfusionMatrix } from "../../evaluation/confusion-matrix.js";
import type { PredictedValue } from "../../evaluation/predicted-values.js";
import type { RegressionErrors } from "../../evaluation/regression-errors.js";
import type { Mistake } from "../../evaluation/worst-mistakes.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import { formatNumber } from "../format-number.js";
import type { Block, Facts, Figure, Section, Table } from "../page.js";
import { imageUrl, inputCells, inputNames } from "./samples.js";

/** What a classifier did with the test data. */
export interface ClassificationOutcome {
  readonly task: "classification";
  readonly result: ConfusionMatrix;
  readonly mistakes: readonly Mistake[];
}

/** What a regression told of the test data. */
export interface RegressionOutcome {
  readonly task: "regression";
  readonly result: RegressionErrors;
  readonly some: readonly PredictedValue[];
  readonly worst: readonly PredictedValue[];
}

/** How a model did on the test data. */
export type Outcome = ClassificationOutcome | RegressionOutcome;

/** The numbers to be seen first. */
export function outcomeFacts(outcome: Outcome): Facts["entries"] {
  if (outcome.task === "regression") {
    const { mae, rSquared, samples } = outcome.result;
    return [
      ["R² on the test data", rSquared ?? Number.NaN],
      ["Mean error", mae],
      ["Test samples", samples],
    ];
  }
  const { accuracy, loss, samples } = outcome.result;
  return [
    ["Test accuracy", accuracy === null ? "–" : percent(accuracy)],
    ["Test loss", loss],
    ["Wrong", `${Math.round((1 - (accuracy ?? 0)) * samples)} of ${samples}`],
  ];
}

/** Where the model is right and where it errs. */
export function outcomeSections(outcome: Outcome, meta: ModelMeta): Section[] {
  return outcome.task === "regression" ? regressionSections(outcome, meta) : classificationSections(outcome, meta);
}

function percent(share: number): string {
  return `${formatNumber(100 * share)} %`;
}

function classificationSections({ result, mistakes }: ClassificationOutcome, meta: ModelMeta): Section[] {
  const names = result.counts.map((_, k) => meta.classes?.[k] ?? String(k));
  return [
    { title: "Confusion matrix", content: [confusionFigure(result, names), classTable(result, names)] },
    { title: "Worst mistakes", content: mistakeBlocks(mistakes, names, meta) },
  ];
}

function confusionFigure({ counts }: ConfusionMatrix, names: readonly string[]): Figure {
  const confusions = counts.flatMap((row, i) => row.map((count, j) => ({ i, j, count: i === j ? 0 : count })));
  const most = confusions.sort((a, b) => b.count - a.count).filter(({ count }) => count > 0);
  const told = most.slice(0, 3).map(({ i, j, count }) => `${names[i]} for ${names[j]} (${count})`);
  return {
    kind: "figure",
    title: "Which class is taken for which",
    description:
      "A row for each true class, a column for what it was taken for; darker is a larger share of the row. " +
      (told.length === 0 ? "There are no mistakes." : `Taken most often: ${told.join(", ")}.`),
    chart: { type: "heatMap", x: "predicted", y: "true", columns: names, rows: names, values: counts, byRow: true },
  };
}

function classTable({ counts, recall, precision }: ConfusionMatrix, names: readonly string[]): Table {
  const rows = names.map((name, k) => [
    name,
    counts[k].reduce((total, count) => total + count, 0),
    recall[k] ?? Number.NaN,
    precision[k] ?? Number.NaN,
  ]);
  const caption =
    "Recall: the share of a class that is recognised. Precision: the share of what is taken for it that is of it.";
  return { kind: "table", caption, columns: ["class", "samples", "recall", "precision"], rows };
}

function mistakeBlocks(mistakes: readonly Mistake[], names: readonly string[], meta: ModelMeta): Block[] {
  if (mistakes.length === 0) return [{ kind: "prose", text: "There are none: every test sample was recognised." }];
  const intro: Block = {
    kind: "prose",
    text: "Where the model gave the true class the least probability, the worst first.",
  };
  const items = mistakes.flatMap(({ index, label, predicted, confidence, inputs }) => {
    const source = inputs === null ? null : imageUrl(inputs, meta);
    if (source === null) return [];
    const caption = `${names[label]}, taken for ${names[predicted]} (${percent(confidence)})`;
    return [{ source, alternative: `Test image ${index}, of class ${names[label]}`, caption }];
  });
  if (items.length > 0) return [intro, { kind: "gallery", caption: "Test images", items }];
  return [intro, mistakeTable(mistakes, names, meta)];
}

function mistakeTable(mistakes: readonly Mistake[], names: readonly string[], meta: ModelMeta): Table {
  const columns = mistakes.some(({ inputs }) => inputs !== null) ? inputNames(meta) : [];
  return {
    kind: "table",
    caption: "Test samples, counted from 0 in the test part",
    columns: ["sample", "true", "predicted", "probability", ...columns],
    rows: mistakes.map(({ index, label, predicted, confidence, inputs }) => [
      String(index),
      names[label],
      names[predicted],
      percent(confidence),
      ...inputCells(inputs, meta),
    ]),
  };
}

function regressionSections({ some, worst }: RegressionOutcome, meta: ModelMeta): Section[] {
  const outputs = [...new Set(some.map(({ output }) => output))];
  const figures = outputs.map((output): Figure => {
    const points = some
      .filter((one) => one.output === output)
      .map(({ target, predicted }) => [inUnits(meta, output, target), inUnits(meta, output, predicted)] as const);
    return {
      kind: "figure",
      title: nameOf(meta, output, outputs.length),
      description: `${points.length} test samples; on the dashed line both are equal.`,
      chart: { type: "scatter", x: { label: "true" }, y: { label: "predicted" }, points, diagonal: true },
    };
  });
  const columns = worst.some(({ inputs }) => inputs !== null) ? inputNames(meta) : [];
  const table: Table = {
    kind: "table",
    caption: "The test samples that were missed furthest, counted from 0 in the test part",
    columns: ["sample", "of", "true", "predicted", "error", ...columns],
    rows: worst.map(({ index, output, target, predicted, inputs }) => {
      const [truth, told] = [target, predicted].map((value) => inUnits(meta, output, value));
      const name = nameOf(meta, output, outputs.length);
      return [String(index), name, truth, told, told - truth, ...inputCells(inputs, meta)];
    }),
  };
  return [
    { title: "Predicted and true", content: figures },
    { title: "Worst mistakes", content: [table] },
  ];
}

/** What is told. */
function nameOf({ table }: ModelMeta, output: number, outputs: number): string {
  return outputs > 1 ? `output ${output}` : (table?.target ?? "the target");
}

/** A value as it was before it was standardised. */
function inUnits({ targetScale }: ModelMeta, output: number, value: number): number {
  return targetScale === undefined ? value : value * targetScale.deviation[output] + targetScale.mean[output];
}
