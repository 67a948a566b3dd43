import type { Reductions } from "../backend.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";
import { kernels } from "./shaders.generated.js";

/** So many lines side by side to a workgroup (LX), so many lanes along each (LY). */
export interface LinePlan {
  readonly LX: number;
  readonly LY: number;
}

/** How lines of (outer, count, inner) are laid out: lanes lie side by side where values do. */
export function planLines(lines: number, count: number, inner: number): LinePlan {
  if (count <= 32) return { LX: 256, LY: 1 };
  if (inner === 1) return { LX: 1, LY: 256 };
  return lines >= 16384 ? { LX: 256, LY: 1 } : { LX: 32, LY: 8 };
}

/** Sums of more values than this are cut where they are too few to fill a device. */
const pieceValues = 8192;
const fewGroups = 64;

/** Over the middle of (outer, count, inner). */
export function reductions(gpu: Recorder): Reductions<GpuBlock> {
  const groupsFor = (lines: number, { LX }: LinePlan) => Math.ceil(lines / LX);

  function sumPieces(x: GpuBlock, y: GpuBlock, outer: number, count: number, inner: number, pieces: number): void {
    const size = Math.ceil(count / pieces);
    const lines = outer * pieces * inner;
    const plan = planLines(lines, size, inner);
    gpu.run(kernels.sum, groupsFor(lines, plan), { x, y }, { lines, count, inner, pieces, size }, plan);
  }

  return {
    sum(x, y, outer, count, inner) {
      const plan = planLines(outer * inner, count, inner);
      const isFew = groupsFor(outer * inner, plan) < fewGroups && count > pieceValues;
      if (!isFew) {
        sumPieces(x, y, outer, count, inner, 1);
        return;
      }
      const pieces = Math.ceil(count / pieceValues);
      gpu.scratch(4 * outer * pieces * inner, (sums) => {
        sumPieces(x, sums, outer, count, inner, pieces);
        sumPieces(sums, y, outer, pieces, inner, 1);
      });
    },

    max(x, y, outer, count, inner) {
      const lines = outer * inner;
      const plan = planLines(lines, count, inner);
      gpu.run(kernels.max, groupsFor(lines, plan), { x, y }, { lines, count, inner }, plan);
    },

    maxGradient(dy, x, dx, outer, count, inner) {
      const lines = outer * inner;
      const plan = planLines(lines, count, inner);
      gpu.run(kernels.maxGradient, groupsFor(lines, plan), { dy, x, dx }, { lines, count, inner }, plan);
    },

    cumSum(x, y, outer, count, inner, isReversed) {
      const lines = outer * inner;
      const plan = { LX: 256, LY: 1, REVERSED: isReversed };
      gpu.run(kernels.cumSum, groupsFor(lines, plan), { x, y }, { lines, count, inner }, plan);
    },

    softmax(x, y, outer, count, inner) {
      const lines = outer * inner;
      const plan = { ...planLines(lines, count, inner), LOGARITHM: false };
      gpu.run(kernels.softmax, groupsFor(lines, plan), { x, y }, { lines, count, inner }, plan);
    },

    softmaxGradient(dy, y, dx, outer, count, inner) {
      const lines = outer * inner;
      const plan = { ...planLines(lines, count, inner), LOGARITHM: false };
      gpu.run(kernels.softmaxGradient, groupsFor(lines, plan), { dy, y, dx }, { lines, count, inner }, plan);
    },

    logSoftmax(x, y, outer, count, inner) {
      const lines = outer * inner;
      const plan = { ...planLines(lines, count, inner), LOGARITHM: true };
      gpu.run(kernels.softmax, groupsFor(lines, plan), { x, y }, { lines, count, inner }, plan);
    },

    logSoftmaxGradient(dy, y, dx, outer, count, inner) {
      const lines = outer * inner;
      const plan = { ...planLines(lines, count, inner), LOGARITHM: true };
      gpu.run(kernels.softmaxGradient, groupsFor(lines, plan), { dy, y, dx }, { lines, count, inner }, plan);
    },
  };
}
