import { drawRows } from "../../data/draw-rows.js";
import type { NpyArray } from "../../data/npy/npy.js";
import { DataError } from "../../errors.js";
import type { DeclaredInput, ModelArrays } from "../../formats/foreign/arrays.js";
import { formatShape, sizeOf } from "../../shape.js";
import { readNamedArrays } from "./arrays.js";

/** Samples of a model with several inputs. */
export interface NamedInputs {
  readonly length: number;
  /** The samples of some rows, by the names of the inputs. */
  batch(rows: readonly number[]): ModelArrays;
}

/** Options of {@link loadNamedInputs}. */
export interface NamedInputOptions {
  /** At most so many samples, drawn by `seed`. @defaultValue all */
  readonly samples?: number | undefined;
  /** @defaultValue 0 */
  readonly seed?: number | undefined;
}

/**
 * Loads data for a model of several inputs: an NPZ file with an array for each, under its name, the first axis of all
 * of which counts samples. Values are taken as they are.
 *
 * @throws DataError if arrays are missing, differ in their number of samples, or do not fit the model
 */
export function loadNamedInputs(
  source: string,
  inputs: readonly DeclaredInput[],
  { samples = Number.POSITIVE_INFINITY, seed = 0 }: NamedInputOptions = {},
): NamedInputs {
  const names = inputs.map(({ name }) => name);
  const arrays = readNamedArrays(source, names);
  const fault = (expected: string, received: string, cure: string): DataError =>
    new DataError({ where: source, expected, received, cure });
  const save = `Save them with numpy.savez('data.npz', **{${names.map((name) => `'${name}': …`).join(", ")}}).`;
  const missing = names.filter((name) => !arrays.has(name));
  if (missing.length > 0) {
    throw fault(`an array for each input: ${names.join(", ")}`, `none for ${missing.join(", ")}`, save);
  }
  const own = inputs.map((input) => ({ input, array: arrays.get(input.name) as NpyArray }));
  const [count = 0] = own[0].array.shape;
  for (const { input, array } of own) {
    const { shape, texts, values } = array;
    const [first, ...sizes] = shape;
    if (texts !== undefined) throw fault(`numbers in ${input.name}`, "texts", "Save inputs as numbers.");
    if (first !== count || count === 0) {
      const received = own.map((one) => `${one.input.name} ${formatShape(one.array.shape)}`).join(", ");
      throw fault("as many samples in all arrays, and at least one", received, "Give all the same first axis.");
    }
    const wanted = input.shape.slice(1);
    const fits =
      sizes.length === wanted.length &&
      sizes.every((size, k) => !Number.isInteger(wanted[k]) || Number(wanted[k]) < 1 || wanted[k] === size);
    if (input.shape.length > 0 && !fits) {
      const cure = "Save the array as the model takes it.";
      throw fault(`samples of ${wanted.join("×") || "one number"} for ${input.name}`, formatShape(sizes), cure);
    }
    const stray = values.findIndex((value) => !Number.isFinite(value));
    if (stray >= 0) throw fault(`finite values in ${input.name}`, String(values[stray]), "Take such samples out.");
  }
  const rows = drawRows(count, samples, seed);
  return {
    length: rows.length,
    batch: (chosen) =>
      Object.fromEntries(
        own.map(({ input, array: { shape, values } }) => {
          const sizes = shape.slice(1);
          const width = sizeOf(sizes);
          const taken = new Float32Array(chosen.length * width);
          for (const [k, row] of chosen.entries()) {
            const start = rows[row] * width;
            taken.set(values.subarray(start, start + width), k * width);
          }
          return [input.name, { shape: [chosen.length, ...sizes], values: taken }];
        }),
      ),
  };
}
