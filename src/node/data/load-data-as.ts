import type { Dataset, Task, TensorData } from "../../data/dataset.js";
import { subset } from "../../data/subset.js";
import { missingTextsOf010 } from "../../data/table/missing.js";
import type { UnseenCategories } from "../../data/table/table-encoding.js";
import { ArgumentError } from "../../errors.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import { checkOptions } from "../../options.js";
import { shown } from "../../shown.js";
import { warn } from "../../warnings.js";
import { inputShapeOf } from "../model-inputs.js";
import { type EncodedDataset, encodedDataset } from "./encoded-dataset.js";
import { splitSamples } from "./load-data.js";
import { readSource } from "./read-source.js";
import type { Samples } from "./samples.js";
import type { ReadAsOptions, Source } from "./source.js";

/** Which samples of a source: `train`, `validation` and `test` are those of the training that made the model. */
export type DataPart = "train" | "validation" | "test" | "all";

/** Options of {@link loadDataAs}. */
export interface LoadDataAsOptions {
  /**
   * @defaultValue `test` where the data have such a part, or are the very ones that the model was trained on; else
   * `all`
   */
  readonly part?: DataPart | undefined;
  /**
   * What the model predicts: it decides the type of what is returned, and another model is refused.
   *
   * @defaultValue the model's
   */
  readonly task?: Task | undefined;
  /** Leave out what cannot be used instead of refusing it. @defaultValue false */
  readonly skipBadRows?: boolean | undefined;
}

/** What is known of samples as a model takes them, whatever they are. */
export interface ModelDataFacts {
  /** Which samples of the source they are. */
  readonly part: DataPart;
  /** How many samples of the source were left out. */
  readonly dropped: number;
}

/** Samples with the model's classes. */
export interface ClassificationForModel extends ModelDataFacts {
  /** Tells it from {@link RegressionForModel}. */
  readonly task: "classification";
  /** With labels. */
  readonly dataset: Dataset<Int32Array, TensorData>;
}

/** Samples with numbers as targets. */
export interface RegressionForModel extends ModelDataFacts {
  /** Tells it from {@link ClassificationForModel}. */
  readonly task: "regression";
  /** With numbers scaled by the model's `targetScale`. */
  readonly dataset: Dataset<TensorData, TensorData>;
}

/** What {@link loadDataAs} returns. */
export type DataForModel = ClassificationForModel | RegressionForModel;

/**
 * Loads labelled data exactly as a saved model expects them: its image size and channels, its mean and deviation, its
 * columns, its classes.
 *
 * @param meta - what the model's file says
 * @param source - as {@link loadData} takes it
 * @throws ArgumentError if the model's task is another than `task`
 * @throws DataError if the data do not fit the model
 */
export async function loadDataAs(
  meta: ModelMeta,
  source: string,
  options: LoadDataAsOptions & { readonly task: "classification" },
): Promise<ClassificationForModel>;
export async function loadDataAs(
  meta: ModelMeta,
  source: string,
  options: LoadDataAsOptions & { readonly task: "regression" },
): Promise<RegressionForModel>;
export async function loadDataAs(meta: ModelMeta, source: string, options?: LoadDataAsOptions): Promise<DataForModel>;
export async function loadDataAs(
  meta: ModelMeta,
  source: string,
  options: LoadDataAsOptions = {},
): Promise<DataForModel> {
  checkOptions("loadDataAs(meta, source)", options, { part: true, task: true, skipBadRows: true });
  const { task = "classification" } = meta;
  if (options.task !== undefined && options.task !== task) {
    throw new ArgumentError({
      where: `loadDataAs(meta, ${source}, { task })`,
      expected: `${task}, which the model was trained for`,
      received: options.task,
      cure: "Leave the task out.",
    });
  }
  const read = await readSource(source, readOptions(meta, options));
  const { samples, rows, part } = choose(source, read, meta, options.part);
  const whole = encodedDataset(source, samples, meta, inputShapeOf(meta), sayUnseen);
  const dataset = rows === null ? whole : (subset<Int32Array | TensorData, TensorData>(whole, rows) as EncodedDataset);
  return { task, dataset, part, dropped: read.dropped } as DataForModel;
}

