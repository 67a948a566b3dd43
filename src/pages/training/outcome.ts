import type { SampleOrigin } from "../../data/sample-origin.js";
import type { ConfusionMatrix } from "../../evaluation/confusion-matrix.js";
import type { PredictedValue } from "../../evaluation/predicted-values.js";
import type { RegressionErrors } from "../../evaluation/regression-errors.js";
import type { Mistake } from "../../evaluation/worst-mistakes.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import { formatNumber } from "../format-number.js";
import type { Block, Facts, Figure, PageTable, Section } from "../page.js";
import { imageUrl, inputCells, inputNames, originalCells } from "./samples.js";

/** What a classifier did with the test data. */
export interface ClassificationOutcome {
  readonly task: "classification";
  readonly result: ConfusionMatrix;
  readonly mistakes: readonly Mistake[];
  /** Where each test sample stands in its file. */
  readonly origins: readonly SampleOrigin[];
}

/** How far a regression is off on the test data. */
export interface RegressionOutcome {
  readonly task: "regression";
  readonly result: RegressionErrors;
  readonly some: readonly PredictedValue[];
  readonly worst: readonly PredictedValue[];
  /** Where each test sample stands in its file. */
  readonly origins: readonly SampleOrigin[];
}

/** How a model did on the test data. */
export type TrainingOutcome = ClassificationOutcome | RegressionOutcome;

/** The numbers to be seen first. */
export function outcomeFacts(outcome: TrainingOutcome): Facts["entries"] {
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
export function outcomeSections(outcome: TrainingOutcome, meta: ModelMeta): Section[] {
  return outcome.task === "regression" ? regressionSections(outcome, meta) : classificationSections(outcome, meta);
}

function percent(share: number): string {
  return `${formatNumber(100 * share)} %`;
}

function classificationSections({ result, mistakes, origins }: ClassificationOutcome, meta: ModelMeta): Section[] {
  const names = result.counts.map((_, k) => meta.classes?.[k] ?? String(k));
  return [
    { title: "Confusion matrix", content: [confusionFigure(result, names), classTable(result, names)] },
    { title: "Worst mistakes", content: mistakeBlocks(mistakes, origins, names, meta) },
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

function classTable({ counts, recall, precision }: ConfusionMatrix, names: readonly string[]): PageTable {
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

function mistakeBlocks(
  mistakes: readonly Mistake[],
  origins: readonly SampleOrigin[],
  names: readonly string[],
  meta: ModelMeta,
): Block[] {
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
  return [intro, mistakeTable(mistakes, origins, names, meta)];
}

function mistakeTable(
  mistakes: readonly Mistake[],
  origins: readonly SampleOrigin[],
  names: readonly string[],
  meta: ModelMeta,
): PageTable {
  const columns = mistakes.some(({ inputs }) => inputs !== null) ? inputNames(meta) : [];
  return {
    kind: "table",
    caption: `Test samples, ${placeOf(meta).meaning}`,
    columns: [placeOf(meta).name, "true", "predicted", "probability", ...columns],
    rows: mistakes.map(({ index, label, predicted, confidence, inputs }) => [
      String(meta.table === undefined ? index : origins[index].row),
      names[label],
      names[predicted],
      percent(confidence),
      ...cellsOf(inputs, origins[index]),
    ]),
  };
}

function regressionSections({ some, worst, origins }: RegressionOutcome, meta: ModelMeta): Section[] {
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
  const table: PageTable = {
    kind: "table",
    caption: `The test samples with the largest errors, ${placeOf(meta).meaning}`,
    columns: [placeOf(meta).name, ...(outputs.length > 1 ? ["of"] : []), "true", "predicted", "error", ...columns],
    rows: worst.map(({ index, output, target, predicted, inputs }) => {
      const [truth, guess] = [target, predicted].map((value) => inUnits(meta, output, value));
      const name = outputs.length > 1 ? [nameOf(meta, output, outputs.length)] : [];
      const place = String(meta.table === undefined ? index : origins[index].row);
      return [place, ...name, truth, guess, guess - truth, ...cellsOf(inputs, origins[index])];
    }),
  };
  return [
    { title: "Predicted and true", content: figures },
    { title: "Worst mistakes", content: [table] },
  ];
}

/** How samples are numbered. */
function placeOf({ table }: ModelMeta): { readonly name: string; readonly meaning: string } {
  return table === undefined
    ? { name: "sample", meaning: "counted from 0 in the test part" }
    : { name: "row", meaning: "by their rows in the file, whose header is row 1" };
}

/** What a sample was: what stood in its row, or else the numbers that the model was given. */
function cellsOf(inputs: Float32Array | null, origin: SampleOrigin | undefined): (string | number)[] {
  if (inputs === null) return [];
  return origin?.cells == null ? inputCells(inputs) : originalCells(origin.cells);
}

/** What an output predicts. */
function nameOf({ table }: ModelMeta, output: number, outputs: number): string {
  return outputs > 1 ? `output ${output}` : (table?.target ?? "the target");
}

/** A value as it was before it was standardised. */
function inUnits({ targetScale }: ModelMeta, output: number, value: number): number {
  return targetScale === undefined ? value : value * targetScale.deviation[output] + targetScale.mean[output];
}
