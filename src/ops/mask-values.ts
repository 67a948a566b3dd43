import { ArgumentError } from "../errors.js";
import type { Storage } from "../storage.js";
import type { Tensor } from "../tensor.js";

/** Masks that a device has been asked about already, at that version: one mask serves many layers. */
const asked = new WeakMap<Storage, number>();

/**
 * Checks that a mask has no values but 0 and 1. A backend that does not answer at once tells later, and is asked once
 * for each mask.
 *
 * @param values - what they stand for: `ones (keys) and zeros`
 * @throws ArgumentError if it has another
 */
export function checkMaskValues(where: string, mask: Tensor, values: string, cure: string): void {
  const { backend, storage } = mask;
  if (!backend.answersAtOnce) {
    if (asked.get(storage) === storage.version) return;
    asked.set(storage, storage.version);
  }
  backend.expect(
    { is: "zeroOrOne" },
    mask.block,
    mask.size,
    ({ value, place }) =>
      new ArgumentError({ where, expected: `a mask of ${values}`, received: `${value} at place ${place}`, cure }),
  );
}
