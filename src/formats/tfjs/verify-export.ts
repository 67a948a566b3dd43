import { tensor } from "../../create.js";
import type { Module } from "../../nn/module.js";
import { sizeOf } from "../../shape.js";
import { predict } from "../../train/evaluate.js";
import type { ModelArray } from "../foreign/arrays.js";
import { Comparison } from "../foreign/comparison.js";
import { inputShapes } from "../foreign/layer-writers.js";
import { randomInputs } from "../foreign/trial-inputs.js";
import { isChannelsLast, type TfjsEnds } from "./export-tfjs.js";
import type { TfjsFiles } from "./files.js";
import { loadTensorFlow, openModel, refusal, type TensorFlow, type TensorFlowModel } from "./tensorflow.js";
import { channelsLastElements } from "./tfjs-value.js";

/** How an exported model is run: its ends as they were exported. */
export interface VerifyTfjsExportOptions extends TfjsEnds {
  /** The largest relative difference that passes. @defaultValue 1e-4 */
  readonly tolerance?: number;
  /** TensorFlow.js, with the backend that it shall have. @defaultValue the package \@tensorflow/tfjs */
  readonly tf?: TensorFlow;
}

/** How far an exported model and the network it was made of differ, on noise. */
export interface TfjsExportVerification {
  /** The largest difference between two values. */
  readonly maxAbsolute: number;
  /** The largest difference divided by the largest value, or by 0.01 if that is less. */
  readonly maxRelative: number;
  /** What maxRelative was held against. */
  readonly tolerance: number;
  /** How many samples both were given. */
  readonly samples: number;
  /** The backend of TF.js that ran it. */
  readonly backend: string;
}

/** More than one, so that samples that are mixed up do not pass. */
const samples = 4;

/**
 * Runs what {@link exportTfjs} has made in TF.js, and the network itself by `predict`, on the same seeded noise.
 *
 * @throws VerificationError if they differ by more than the tolerance
 * @throws DataError if TF.js refuses the model
 * @throws MissingPackageError if \@tensorflow/tfjs is not installed
 */
export async function verifyTfjsExport(
  files: TfjsFiles,
  model: Module,
  { inputShape, channelsLast, tolerance = 1e-4, tf: given }: VerifyTfjsExportOptions,
): Promise<TfjsExportVerification> {
  const where = "verifyTfjsExport(files, model)";
  const tf = given ?? (await loadTensorFlow(where));
  await tf.ready();
  const network = await openModel(where, tf, files);
  try {
    const [{ dtype }] = network.inputs;
    const [sample] = inputShapes(where, model, inputShape);
    const shape = [samples, ...sample];
    const declared = { name: "input", type: dtype, shape };
    const { input } = randomInputs(where, [declared], { input: shape }, { batch: samples, other: 1 });
    const x = tensor(Float32Array.from(input.values), input.shape);
    const y = await predict(model, x);
    const comparison = new Comparison();
    const expected = ordered({ shape: y.shape, values: await y.data() }, channelsLast);
    comparison.add(expected, await run(where, tf, network, ordered(input, channelsLast)));
    for (const t of [x, y]) t.dispose();
    const cure = "Do not use the files; raise the tolerance if that is acceptable.";
    comparison.check(where, tolerance, "TF.js to give what the network gives", cure);
    const { maxAbsolute, maxRelative } = comparison;
    return { maxAbsolute, maxRelative, tolerance, samples, backend: tf.getBackend() };
  } finally {
    network.dispose();
  }
}

async function run(
  where: string,
  tf: TensorFlow,
  network: TensorFlowModel,
  { shape, values }: ModelArray,
): Promise<ModelArray> {
  const type = network.inputs[0].dtype === "int32" ? "int32" : "float32";
  const input = tf.tensor(Float32Array.from(values), [...shape], type);
  try {
    const [output] = [network.predict(input as never)].flat();
    const array = { shape: [...output.shape], values: await output.data() };
    output.dispose();
    return array;
  } catch (cause) {
    throw refusal(where, "a model that TF.js runs", cause);
  } finally {
    input.dispose();
  }
}

/** A batch of Evenkeel's as TF.js has it. */
function ordered({ shape: [batch, ...shape], values }: ModelArray, channelsLast: boolean | undefined): ModelArray {
  if (!isChannelsLast(shape, channelsLast)) return { shape: [batch, ...shape], values };
  const elements = channelsLastElements(shape);
  const size = sizeOf(shape);
  const there = Float32Array.from({ length: batch * size }, (_, i) => {
    return values[i - (i % size) + elements[i % size]];
  });
  return { shape: [batch, ...shape.slice(1), shape[0]], values: there };
}
