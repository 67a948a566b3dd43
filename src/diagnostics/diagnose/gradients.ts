import type { Batch } from "../../data/dataset.js";
import type { Module } from "../../nn/module.js";
import { scope } from "../../scope.js";
import type { Tensor } from "../../tensor.js";
import { inputsOf, type Loss, lossFor, targetsOf } from "../../train/step.js";

/** Sizes of a parameter and of its gradient. */
export interface GradientSize {
  readonly gradient: number;
  readonly parameter: number;
}

/**
 * ‖∂loss/∂p‖₂ and ‖p‖₂ of each parameter for one batch, as modes and switches stand. Gradients that were there before
 * are there again.
 */
export async function gradientSizes<Target>(
  model: Module,
  batch: Batch<Target>,
  loss: Loss<Target> | undefined,
): Promise<Map<Tensor, GradientSize>> {
  const parameters = model.parameters();
  const before = parameters.map((parameter) => parameter.exchangeGrad(null));
  const sizes = new Map<Tensor, GradientSize>();
  try {
    scope(() => lossFor("diagnose(model, data)", loss)(model.forward(inputsOf(batch)), targetsOf(batch)).backward());
    for (const parameter of parameters) {
      if (parameter.grad === null) continue;
      sizes.set(parameter, { gradient: await norm(parameter.grad), parameter: await norm(parameter) });
    }
  } finally {
    parameters.forEach((parameter, k) => {
      parameter.exchangeGrad(before[k])?.dispose();
    });
  }
  return sizes;
}

async function norm(t: Tensor): Promise<number> {
  return Math.sqrt((await t.data()).reduce((sum, value) => sum + value * value, 0));
}
