import { ArgumentError } from "../errors.js";
import { commonBackend, scalar, Tensor } from "../tensor.js";

/** What stands where an op takes a tensor or a number. */
export type Operand = Tensor | number;

/**
 * The operands of an op as tensors on one backend; numbers become scalars, which the scope around the op frees.
 *
 * @throws ArgumentError if one is neither a tensor nor a number
 */
export function operandsOf(where: string, ...given: readonly Operand[]): Tensor[] {
  for (const operand of given) {
    if (operand instanceof Tensor || typeof operand === "number") continue;
    throw new ArgumentError({
      where,
      expected: "a tensor or a number",
      received: describe(operand),
      cure: "Wrap arrays with tensor().",
    });
  }
  const backend = commonBackend(where, ...given.filter((operand) => operand instanceof Tensor));
  return given.map((operand) => (operand instanceof Tensor ? operand : scalar("number", backend, operand)));
}

function describe(given: unknown): string {
  if (Array.isArray(given) || ArrayBuffer.isView(given)) return "an array";
  return given === null ? "null" : typeof given;
}
