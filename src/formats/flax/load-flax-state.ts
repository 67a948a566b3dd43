import type { StateDictDifference } from "../../nn/match-state.js";
import type { AnyModule } from "../../nn/module.js";
import { checkOptions } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import { type ForeignStateOptions, loadForeignState, permuteAxes, type Values } from "../foreign-state.js";

/**
 * Loads the variables of a Flax model into a network of the same layers, all of them or, if anything is wrong, none.
 *
 * Names are flattened paths: `params/Conv_0/kernel` and `batch_stats/BatchNorm_0/mean`, with `/` or `.` between.
 * Kernels turn from (H, W, I, O) into (O, I, H, W), those of Dense layers from (I, O) into (O, I); a transposed
 * convolution's is mirrored too, which Flax does not do. scale, bias, mean and var are a norm's weight, bias, running
 * mean and variance; without scale the weight is 1, without bias it is 0. A Dense layer behind a flattening was given
 * (H, W, C) and is now given (C, H, W): its columns are put in that order. The stored variance is biased, and momentum
 * 0.99 means the same, as here.
 *
 * Layers of a kind are matched in the order of the numbers in their names (Conv_2 before Conv_10), since a Flax state
 * is sorted by name.
 *
 * @param model - with layers that hold the same
 * @param variables - by flattened path
 * @returns what is missing and left over, with `strict: false`
 * @throws StateDictError listing all that is missing (by our names), left over (by theirs) or mis-shaped
 * @throws ArgumentError if a layer that is named is not there, or a Flatten hides how many channels there were
 * @example
 * ```ts
 * const model = new Sequential(new Linear(2, 1, { bias: false }));
 * loadFlaxState(model, { "params/Dense_0/kernel": tensor([[3], [5]]) });
 * model.layers[0].weight.dataSync(); // Float32Array [3, 5]
 * ```
 */
export function loadFlaxState(
  model: AnyModule,
  variables: Readonly<Record<string, Tensor>>,
  options: ForeignStateOptions = {},
): StateDictDifference {
  checkOptions("loadFlaxState(model, variables)", options, { layers: true, flattened: true, strict: true });
  return loadForeignState(
    model,
    variables,
    {
      where: "loadFlaxState(model, variables)",
      parse: (entry) => {
        const path = entry.replace(/^(params|batch_stats)[/.]/, "");
        const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("."));
        return { layer: path.slice(0, Math.max(0, at)), role: path.slice(at + 1) };
      },
      roles: {
        ...{ kernel: "weight", embedding: "weight", scale: "weight" },
        ...{ bias: "bias", mean: "running_mean", var: "running_var" },
      },
      order: (layers) => [...layers].sort(byNumber),
      transposedKernel: (kernel) => permuteAxes(mirrored(kernel), [2, 3, 0, 1]),
    },
    options,
  );
}

const numeric = new Intl.Collator("en", { numeric: true });
const byNumber = (a: string, b: string): number => numeric.compare(a, b);

/** A kernel (H, W, …) turned by half a turn. */
function mirrored({ values, shape: [height, width, ...rest] }: Values): Values {
  const inner = rest.reduce((product, extent) => product * extent, 1);
  const turned = new Float32Array(values.length);
  for (let k = 0; k < height * width; k++) {
    turned.set(values.subarray(k * inner, (k + 1) * inner), (height * width - 1 - k) * inner);
  }
  return { values: turned, shape: [height, width, ...rest] };
}
