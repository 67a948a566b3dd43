import { noGrad } from "../../autograd.js";
import { tensor } from "../../create.js";
import { leavesOf } from "../../graph/argument.js";
import type { AnyModule, Module } from "../../nn/module.js";
import { scope } from "../../scope.js";
import type { Tensor } from "../../tensor.js";
import { evaluating } from "../../train/mode.js";
import type { ModelArray } from "./arrays.js";

/** What a network gives in evaluation mode: its output, or those of an array or object in order. */
export async function networkOutputs(model: AnyModule, inputs: readonly ModelArray[]): Promise<ModelArray[]> {
  return evaluating(model, async () => {
    const outputs = scope(() =>
      noGrad(() => {
        const given = inputs.map(({ shape, values }) => tensor(Float32Array.from(values), shape));
        return leavesOf((model as Module<Tensor[], unknown>).forward(...given)) as Tensor[];
      }),
    );
    const arrays: ModelArray[] = [];
    for (const y of outputs) arrays.push({ shape: y.shape, values: await y.data() });
    for (const y of new Set(outputs)) y.dispose();
    return arrays;
  });
}
