import type { TargetScale } from "../../data/array-dataset.js";
import type { Dataset, TensorData } from "../../data/dataset.js";
import { momentsOf } from "../../data/moments.js";
import type { SampleOrigin } from "../../data/sample-origin.js";
import { checkShares, splitIndices } from "../../data/split.js";
import { subset } from "../../data/subset.js";
import { sayTwins } from "../../data/table/say-twins.js";
import { ArgumentError, DataError } from "../../errors.js";
import type { DataSplit, ModelMeta } from "../../formats/model-file/save-model.js";
import { checkOptions } from "../../options.js";
import { formatShape, type Shape } from "../../shape.js";
import { classesOf, type EncodedDataset, encodedDataset, labelsOfNames } from "./encoded-dataset.js";
import { readSource } from "./read-source.js";
import type { InputEncoding, Samples, Targets } from "./samples.js";
import type { ReadOptions, Source } from "./source.js";

/** Options of {@link loadData}. */
export interface LoadDataOptions extends ReadOptions {
  /**
   * Shares for training and test, or for training, validation and test; for data that come in one part.
   *
   * @defaultValue [0.8, 0.1, 0.1]
   */
  readonly split?: readonly number[] | undefined;
  /** What the split is drawn by: equal seeds, equal parts. @defaultValue 0 */
  readonly seed?: number | undefined;
}

/** Data in three parts. */
export interface DataParts<Target> {
  /** The samples to train on. */
  readonly train: Dataset<Target, TensorData>;
  /** The samples for validation; null if there are none. */
  readonly validation: Dataset<Target, TensorData> | null;
  /** The samples to test with at the end. */
  readonly test: Dataset<Target, TensorData>;
}

/** What is known of data whatever they are. */
export interface DataFacts {
  /** The shape of one input: (C, …). */
  readonly inputShape: Shape;
  /** How many outputs a network for them has: one for each class, or for each number to be predicted. */
  readonly outputs: number;
  /** What a saved model must remember so that {@link loadDataAs} brings other data to the same form. */
  readonly meta: ModelMeta;
  /** One line: how many of what. */
  readonly description: string;
  /** Where each test sample stands in its file, and what stood there. */
  readonly testOrigins: readonly SampleOrigin[];
}

/** Samples with classes. */
export interface ClassificationData extends DataParts<Int32Array>, DataFacts {
  /** Tells it from {@link RegressionData}. */
  readonly task: "classification";
  /** The name of each class. */
  readonly classes: readonly string[];
}

/** Samples with numbers as targets, which are standardised: `meta.targetScale` leads back to their own units. */
export interface RegressionData extends DataParts<TensorData>, DataFacts {
  /** Tells it from {@link ClassificationData}. */
  readonly task: "regression";
  /** A regression has no classes. */
  readonly classes: null;
}

/** What {@link loadData} returns. */
export type LoadedData = ClassificationData | RegressionData;

const defaultSplit = [0.8, 0.1, 0.1];

/**
 * Loads data to train with, brought to the scale of a network by statistics of the training part:
 *
 * - `mnist`, `fashion-mnist`, or a folder with MNIST's four IDX files, plain or gzipped
 * - a folder of class folders of PNG and JPEG images, or of `train/` and `test/` of that kind (needs the optional
 *   package sharp)
 * - a CSV file with a header
 * - an NPZ file, or a folder of NPY files, with the arrays `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`
 *
 * Data in one part are split by the seed, each class in the same shares. Images have their bytes divided by 255, then
 * each channel mean 0 and deviation 1; arrays each channel (axis 1); columns of numbers the same, a missing one
 * becoming the mean; columns of text have one input for each value, a missing text being a value of its own, and one
 * unseen in training none. Numbers may have one unit in a column (`45%`, `$52`, `20kg`), and ISO dates are numbers of
 * days. Targets are classes if they are of text, one-hot, of two values at most, of the whole numbers 0 to k − 1, each
 * twice or more, or an array of whole numbers; else it is a regression. What numbers were taken for is a warning, and
 * `{ task }` says otherwise, and decides the type of what is returned.
 *
 * @param source - a name or a path
 * @throws DataError if data are not there, cannot be used, or have one class only; rows and columns are named
 * @throws FormatError if a file is damaged
 */
export async function loadData(
  source: string,
  options: LoadDataOptions & { readonly task: "classification" },
): Promise<ClassificationData>;
export async function loadData(
  source: string,
  options: LoadDataOptions & { readonly task: "regression" },
): Promise<RegressionData>;
export async function loadData(source: string, options?: LoadDataOptions): Promise<LoadedData>;
export async function loadData(source: string, options: LoadDataOptions = {}): Promise<LoadedData> {
  checkOptions("loadData(source)", options, {
    split: true,
    seed: true,
    target: true,
    ignore: true,
    task: true,
    layout: true,
    imageSize: true,
    channels: true,
    skipBadRows: true,
  });
  const read = await readSource(source, options);
  const { targets } = "all" in read.parts ? read.parts.all : read.parts.train;
  if (targets === null) throw new Error("internal: data without targets");
  if (targets.task === "classification") checkClasses(source, classesOf(targets));
  const parts = partsOf(source, read, options);
  const encoding = parts.train.samples.fit(parts.train.rows);
  const inputShape = parts.train.samples.encode(encoding).shape;
  const split = "fingerprint" in read.parts ? { split: splitOf(read.parts.fingerprint, options) } : {};
  const meta: ModelMeta = { ...describeTargets(targets, parts.train.rows), inputShape, ...encoding, ...split };
  // Parts that come from one array share its dataset.
  const datasets = new Map<Samples, EncodedDataset>();
  const datasetOf = ({ samples, rows }: Rows, name: string): EncodedDataset => {
    const whole = datasets.get(samples) ?? encodedDataset(`${source}, ${name}`, samples, meta, inputShape);
    datasets.set(samples, whole);
    return subset<Int32Array | TensorData, TensorData>(whole, rows) as EncodedDataset;
  };
  const loaded = {
    train: datasetOf(parts.train, "train"),
    validation: parts.validation === null ? null : datasetOf(parts.validation, "validation"),
    test: datasetOf(parts.test, "test"),
    task: targets.task,
    classes: meta.classes ?? null,
    inputShape,
    outputs: targets.task === "classification" ? (meta.classes?.length ?? 0) : targets.outputs,
    meta,
    description: describe(parts, read, meta, inputShape),
    testOrigins: originsOf(parts.test, encoding),
  };
  // The targets' task decides which of the two it is.
  return loaded as LoadedData;
}

