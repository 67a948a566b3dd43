import type { Command } from "commander";
import { tensor } from "../create.js";
import type { ModelMeta } from "../models/save-model.js";
import { loadImages } from "../node/model-inputs.js";
import { softmax } from "../ops/softmax.js";
import { scope } from "../scope.js";
import { predict as predictOutputs } from "../train/evaluate.js";
import { type ModelFlags, modelCommand, openModel } from "./model-options.js";
import { count } from "./options.js";

interface PredictFlags extends ModelFlags {
  readonly top: number;
}

/** What a model says about one input: its likeliest classes, or numbers. */
interface Prediction {
  readonly file: string;
  readonly classes?: readonly { readonly class: string; readonly probability: number }[];
  readonly outputs?: readonly number[];
}

/** `evenkeel predict` */
export function predictCommand(): Command {
  return modelCommand("predict", "Tell the class of images, or what else the model was trained to tell.")
    .argument("<files...>", "PNG or JPEG images; they are brought to the size the model was trained on")
    .option("--top <k>", "how many classes to name, the likeliest first", count("--top"), 1)
    .action((run: string, files: string[], flags: PredictFlags) => predictFiles(run, files, flags));
}

async function predictFiles(run: string, files: readonly string[], flags: PredictFlags): Promise<void> {
  const { model, meta } = await openModel(run, flags);
  const predictions: Prediction[] = [];
  for (let start = 0; start < files.length; start += flags.batchSize) {
    const part = files.slice(start, start + flags.batchSize);
    const { values, shape } = await loadImages(meta, part);
    const output = await predictOutputs(model, tensor(values, shape), flags);
    const isRegression = meta.task === "regression";
    const numbers = isRegression ? output : scope(() => softmax(output, 1));
    const rows = await numbers.data();
    const width = rows.length / part.length;
    for (const [k, file] of part.entries()) {
      const row = rows.subarray(k * width, (k + 1) * width);
      predictions.push(isRegression ? { file, outputs: [...row] } : { file, classes: likeliest(row, meta, flags.top) });
    }
    output.dispose();
    numbers.dispose();
  }
  const text = flags.json === true ? JSON.stringify(predictions, null, 2) : predictions.map(line).join("\n");
  process.stdout.write(`${text}\n`);
}

function likeliest(row: Float32Array, { classes }: ModelMeta, top: number): NonNullable<Prediction["classes"]> {
  return Array.from(row, (probability, k) => ({ class: classes?.[k] ?? String(k), probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
}

function line({ file, classes = [], outputs = [] }: Prediction): string {
  const named = classes.map(({ class: name, probability }) => `${name} ${probability.toFixed(4)}`);
  return `${file}: ${[...named, ...outputs.map((value) => value.toPrecision(6))].join(", ")}`;
}
