import type { Optimization } from "../backend.js";
import type { Runtime } from "./runtime.js";

/** Squares are summed in pieces of this many values. */
const piece = 16384;

/** Steps of optimisers: assembly/optimization.ts. */
export function optimization(runtime: Runtime): Optimization<number> {
  return {
    sgdStep(parameter, gradient, velocity, length, { lr, momentum, nesterov, weightDecay, first }) {
      const lines = Math.ceil(length / 16);
      if (velocity === null) {
        runtime.share("sgdPlain", lines, 3 * length, parameter, gradient, lr, weightDecay);
      } else {
        const flags = [Number(nesterov), Number(first)];
        runtime.share(
          "sgdMomentum",
          lines,
          5 * length,
          parameter,
          gradient,
          velocity,
          lr,
          weightDecay,
          momentum,
          ...flags,
        );
      }
    },

    adamStep(parameter, gradient, first, second, length, step) {
      const { lr, beta1, beta2, eps, weightDecay, decoupled, correction1, correction2 } = step;
      runtime.share(
        "adam",
        Math.ceil(length / 16),
        7 * length,
        parameter,
        gradient,
        first,
        second,
        beta1,
        1 - beta1,
        beta2,
        1 - beta2,
        lr / correction1,
        1 / correction2,
        eps,
        decoupled ? 0 : weightDecay,
        decoupled ? 1 - lr * weightDecay : 1,
      );
    },

    addSquares(x, length, total) {
      const pieces = Math.ceil(length / piece);
      runtime.withScratch(8 * pieces, (partial) => {
        runtime.share("squarePieces", pieces, length, x, partial, length, piece);
        runtime.run("mergeSquares", 1, partial, pieces, total);
      });
    },

    clipToNorm(x, length, total, maxNorm) {
      runtime.share("clip", Math.ceil(length / 16), 2 * length, x, total, maxNorm);
    },
  };
}
