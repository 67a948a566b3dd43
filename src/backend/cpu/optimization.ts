import type { Optimization } from "../backend.js";
import { f32, f64 } from "./memory.js";

/** Steps of optimisers, in place, and the norm they may be clipped by. */
export const optimization: Optimization<ArrayBuffer> = {
  sgdStep(parameter, gradient, velocity, length, { lr, momentum, nesterov, weightDecay, first, gradientScale }) {
    const p = f32(parameter);
    const gradients = f32(gradient);
    const velocities = velocity === null ? null : f32(velocity);
    for (let i = 0; i < length; i++) {
      const g = Math.fround(gradientScale * gradients[i]) + weightDecay * p[i];
      if (velocities === null) {
        p[i] -= lr * g;
      } else {
        const v = first ? g : momentum * velocities[i] + g;
        velocities[i] = v;
        p[i] -= lr * (nesterov ? g + momentum * v : v);
      }
    }
  },

  adamStep(parameter, gradient, first, second, length, step) {
    const { lr, beta1, beta2, eps, weightDecay, decoupled, correction1, correction2, gradientScale } = step;
    const p = f32(parameter);
    const gradients = f32(gradient);
    const firsts = f32(first);
    const seconds = f32(second);
    for (let i = 0; i < length; i++) {
      const scaled = Math.fround(gradientScale * gradients[i]);
      const g = decoupled ? scaled : scaled + weightDecay * p[i];
      const decayed = decoupled ? p[i] - lr * weightDecay * p[i] : p[i];
      const m = beta1 * firsts[i] + (1 - beta1) * g;
      const v = beta2 * seconds[i] + (1 - beta2) * g * g;
      firsts[i] = m;
      seconds[i] = v;
      p[i] = decayed - (lr * (m / correction1)) / (Math.sqrt(v / correction2) + eps);
    }
  },

  sumSquares(xs, total) {
    let sum = 0;
    for (const { block, length } of xs) {
      const values = f32(block);
      for (let i = 0; i < length; i++) sum += values[i] * values[i];
    }
    f64(total)[0] = sum;
  },

  clipToNorm(x, length, total, maxNorm) {
    const norm = Math.sqrt(f64(total)[0]);
    if (norm === 0 || !Number.isFinite(norm)) return;
    const values = f32(x);
    const factor = Math.min(1, maxNorm / norm);
    for (let i = 0; i < length; i++) values[i] *= factor;
  },
};
