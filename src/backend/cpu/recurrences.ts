import { sigmoid, tanh } from "../../elementary.js";
import { type Recurrence, type RecurrenceInput, type Recurrences, stepsOf } from "../recurrences.js";
import { f32 } from "./memory.js";

/** weight·h + bias of one row. */
function innerOf(weight: Float32Array, bias: Float32Array | null, h: Float32Array): Float64Array {
  const { length: width } = h;
  return Float64Array.from({ length: weight.length / width }, (_, gate) => {
    let sum = bias === null ? 0 : bias[gate];
    for (let k = 0; k < width; k++) sum += weight[gate * width + k] * h[k];
    return sum;
  });
}

/** dinner·weight of one row. */
function outerOf(weight: Float32Array, dinner: Float32Array, width: number): Float64Array {
  const sums = new Float64Array(width);
  for (const [gate, slope] of dinner.entries()) {
    for (let k = 0; k < width; k++) sums[k] += slope * weight[gate * width + k];
  }
  return sums;
}

/**
 * The part of an array of (steps, rows, size) that belongs to a row of a step; a row of the first state, if the step is
 * −1.
 */
function rowOf(
  all: Float32Array,
  first: Float32Array,
  step: number,
  row: number,
  rows: number,
  size: number,
): Float32Array {
  const place = step < 0 ? row * size : (step * rows + row) * size;
  return (step < 0 ? first : all).subarray(place, place + size);
}

function isReal(mask: Float32Array | null, index: number): boolean {
  return mask === null || mask[index] !== 0;
}

function inputOf({ gates, weight, bias, mask, hidden }: RecurrenceInput<ArrayBuffer>) {
  return {
    ...{ gates: f32(gates), weight: f32(weight), hidden: f32(hidden) },
    ...{ bias: bias && f32(bias), mask: mask && f32(mask) },
  };
}

function backwards(recurrence: Recurrence): (readonly [number, number])[] {
  return [...stepsOf(recurrence)].reverse();
}

