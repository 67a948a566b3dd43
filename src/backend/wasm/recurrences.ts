import type { MatrixProducts } from "../backend.js";
import { type Recurrence, type Recurrences, stepsOf } from "../recurrences.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";

/** Bytes of what one step has in an array of so many values for each row. */
function stepBytes({ rows }: Recurrence, values: number): number {
  return 4 * rows * values;
}

/** Recurrences: a product and a kernel of assembly/recurrent/ for each step. */
export function recurrences(runtime: Runtime, { gemm }: MatrixProducts<number>): Recurrences<number> {
  const zero = (at: number, bytes: number): void => {
    runtime.memory.bytes.fill(0, at, at + bytes);
  };
  /** target += source */
  const add = (target: number, source: number, length: number): void => {
    const [into, from] = [target, source].map((at) => new Float32Array(runtime.memory.bytes.buffer, at, length));
    for (let i = 0; i < length; i++) into[i] += from[i];
  };
  /** weight·h + bias of every row. */
  const inner = (h: number, weight: number, bias: number | null, to: number, gates: number, of: Recurrence): void => {
    const { rows, width } = of;
    gemm(h, weight, bias, to, { m: rows, n: gates * width, k: width, transposeA: false, transposeB: true });
  };
  /** dinner·weight of every row. */
  const outer = (dinner: number, weight: number, to: number, gates: number, { rows, width }: Recurrence): void => {
    gemm(dinner, weight, null, to, { m: rows, n: width, k: gates * width, transposeA: false, transposeB: false });
  };

  return {
    lstm({ gates, weight, bias, mask, hidden: first }, cellFirst, states, activated, recurrence) {
      const { steps, rows: units, width } = recurrence;
      const [wide, narrow] = [stepBytes(recurrence, 4 * width), stepBytes(recurrence, width)];
      const cells = states + steps * narrow;
      const work = kernels.lstmStepNs * units * width;
      runtime.withScratch(wide, (product) => {
        for (const [step, before] of stepsOf(recurrence)) {
          const hiddenBefore = before < 0 ? first : states + before * narrow;
          inner(hiddenBefore, weight, bias, product, 4, recurrence);
          const args = {
            gates: gates + step * wide,
            inner: product,
            cellBefore: before < 0 ? cellFirst : cells + before * narrow,
            hiddenBefore,
            mask: mask === null ? 0 : mask + 4 * step * units,
            activated: activated + step * wide,
            cell: cells + step * narrow,
            hidden: states + step * narrow,
            width,
          };
          runtime.share(kernels.lstmStep, { units, work }, args);
        }
      });
    },

    lstmGradient({ activated, states, weight, mask }, cellFirst, dstates, dgates, dh, dc, recurrence) {
      const { steps, rows: units, width } = recurrence;
      const [wide, narrow] = [stepBytes(recurrence, 4 * width), stepBytes(recurrence, width)];
      const cells = states + steps * narrow;
      const work = kernels.lstmStepGradientNs * units * width;
      zero(dh, narrow);
      zero(dc, narrow);
      runtime.withScratch(narrow, (dhNext) => {
        zero(dhNext, narrow);
        for (const [step, before] of [...stepsOf(recurrence)].reverse()) {
          const args = {
            activated: activated + step * wide,
            cellBefore: before < 0 ? cellFirst : cells + before * narrow,
            cell: cells + step * narrow,
            mask: mask === null ? 0 : mask + 4 * step * units,
            dhidden: dstates + step * narrow,
            dcell: dstates + (steps + step) * narrow,
            dhNext,
            dh,
            dc,
            dgates: dgates + step * wide,
            width,
          };
          runtime.share(kernels.lstmStepGradient, { units, work }, args);
          outer(dgates + step * wide, weight, dhNext, 4, recurrence);
        }
        add(dh, dhNext, units * width);
      });
    },

    gru({ gates, weight, bias, mask, hidden: first }, states, activated, recurrence) {
      const { rows: units, width } = recurrence;
      const [wide, narrow] = [stepBytes(recurrence, 3 * width), stepBytes(recurrence, width)];
      const work = kernels.gruStepNs * units * width;
      runtime.withScratch(wide, (product) => {
        for (const [step, before] of stepsOf(recurrence)) {
          const hiddenBefore = before < 0 ? first : states + before * narrow;
          inner(hiddenBefore, weight, bias, product, 3, recurrence);
          const args = {
            gates: gates + step * wide,
            inner: product,
            hiddenBefore,
            mask: mask === null ? 0 : mask + 4 * step * units,
            activated: activated + step * 4 * narrow,
            hidden: states + step * narrow,
            width,
          };
          runtime.share(kernels.gruStep, { units, work }, args);
        }
      });
    },

    gruGradient({ activated, states, weight, mask, hidden: first }, dstates, dgates, dinner, dh, recurrence) {
      const { rows: units, width } = recurrence;
      const [wide, narrow] = [stepBytes(recurrence, 3 * width), stepBytes(recurrence, width)];
      const work = kernels.gruStepGradientNs * units * width;
      zero(dh, narrow);
      runtime.withScratch(narrow, (dhNext) => {
        zero(dhNext, narrow);
        for (const [step, before] of [...stepsOf(recurrence)].reverse()) {
          const args = {
            activated: activated + step * 4 * narrow,
            hiddenBefore: before < 0 ? first : states + before * narrow,
            mask: mask === null ? 0 : mask + 4 * step * units,
            dhidden: dstates + step * narrow,
            dhNext,
            dh,
            dgates: dgates + step * wide,
            dinner: dinner + step * wide,
            width,
          };
          runtime.share(kernels.gruStepGradient, { units, work }, args);
          outer(dinner + step * wide, weight, dhNext, 3, recurrence);
        }
        add(dh, dhNext, units * width);
      });
    },
  };
}
