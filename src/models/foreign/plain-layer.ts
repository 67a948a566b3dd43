import type { AnyModule } from "../../nn/module.js";

/** A class of layers, whatever its constructor takes. */
export type LayerClass<M> = abstract new (...given: never[]) => M;

/** Whether a module is of a class, or of one that changes nothing about it but its constructor and name. */
export function isPlain<M extends AnyModule>(module: AnyModule, layerClass: LayerClass<M>): module is M {
  if (!(module instanceof layerClass) || (Object.hasOwn(module, "forward") && !module.hooked)) return false;
  for (let p = Object.getPrototypeOf(module); p !== layerClass.prototype; p = Object.getPrototypeOf(p)) {
    if (Reflect.ownKeys(p).some((key) => key !== "constructor" && key !== "toString")) return false;
  }
  return true;
}
