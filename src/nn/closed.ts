import type { Tensor } from "../tensor.js";
import { tracer } from "../tracing.js";
import { leafClasses } from "./leaf-classes.js";
import type { AnyModule } from "./module.js";

const leaves = new Set<unknown>(Object.values(leafClasses));
const containers = new Set<unknown>();

/** Names a class that shows what passes between its layers to nobody but them. */
export function markContainer(layerClass: unknown): void {
  containers.add(layerClass);
}

/** Whether no code but the library's sees what a module is given and gives: it and all inside it are layers of the library without listeners. */
export function isClosed(module: AnyModule): boolean {
  if (module.hooked || Object.hasOwn(module, "forward")) return false;
  if (leaves.has(module.constructor)) return true;
  return containers.has(module.constructor) && module.children().every(([, child]) => isClosed(child));
}

/** Frees what one layer gave to the next, once it has been used, where nobody else can have seen it. What gradients need of it stays. */
export function release(between: Tensor): void {
  if (tracer === null) between.dispose();
}
