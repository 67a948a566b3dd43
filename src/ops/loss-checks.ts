import { DataError, ShapeError } from "../errors.js";
import { formatShape, sameShape } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { tracer } from "../tracing.js";
import { checkHasValues } from "./empty-axes.js";

/** @throws ShapeError if two tensors differ in shape, or hold nothing */
export function checkSame(where: string, a: Tensor, b: Tensor): void {
  checkTensor(where, a);
  checkTensor(where, b);
  if (sameShape(a.shape, b.shape)) {
    checkHasValues(
      where,
      a.shape,
      a.shape.map((_, axis) => axis),
      "Pass at least one sample.",
    );
    return;
  }
  throw new ShapeError({
    where,
    expected: "two tensors of one shape",
    received: `${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    cure: "Reshape one of them; a loss does not broadcast.",
  });
}

/** Losses are no ops of a network. */
export function refuseTrace(name: string): void {
  tracer?.refuse(`${name}()`, "Apply losses to what the module returns.");
}

/** @throws DataError if a target lies outside [0, 1] */
export function checkProbabilities(where: string, targets: Tensor): void {
  targets.backend.expect(
    { is: "between", low: 0, high: 1 },
    targets.block,
    targets.size,
    ({ value, place }) =>
      new DataError({
        where,
        expected: "targets from 0 to 1",
        received: `${value} at place ${place}`,
        cure: "Pass 0 and 1, or probabilities: divide a mask of 0 and 255 by 255.",
      }),
  );
}
