import type { GateLimits } from "./optimization.js";

/** Opens or shuts a gate, two float64, as {@link Optimization.openGate} says. */
export function moveGate(
  gate: Float64Array,
  loss: number,
  squares: number,
  { lr, clipNorm, largestStep, largestGradient }: GateLimits,
): void {
  const norm = Math.sqrt(squares);
  const clipped = Math.min(norm, clipNorm);
  const isGood =
    Number.isFinite(loss) &&
    Number.isFinite(norm) &&
    lr * Math.max(1, clipped) <= largestStep &&
    clipped <= largestGradient;
  gate[0] = isGood ? gate[0] : 0;
  gate[1] = norm > clipNorm ? clipNorm / norm : 1;
}

/** How many labels have the largest value of their classes: see {@link Losses.countCorrect}. */
export function countRight(
  logits: Float32Array,
  labels: Int32Array,
  { outer, classes, inner }: { readonly outer: number; readonly classes: number; readonly inner: number },
): number {
  if (classes === 0) return 0;
  let correct = 0;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      if (firstLargest(logits, o * classes * inner + i, classes, inner) === labels[o * inner + i]) correct++;
    }
  }
  return correct;
}

/**
 * Where the largest of `count` values from `start` on stands, counted from `start`, `step` apart; the first of equal
 * ones, −1 if one is NaN.
 */
export function firstLargest(values: Float32Array, start: number, count: number, step = 1): number {
  let best = 0;
  for (let k = 0; k < count; k++) {
    const value = values[start + k * step];
    if (Number.isNaN(value)) return -1;
    if (value > values[start + best * step]) best = k;
  }
  return best;
}

/** Whole numbers as places of an axis of `size` values, those below 0 counted from its end. */
export function fillIndices(x: Float32Array, indices: Int32Array, size: number): void {
  for (let i = 0; i < indices.length; i++) {
    const place = Math.trunc(x[i]);
    // NaN becomes 0.
    indices[i] = Math.max(0, Math.min(size - 1, place < 0 ? place + size : place || 0));
  }
}
