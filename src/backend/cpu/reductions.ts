import { exp, log } from "../../elementary.js";
import type { Reductions } from "../backend.js";
import { f32 } from "./memory.js";

/** Calls `visit` for each line (o, ·, i) of (outer, count, inner): its first element, and its index among the lines. */
function forEachLine(outer: number, count: number, inner: number, visit: (start: number, line: number) => void): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) visit(o * count * inner + i, o * inner + i);
  }
}

/** The largest of `count` values, `step` apart; NaN if any is. */
function maximum(values: Float32Array, start: number, count: number, step: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < count; k++) largest = Math.max(largest, values[start + k * step]);
  return largest;
}

/** Over the middle of (outer, count, inner). */
export const reductions: Reductions<ArrayBuffer> = {
  sum(x, y, outer, count, inner) {
    const input = f32(x);
    const output = f32(y);
    forEachLine(outer, count, inner, (start, line) => {
      let total = 0;
      for (let k = 0; k < count; k++) total += input[start + k * inner];
      output[line] = total;
    });
  },

  max(x, y, outer, count, inner) {
    const input = f32(x);
    const output = f32(y);
    forEachLine(outer, count, inner, (start, line) => {
      output[line] = maximum(input, start, count, inner);
    });
  },

  maxGradient(dy, x, dx, outer, count, inner) {
    const cotangent = f32(dy);
    const input = f32(x);
    const gradient = f32(dx);
    forEachLine(outer, count, inner, (start, line) => {
      const largest = maximum(input, start, count, inner);
      let first = -1;
      for (let k = 0; k < count; k++) {
        const at = start + k * inner;
        if (first < 0 && (input[at] === largest || Number.isNaN(input[at]))) first = at;
        gradient[at] = at === first ? cotangent[line] : 0;
      }
    });
  },

  cumSum(x, y, outer, count, inner, isReversed) {
    const input = f32(x);
    const output = f32(y);
    forEachLine(outer, count, inner, (start) => {
      let total = 0;
      for (let k = 0; k < count; k++) {
        const at = start + (isReversed ? count - 1 - k : k) * inner;
        total += input[at];
        output[at] = total;
      }
    });
  },

  softmax(x, y, outer, count, inner) {
    const input = f32(x);
    const output = f32(y);
    forEachLine(outer, count, inner, (start) => {
      const largest = maximum(input, start, count, inner);
      let total = 0;
      for (let k = 0; k < count; k++) total += exp(input[start + k * inner] - largest);
      for (let k = 0; k < count; k++) {
        const at = start + k * inner;
        output[at] = exp(input[at] - largest) / total;
      }
    });
  },

  softmaxGradient(dy, y, dx, outer, count, inner) {
    const cotangent = f32(dy);
    const output = f32(y);
    const gradient = f32(dx);
    forEachLine(outer, count, inner, (start) => {
      let dot = 0;
      for (let k = 0; k < count; k++) {
        const at = start + k * inner;
        dot += cotangent[at] * output[at];
      }
      for (let k = 0; k < count; k++) {
        const at = start + k * inner;
        gradient[at] = output[at] * (cotangent[at] - dot);
      }
    });
  },

  logSoftmax(x, y, outer, count, inner) {
    const input = f32(x);
    const output = f32(y);
    forEachLine(outer, count, inner, (start) => {
      const largest = maximum(input, start, count, inner);
      let total = 0;
      for (let k = 0; k < count; k++) total += exp(input[start + k * inner] - largest);
      const logTotal = log(total);
      for (let k = 0; k < count; k++) {
        const at = start + k * inner;
        output[at] = input[at] - largest - logTotal;
      }
    });
  },

  logSoftmaxGradient(dy, y, dx, outer, count, inner) {
    const cotangent = f32(dy);
    const output = f32(y);
    const gradient = f32(dx);
    forEachLine(outer, count, inner, (start) => {
      let total = 0;
      for (let k = 0; k < count; k++) total += cotangent[start + k * inner];
      for (let k = 0; k < count; k++) {
        const at = start + k * inner;
        gradient[at] = cotangent[at] - exp(output[at]) * total;
      }
    });
  },
};
