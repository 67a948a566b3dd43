import { noGrad } from "../autograd.js";
import { ArgumentError } from "../errors.js";
import type { AnyModule } from "../nn/module.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { tensorsIn } from "./argument.js";

/** The values of the tensors that a model gives for its inputs. @param caller - whom the error names */
export function outputsOf(model: AnyModule, inputs: readonly Tensor[], caller = "foldBatchNorm"): Float32Array[] {
  return scope(() =>
    noGrad(() => {
      const output: unknown = Reflect.apply(model.forward, model, inputs);
      const tensors = tensorsIn(output);
      if (tensors.length > 0) return tensors.map((t) => t.dataSync());
      throw new ArgumentError({
        where: `${caller}(model, { probe })`,
        expected: "a model whose output for the probe is a tensor, or arrays or objects of them",
        received: Array.isArray(output) ? "an array without any" : typeof output,
        cure: "Leave the probe out.",
      });
    }),
  );
}

/** How far outputs of two models are apart. */
export function largestDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  // Equal infinities do not differ; NaN against anything else does.
  return a.reduce(
    (largest, values, k) =>
      values.reduce(
        (most, value, i) => Math.max(most, Object.is(value, b[k][i]) ? 0 : Math.abs(value - b[k][i])),
        largest,
      ),
    0,
  );
}
