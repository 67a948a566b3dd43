import { ArgumentError } from "../errors.js";
import type { AnyModule } from "../nn/module.js";

/**
 * Checks that norms are the fixed maps that they are at inference.
 *
 * @throws ArgumentError if the model is in training mode
 */
export function checkEvaluating(where: string, model: AnyModule): void {
  if (!model.training) return;
  throw new ArgumentError({
    where,
    expected: "a model in evaluation mode, whose norms are fixed maps",
    received: `one in training mode, ${model.constructor.name}`,
    cure: "Call model.eval() first.",
  });
}
