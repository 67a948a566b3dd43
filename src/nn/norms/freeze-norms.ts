import { checkOptions } from "../../options.js";
import type { AnyModule } from "../module.js";
import { RunningNorm } from "./running-norm.js";

/** Options of {@link freezeNorms}. */
export interface FreezeNormsOptions {
  /** Whether their weights and biases stop being trained too. @defaultValue false */
  readonly affine?: boolean;
}

/** What {@link freezeNorms} did. */
export interface FrozenNorms {
  /** Paths of the norms that are now frozen, as in {@link Module.namedModules}. */
  readonly frozen: readonly string[];
  /** Unfreezes those that were not frozen before, and trains again what was trained before. */
  readonly unfreeze: () => void;
}

/**
 * Freezes every norm with running statistics in a model: each becomes the fixed affine map that it is in evaluation,
 * and stays so through `train()`. For fine-tuning at small batches, and the last epochs of a training (Wu & Johnson
 * 2021, arXiv:2105.07576, §3.2). Norms without running statistics have nothing to freeze, and are left alone.
 *
 * @param model - any module; one inside another too
 * @returns what was frozen, and the way back
 * @example
 * ```ts
 * const model = new Sequential(new Linear(4, 8), new BatchNorm(8), new LayerNorm(8));
 * const { frozen, unfreeze } = freezeNorms(model, { affine: true });
 * frozen; // ["1"]
 * unfreeze();
 * ```
 */
export function freezeNorms(model: AnyModule, options: FreezeNormsOptions = {}): FrozenNorms {
  checkOptions("freezeNorms(model)", options, { affine: true });
  const { affine = false } = options;
  const found = model
    .namedModules()
    .flatMap(([name, module]) =>
      module instanceof RunningNorm && module.runningMean !== null ? [{ name, module }] : [],
    );
  const restore = found.map(({ module }) => {
    const wasFrozen = module.frozen;
    const trained = affine ? module.parameters().filter((parameter) => parameter.requiresGrad) : [];
    module.freeze();
    for (const parameter of trained) {
      parameter.requiresGrad = false;
      // An optimiser's step passes over parameters without gradient.
      parameter.grad = null;
    }
    return () => {
      if (!wasFrozen) module.unfreeze();
      for (const parameter of trained) parameter.requiresGrad = true;
    };
  });
  return {
    frozen: found.map(({ name }) => name),
    unfreeze: () => {
      for (const undo of restore) undo();
    },
  };
}
