import { DataError, MissingPackageError } from "../../errors.js";
import type { ModelArray } from "../foreign/arrays.js";
import { printable } from "../printable.js";
import { type TfjsFiles, toTfjsArtifacts } from "./model/files.js";

/** What is used of TensorFlow.js: `import * as tf from "@tensorflow/tfjs"` is one. */
export interface TensorFlow {
  /** Where models come from. */
  readonly io: {
    /** A model in memory, to be loaded. */
    fromMemory(artifacts: never): unknown;
  };
  /** Waits for the backend. */
  ready(): Promise<void>;
  /** The backend's name. */
  getBackend(): string;
  /** Loads a layers model. */
  loadLayersModel(handler: never): Promise<TensorFlowModel>;
  /** A model from and to values of another one. */
  model(ends: never): TensorFlowModel;
  /** Frees what a function makes, but for what it returns. */
  tidy(run: () => TensorFlowTensor): TensorFlowTensor;
  /** A tensor in another shape. */
  reshape(x: never, shape: number[]): TensorFlowTensor;
  /** a + b. */
  add(a: never, b: never): TensorFlowTensor;
  /** a − b. */
  sub(a: never, b: never): TensorFlowTensor;
  /** a · b. */
  mul(a: never, b: never): TensorFlowTensor;
  /** a / b. */
  div(a: never, b: never): TensorFlowTensor;
  /** √x. */
  sqrt(x: never): TensorFlowTensor;
  /** A tensor of these values. */
  tensor(values: Float32Array, shape: number[], dtype: "float32" | "int32"): TensorFlowTensor;
}

/** A tensor of TF.js. */
export interface TensorFlowTensor {
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** The values. */
  data(): Promise<ArrayLike<number>>;
  /** Frees it. */
  dispose(): void;
}

/** A value inside a model of TF.js. */
export interface TensorFlowSymbol {
  /** The value's name. */
  readonly name: string;
  /** Sizes; null where they are open. */
  readonly shape: readonly (number | null)[];
  /** Type of its elements. */
  readonly dtype: string;
}

/** A layer of a model of TF.js. */
export interface TensorFlowLayer {
  /** What it gives. */
  readonly output: TensorFlowSymbol | readonly TensorFlowSymbol[];
}

/** A layers model of TF.js. */
export interface TensorFlowModel {
  /** What it takes. */
  readonly inputs: readonly TensorFlowSymbol[];
  /** Names of the layers that take it. */
  readonly inputNames: readonly string[];
  /** What it gives. */
  readonly outputs: readonly TensorFlowSymbol[];
  /** A layer by its name. */
  getLayer(name: string): TensorFlowLayer;
  /** What it gives for inputs. */
  predict(inputs: never): TensorFlowTensor | TensorFlowTensor[];
  /** Frees its weights. */
  dispose(): unknown;
}

/** TF.js, if it is installed. @throws MissingPackageError if not */
export async function loadTensorFlow(where: string): Promise<TensorFlow> {
  try {
    return await import("@tensorflow/tfjs");
  } catch (cause) {
    const purpose = "to run TF.js models";
    throw new MissingPackageError({ where, package: "@tensorflow/tfjs", purpose }, { cause });
  }
}

/** Loads files into TF.js. @throws DataError if it refuses them */
export async function openInTensorFlow(where: string, tf: TensorFlow, files: TfjsFiles): Promise<TensorFlowModel> {
  // An optimiser would be made for it, which nothing frees.
  const artifacts = { ...toTfjsArtifacts(files), trainingConfig: undefined };
  try {
    return await tf.loadLayersModel(tf.io.fromMemory(artifacts as never) as never);
  } catch (cause) {
    throw refusal(where, "a model that TF.js loads", cause);
  }
}

/** What TF.js says against something. */
export function refusal(where: string, expected: string, cause: unknown): DataError {
  const text = printable(cause instanceof Error ? cause.message.replaceAll(/\s+/g, " ").trim() : String(cause));
  const received = `its error: ${text.replace(/\.$/, "")}`;
  const cure = "See what TF.js says about it, or go without running it: { verify: false }.";
  return new DataError({ where, expected, received, cure }, { cause });
}

/** What a model gives for arrays, one for each of its inputs; what was made on the way is freed. */
export async function predictIn(
  tf: TensorFlow,
  model: TensorFlowModel,
  arrays: readonly ModelArray[],
): Promise<ModelArray[]> {
  const made: TensorFlowTensor[] = [];
  try {
    for (const [k, { shape, values }] of arrays.entries()) {
      const type = model.inputs[k].dtype === "int32" ? "int32" : "float32";
      made.push(tf.tensor(Float32Array.from(values), [...shape], type));
    }
    const results = [model.predict((made.length === 1 ? made[0] : made) as never)].flat();
    made.push(...results);
    const outputs: ModelArray[] = [];
    for (const one of results) outputs.push({ shape: [...one.shape], values: await one.data() });
    return outputs;
  } finally {
    for (const one of new Set(made)) one.dispose();
  }
}
