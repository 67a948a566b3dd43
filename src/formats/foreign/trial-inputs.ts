import { DataError } from "../../errors.js";
import { Generator } from "../../random.js";
import { formatShape } from "../../shape.js";
import type { DeclaredInput, ModelArray, ModelArrays } from "./arrays.js";

/** What sizes that a model leaves open are taken to be: of the first axis, and of the others. */
export interface OpenSizes {
  readonly batch: number;
  readonly other: number;
}

/** Sizes to try, one after another, until a model runs. */
const openSizes: readonly OpenSizes[] = [
  { batch: 2, other: 64 },
  { batch: 2, other: 32 },
  { batch: 1, other: 224 },
  { batch: 1, other: 1 },
];

/** So many values are made up for one input: 8 images of 836×836 in colour. */
const mostValues = 2 ** 24;

/**
 * Inputs of a model, drawn from a seeded stream: normal deviates for reals, 0 or 1 for whole numbers and booleans.
 *
 * @param shapes - by input, where they are known
 * @throws DataError if the model declares an input of more than 16 million values, and nobody says that it is meant
 */
export function randomInputs(
  where: string,
  declared: readonly DeclaredInput[],
  shapes: Readonly<Record<string, readonly number[]>>,
  open: OpenSizes,
): ModelArrays {
  const random = new Generator(1);
  return Object.fromEntries(
    declared.map(({ name, type, shape }): [string, ModelArray] => {
      const given = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
      const sizes = given ?? shape.map((size, axis) => sizeOfAxis(size, axis, open));
      const length = sizes.reduce((product, extent) => product * extent, 1);
      if (given === undefined && length > mostValues) {
        const expected = `at most ${mostValues} values to make up for an input`;
        const received = `the input ${name} of shape ${formatShape(sizes)}`;
        throw new DataError({ where, expected, received, cure: "Name its shape, if it is meant, or do not verify." });
      }
      const isReal = type.startsWith("float");
      return [
        name,
        { shape: sizes, values: Float32Array.from({ length }, () => (isReal ? random.normal() : random.below(2))) },
      ];
    }),
  );
}

function sizeOfAxis(size: number | string, axis: number, { batch, other }: OpenSizes): number {
  // Some exporters write -1 or 0 where they mean "any".
  if (typeof size === "number" && size > 0) return size;
  return axis === 0 ? batch : other;
}

/**
 * The first random inputs with which a model runs, of sizes that are tried one after another, and what it then gave.
 *
 * @param shapes - of inputs, by name, where they are known
 * @param example - sizes such as the system's models take
 * @param isLarge - whether one sample is enough
 * @throws DataError if it runs with none, with its last refusal
 */
export async function firstThatRuns<Outputs>(
  where: string,
  declared: readonly DeclaredInput[],
  shapes: Readonly<Record<string, readonly number[]>>,
  example: readonly number[],
  run: (inputs: ModelArrays) => Promise<Outputs>,
  isLarge = false,
): Promise<{ readonly inputs: ModelArrays; readonly outputs: Outputs }> {
  let failure: unknown;
  for (const { batch, other } of openSizes) {
    try {
      const inputs = randomInputs(where, declared, shapes, { batch: isLarge ? 1 : batch, other });
      return { inputs, outputs: await run(inputs) };
    } catch (cause) {
      failure = cause;
    }
  }
  const listed = declared.map(({ name, shape }) => `${name} ${shape.join("×")}`).join(", ");
  throw new DataError(
    {
      where,
      expected: `shapes with which the model runs (it declares ${listed})`,
      received: failure instanceof DataError ? failure.received : String(failure),
      cure: `Name them: { shapes: { name: [${example.join(", ")}] } }.`,
    },
    { cause: failure },
  );
}

/** Shapes of inputs, by name. */
export function shapesOf(inputs: ModelArrays): Record<string, readonly number[]> {
  return Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape]));
}
