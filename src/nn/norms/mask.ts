import { ArgumentError, ShapeError } from "../../errors.js";
import { applyBinary } from "../../ops/binary.js";
import { formatShape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { upload } from "../../tensor.js";
import type { AnyModule } from "../module.js";

/** What stands in an output where the mask is 0: zeros, or the layer's input. */
export type MaskedOutput = "zero" | "input";

/**
 * Checks that a mask has the rank of x, sizes that broadcast to it, and no values but 0 and 1.
 *
 * @throws ShapeError if its shape does not fit
 * @throws ArgumentError if it holds another value
 */
export function checkMask(layer: AnyModule, x: Tensor, mask: Tensor): void {
  const where = `${layer}.forward(x, { mask })`;
  if (mask.rank !== x.rank || mask.shape.some((extent, axis) => extent !== x.shape[axis] && extent !== 1)) {
    throw new ShapeError({
      where,
      expected: `a mask of rank ${x.rank} that broadcasts to ${formatShape(x.shape)}`,
      received: formatShape(mask.shape),
      cure: "Give it as many axes as x, each of the size of x or 1: N×1×L for sequences of N×C×L.",
    });
  }
  const values = mask.dataSync();
  const at = values.findIndex((value) => value !== 0 && value !== 1);
  if (at < 0) return;
  throw new ArgumentError({
    where,
    expected: "a mask of ones (real values) and zeros (padding)",
    received: `${values[at]} at place ${at}`,
    cure: "Mark each value by 1 or 0.",
  });
}

/** 1 where a mask is 0, and 0 where it is 1. */
export function complementOf(mask: Tensor): Tensor {
  const one = upload("mask", mask.backend, [], Float32Array.of(1));
  const complement = applyBinary("sub", one, mask);
  one.dispose();
  return complement;
}
