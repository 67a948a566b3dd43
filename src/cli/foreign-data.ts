import { batches } from "../data/batches.js";
import type { TensorData } from "../data/dataset.js";
import { ArgumentError, DataError } from "../errors.js";
import type { DeclaredInput, ModelArrays } from "../formats/foreign/arrays.js";
import { type ForeignInputOptions, loadForeignInputs } from "../node/data/load-foreign-inputs.js";
import { loadNamedInputs } from "../node/data/load-named-inputs.js";

/**
 * Samples at a time where nobody says it: what their activations take fits memory also for images of ImageNet's size.
 */
const usualBatch = 16;

/** Data as a model of another system takes them, to be gone through again and again. */
export interface ForeignData {
  readonly batches: Iterable<ModelArrays>;
  /** In one pass. */
  readonly samples: number;
}

/** A model that takes data. */
export interface ForeignModel {
  readonly path: string;
  readonly inputs: readonly DeclaredInput[];
  /** What to do where it has not one input. */
  readonly cure: string;
}

/**
 * Loads data for the only input of a model; for several, an NPZ file with an array under the name of each.
 *
 * @param batchSize - null: the model's, else {@link usualBatch}
 * @throws ArgumentError if the model was made for batches of another size
 * @throws DataError if it has more than one input, or data do not fit it
 */
export async function foreignData(
  { path, inputs, cure }: ForeignModel,
  source: string,
  batchSize: number | null,
  options: ForeignInputOptions,
): Promise<ForeignData> {
  if (inputs.length > 1 && source.toLowerCase().endsWith(".npz"))
    return namedData(path, inputs, source, batchSize, options);
  if (inputs.length !== 1 || inputs[0].shape.length === 0) {
    const received = inputs.map(({ name, shape }) => `${name} ${shape.join("×") || "of unknown shape"}`).join(", ");
    throw new DataError({
      where: path,
      expected: "a model with one input of known rank, the first axis being the samples'",
      received: received === "" ? "none" : received,
      cure,
    });
  }
  const [{ name, type, shape }] = inputs;
  const [, ...sample] = shape;
  const fixed = fixedBatch(inputs, batchSize);
  const dataset = await loadForeignInputs(source, { name, shape: sample, isReal: type.includes("float") }, options);
  const size = fixed ?? batchSize ?? usualBatch;
  const cut = batches(dataset, { batchSize: size, last: fixed === null ? "keep" : "drop" });
  return {
    samples: fixed === null ? dataset.length : cut.length * fixed,
    batches: {
      *[Symbol.iterator]() {
        // Data of the host, never tensors.
        for (const { inputs: batch } of cut) yield { [name]: batch as TensorData };
      },
    },
  };
}

/** How many samples the model was made for; null where that is open. */
function fixedBatch(inputs: readonly DeclaredInput[], batchSize: number | null): number | null {
  for (const { name, shape } of inputs) {
    const [declared] = shape;
    if (typeof declared !== "number" || declared < 1) continue;
    if (batchSize !== null && batchSize !== declared) {
      const expected = `${declared}, since the model's input ${name} is ${shape.join("×")}`;
      const cure = "Leave it out, or export the model with a dynamic batch axis.";
      throw new ArgumentError({ where: "--batch-size", expected, received: String(batchSize), cure });
    }
    return declared;
  }
  return null;
}

/** Data of several inputs, by their names. */
function namedData(
  path: string,
  inputs: readonly DeclaredInput[],
  source: string,
  batchSize: number | null,
  options: ForeignInputOptions,
): ForeignData {
  const given = (["size", "scale", "mean", "std", "layout", "ignore"] as const).find(
    (name) => options[name] !== undefined,
  );
  if (given !== undefined) {
    const cure = "Leave it out: arrays of several inputs are taken as they are.";
    throw new ArgumentError({ where: `--${given}`, expected: "a model with one input", received: path, cure });
  }
  const fixed = fixedBatch(inputs, batchSize);
  const size = fixed ?? batchSize ?? usualBatch;
  const loaded = loadNamedInputs(source, inputs, options);
  const count = fixed === null ? Math.ceil(loaded.length / size) : Math.floor(loaded.length / size);
  return {
    samples: fixed === null ? loaded.length : count * fixed,
    batches: {
      *[Symbol.iterator]() {
        for (let k = 0; k < count; k++) {
          const rows = Math.min(size, loaded.length - k * size);
          yield loaded.batch(Array.from({ length: rows }, (_, i) => k * size + i));
        }
      },
    },
  };
}
