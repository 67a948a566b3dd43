import { layerName } from "../nn/layer-classes.js";
import type { AnyModule } from "../nn/module.js";

/** What holds layers in an order, or is ops and layers: a graph shows what is inside. */
const containers: ReadonlySet<string> = new Set([
  ...["Sequential", "Residual", "Concat", "Parallel", "MultiHeadAttention", "LayerScale"],
]);

/** Whether a module is exactly one of the library's layers, which a graph holds as a node. */
export function isLayer(module: AnyModule): boolean {
  const name = layerName(module);
  return name !== null && !containers.has(name);
}
