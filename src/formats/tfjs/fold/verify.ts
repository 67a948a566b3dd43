import { DataError } from "../../../errors.js";
import { formatShape, sizeOf } from "../../../shape.js";
import type { ModelArray, ModelArrays } from "../../foreign/arrays.js";
import { OutputDifference, type Verification, type VerifyOptions } from "../../foreign/comparison.js";
import { firstThatRuns, shapesOf } from "../../foreign/trial-inputs.js";
import type { TfjsFiles } from "../model/files.js";
import {
  loadTensorFlow,
  openInTensorFlow,
  predictIn,
  refusal,
  type TensorFlow,
  type TensorFlowModel,
  type TensorFlowSymbol,
} from "../tensorflow.js";
import { runWideNorms } from "./wide-norms.js";

/** How two models are compared. */
export interface VerifyTfjsOptions extends VerifyOptions {
  /**
   * TensorFlow.js, with the backend and the layers of your own that it shall have.
   *
   * @defaultValue the package \@tensorflow/tfjs
   */
  readonly tf?: TensorFlow;
}

/**
 * How far two models differ, on the same inputs in TF.js: in their outputs, and in the value at each place that was
 * changed, so that a saturated output hides nothing.
 */
export interface TfjsVerification extends Verification {
  /** The backend of TF.js that ran them. */
  readonly backend: string;
}

/** Two models to compare, and layers whose outputs should be equal too: of the one, and of the other. */
export interface ComparedModels {
  readonly before: TfjsFiles;
  readonly after: TfjsFiles;
  readonly places: readonly (readonly [before: string, after: string])[];
  /** Inputs that are looked up in tables, so that they must be small whole numbers. */
  readonly indices: readonly string[];
  readonly defaultTolerance: number;
}

/** Above so many values in one sample, one is enough for a run. */
const largeSample = 32_768;

/**
 * Runs two models on the same inputs.
 *
 * @throws VerificationError if they differ by more than the tolerance
 * @throws DataError if TF.js refuses one of them, or no shape of open inputs runs
 * @throws MissingPackageError if \@tensorflow/tfjs is not installed
 */
export async function verify(
  where: string,
  { before, after, places, indices, defaultTolerance }: ComparedModels,
  { tolerance = defaultTolerance, inputs = [], shapes = {}, tf: given }: VerifyTfjsOptions,
): Promise<TfjsVerification> {
  const tf = given ?? (await loadTensorFlow(where));
  await tf.ready();
  const open = (files: TfjsFiles, side: 0 | 1): Promise<Exposed> =>
    openExposed(
      where,
      tf,
      files,
      places.map((names) => names[side]),
    );
  const first = await open(before, 0);
  const second = await open(after, 1).catch((cause: unknown) => {
    first.dispose();
    throw cause;
  });
  const comparison = new OutputDifference();
  let runs = 0;
  const compare = async (one: ModelArrays, results: readonly ModelArray[]): Promise<void> => {
    const others = await run(where, tf, second, one);
    for (const [k, result] of results.entries()) comparison.add(result, others[k]);
    runs++;
  };
  let [tried] = inputs;
  try {
    if (inputs.length === 0) {
      const started = await firstRun(where, tf, first, shapes, indices);
      tried = started.inputs;
      await compare(tried, started.outputs);
    }
    for (const one of inputs) await compare(one, await run(where, tf, first, one));
  } finally {
    first.dispose();
    second.dispose();
  }
  const told = { runs, onNoise: inputs.length === 0, shapes: shapesOf(tried), backend: tf.getBackend() };
  return { ...comparison.checkUnchanged(where, tolerance), ...told };
}

/** A model that also gives the outputs of these layers. */
interface Exposed {
  readonly model: TensorFlowModel;
  readonly inputNames: readonly string[];
  /** Which of the model's outputs each value is that was asked for: TF.js gives no value twice. */
  readonly order: readonly number[];
  dispose(): void;
}

async function openExposed(
  where: string,
  tf: TensorFlow,
  files: TfjsFiles,
  names: readonly string[],
): Promise<Exposed> {
  const model = await openInTensorFlow(where, tf, files);
  runWideNorms(tf, model);
  const { inputs, outputs, inputNames } = model;
  try {
    const inside = names.map((name) => model.getLayer(name).output as TensorFlowSymbol);
    const asked = [...outputs, ...inside];
    const distinct = [...new Set(asked)];
    const exposed = tf.model({ inputs, outputs: distinct } as never);
    const order = asked.map((one) => distinct.indexOf(one));
    return { model: exposed, inputNames, order, dispose: () => void model.dispose() };
  } catch (cause) {
    model.dispose();
    throw refusal(where, "a model whose layers TF.js shows", cause);
  }
}

/** The first shapes of open inputs with which a model runs. */
async function firstRun(
  where: string,
  tf: TensorFlow,
  exposed: Exposed,
  shapes: Readonly<Record<string, readonly number[]>>,
  indices: readonly string[],
): Promise<{ readonly inputs: ModelArrays; readonly outputs: readonly ModelArray[] }> {
  const declared = exposed.model.inputs.map(({ shape, dtype }, k) => {
    const name = exposed.inputNames[k];
    return { name, type: indices.includes(name) ? "int32" : dtype, shape: shape.map((size) => size ?? "?") };
  });
  const sample = declared.reduce((sum, { shape }) => {
    return sum + shape.slice(1).reduce<number>((product, size) => product * (typeof size === "number" ? size : 1), 1);
  }, 0);
  const attempt = (inputs: ModelArrays): Promise<ModelArray[]> => run(where, tf, exposed, inputs);
  return firstThatRuns(where, declared, shapes, [1, 224, 224, 3], attempt, sample > largeSample);
}

/** Runs a model on arrays by name. */
async function run(
  where: string,
  tf: TensorFlow,
  { model, inputNames, order }: Exposed,
  arrays: ModelArrays,
): Promise<ModelArray[]> {
  const given = model.inputs.map((_, k) => {
    const name = inputNames[k];
    const array = Object.hasOwn(arrays, name) ? arrays[name] : undefined;
    if (array === undefined) {
      const expected = `values for the input ${name}`;
      throw new DataError({ where, expected, received: "none", cure: "Pass them too." });
    }
    if (array.values.length === sizeOf(array.shape)) return array;
    const expected = `${sizeOf(array.shape)} values for the input ${name} of shape ${formatShape(array.shape)}`;
    const cure = "Pass as many as its shape says.";
    throw new DataError({ where, expected, received: String(array.values.length), cure });
  });
  const outputs = await predictIn(tf, model, given).catch((cause: unknown) => {
    throw refusal(where, "inputs that the model takes", cause);
  });
  return order.map((k) => outputs[k]);
}
