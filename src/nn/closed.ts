import type { Tensor } from "../tensor.js";
import { tracer } from "../tracing.js";
import type { AnyModule } from "./module.js";

/** What modules state of themselves ({@link LayerTraits.keepsNothing}), asked once of each, since it is needed at every step. */
const stated = new WeakMap<AnyModule, boolean>();

function keepsNothing(module: AnyModule): boolean {
  const known = stated.get(module);
  if (known !== undefined) return known;
  const keeps = module.keepsNothing;
  stated.set(module, keeps);
  return keeps;
}

/** Whether no code but that of layers which keep nothing sees what a module is given and gives: nobody listens, to it or inside it. */
export function isClosed(module: AnyModule): boolean {
  if (module.hooked || Object.hasOwn(module, "forward") || !keepsNothing(module)) return false;
  return module.children().every(([, child]) => isClosed(child));
}

/** Frees what one layer gave to the next, once it has been used, where nobody else can have seen it. What gradients need of it stays. */
export function release(between: Tensor): void {
  if (tracer === null) between.dispose();
}
