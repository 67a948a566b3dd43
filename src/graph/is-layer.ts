import { layerClasses } from "../nn/layer-classes.js";
import type { AnyModule } from "../nn/module.js";
import { Residual } from "../nn/residual.js";
import { Sequential } from "../nn/sequential.js";

const classes = Object.values(layerClasses).filter(
  (layerClass) => layerClass !== Sequential && layerClass !== Residual,
);

/** Whether a module is exactly one of the library's layers, which a graph holds as a node; not what holds layers in an order. */
export function isLayer(module: AnyModule): boolean {
  return classes.some((layerClass) => module.is(layerClass));
}
