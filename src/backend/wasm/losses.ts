import type { Losses } from "../backend.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";

/** What a row and a value of it take, in ns, forward and backward: {@link Runtime.share}. */
const nanoseconds = { row: 50, value: 2.5, rowGradient: 20, valueGradient: 1.5 };

/** Cross-entropy: assembly/losses/cross-entropy.ts. */
export function losses(runtime: Runtime): Losses<number> {
  return {
    crossEntropy(logits, labels, weights, smoothing, rows, classes, logProbabilities, loss) {
      const shared = { labels, weights: weights ?? 0 };
      runtime.withScratch(8 * rows, (terms) => {
        const work = rows * (nanoseconds.row + nanoseconds.value * classes);
        const results = { logP: logProbabilities, terms };
        runtime.share(kernels.crossEntropyRows, {
          units: rows,
          work,
          logits,
          ...shared,
          smoothing,
          classes,
          ...results,
        });
        runtime.run(kernels.crossEntropyMean, { units: 1, terms, ...shared, rows, loss });
      });
    },

    crossEntropyGradient(dloss, logProbabilities, labels, weights, smoothing, rows, classes, dlogits) {
      const shared = { labels, weights: weights ?? 0, classes };
      runtime.withScratch(16, (factors) => {
        runtime.run(kernels.crossEntropyFactors, { units: 1, dloss, ...shared, rows, factors });
        const work = rows * (nanoseconds.rowGradient + nanoseconds.valueGradient * classes);
        const row = { logP: logProbabilities, ...shared, smoothing, factors, dlogits };
        runtime.share(kernels.crossEntropyRowsGradient, { units: rows, work, ...row });
      });
    },
  };
}
