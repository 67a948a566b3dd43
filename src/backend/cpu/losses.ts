import { exp } from "../../elementary.js";
import type { Losses } from "../backend.js";
import { countRight } from "../host-steps.js";
import { f32, i32 } from "./memory.js";
import { reductions } from "./reductions.js";

/** q_c·w_c: the target probability of class c, given the label and the smoothing, times the weight of the class. */
function target(c: number, label: number, smoothing: number, classes: number, weights: Float32Array | null): number {
  const q = (c === label ? 1 - smoothing : 0) + smoothing / classes;
  return weights === null ? q : q * weights[c];
}

/** Σₙ w[labelₙ] */
function totalWeight(labels: Int32Array, rows: number, weights: Float32Array | null): number {
  let total = 0;
  for (let n = 0; n < rows; n++) total += weights === null ? 1 : weights[labels[n]];
  return total;
}

/** Losses whose gradient is better computed whole. */
export const losses: Losses<ArrayBuffer> = {
  crossEntropy(logits, labels, weights, smoothing, rows, classes, logProbabilities, loss) {
    reductions.logSoftmax(logits, logProbabilities, rows, classes, 1);
    const logP = f32(logProbabilities);
    const label = i32(labels);
    const w = weights === null ? null : f32(weights);
    let sum = 0;
    for (let n = 0; n < rows; n++) {
      for (let c = 0; c < classes; c++) {
        const qw = target(c, label[n], smoothing, classes, w);
        // A class that does not count may have probability 0: 0·ln 0 is 0 here.
        if (qw !== 0) sum -= qw * logP[n * classes + c];
      }
    }
    f32(loss)[0] = sum / totalWeight(label, rows, w);
  },

  countCorrect(logits, labels, outer, classes, inner, correct) {
    i32(correct)[0] = countRight(f32(logits), i32(labels), { outer, classes, inner });
  },

  crossEntropyGradient(dloss, logProbabilities, labels, weights, smoothing, rows, classes, dlogits) {
    const logP = f32(logProbabilities);
    const label = i32(labels);
    const w = weights === null ? null : f32(weights);
    const gradient = f32(dlogits);
    const factor = f32(dloss)[0] / totalWeight(label, rows, w);
    for (let n = 0; n < rows; n++) {
      let total = 0;
      for (let c = 0; c < classes; c++) total += target(c, label[n], smoothing, classes, w);
      for (let j = 0; j < classes; j++) {
        const at = n * classes + j;
        gradient[at] = factor * (exp(logP[at]) * total - target(j, label[n], smoothing, classes, w));
      }
    }
  },
};
