import { DataError } from "../../../errors.js";
import type { ModelArrays } from "../../foreign/arrays.js";
import { Comparison } from "../../foreign/comparison.js";
import { firstThatRuns, shapesOf } from "../../foreign/trial-inputs.js";
import { elementTypeOf, type elementTypes } from "../file/tensor-values.js";
import type { OnnxModel } from "../graph/onnx-model.js";
import { type OnnxOutput, type OnnxSession, openSession } from "../runtime.js";
import { inFloat32 } from "./in-float32.js";

/** How two models are compared. */
export interface VerifyOptions {
  /** The largest relative difference that passes. @defaultValue 1e-4; 0.02 with float16, 0.05 with bfloat16 in the model */
  readonly tolerance?: number;
  /** Real inputs besides the random ones: for each run, an array for each input of the model. @defaultValue none */
  readonly inputs?: readonly ModelArrays[];
  /** Shapes of inputs that the model leaves open, by name. @defaultValue found by trying */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
}

/**
 * How far two models differ, on the same inputs in onnxruntime with its own optimisation off: in their outputs, and in the value at
 * each place that was changed, so that a saturated output hides nothing.
 */
export interface OnnxVerification {
  /** The largest difference between two values. */
  readonly maxAbsolute: number;
  /**
   * The largest difference of an output's values, divided by the largest value of that output (by 0.01 if that is less: of what is
   * next to zero, as a saturated sigmoid is, only the absolute difference counts).
   */
  readonly maxRelative: number;
  /** What maxRelative was held against. */
  readonly tolerance: number;
  /** How often both were run. */
  readonly runs: number;
  /** Shapes of the random inputs, by name. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Whether float32 copies were run, since onnxruntime-web has no kernels for float64 or bfloat16. */
  readonly inFloat32: boolean;
}

/** Two models to compare, and names of values inside both that should be equal too. */
export interface Compared {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly places: readonly string[];
}

/** onnxruntime has no kernels of the oldest versions and of other domains. */
const cure = "Where onnxruntime cannot run the model, fold without comparing: { verify: false }.";

/**
 * Runs two models on the same inputs.
 *
 * @throws VerificationError if they differ by more than the tolerance
 * @throws DataError if onnxruntime refuses one of them, or no shape of open inputs runs
 */
export async function verify(
  where: string,
  original: OnnxModel,
  { before, after, places }: Compared,
  { tolerance = toleranceOf(original), inputs = [], shapes = {} }: VerifyOptions,
): Promise<OnnxVerification> {
  const { codec, files } = original;
  const exposed = (bytes: Uint8Array): Uint8Array => codec.withOutputs(where, bytes, places);
  let widened = false;
  const open = (bytes: Uint8Array): Promise<OnnxSession> =>
    widened ? openSession(where, inFloat32(codec, bytes, files), { cure }) : openSession(where, bytes, { files, cure });
  let first: OnnxSession;
  try {
    first = await open(exposed(before));
  } catch (cause) {
    if (!(cause instanceof DataError) || !usesType(original, "float64", "bfloat16")) throw cause;
    widened = true;
    first = await open(exposed(before));
  }
  const runs: { readonly inputs: ModelArrays; readonly outputs: Readonly<Record<string, OnnxOutput>> }[] = [];
  try {
    const started = await firstThatRuns(where, first.inputs, shapes, [1, 3, 224, 224], (trial) => first.run(trial));
    runs.push(started);
    for (const one of inputs) runs.push({ inputs: one, outputs: await first.run(one) });
  } finally {
    await first.release();
  }
  const second = await open(exposed(after));
  const comparison = new Comparison();
  try {
    for (const run of runs) {
      const others = await second.run(run.inputs);
      for (const [name, output] of Object.entries(run.outputs)) comparison.add(output, others[name]);
    }
  } finally {
    await second.release();
  }
  comparison.checkUnchanged(where, tolerance);
  const { maxAbsolute, maxRelative } = comparison;
  const tried = shapesOf(runs[0].inputs);
  return { maxAbsolute, maxRelative, tolerance, runs: runs.length, shapes: tried, inFloat32: widened };
}

/** What rounding alone may do: half precision keeps 11 bits of each weight, bfloat16 8. */
function toleranceOf(model: OnnxModel): number {
  if (usesType(model, "bfloat16")) return 0.05;
  return usesType(model, "float16") ? 0.02 : 1e-4;
}

function usesType(model: OnnxModel, ...types: readonly (keyof typeof elementTypes)[]): boolean {
  return [...model.graphs()].some(({ proto }) => {
    const constants = proto.node.flatMap(({ attribute }) => attribute.flatMap(({ t }) => t ?? []));
    const inputs = proto.input.map(({ type }) => (type?.value.case === "tensorType" ? type.value.value.elemType : 0));
    const all = [...inputs, ...proto.initializer.map(({ dataType }) => dataType), ...constants.map((t) => t.dataType)];
    return all.some((dataType) => types.some((type) => elementTypeOf(dataType) === type));
  });
}
