import { DataError } from "../../../errors.js";
import { OutputDifference, type Verification, type VerifyOptions } from "../../foreign/comparison.js";
import { firstThatRuns, shapesOf } from "../../foreign/trial-inputs.js";
import { elementTypeOf, type elementTypes } from "../file/tensor-values.js";
import type { OnnxModel } from "../graph/onnx-model.js";
import { type OnnxOutput, type OnnxSession, openSession } from "../runtime.js";
import { inFloat32 } from "./in-float32.js";
import { drawsRandomly, seeded } from "./random-operators.js";

/**
 * How far two models differ, on the same inputs in onnxruntime with its own optimisation off: in their outputs, and in
 * the value at each place that was changed, so that a saturated output hides nothing. Random operators draw the same
 * numbers in both.
 */
export interface OnnxVerification extends Verification {
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

/** Values of so many bytes are held at a time, of the one model until the other has given its own. */
const mostBytes = 2 ** 27;

/** So many places are compared at first, while nothing is known of their size. */
const firstPlaces = 8;

/**
 * Runs two models on the same inputs: one at a time, and some places at a time, so that what is held does not grow with
 * either.
 *
 * @throws VerificationError if they differ by more than the tolerance
 * @throws DataError if onnxruntime refuses one of them, or no shape of open inputs runs
 */
export async function verify(
  where: string,
  original: OnnxModel,
  compared: Compared,
  { tolerance = toleranceOf(original), inputs: given = [], shapes = {} }: VerifyOptions,
): Promise<OnnxVerification> {
  const { codec, files, main } = original;
  let widened = false;
  const open = (bytes: Uint8Array): Promise<OnnxSession> =>
    widened ? openSession(where, inFloat32(codec, bytes, files), { cure }) : openSession(where, bytes, { files, cure });
  const isRandom = drawsRandomly(original.proto);
  const prepared = (bytes: Uint8Array, places: readonly string[]): Uint8Array =>
    codec.withOutputs(isRandom ? seeded(codec, where, bytes) : bytes, places);
  let inputs = given;
  /** What a model gives at some places, run by run. */
  async function outputsOf(bytes: Uint8Array, places: readonly string[]): Promise<Outputs[]> {
    const session = await open(prepared(bytes, places));
    try {
      if (inputs.length === 0) {
        const trial = await firstThatRuns(where, session.inputs, shapes, [1, 3, 224, 224], (one) => session.run(one));
        inputs = [trial.inputs];
        // Random operators go on from draw to draw, so sizes that did not run must not have drawn.
        if (!isRandom) return [trial.outputs];
        return await outputsOf(bytes, places);
      }
      const runs: Outputs[] = [];
      for (const one of inputs) runs.push(await session.run(one));
      return runs;
    } finally {
      await session.release();
    }
  }
  const comparison = new OutputDifference();
  const waiting = compared.places.filter((place) => !main.isOutput(place));
  for (let count = firstPlaces, isFirst = true; isFirst || waiting.length > 0; isFirst = false) {
    const places = waiting.splice(0, count);
    const runs = await outputsOf(compared.before, places).catch((cause: unknown) => {
      if (widened || !(cause instanceof DataError) || !usesType(original, "float64", "bfloat16")) throw cause;
      widened = true;
      return outputsOf(compared.before, places);
    });
    const others = await outputsOf(compared.after, places);
    for (const [k, outputs] of runs.entries()) {
      for (const [name, output] of Object.entries(outputs)) comparison.add(output, others[k][name]);
    }
    const bytes = runs.reduce((sum, outputs) => sum + bytesOf(outputs), 0);
    count = Math.max(1, Math.floor((mostBytes / Math.max(bytes, 1)) * Math.max(places.length, 1)));
  }
  const told = { runs: inputs.length, onNoise: given.length === 0, shapes: shapesOf(inputs[0]), inFloat32: widened };
  return { ...comparison.checkUnchanged(where, tolerance), ...told };
}

type Outputs = Readonly<Record<string, OnnxOutput>>;

function bytesOf(outputs: Outputs): number {
  return Object.values(outputs).reduce((sum, { values }) => sum + values.byteLength, 0);
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
