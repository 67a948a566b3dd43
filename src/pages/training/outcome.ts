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

/** How far a regression is off on the test data. */
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
  const worst = most.slice(0, 3).map(({ i, j, count }) => `${names[i]} as ${names[j]} (${count})`);
  return {
    kind: "figure",
    title: "Which classes are confused",
    description:
      "A row for each true class, a column for each predicted class; darker is a larger share of the row. " +
      (worst.length === 0 ? "There are no mistakes." : `The most frequent mistakes: ${worst.join(", ")}.`),
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
    "Recall: of the samples of this class, the share predicted as it. Precision: of the samples predicted as this class, the share that are.";
  return { kind: "table", caption, columns: ["class", "samples", "recall", "precision"], rows };
}

function mistakeBlocks(mistakes: readonly Mistake[], names: readonly string[], meta: ModelMeta): Block[] {
  if (mistakes.length === 0) return [{ kind: "prose", text: "None: every test sample was predicted right." }];
  const intro: Block = {
    kind: "prose",
    text: "The samples whose true class was given the lowest probability, the worst first.",
  };
  const items = mistakes.flatMap(({ index, label, predicted, confidence, inputs }) => {
    const source = inputs === null ? null : imageUrl(inputs, meta);
    if (source === null) return [];
    const caption = `${names[label]}, predicted ${names[predicted]} (${percent(confidence)})`;
    return [{ source, alternative: `Test image ${index}, class ${names[label]}`, caption }];
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
      description: `${points.length} test samples. On the dashed line the prediction is the true value.`,
      chart: { type: "scatter", x: { label: "true" }, y: { label: "predicted" }, points, diagonal: true },
    };
  });
  const columns = worst.some(({ inputs }) => inputs !== null) ? inputNames(meta) : [];
  const table: Table = {
    kind: "table",
    caption: "The test samples with the largest errors, counted from 0 in the test part",
    columns: ["sample", "of", "true", "predicted", "error", ...columns],
    rows: worst.map(({ index, output, target, predicted, inputs }) => {
      const [truth, guess] = [target, predicted].map((value) => inUnits(meta, output, value));
      const name = nameOf(meta, output, outputs.length);
      return [String(index), name, truth, guess, guess - truth, ...inputCells(inputs, meta)];
    }),
  };
  return [
    { title: "Predicted and true", content: figures },
    { title: "Worst mistakes", content: [table] },
  ];
}

/** What an output predicts. */
function nameOf({ table }: ModelMeta, output: number, outputs: number): string {
  return outputs > 1 ? `output ${output}` : (table?.target ?? "the target");
}

/** A value as it was before it was standardised. */
function inUnits({ targetScale }: ModelMeta, output: number, value: number): number {
  return targetScale === undefined ? value : value * targetScale.deviation[output] + targetScale.mean[output];
}
