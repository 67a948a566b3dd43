import type { Optimization } from "../backend.js";
import { lines } from "./elementwise.js";
import type { Runtime } from "./runtime.js";

/** Squares are summed in pieces of this many values. */
const piece = 16384;
const bytesPerDouble = 8;

/** Steps of optimisers: assembly/optimization.ts. */
export function optimization(runtime: Runtime): Optimization<number> {
  return {
    sgdStep(parameter, gradient, velocity, length, { lr, momentum, nesterov, weightDecay, first }) {
      if (velocity === null) {
        runtime.run("sgdPlain", lines(length), parameter, gradient, lr, weightDecay);
        return;
      }
      const flags = [Number(nesterov), Number(first)];
      runtime.run("sgdMomentum", lines(length), parameter, gradient, velocity, lr, weightDecay, momentum, ...flags);
    },
    adamStep(parameter, gradient, first, second, length, step) {
      const { lr, beta1, beta2, eps, weightDecay, decoupled, correction1, correction2 } = step;
      const moments = [beta1, 1 - beta1, beta2, 1 - beta2];
      const decay = decoupled ? [0, 1 - lr * weightDecay] : [weightDecay, 1];
      const sizes = [lr / correction1, 1 / correction2, eps];
      runtime.run("adam", lines(length), parameter, gradient, first, second, ...moments, ...sizes, ...decay);
    },
    addSquares(x, length, total) {
      const pieces = Math.ceil(length / piece);
      runtime.withScratch(pieces * bytesPerDouble, (partial) => {
        runtime.run("squarePieces", pieces, x, partial, length, piece);
        runtime.run("mergeSquares", 1, partial, pieces, total);
      });
    },
    clipToNorm(x, length, total, maxNorm) {
      runtime.run("clip", lines(length), x, total, maxNorm);
    },
  };
}