/** Inputs without targets. */
export interface InputsForModel {
  /** Its targets are zeros and mean nothing. */
  readonly dataset: Dataset<Int32Array, TensorData>;
  /** Where a sample stands in its file: a row of a table, the header being row 1, or a number from 0. */
  rowNumber(sample: number): number;
}

/**
 * Loads inputs exactly as a saved model expects them: a CSV file in which the target may be absent, NPY or NPZ with
 * `x`, a folder of images.
 *
 * @param meta - what the model's file says
 * @throws DataError if the data do not fit the model
 */
export async function loadInputsAs(
  meta: ModelMeta,
  source: string,
  options: LoadDataAsOptions = {},
): Promise<InputsForModel> {
  checkOptions("loadInputsAs(meta, source)", options, { part: true, task: true, skipBadRows: true });
  const read = await readSource(source, { ...readOptions(meta, options), hasTargets: false });
  const { samples, rows } = choose(source, read, meta, options.part ?? ("all" in read.parts ? "all" : "test"));
  const withoutTargets = { ...samples, targets: null };
  const whole = encodedDataset(source, withoutTargets, meta, inputShapeOf(meta), sayUnseen) as Dataset<
    Int32Array,
    TensorData
  >;
  return {
    dataset: rows === null ? whole : subset(whole, rows),
    rowNumber: (sample) => samples.rowNumber(rows?.[sample] ?? sample),
  };
}

/** Categories named in one warning. */
const mostNamed = 5;

/** Says which categories a model does not know. */
function sayUnseen(where: string, { column, texts, rows }: UnseenCategories): void {
  const named = texts.slice(0, mostNamed).map((text) => (text === "" ? "a missing value" : shown(text)));
  const more = texts.length > mostNamed ? ` and ${texts.length - mostNamed} more` : "";
  warn(
    `${where}, column ${column}: expected categories of the training data, got ${named.join(", ")}${more} in ${rows} ` +
      `${rows === 1 ? "row" : "rows"}, where the column says nothing to the model. Correct them, or train with such rows.`,
  );
}

function readOptions(meta: ModelMeta, { skipBadRows }: LoadDataAsOptions): ReadAsOptions {
  const { table, task = "classification" } = meta;
  const [channels, height, width] = inputShapeOf(meta);
  const isImage = (channels === 1 || channels === 3) && width !== undefined;
  return {
    task,
    skipBadRows,
    inputShape: inputShapeOf(meta),
    layout: meta.layout,
    ...(isImage ? { channels, imageSize: [height, width] } : {}),
    ...(table === undefined
      ? {}
      : {
          columns: {
            inputs: table.inputs,
            target: {
              name: table.target,
              kind: task === "regression" ? "number" : "category",
              ...(table.targetUnit === undefined ? {} : { unit: table.targetUnit }),
            },
            missing: table.missing ?? missingTextsOf010,
          },
        }),
  };
}

function choose(
  source: string,
  { parts }: Source,
  { split }: ModelMeta,
  wanted: DataPart | undefined,
): { samples: Samples; rows: Uint32Array | null; part: DataPart } {
  const fault = (received: string): ArgumentError =>
    new ArgumentError({
      where: `loadDataAs(meta, ${source}, { part })`,
      expected: "a part that the data have",
      received,
      cure: "Leave the part out.",
    });
  if (!("all" in parts)) {
    const part = wanted ?? "test";
    const samples = part === "all" ? null : parts[part];
    if (samples === null) throw fault(part);
    return { samples, rows: null, part };
  }
  const wasTrainedOn = split?.fingerprint === parts.fingerprint;
  const part = wanted ?? (wasTrainedOn ? "test" : "all");
  if (part === "all") return { samples: parts.all, rows: null, part };
  if (!wasTrainedOn || split === undefined) throw fault(`${part}, of data that the model was not trained on`);
  const rows = splitSamples(source, parts.all, { split: split.shares, seed: split.seed })[part];
  if (rows === null) throw fault(part);
  return { ...rows, part };
}
