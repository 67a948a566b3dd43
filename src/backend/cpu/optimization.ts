import type { AdamStep, AdamUpdate, Optimization, SgdStep, SgdUpdate, StepNumbers } from "../backend.js";
import { moveGate } from "../host-steps.js";
import { f32, f64 } from "./memory.js";

/** What multiplies the gradients of a step; null: the step is not to be taken. */
function scaleOf({ gradientScale, gate }: StepNumbers<ArrayBuffer>): number | null {
  if (gate === null) return gradientScale;
  const [isOpen, scale] = f64(gate);
  return isOpen === 0 ? null : gradientScale * scale;
}

function sgd(update: SgdUpdate<ArrayBuffer>, scale: number, step: SgdStep<ArrayBuffer>): void {
  const { lr, momentum, nesterov, first } = step;
  const p = f32(update.parameter);
  const gradients = f32(update.gradient);
  const velocities = update.velocity === null ? null : f32(update.velocity);
  for (let i = 0; i < update.length; i++) {
    const g = Math.fround(scale * gradients[i]) + update.weightDecay * p[i];
    if (velocities === null) {
      p[i] -= lr * g;
    } else {
      const v = first ? g : momentum * velocities[i] + g;
      velocities[i] = v;
      p[i] -= lr * (nesterov ? g + momentum * v : v);
    }
  }
}

function adam(update: AdamUpdate<ArrayBuffer>, scale: number, step: AdamStep<ArrayBuffer>): void {
  const { lr, beta1, beta2, eps, decoupled, correction1, correction2 } = step;
  const { weightDecay } = update;
  const p = f32(update.parameter);
  const gradients = f32(update.gradient);
  const firsts = f32(update.first);
  const seconds = f32(update.second);
  for (let i = 0; i < update.length; i++) {
    const scaled = Math.fround(scale * gradients[i]);
    const g = decoupled ? scaled : scaled + weightDecay * p[i];
    const decayed = decoupled ? p[i] - lr * weightDecay * p[i] : p[i];
    const m = beta1 * firsts[i] + (1 - beta1) * g;
    const v = beta2 * seconds[i] + (1 - beta2) * g * g;
    firsts[i] = m;
    seconds[i] = v;
    p[i] = decayed - (lr * (m / correction1)) / (Math.sqrt(v / correction2) + eps);
  }
}

/** Steps of optimisers, in place, and the norm they may be clipped by. */
export const optimization: Optimization<ArrayBuffer> = {
  sgdStep(updates, step) {
    const scale = scaleOf(step);
    if (scale === null) return;
    for (const update of updates) sgd(update, scale, step);
  },

  adamStep(updates, step) {
    const scale = scaleOf(step);
    if (scale === null) return;
    for (const update of updates) adam(update, scale, step);
  },

  sumSquares(xs, total) {
    let sum = 0;
    for (const { block, length } of xs) {
      const values = f32(block);
      for (let i = 0; i < length; i++) sum += values[i] * values[i];
    }
    f64(total)[0] = sum;
  },

  clipToNorm(xs, total, maxNorm) {
    const norm = Math.sqrt(f64(total)[0]);
    if (norm === 0 || !Number.isFinite(norm)) return;
    const factor = Math.min(1, maxNorm / norm);
    for (const { block, length } of xs) {
      const values = f32(block);
      for (let i = 0; i < length; i++) values[i] *= factor;
    }
  },

  openGate(loss, squares, gate, limits) {
    moveGate(f64(gate), f32(loss)[0], f64(squares)[0], limits);
  },
};
