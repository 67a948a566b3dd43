import type { Optimization } from "../backend.js";
import type { Runtime } from "./runtime.js";

/** Squares are summed in pieces of this many values. */
const piece = 16384;

/** What a value takes, in ns: {@link Runtime.share}. */
const nanoseconds = { sgd: 0.25, momentum: 0.35, adam: 0.6, square: 0.06, clip: 0.15 };

/** Steps of optimisers: assembly/optimization.ts. */
export function optimization(runtime: Runtime): Optimization<number> {
  return {
    sgdStep(parameter, gradient, velocity, length, step) {
      const { lr, momentum, nesterov, weightDecay, first, gradientScale } = step;
      const lines = Math.ceil(length / 16);
      if (velocity === null) {
        runtime.share("sgdPlain", lines, nanoseconds.sgd * length, parameter, gradient, gradientScale, lr, weightDecay);
      } else {
        const flags = [Number(nesterov), Number(first)];
        runtime.share(
          "sgdMomentum",
          lines,
          nanoseconds.momentum * length,
          parameter,
          gradient,
          velocity,
          gradientScale,
          lr,
          weightDecay,
          momentum,
          ...flags,
        );
      }
    },

    adamStep(parameter, gradient, first, second, length, step) {
      const { lr, beta1, beta2, eps, weightDecay, decoupled, correction1, correction2, gradientScale } = step;
      runtime.share(
        "adam",
        Math.ceil(length / 16),
        nanoseconds.adam * length,
        parameter,
        gradient,
        first,
        second,
        gradientScale,
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
        runtime.share("squarePieces", count, work, table, partial);
        runtime.run("mergeSquares", 1, partial, count, total);
      });
    },

    clipToNorm(x, length, total, maxNorm) {
      runtime.share("clip", Math.ceil(length / 16), nanoseconds.clip * length, x, total, maxNorm);
    },
  };
}
