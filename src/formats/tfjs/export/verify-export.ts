import type { AnyModule } from "../../../nn/module.js";
import { checkOptions } from "../../../options.js";
import { sizeOf } from "../../../shape.js";
import type { ModelArray } from "../../foreign/arrays.js";
import { type ExportVerification, OutputDifference } from "../../foreign/comparison.js";
import { inputShapes } from "../../foreign/layer-writers.js";
import { networkOutputs } from "../../foreign/network-outputs.js";
import { randomInputs } from "../../foreign/trial-inputs.js";
import type { TfjsFiles } from "../model/files.js";
import { loadTensorFlow, openInTensorFlow, predictIn, refusal, type TensorFlow } from "../tensorflow.js";
import { isChannelsLast, type TfjsEnds } from "./export-tfjs.js";
import { channelsLastElements } from "./tfjs-value.js";

/** How an exported model is run: its ends as they were exported. */
export interface VerifyTfjsExportOptions extends TfjsEnds {
  /** The largest relative difference that passes. @defaultValue 1e-4 */
  readonly tolerance?: number;
  /** TensorFlow.js, with the backend that it shall have. @defaultValue the package \@tensorflow/tfjs */
  readonly tf?: TensorFlow;
}

/** How far an exported model and the network it was made of differ, on noise. */
export interface TfjsExportVerification extends ExportVerification {
  /** The backend of TF.js that ran it. */
  readonly backend: string;
}

/** More than one, so that samples that are mixed up do not pass. */
const samples = 4;

/**
 * Runs what {@link exportTfjs} has made in TF.js, and the network itself in evaluation mode, on the same seeded noise:
 * all inputs and outputs.
 *
 * @throws VerificationError if they differ by more than the tolerance
 * @throws DataError if TF.js refuses the model
 * @throws MissingPackageError if \@tensorflow/tfjs is not installed
 */
export async function verifyTfjsExport(
  files: TfjsFiles,
  model: AnyModule,
  options: VerifyTfjsExportOptions = {},
): Promise<TfjsExportVerification> {
  const { inputShape, channelsLast, tolerance = 1e-4, tf: own } = options;
  const where = "verifyTfjsExport(files, model)";
  checkOptions(where, options, { tolerance: true, tf: true, inputShape: true, channelsLast: true });
  const tf = own ?? (await loadTensorFlow(where));
  await tf.ready();
  const network = await openInTensorFlow(where, tf, files);
  try {
    const declared = inputShapes(where, model, inputShape).map((sample, k) => {
      return { name: String(k), type: network.inputs[k].dtype, shape: [samples, ...sample] };
    });
    const inputs = Object.values(randomInputs(where, declared, {}, { batch: samples, other: 1 }));
    const given = inputs.map((input) => ordered(input, channelsLast));
    const results = await predictIn(tf, network, given).catch((cause: unknown) => {
      throw refusal(where, "a model that TF.js runs", cause);
    });
    const comparison = new OutputDifference();
    for (const [k, output] of (await networkOutputs(model, inputs)).entries()) {
      comparison.add(ordered(output, channelsLast), results[k]);
    }
    const cure = "Do not use the files; raise the tolerance if that is acceptable.";
    const difference = comparison.check(where, tolerance, "TF.js to give what the network gives", cure);
    return { ...difference, samples, backend: tf.getBackend() };
  } finally {
    network.dispose();
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
