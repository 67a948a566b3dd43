import { ArgumentError, ShapeError } from "../../errors.js";
import { relu } from "../../ops/activations.js";
import { applyMask } from "../../ops/apply-mask.js";
import { add, applyNumber } from "../../ops/binary.js";
import { checkMaskValues } from "../../ops/mask-values.js";
import type { Activation } from "../../ops/standardize.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { formatShape } from "../../shape.js";
import { shown } from "../../shown.js";
import type { Tensor } from "../../tensor.js";
import { tracer } from "../../tracing.js";
import type { AnyModule } from "../module.js";
import { type Norm, type NormForwardOptions, normForwardNames } from "./norm.js";

/** What stands in an output where the mask is 0: zeros, or the layer's input. */
export type MaskedOutput = "zero" | "input";

/**
 * Normalises the real values of x, as the options of a forward pass ask for it: masked values reach neither the
 * statistics nor, through them, a gradient.
 *
 * @param normalize - what the layer does where the mask is 1; elsewhere x is then 0, and the output may be anything
 * finite
 * @throws ArgumentError if an option is out of range
 * @throws ShapeError if the mask does not fit
 */
export function normalizeReal(
  layer: Norm,
  x: Tensor,
  options: NormForwardOptions,
  normalize: (x: Tensor, mask: Tensor | null, activation: Activation | null) => Tensor,
): Tensor {
  checkOptions(() => `${layer}.forward(x)`, options, normForwardNames);
  const { mask = null, maskedOutput = "zero", activation = null } = options;
  // A trace holds the library's norms as nodes: here a class that extends one is at work, whose parts are no ops.
  tracer?.refuse(
    "the super.forward(x) of a norm",
    "Hold the norm as a property and call its forward, instead of extending its class.",
  );
  if (maskedOutput !== "zero" && maskedOutput !== "input") {
    throw new ArgumentError({
      where: `${layer}.forward(x, { maskedOutput })`,
      expected: '"zero" or "input"',
      received: shown(maskedOutput),
      cure: "Pass one of the two.",
    });
  }
  if (activation !== null && activation !== "relu") {
    throw new ArgumentError({
      where: `${layer}.forward(x, { activation })`,
      expected: '"relu" or none',
      received: shown(activation),
      cure: "Apply other activations to the output.",
    });
  }
  if (mask === null) return normalize(x, null, activation);
  checkMask(layer, x, mask);
  return scope(() => {
    const y = applyMask(normalize(applyMask(x, mask), mask, activation), mask);
    if (maskedOutput === "zero") return y;
    const rest = applyMask(x, complementOf(mask));
    return add(y, activation === "relu" ? relu(rest) : rest);
  });
}

/**
 * Checks that a mask has the rank of x, sizes that broadcast to it, and no values but 0 and 1.
 *
 * @throws ShapeError if its shape does not fit
 * @throws ArgumentError if it holds another value
 */
function checkMask(layer: AnyModule, x: Tensor, mask: Tensor): void {
  const where = `${layer}.forward(x, { mask })`;
  if (mask.rank !== x.rank || mask.shape.some((extent, axis) => extent !== x.shape[axis] && extent !== 1)) {
    throw new ShapeError({
      where,
      expected: `a mask of rank ${x.rank} that broadcasts to ${formatShape(x.shape)}`,
      received: formatShape(mask.shape),
      cure: "Give it as many axes as x, each of the size of x or 1: N×1×L for sequences of N×C×L.",
    });
  }
  checkMaskValues(where, mask, "ones (real values) and zeros (padding)", "Mark each value by 1 or 0.");
}

/** 1 where a mask is 0, and 0 where it is 1. */
function complementOf(mask: Tensor): Tensor {
  return applyNumber("sub", mask, 1, true);
}