/** Recurrences and their gradients, row by row. */
export const recurrences: Recurrences<ArrayBuffer> = {
  lstm(input, cell, states, activated, recurrence) {
    const { gates, weight, bias, mask, hidden } = inputOf(input);
    const { steps, rows, width: w } = recurrence;
    const all = f32(states);
    const [hs, cs] = [all.subarray(0, steps * rows * w), all.subarray(steps * rows * w)];
    for (const [step, before] of stepsOf(recurrence)) {
      for (let row = 0; row < rows; row++) {
        const [h, c] = [rowOf(hs, hidden, before, row, rows, w), rowOf(cs, f32(cell), before, row, rows, w)];
        const [newH, newC] = [rowOf(hs, hs, step, row, rows, w), rowOf(cs, cs, step, row, rows, w)];
        const own = rowOf(gates, gates, step, row, rows, 4 * w);
        const kept = rowOf(f32(activated), gates, step, row, rows, 4 * w);
        const inner = innerOf(weight, bias, h);
        const real = isReal(mask, step * rows + row);
        for (let k = 0; k < w; k++) {
          const [i, f, g, o] = [0, 1, 2, 3].map((n) => {
            const sum = own[n * w + k] + inner[n * w + k];
            return n === 2 ? tanh(sum) : sigmoid(sum);
          });
          for (const [n, value] of [i, f, g, o].entries()) kept[n * w + k] = value;
          const next = f * c[k] + i * g;
          newC[k] = real ? next : c[k];
          newH[k] = real ? o * tanh(next) : h[k];
        }
      }
    }
  },

  lstmGradient({ activated, states, weight, mask }, cell, dstates, dgates, dhidden, dcell, recurrence) {
    const { steps, rows, width: w } = recurrence;
    const size = steps * rows * w;
    const [cs, slopes, kept] = [f32(states).subarray(size), f32(dstates), f32(activated)];
    const masks = mask && f32(mask);
    const dh = new Float64Array(rows * w);
    const dc = new Float64Array(rows * w);
    for (const [step, before] of backwards(recurrence)) {
      for (let row = 0; row < rows; row++) {
        const c = rowOf(cs, f32(cell), before, row, rows, w);
        const newC = rowOf(cs, cs, step, row, rows, w);
        const gate = rowOf(kept, kept, step, row, rows, 4 * w);
        const slope = rowOf(f32(dgates), kept, step, row, rows, 4 * w);
        const real = isReal(masks, step * rows + row);
        for (let k = 0; k < w; k++) {
          const at = row * w + k;
          dh[at] += slopes[step * rows * w + at];
          dc[at] += slopes[size + step * rows * w + at];
          const [i, f, g, o] = [0, 1, 2, 3].map((n) => gate[n * w + k]);
          const bent = tanh(newC[k]);
          const whole = dc[at] + dh[at] * o * (1 - bent * bent);
          slope[k] = real ? whole * g * i * (1 - i) : 0;
          slope[w + k] = real ? whole * c[k] * f * (1 - f) : 0;
          slope[2 * w + k] = real ? whole * i * (1 - g * g) : 0;
          slope[3 * w + k] = real ? dh[at] * bent * o * (1 - o) : 0;
          if (real) dc[at] = whole * f;
        }
        if (real) dh.set(outerOf(f32(weight), slope, w), row * w);
      }
    }
    f32(dhidden).set(dh);
    f32(dcell).set(dc);
  },

  gru(input, states, activated, recurrence) {
    const { gates, weight, bias, mask, hidden } = inputOf(input);
    const { rows, width: w } = recurrence;
    const hs = f32(states);
    for (const [step, before] of stepsOf(recurrence)) {
      for (let row = 0; row < rows; row++) {
        const h = rowOf(hs, hidden, before, row, rows, w);
        const newH = rowOf(hs, hs, step, row, rows, w);
        const own = rowOf(gates, gates, step, row, rows, 3 * w);
        const kept = rowOf(f32(activated), gates, step, row, rows, 4 * w);
        const inner = innerOf(weight, bias, h);
        const real = isReal(mask, step * rows + row);
        for (let k = 0; k < w; k++) {
          const r = sigmoid(own[k] + inner[k]);
          const z = sigmoid(own[w + k] + inner[w + k]);
          const n = tanh(own[2 * w + k] + r * inner[2 * w + k]);
          for (const [part, value] of [r, z, n, inner[2 * w + k]].entries()) kept[part * w + k] = value;
          newH[k] = real ? (1 - z) * n + z * h[k] : h[k];
        }
      }
    }
  },

  gruGradient({ activated, states, weight, mask, hidden }, dstates, dgates, dinner, dhidden, recurrence) {
    const { rows, width: w } = recurrence;
    const [hs, slopes, kept] = [f32(states), f32(dstates), f32(activated)];
    const masks = mask && f32(mask);
    const dh = new Float64Array(rows * w);
    for (const [step, before] of backwards(recurrence)) {
      for (let row = 0; row < rows; row++) {
        const h = rowOf(hs, f32(hidden), before, row, rows, w);
        const gate = rowOf(kept, kept, step, row, rows, 4 * w);
        const outside = rowOf(f32(dgates), kept, step, row, rows, 3 * w);
        const inside = rowOf(f32(dinner), kept, step, row, rows, 3 * w);
        const real = isReal(masks, step * rows + row);
        const direct = new Float64Array(w);
        for (let k = 0; k < w; k++) {
          const at = row * w + k;
          dh[at] += slopes[step * rows * w + at];
          const [r, z, n, own] = [0, 1, 2, 3].map((part) => gate[part * w + k]);
          const dn = real ? dh[at] * (1 - z) * (1 - n * n) : 0;
          const dr = dn * own * r * (1 - r);
          const dz = real ? dh[at] * (h[k] - n) * z * (1 - z) : 0;
          for (const [part, value] of [dr, dz, dn].entries()) outside[part * w + k] = value;
          for (const [part, value] of [dr, dz, dn * r].entries()) inside[part * w + k] = value;
          direct[k] = real ? dh[at] * z : dh[at];
        }
        const through = outerOf(f32(weight), inside, w);
        for (let k = 0; k < w; k++) dh[row * w + k] = direct[k] + through[k];
      }
    }
    f32(dhidden).set(dh);
  },
};
