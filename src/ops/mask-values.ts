import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import { withTracer } from "../tracing.js";

/**
 * Checks that a mask has no values but 0 and 1.
 *
 * @param ones - what ones stand for
 * @throws ArgumentError if it has another
 */
export function checkMaskValues(where: string, mask: Tensor, ones: string, cure: string): void {
  const values = withTracer(null, () => mask.dataSync());
  const at = values.findIndex((value) => value !== 0 && value !== 1);
  if (at < 0) return;
  throw new ArgumentError({
    where,
    expected: `a mask of ones (${ones}) and zeros`,
    received: `${values[at]} at place ${at}`,
    cure,
  });
}