/** Samples, and which of them. */
interface Rows {
  readonly samples: Samples;
  readonly rows: Uint32Array;
}

interface Parts {
  readonly train: Rows;
  readonly validation: Rows | null;
  readonly test: Rows;
}

function originsOf({ samples, rows }: Rows, encoding: InputEncoding): SampleOrigin[] {
  return Array.from(rows, (sample) => ({
    row: samples.rowNumber(sample),
    cells: samples.cells?.(sample, encoding) ?? null,
  }));
}

function partsOf(source: string, { parts }: Source, options: LoadDataOptions): Parts {
  if ("all" in parts) return splitSamples(source, parts.all, options);
  if (options.split !== undefined) {
    throw new ArgumentError({
      where: `loadData(${source}, { split })`,
      expected: "data in one part",
      received: "data that are split already",
      cure: "Leave the split out.",
    });
  }
  const whole = (samples: Samples): Rows => ({
    samples,
    rows: Uint32Array.from({ length: samples.length }, (_, k) => k),
  });
  const { train, validation, test } = parts;
  return { train: whole(train), validation: validation === null ? null : whole(validation), test: whole(test) };
}

/** Deals samples out to parts by a seed, each class in the same shares. @throws DataError if a part would be empty */
export function splitSamples(
  source: string,
  samples: Samples,
  options: Pick<LoadDataOptions, "split" | "seed">,
): Parts {
  const { split: shares = defaultSplit, seed = 0 } = options;
  const where = `loadData(${source}, { split })`;
  const cure = "Pass for example { split: [0.8, 0.1, 0.1] }.";
  if (shares.length !== 2 && shares.length !== 3) {
    const expected = "two shares (training, test) or three (training, validation, test)";
    throw new ArgumentError({ where, expected, received: `[${shares.join(", ")}]`, cure });
  }
  checkShares(where, shares, cure);
  const { targets } = samples;
  const labels =
    targets?.task === "classification"
      ? labelsOfNames(source, targets.names, classesOf(targets))
      : new Uint8Array(samples.length);
  const rows = splitIndices(labels, { shares, seed });
  const names = shares.length === 2 ? ["training", "test"] : ["training", "validation", "test"];
  const empty = rows.findIndex(({ length }, k) => length === 0 && shares[k] > 0);
  const isBare = rows[0].length === 0 || rows[rows.length - 1].length === 0;
  if (empty >= 0 || isBare) {
    throw new DataError({
      where: source,
      expected: `samples for ${names.join(", ")} in shares of ${shares.join(", ")}`,
      received: `${samples.length} in all, and none for ${names[empty < 0 ? rows.findIndex(({ length }) => length === 0) : empty]}`,
      cure: "Add data, or pass other shares, such as { split: [0.7, 0.3] }.",
    });
  }
  const part = (k: number): Rows => ({ samples, rows: rows[k] });
  return {
    train: part(0),
    validation: rows.length === 3 && rows[1].length > 0 ? part(1) : null,
    test: part(rows.length - 1),
  };
}

function splitOf(fingerprint: string, { split = defaultSplit, seed = 0 }: LoadDataOptions): DataSplit {
  return { shares: split, seed, fingerprint };
}

/** What a model must remember of its targets. */
function describeTargets(targets: Targets, rows: Uint32Array): ModelMeta {
  if (targets.task === "regression") return { task: "regression", targetScale: fitTargets(targets, rows) };
  return { task: "classification", classes: classesOf(targets) };
}

/** Classes whose names differ in case alone are a warning. @throws DataError if there is one class only */
function checkClasses(source: string, classes: readonly string[]): void {
  sayTwins(source, classes);
  if (classes.length > 1) return;
  throw new DataError({
    where: source,
    expected: "at least two classes",
    received: `one, ${classes[0]}`,
    cure: "Add samples of another class.",
  });
}

function fitTargets({ values, outputs }: Targets & { readonly task: "regression" }, rows: Uint32Array): TargetScale {
  const fitted = Array.from({ length: outputs }, (_, k) =>
    momentsOf(Array.from(rows, (row) => values[row * outputs + k])),
  );
  return { mean: fitted.map(({ mean }) => mean), deviation: fitted.map(({ deviation }) => deviation) };
}

function describe(
  { train, validation, test }: Parts,
  { noun, dropped }: Source,
  { classes, table }: ModelMeta,
  inputShape: Shape,
): string {
  const counts = `${train.rows.length} training${validation === null ? " and" : `, ${validation.rows.length} validation and`} ${test.rows.length} test ${noun}`;
  const goal = classes === undefined ? "regression" : `${classes.length} classes`;
  const left = dropped === 0 ? "" : `; ${dropped} skipped`;
  const inputs = table === undefined ? "" : inputShape[0] === 1 ? " input" : " inputs";
  return `${counts} of ${formatShape(inputShape)}${inputs}, ${goal}${table === undefined ? "" : ` of ${table.target}`}${left}`;
}
