import { readdirSync, statSync } from "node:fs";
import { extname, join, sep } from "node:path";
import { tensor } from "../../create.js";
import { batches } from "../../data/batches.js";
import type { TensorData } from "../../data/dataset.js";
import { DataError } from "../../errors.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import type { Module } from "../../nn/module.js";
import { loadInputsAs } from "../../node/data/load-data-as.js";
import { imageFormats } from "../../node/image.js";
import { loadImages } from "../../node/model-inputs.js";
import { softmax } from "../../ops/softmax.js";
import { scope } from "../../scope.js";
import { Tensor } from "../../tensor.js";
import { predict as predictOutputs } from "../../train/evaluate.js";
import type { PredictFlags } from "../commands/predict.js";
import { openModel } from "../open-model.js";
import { printResult } from "../print/result.js";
import { useBackend } from "../use-backend.js";

/** Where an input stands. */
interface Place {
  readonly file: string;
  /** In a table or an array. */
  readonly row?: number;
}

/** What a model says about one input: its likeliest classes, or numbers. */
interface Prediction extends Place {
  readonly classes?: readonly { readonly class: string; readonly probability: number }[];
  readonly outputs?: readonly number[];
}

/** Inputs that go through the network together. */
interface Inputs {
  readonly places: readonly Place[];
  readonly data: TensorData;
}

/** What `evenkeel predict` does. */
export async function predictFiles(run: string, files: readonly string[], given: PredictFlags): Promise<void> {
  await useBackend(given.backend);
  const { model, meta } = await openModel(run, given);
  const predictions: Prediction[] = [];
  for await (const { places, data } of inputsIn(meta, files.flatMap(imagesIn), given)) {
    const values = await outputsOf(model, meta, data);
    const width = values.length / places.length;
    for (const [k, place] of places.entries()) {
      const row = values.subarray(k * width, (k + 1) * width);
      predictions.push({ ...place, ...interpret(row, meta, given.top) });
    }
  }
  printResult(given, predictions, () => predictions.map(line));
}

/**
 * The images of a folder and of the folders in it, in the order of their names; a file is itself.
 *
 * @throws DataError if there are none
 */
function imagesIn(path: string): string[] {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path];
  const names = readdirSync(path, { recursive: true, encoding: "utf8" });
  const isShown = (name: string): boolean => !name.split(sep).some((part) => part.startsWith("."));
  const images = names
    .filter((name) => Object.hasOwn(imageFormats, extname(name).toLowerCase()) && isShown(name))
    .sort();
  if (images.length > 0) return images.map((name) => join(path, name));
  throw new DataError({
    where: `predict ${path}`,
    expected: "a folder of PNG or JPEG images",
    received: "none in it",
    cure: "Pass the folder of the images, or the files themselves.",
  });
}

const rowFiles = [".csv", ".tsv", ".npy", ".npz"];

/** The inputs of all files in their order; neighbouring images go together. */
async function* inputsIn(meta: ModelMeta, files: readonly string[], given: PredictFlags): AsyncGenerator<Inputs> {
  let images: string[] = [];
  const flush = async (): Promise<Inputs> => {
    const inputs = { places: images.map((file) => ({ file })), data: await loadImages(meta, images) };
    images = [];
    return inputs;
  };
  for (const file of files) {
    const isRows = rowFiles.includes(extname(file).toLowerCase());
    if (images.length > 0 && (isRows || images.length === given.batchSize)) yield await flush();
    if (isRows) yield* rowsIn(meta, file, given);
    else images.push(file);
  }
  if (images.length > 0) yield await flush();
}

async function* rowsIn(
  meta: ModelMeta,
  file: string,
  { batchSize, skipBadRows }: PredictFlags,
): AsyncGenerator<Inputs> {
  const { dataset, rowNumber } = await loadInputsAs(meta, file, { skipBadRows });
  let start = 0;
  for (const { inputs } of batches(dataset, { batchSize })) {
    if (inputs instanceof Tensor) throw new Error("internal: data of the host as a tensor");
    const from = start;
    const places = Array.from({ length: inputs.shape[0] }, (_, k) => ({ file, row: rowNumber(from + k) }));
    start += places.length;
    yield { places, data: inputs };
  }
}

/** Probabilities of classes, or what the outputs of a regression are. */
async function outputsOf(model: Module, { task }: ModelMeta, { values, shape }: TensorData): Promise<Float32Array> {
  const output = await predictOutputs(model, tensor(values, shape));
  const numbers = task === "regression" ? output : scope(() => softmax(output, 1));
  const result = await numbers.data();
  output.dispose();
  numbers.dispose();
  return result;
}

function interpret(row: Float32Array, meta: ModelMeta, top: number): Omit<Prediction, "file"> {
  if (meta.task === "regression") {
    const { mean = [], deviation = [] } = meta.targetScale ?? {};
    return { outputs: Array.from(row, (value, k) => value * (deviation[k] ?? 1) + (mean[k] ?? 0)) };
  }
  const classes = Array.from(row, (probability, k) => ({ class: meta.classes?.[k] ?? String(k), probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
  return { classes };
}

function line({ file, row, classes = [], outputs = [] }: Prediction): string {
  const named = classes.map(({ class: name, probability }) => `${name} ${probability.toFixed(4)}`);
  const place = row === undefined ? file : `${file}, row ${row}`;
  return `${place}: ${[...named, ...outputs.map((value) => value.toPrecision(6))].join(", ")}`;
}
