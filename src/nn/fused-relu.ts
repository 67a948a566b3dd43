import { tracer } from "../tracing.js";
import { ReLU } from "./activations.js";
import type { AnyModule } from "./module.js";
import { Norm } from "./norms/norm.js";

/**
 * Whether a layer and the one behind it run as one pass, with the same values and gradients: a norm whose `forward` nobody has replaced, and
 * a ReLU. Not where somebody listens to either, or traces.
 */
export function fusesWithRelu(layer: AnyModule, next: AnyModule | undefined): layer is Norm {
  return (
    next instanceof ReLU &&
    layer instanceof Norm &&
    !layer.hooked &&
    !next.hooked &&
    layer.forward === Norm.prototype.forward &&
    next.forward === ReLU.prototype.forward &&
    tracer === null
  );
}
