import { layerName } from "../nn/layer-classes.js";
import type { AnyModule } from "../nn/module.js";

/** Whether a module is exactly one of the library's layers, which a graph holds as a node. */
export function isLayer(module: AnyModule): boolean {
  return layerName(module) !== null && !module.isComposite;
}
