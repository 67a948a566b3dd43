import type { StateDictDifference } from "../../nn/match-state.js";
import type { AnyModule } from "../../nn/module.js";
import { checkOptions } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import { type ForeignStateOptions, loadForeignState, permuteAxes } from "../foreign-state.js";

/**
 * Loads the weights of a Keras or TF.js model into a network of the same layers, all of them or, if anything is wrong,
 * none.
 *
 * Names are those of Keras: `conv2d_1/kernel`, with or without `:0`; kernels turn from (H, W, I, O) into (O, I, H, W),
 * those of Dense layers from (I, O) into (O, I), depthwise ones from (H, W, I, M) into (I·M, 1, H, W). gamma, beta,
 * moving_mean and moving_variance are a norm's weight, bias, running mean and variance; without gamma (`scale: false`)
 * the weight is 1, without beta (`center: false`) the bias 0. A Dense layer behind a Flatten was given (H, W, C) and is
 * now given (C, H, W): its columns are put in that order. The stored variance is biased, as ours. eps and momentum do
 * not stand in the weights: Keras has eps 1e-3 (ours is 1e-5), and momentum 0.99, which means the same here.
 *
 * @param model - with layers that hold the same
 * @param weights - by Keras's names, in the order of the model
 * @returns what is missing and left over, with `strict: false`
 * @throws StateDictError listing all that is missing (by our names), left over (by theirs) or mis-shaped
 * @throws ArgumentError if a layer that is named is not there, or a Flatten hides how many channels there were
 * @example
 * ```ts
 * const model = new Sequential(new Linear(2, 1), new BatchNorm(1, { eps: 1e-3 }));
 * const norm = { gamma: tensor([2]), beta: tensor([0]), moving_mean: tensor([1]), moving_variance: tensor([4]) };
 * const entries = Object.entries(norm).map(([name, t]) => [`batch_normalization/${name}:0`, t]);
 * const dense = { "dense/kernel:0": tensor([[3], [5]]), "dense/bias:0": tensor([7]) };
 * loadKerasState(model, { ...dense, ...Object.fromEntries(entries) });
 * model.layers[0].weight.dataSync(); // Float32Array [3, 5]
 * model.layers[1].runningVar.dataSync(); // Float32Array [4]
 * ```
 */
export function loadKerasState(
  model: AnyModule,
  weights: Readonly<Record<string, Tensor>>,
  options: ForeignStateOptions = {},
): StateDictDifference {
  checkOptions("loadKerasState(model, weights)", options, { layers: true, flattened: true, strict: true });
  return loadForeignState(
    model,
    weights,
    {
      where: "loadKerasState(model, weights)",
      parse: (entry) => {
        const path = entry.replace(/:\d+$/, "");
        const at = path.lastIndexOf("/");
        return { layer: path.slice(0, Math.max(0, at)), role: path.slice(at + 1) };
      },
      roles: {
        ...{ kernel: "weight", depthwise_kernel: "weight", embeddings: "weight", gamma: "weight", scale: "weight" },
        ...{ bias: "bias", beta: "bias", moving_mean: "running_mean", moving_variance: "running_var" },
      },
      order: (layers) => layers,
      // (H, W, O, I): the kernel of the convolution whose gradient it is.
      transposedKernel: (kernel) => permuteAxes(kernel, [3, 2, 0, 1]),
    },
    options,
  );
}
