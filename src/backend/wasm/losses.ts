import type { Losses } from "../backend.js";
import type { Runtime } from "./runtime.js";

/** What a row and a value of it take, in ns, forward and backward: {@link Runtime.share}. */
const nanoseconds = { row: 50, value: 2.5, rowGradient: 20, valueGradient: 1.5 };

/** Cross-entropy: assembly/losses.ts. */
export function losses(runtime: Runtime): Losses<number> {
  return {
    crossEntropy(logits, labels, weights, smoothing, rows, classes, logProbabilities, loss) {
      const w = weights ?? 0;
      runtime.withScratch(8 * rows, (terms) => {
        runtime.share(
          "crossEntropyRows",
          rows,
          rows * (nanoseconds.row + nanoseconds.value * classes),
          logits,
          labels,
          w,
          smoothing,
          classes,
          logProbabilities,
          terms,
        );
        runtime.run("crossEntropyMean", 1, terms, labels, w, rows, loss);
      });
    },

    crossEntropyGradient(dloss, logProbabilities, labels, weights, smoothing, rows, classes, dlogits) {
      const w = weights ?? 0;
      runtime.withScratch(16, (factors) => {
        runtime.run("crossEntropyFactors", 1, dloss, labels, w, rows, classes, factors);
        const args = [logProbabilities, labels, w, smoothing, classes, factors, dlogits];
        const work = rows * (nanoseconds.rowGradient + nanoseconds.valueGradient * classes);
        runtime.share("crossEntropyRowsGradient", rows, work, ...args);
      });
    },
  };
}
