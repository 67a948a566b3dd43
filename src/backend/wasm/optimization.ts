import type { Optimization } from "../backend.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";

/** Squares are summed in pieces of this many values. */
const piece = 16384;

/** What a value takes, in ns: {@link Runtime.share}. */
const nanoseconds = { sgd: 0.25, momentum: 0.35, adam: 0.6, square: 0.06, clip: 0.15 };

/** Steps of optimisers: assembly/optimization/. */
export function optimization(runtime: Runtime): Optimization<number> {
  return {
    sgdStep(parameter, gradient, velocity, length, step) {
      const { lr, momentum, nesterov, weightDecay, first, gradientScale: scale } = step;
      const units = Math.ceil(length / 16);
      if (velocity === null) {
        const args = { p: parameter, gradient, scale, lr, weightDecay };
        runtime.share(kernels.sgdPlain, { units, work: nanoseconds.sgd * length }, args);
      } else {
        const args = { p: parameter, gradient, velocity, scale, lr, weightDecay, momentum, nesterov, first };
        runtime.share(kernels.sgdMomentum, { units, work: nanoseconds.momentum * length }, args);
      }
    },

    adamStep(parameter, gradient, first, second, length, step) {
      const { lr, beta1, beta2, eps, weightDecay, decoupled, correction1, correction2, gradientScale } = step;
      runtime.share(
        kernels.adam,
        { units: Math.ceil(length / 16), work: nanoseconds.adam * length },
        {
          p: parameter,
          gradient,
          first,
          second,
          scale: gradientScale,
          beta1,
          rest1: 1 - beta1,
          beta2,
          rest2: 1 - beta2,
          stepSize: lr / correction1,
          inverse2: 1 / correction2,
          eps,
          decay: decoupled ? 0 : weightDecay,
          shrink: decoupled ? 1 - lr * weightDecay : 1,
        },
      );
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

    clipToNorm(x, length, total, maxNorm) {
      const work = nanoseconds.clip * length;
      runtime.share(kernels.clip, { units: Math.ceil(length / 16), work }, { x, total, maxNorm });
    },
  };
}
