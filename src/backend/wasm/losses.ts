import type { Losses } from "../backend.js";
import { countRight } from "../host-steps.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";

/** What a row and a value of it take, in ns, forward and backward: {@link Runtime.share}. */
const nanoseconds = { row: 50, value: 2.5, rowGradient: 20, valueGradient: 1.5 };

/** Cross-entropy: assembly/losses/cross-entropy.ts. */
export function losses(runtime: Runtime): Losses<number> {
  return {
    crossEntropy(logits, labels, weights, smoothing, rows, classes, logProbabilities, loss) {
      const w = weights ?? 0;
      runtime.withScratch(8 * rows, (terms) => {
        const work = rows * (nanoseconds.row + nanoseconds.value * classes);
        const args = { logits, labels, weights: w, smoothing, classes, logP: logProbabilities, terms };
        runtime.share(kernels.crossEntropyRows, { units: rows, work }, args);
        runtime.run(kernels.crossEntropyMean, 1, { terms, labels, weights: w, rows, loss });
      });
    },

    countCorrect(logits, labels, outer, classes, inner, correct) {
      const { buffer } = runtime.memory.bytes;
      const values = new Float32Array(buffer, logits, outer * classes * inner);
      const numbers = new Int32Array(buffer, labels, outer * inner);
      new Int32Array(buffer, correct, 1)[0] = countRight(values, numbers, { outer, classes, inner });
    },

    crossEntropyGradient(dloss, logProbabilities, labels, weights, smoothing, rows, classes, dlogits) {
      const w = weights ?? 0;
      runtime.withScratch(16, (factors) => {
        runtime.run(kernels.crossEntropyFactors, 1, { dloss, labels, weights: w, rows, classes, factors });
        const work = rows * (nanoseconds.rowGradient + nanoseconds.valueGradient * classes);
        const args = { logP: logProbabilities, labels, weights: w, smoothing, classes, factors, dlogits };
        runtime.share(kernels.crossEntropyRowsGradient, { units: rows, work }, args);
      });
    },
  };
}
