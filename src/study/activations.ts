import { noGrad } from "../autograd.js";
import type { Dataset } from "../data/dataset.js";
import type { AnyModule, Module } from "../nn/module.js";
import { crossEntropy } from "../ops/cross-entropy.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { inputsOf } from "../train/step.js";

/** The outputs of some layers for some samples, (N, …) row-major each, in the mode the model is in. */
export async function layerOutputs(
  model: Module,
  layers: readonly AnyModule[],
  samples: Dataset<Int32Array>,
): Promise<Float32Array[]> {
  const outputs = scope(() =>
    noGrad(() => {
      const found = new Map<AnyModule, Tensor>();
      const stops = layers.map((layer) => layer.onForward((_, __, output) => found.set(layer, output.detach())));
      model.forward(inputsOf(samples.batch(Array.from({ length: samples.length }, (_, k) => k))));
      for (const stop of stops) stop();
      return layers.flatMap((layer) => found.get(layer) ?? []);
    }),
  );
  const values = await Promise.all(outputs.map((output) => output.data()));
  for (const output of outputs) output.dispose();
  return values;
}

/**
 * The loss on some samples in training mode, and its gradient with respect to some parameters. Gradients are cleared
 * again.
 */
export async function gradientsOf(
  model: Module,
  parameters: readonly Tensor[],
  samples: Dataset<Int32Array>,
): Promise<{ readonly loss: number; readonly gradients: Float32Array[] }> {
  const batch = samples.batch(Array.from({ length: samples.length }, (_, k) => k));
  const loss = scope(() => {
    const mean = crossEntropy(model.forward(inputsOf(batch)), batch.targets);
    mean.backward();
    return mean.detach();
  });
  const gradients = await Promise.all(
    parameters.map(async ({ grad, size }) => (grad === null ? new Float32Array(size) : grad.data())),
  );
  const [value] = await loss.data();
  loss.dispose();
  for (const parameter of model.parameters()) parameter.grad = null;
  return { loss: value, gradients };
}

/** √Σv² */
export function euclideanNorm(values: ArrayLike<number>): number {
  let total = 0;
  for (let k = 0; k < values.length; k++) total += values[k] ** 2;
  return Math.sqrt(total);
}
