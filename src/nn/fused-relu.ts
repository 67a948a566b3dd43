import { tracer } from "../tracing.js";
import { ReLU } from "./activations.js";
import { statementOf } from "./closed.js";
import type { AnyModule } from "./module.js";
import { Norm } from "./norms/norm.js";

/**
 * Whether a layer can compute the ReLU behind it in its own pass, with the same values and gradients: a norm whose
 * `forward` nobody has replaced or listens to. Not while a trace looks at each by itself.
 */
export function takesRelu(layer: AnyModule): layer is Norm {
  return layer instanceof Norm && !layer.hooked && statementOf(layer).fusesRelu && tracer === null;
}

/** Whether a layer is a {@link ReLU} whose `forward` nobody has replaced or listens to. */
export function isPlainRelu(layer: AnyModule | undefined): boolean {
  return layer instanceof ReLU && !layer.hooked && layer.forward === ReLU.prototype.forward;
}
