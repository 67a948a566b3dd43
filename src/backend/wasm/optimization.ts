import type { Optimization, StepNumbers } from "../backend.js";
import { moveGate } from "../host-steps.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";

/** Squares are summed in pieces of this many values. */
const piece = 16384;

/** What a value takes, in ns: {@link Runtime.share}. */
const nanoseconds = { sgd: 0.25, momentum: 0.35, adam: 0.6, square: 0.06, clip: 0.15 };

/** Steps of optimisers: assembly/optimization/. */
export function optimization(runtime: Runtime): Optimization<number> {
  const numbersAt = (block: number, count: number): Float64Array =>
    new Float64Array(runtime.memory.bytes.buffer, block, count);

  /** What multiplies the gradients of a step; null: the step is not to be taken. */
  function scaleOf({ gradientScale, gate }: StepNumbers<number>): number | null {
    if (gate === null) return gradientScale;
    const [isOpen, scale] = numbersAt(gate, 2);
    return isOpen === 0 ? null : gradientScale * scale;
  }

  return {
    sgdStep(updates, step) {
      const scale = scaleOf(step);
      if (scale === null) return;
      const { lr, momentum, nesterov, first } = step;
      for (const { parameter: p, gradient, velocity, length, weightDecay } of updates) {
        const units = Math.ceil(length / 16);
        if (velocity === null) {
          const args = { p, gradient, scale, lr, weightDecay };
          runtime.share(kernels.sgdPlain, { units, work: nanoseconds.sgd * length }, args);
        } else {
          const args = { p, gradient, velocity, scale, lr, weightDecay, momentum, nesterov, first };
          runtime.share(kernels.sgdMomentum, { units, work: nanoseconds.momentum * length }, args);
        }
      }
    },

    adamStep(updates, step) {
      const scale = scaleOf(step);
      if (scale === null) return;
      const { lr, beta1, beta2, eps, decoupled, correction1, correction2 } = step;
      const [rest1, rest2] = [1 - beta1, 1 - beta2];
      const [stepSize, inverse2] = [lr / correction1, 1 / correction2];
      for (const { parameter: p, gradient, first, second, length, weightDecay } of updates) {
        const decay = decoupled ? 0 : weightDecay;
        const shrink = decoupled ? 1 - lr * weightDecay : 1;
        runtime.share(
          kernels.adam,
          { units: Math.ceil(length / 16), work: nanoseconds.adam * length },
          { p, gradient, first, second, scale, beta1, rest1, beta2, rest2, stepSize, inverse2, eps, decay, shrink },
        );
      }
    },

    sumSquares(xs, total) {
      const pieces: number[] = [];
      for (const { block, length } of xs) {
        for (let at = 0; at < length; at += piece) pieces.push(block + 4 * at, Math.min(piece, length - at));
      }
      const count = pieces.length / 2;
      const work = nanoseconds.square * xs.reduce((sum, { length }) => sum + length, 0);
      runtime.withScratch(16 * count, (table) => {
        const partial = table + 8 * count;
        runtime.memory.bytes.set(new Uint8Array(Int32Array.from(pieces).buffer), table);
        runtime.share(kernels.squarePieces, { units: count, work }, { pieces: table, partial });
        runtime.run(kernels.mergeSquares, 1, { partial, pieces: count, total });
      });
    },

    clipToNorm(xs, total, maxNorm) {
      for (const { block: x, length } of xs) {
        const work = nanoseconds.clip * length;
        runtime.share(kernels.clip, { units: Math.ceil(length / 16), work }, { x, total, maxNorm });
      }
    },

    openGate(loss, squares, gate, limits) {
      const [value] = new Float32Array(runtime.memory.bytes.buffer, loss, 1);
      moveGate(numbersAt(gate, 2), value, numbersAt(squares, 1)[0], limits);
    },
  };
}
