import type { Losses } from "../backend.js";
import { groupsFor } from "./elementwise.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";
import { planLines, reductions } from "./reductions.js";
import { kernels } from "./shaders.generated.js";

/** One workgroup over all rows. */
const whole = { LX: 1, LY: 256 };

/** What the label's class and each class get of a target. */
const targetsOf = (smoothing: number, classes: number) => ({ own: 1 - smoothing, rest: smoothing / classes });

/** Losses whose gradient is better computed whole. */
export function losses(gpu: Recorder): Losses<GpuBlock> {
  const { logSoftmax } = reductions(gpu);

  return {
    crossEntropy(logits, labels, weights, smoothing, rows, classes, logProbabilities, loss) {
      logSoftmax(logits, logProbabilities, rows, classes, 1);
      const targets = targetsOf(smoothing, classes);
      const plan = planLines(rows, classes, 1);
      gpu.scratch(16 * Math.max(1, rows), (parts) => {
        const blocks = { logProbabilities, labels, weights, parts };
        gpu.run(kernels.rowLosses, Math.ceil(rows / plan.LX), blocks, { rows, classes, ...targets }, plan);
        gpu.run(kernels.meanLoss, 1, { parts, loss }, { rows, ...targets }, whole);
      });
    },

    crossEntropyGradient(dloss, logProbabilities, labels, weights, smoothing, rows, classes, dlogits) {
      const targets = targetsOf(smoothing, classes);
      const slope = (divisor: GpuBlock | null) =>
        gpu.run(
          kernels.crossEntropyGradient,
          groupsFor(rows * classes),
          { dloss, logProbabilities, labels, weights, whole: divisor, dlogits },
          { rows, classes, ...targets },
          {},
        );
      if (weights === null) {
        slope(null);
        return;
      }
      gpu.scratch(4, (divisor) => {
        gpu.run(kernels.totalWeight, 1, { labels, weights, whole: divisor }, { rows }, whole);
        slope(divisor);
      });
    },

    countCorrect(logits, labels, outer, classes, inner, correct) {
      const numbers = { rows: outer * inner, classes, inner };
      gpu.run(kernels.countCorrect, 1, { logits, labels, correct }, numbers, whole);
    },
  };
}
