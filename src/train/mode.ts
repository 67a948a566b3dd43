import type { AnyModule } from "../nn/module.js";

/**
 * Runs `body` with a model in evaluation mode and puts it back into training mode if it was; switches set by hand stay
 * as they are.
 */
export async function evaluating<T>(model: AnyModule, body: () => T | Promise<T>): Promise<T> {
  if (!model.training) return await body();
  const before = model.namedModules().map(([, module]) => module.saveMode());
  model.eval();
  try {
    return await body();
  } finally {
    for (const restore of before) restore();
  }
}
