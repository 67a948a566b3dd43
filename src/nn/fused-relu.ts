import { tracer } from "../tracing.js";
import { ReLU } from "./activations.js";
import type { AnyModule } from "./module.js";
import { Norm } from "./norms/norm.js";

/** What each norm's class says, asked once: the answer is needed at every step. */
const fusing = new WeakMap<Norm, boolean>();

function fusesRelu(norm: Norm): boolean {
  const known = fusing.get(norm);
  if (known !== undefined) return known;
  const fuses = norm.fusesRelu;
  fusing.set(norm, fuses);
  return fuses;
}

/**
 * Whether a layer can compute the ReLU behind it in its own pass, with the same values and gradients: a norm whose `forward` nobody has
 * replaced or listens to. Not while a trace looks at each by itself.
 */
export function takesRelu(layer: AnyModule): layer is Norm {
  if (!(layer instanceof Norm) || layer.hooked || tracer !== null) return false;
  return !Object.hasOwn(layer, "forward") && fusesRelu(layer);
}

/** Whether a layer is a {@link ReLU} whose `forward` nobody has replaced or listens to. */
export function isPlainRelu(layer: AnyModule | undefined): boolean {
  return layer instanceof ReLU && !layer.hooked && layer.forward === ReLU.prototype.forward;
}
