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

/** How many of the rows have their largest value, the first of equal ones, at their label; none with a NaN does. */
export function countRight(logits: Float32Array, labels: Int32Array, rows: number, classes: number): number {
  let correct = 0;
  for (let row = 0; row < rows; row++) {
    if (argmax(logits, row * classes, classes) === labels[row]) correct++;
  }
  return correct;
}

/** Where the largest of `count` values from `start` on stands, counted from `start`; the first of equal ones, −1 if one is NaN. */
export function argmax(values: Float32Array, start: number, count: number): number {
  let best = 0;
  for (let k = 0; k < count; k++) {
    if (Number.isNaN(values[start + k])) return -1;
    if (values[start + k] > values[start + best]) best = k;
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
