import { Generator } from "../../random.js";
import type { DeclaredInput, OnnxArray, OnnxArrays } from "./runtime.js";

/** What sizes that a model leaves open are taken to be: of the first axis, and of the others. */
export interface OpenSizes {
  readonly batch: number;
  readonly other: number;
}

/** Sizes to try, one after another, until a model runs. */
export const openSizes: readonly OpenSizes[] = [
  { batch: 2, other: 64 },
  { batch: 2, other: 32 },
  { batch: 1, other: 224 },
  { batch: 1, other: 1 },
];

/**
 * Inputs of a model, drawn from a seeded stream: normal deviates for reals, 0 or 1 for whole numbers and booleans.
 *
 * @param shapes - by input, where they are known
 */
export function randomInputs(
  declared: readonly DeclaredInput[],
  shapes: Readonly<Record<string, readonly number[]>>,
  open: OpenSizes,
  seed = 1,
): OnnxArrays {
  const random = new Generator(seed);
  return Object.fromEntries(
    declared.map(({ name, type, shape }): [string, OnnxArray] => {
      const given = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
      const sizes = given ?? shape.map((size, axis) => sizeOfAxis(size, axis, open));
      const length = sizes.reduce((product, extent) => product * extent, 1);
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
