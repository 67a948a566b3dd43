import type { AnyModule } from "./module.js";

/** Brings what the host wants to know of a model on a device: see {@link Module.refresh}. */
export async function refreshAll(model: AnyModule): Promise<void> {
  await Promise.all(model.namedModules().map(([, module]) => module.refresh()));
}
