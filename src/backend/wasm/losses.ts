import type { Losses } from "../backend.js";
import type { Runtime } from "./runtime.js";

const bytesPerDouble = 8;

/** Cross-entropy: assembly/losses.ts. */
export function losses(runtime: Runtime): Losses<number> {
  return {
    crossEntropy(logits, labels, weights, smoothing, rows, classes, logProbabilities, loss) {
      const w = weights ?? 0;
      runtime.withScratch(rows * bytesPerDouble, (terms) => {
        runtime.run("crossEntropyRows", rows, logits, labels, w, smoothing, classes, logProbabilities, terms);
        runtime.run("crossEntropyMean", 1, terms, labels, w, rows, loss);
      });
    },
    crossEntropyGradient(dloss, logProbabilities, labels, weights, smoothing, rows, classes, dlogits) {
      const w = weights ?? 0;
      runtime.withScratch(2 * bytesPerDouble, (factors) => {
        runtime.run("crossEntropyFactors", 1, dloss, labels, w, rows, classes, factors);
        const numbers = [logProbabilities, labels, w, smoothing, classes, factors, dlogits];
        runtime.run("crossEntropyRowsGradient", rows, ...numbers);
      });
    },
  };
}
