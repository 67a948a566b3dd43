import type { AffineMap, Normalization, StatisticsView } from "../backend.js";
import { groupsFor } from "./elementwise.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";
import type { LinePlan } from "./reductions.js";
import { kernels } from "./shaders.generated.js";

/** Values that a lane of `moments` holds in registers. */
const registers = 8;
/** Fewer workgroups leave a device idle. */
const enoughGroups = 256;

/** Where statistics come from: the moments of a batch, or a given mean and variance. */
interface Source {
  readonly moments: GpuBlock | null;
  readonly mean: GpuBlock | null;
  readonly variance: GpuBlock | null;
}

/** Lanes lie along what shares a mean where it is long and contiguous, and across kept indices where not. */
function planShares(inner: number): LinePlan {
  return inner >= 64 ? { LX: 1, LY: 256 } : { LX: 32, LY: 8 };
}

/** Into how many pieces `values` are cut, none shorter than the registers of a workgroup. */
function piecesOf(values: number, blocks: number, { LY }: LinePlan): number {
  const most = Math.ceil(values / (registers * LY));
  return Math.max(1, Math.min(most, Math.ceil(enoughGroups / blocks)));
}

const ofBatch = (moments: GpuBlock): Source => ({ moments, mean: null, variance: null });

/** Normalisation. */
export function normalization(gpu: Recorder): Normalization<GpuBlock> {
  function apply(x: GpuBlock, source: Source, view: StatisticsView, map: AffineMap<GpuBlock>, y: GpuBlock): void {
    const { outer, kept, inner, repeat, period } = view;
    const quads = Math.ceil((outer * kept * inner) / 4);
    gpu.run(
      kernels.standardize,
      groupsFor(quads),
      { x, ...source, weight: map.weight, bias: map.bias, y },
      { quads, kept, inner, repeat, period, eps: map.eps },
      { GIVEN: source.moments === null, RECTIFIES: map.rectifies, ALIGNED: inner % 4 === 0 },
    );
  }

  /** The two sums over each index of a view of its own, handed to `use` in pieces. */
  function sumGradients(
    [dy, x]: readonly [GpuBlock, GpuBlock],
    source: Source,
    view: StatisticsView,
    map: AffineMap<GpuBlock>,
    over: { readonly outer: number; readonly kept: number; readonly inner: number },
    isWeighted: boolean,
    use: (parts: GpuBlock, pieces: number) => void,
  ): void {
    const plan = planShares(over.inner);
    const blocks = Math.ceil(over.kept / plan.LX);
    const values = over.outer * over.inner;
    const pieces = piecesOf(values, blocks, plan);
    const { kept, inner, repeat, period } = view;
    // A block of its own even for one piece: the caller may keep it.
    gpu.scratch(16 * Math.max(1, over.kept * pieces), (parts) => {
      gpu.run(
        kernels.gradientSums,
        blocks * pieces,
        { dy, x, ...source, weight: map.weight, bias: map.bias, parts },
        {
          ...{ k: over.kept, i: over.inner, values, size: Math.ceil(values / pieces), pieces },
          ...{ kept, inner, repeat, period, eps: map.eps },
        },
        {
          ...{ GIVEN: source.moments === null, RECTIFIES: map.rectifies },
          ...{ WEIGHTED: isWeighted, ...plan },
        },
      );
      use(parts, pieces);
    });
  }

  function finish(
    parts: GpuBlock,
    k: number,
    pieces: number,
    outputs: { readonly sums: GpuBlock | null; readonly dweight: GpuBlock | null; readonly dbias: GpuBlock | null },
  ): void {
    if (outputs.sums === null && outputs.dweight === null && outputs.dbias === null) return;
    gpu.run(kernels.gradientTotals, groupsFor(k), { parts, ...outputs }, { k, pieces }, {});
  }

  function inputGradient(
    [dy, x]: readonly [GpuBlock, GpuBlock],
    sums: GpuBlock | null,
    source: Source,
    view: StatisticsView,
    map: AffineMap<GpuBlock>,
    isWeighted: boolean,
    dx: GpuBlock,
  ): void {
    const { outer, kept, inner, repeat, period } = view;
    const length = outer * kept * inner;
    gpu.run(
      kernels.inputGradient,
      groupsFor(length / 4),
      { dy, x, sums, ...source, weight: map.weight, bias: map.bias, dx },
      { length, kept, inner, repeat, period, eps: map.eps },
      {
        ...{ GIVEN: source.moments === null, RECTIFIES: map.rectifies },
        ...{ WEIGHTED: isWeighted, CENTRED: view.centred !== false },
      },
    );
  }

  /** dweight and dbias where several means share a parameter, or a mean several parameters. */
  function parameterGradients(
    values: readonly [GpuBlock, GpuBlock],
    source: Source,
    view: StatisticsView,
    map: AffineMap<GpuBlock>,
    dweight: GpuBlock | null,
    dbias: GpuBlock | null,
  ): void {
    if (dweight === null && dbias === null) return;
    const { outer, kept, inner, repeat, period } = view;
    const over = { outer: (outer * kept * inner) / Math.max(1, repeat * period), kept: period, inner: repeat };
    sumGradients(values, source, view, map, over, false, (parts, pieces) => {
      finish(parts, period, pieces, { sums: null, dweight, dbias });
    });
  }

  /** Whether each parameter belongs to one mean. */
  const ownsMean = ({ outer, kept, inner, repeat, period }: StatisticsView): boolean =>
    repeat === inner && period === kept && outer >= 1;

  return {
    moments(x, view, mask, moments) {
      const { outer, kept, inner } = view;
      const plan = planShares(inner);
      const values = outer * inner;
      const blocks = Math.ceil(kept / plan.LX);
      const pieces = Math.max(1, Math.ceil(values / (registers * plan.LY)));
      // Up to four pieces one workgroup takes one after the other.
      const pieceGroups = pieces <= 4 ? 1 : piecesOf(values, blocks, plan);
      const each = Math.ceil(pieces / pieceGroups);
      const numbers = { outer, kept, inner, values, pieces, pieceGroups, each };
      const CENTRED = view.centred !== false;
      if (pieceGroups === 1) {
        gpu.run(kernels.moments, blocks, { x, mask, parts: null, moments }, numbers, { ...plan, CENTRED });
        return;
      }
      gpu.scratch(16 * kept * pieceGroups, (parts) => {
        const groups = blocks * pieceGroups;
        gpu.run(kernels.moments, groups, { x, mask, parts, moments: null }, numbers, { ...plan, CENTRED });
        const merge = pieceGroups > 32 ? { LX: 16, LY: 16 } : { LX: 256, LY: 1 };
        const counts = { kept, pieces: pieceGroups };
        gpu.run(kernels.mergeMoments, Math.ceil(kept / merge.LX), { parts, moments }, counts, { ...merge, CENTRED });
      });
    },

    standardize(x, moments, view, map, y) {
      apply(x, ofBatch(moments), view, map, y);
    },

    standardizeGradient(dy, x, moments, view, map, dx, dweight, dbias) {
      const values = [dy, x] as const;
      const source = ofBatch(moments);
      const { kept } = view;
      if (ownsMean(view)) {
        sumGradients(values, source, view, map, view, false, (parts, pieces) => {
          gpu.scratch(16 * Math.max(1, kept), (block) => {
            const sums = pieces === 1 ? null : block;
            finish(parts, kept, pieces, { sums: dx === null ? null : sums, dweight, dbias });
            if (dx !== null) inputGradient(values, sums ?? parts, source, view, map, false, dx);
          });
        });
        return;
      }
      parameterGradients(values, source, view, map, dweight, dbias);
      if (dx === null) return;
      sumGradients(values, source, view, map, view, true, (parts, pieces) => {
        gpu.scratch(16 * Math.max(1, kept), (block) => {
          const sums = pieces === 1 ? null : block;
          finish(parts, kept, pieces, { sums, dweight: null, dbias: null });
          inputGradient(values, sums ?? parts, source, view, map, true, dx);
        });
      });
    },

    standardizeGradientSums(dy, x, moments, view, map, sums) {
      const source = ofBatch(moments);
      sumGradients([dy, x], source, view, map, view, false, (parts, pieces) => {
        finish(parts, view.kept, pieces, { sums, dweight: null, dbias: null });
      });
    },

    standardizeGradientFromSums(dy, x, moments, view, map, sums, dx, dweight, dbias) {
      const source = ofBatch(moments);
      finish(sums, view.kept, 1, { sums: null, dweight, dbias });
      if (dx !== null) inputGradient([dy, x], sums, source, view, map, false, dx);
    },

    normalizeWith(x, mean, variance, view, map, y) {
      apply(x, { moments: null, mean, variance }, view, map, y);
    },

    normalizeWithGradient(dy, x, mean, variance, view, map, dx, dweight, dbias) {
      const source = { moments: null, mean, variance };
      parameterGradients([dy, x], source, view, map, dweight, dbias);
      if (dx !== null) inputGradient([dy, x], null, source, view, map, true, dx);
    },

    variances(moments, kept, variance) {
      gpu.run(kernels.variances, groupsFor(kept), { moments, variance }, { kept }, {});
    },

    averageMoments(moments, samples, kept, averaged) {
      gpu.run(kernels.averageMoments, groupsFor(kept), { moments, averaged }, { samples, kept }, {});
    },

    updateRunning(moments, kept, mean, variance, counters, momentum, unbiased, warmsUp) {
      const constants = { UNBIASED: unbiased, WARMS_UP: warmsUp, LX: 1, LY: 256 };
      gpu.run(
        kernels.updateRunning,
        1,
        { moments, mean, variance, counters },
        { kept, momentum, rest: 1 - momentum },
        constants,
      );
    },

    renormFactors(moments, kept, mean, variance, counters, eps, limits, r, d) {
      const { rmax, dmax, start, rmaxAt, dmaxAt } = limits;
      const numbers = { kept, eps, rmax, dmax, start, rmaxAt, dmaxAt };
      gpu.run(kernels.renormFactors, groupsFor(kept), { moments, mean, variance, counters, r, d }, numbers, {});
    },
  };
}
