import { noGrad } from "../autograd.js";
import type { Batch } from "../data/dataset.js";
import type { Module } from "../nn/module.js";
import { BatchNorm } from "../nn/norms/batch-norm.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { forwardOf, inputsOf } from "./step.js";

/**
 * Runs a batch once more and names the first layer, in the order in which layers run, whose output is not finite:
 * `norm1: BatchNorm(16)`. Null if all are. Running statistics stay as they are.
 */
export async function findNonFinite(model: Module, batch: Batch<unknown>): Promise<string | null> {
  const leaves = model.namedModules().filter(([, module]) => module.children().length === 0);
  const seen: { name: string; output: Tensor }[] = [];
  const removals = leaves.map(([name, module]) =>
    module.onForward((_, __, output) => {
      seen.push({ name: name === "" ? `${module}` : `${name}: ${module}`, output: output.detach() });
    }),
  );
  const norms = leaves.flatMap(([, module]) => (module instanceof BatchNorm && module.updateRunning ? [module] : []));
  for (const norm of norms) norm.updateRunning = false;
  try {
    scope(() =>
      noGrad(() => {
        forwardOf(model, batch, inputsOf(batch));
        return seen;
      }),
    );
    for (const { name, output } of seen) {
      const values = await output.data();
      if (!values.every(Number.isFinite)) return name;
    }
    return null;
  } finally {
    for (const { output } of seen) output.dispose();
    for (const remove of removals) remove();
    for (const norm of norms) norm.updateRunning = true;
  }
}
