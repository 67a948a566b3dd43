import { record } from "../autograd.js";
import type { StatisticsView } from "../backend/backend.js";
import type { Shape } from "../shape.js";
import { empty, type Tensor } from "../tensor.js";
import { applyBinary } from "./binary.js";
import { move } from "./slice.js";
import { type Affine, differentiable, parameters, standardized, standardizeGradient } from "./standardize.js";

/** Samples that share a mean: from `start` up to, not including, `end`. */
export type Stretch = readonly [start: number, end: number];

/**
 * As `standardize`, each stretch of samples by its own moments. It is one op, so that its gradient writes each
 * part of dx once; those of slices would each be added to a sum over all samples.
 *
 * @param stretches - of axis 0, in order and without gaps
 * @param view - of x; each stretch has it with an `outer` of its own
 * @param momentsOf - the moments of a stretch, given its samples
 * @returns y of the shape of x
 */
export function standardizeStretches(
  x: Tensor,
  stretches: readonly Stretch[],
  view: StatisticsView,
  affine: Affine,
  momentsOf: (part: Tensor, view: StatisticsView, stretch: Stretch) => Tensor,
): Tensor {
  const viewOf = ([start, end]: Stretch): StatisticsView => ({ ...view, outer: end - start });
  const y = empty("standardize", x.backend, x.shape);
  const moments = stretches.map((stretch) => {
    const part = taken(x, stretch);
    const own = momentsOf(part, viewOf(stretch), stretch);
    const yPart = standardized(part, own, viewOf(stretch), affine);
    put(yPart, y, stretch);
    for (const t of [part, yPart]) t.dispose();
    return own;
  });
  const { inputs } = differentiable(x, affine);
  const saved = parameters(affine);
  record("standardize", y, inputs, [x, ...saved, ...moments], (dy, [input, ...rest], needs) => {
    const map = rest.slice(0, saved.length);
    const dx = needs[0] ? empty("standardize", dy.backend, input.shape) : null;
    let sums: readonly (Tensor | null)[] = [];
    stretches.forEach((stretch, k) => {
      const [part, dyPart] = [taken(input, stretch), taken(dy, stretch)];
      const own = [part, rest[saved.length + k], ...map];
      const [dxPart, ...ofMap] = standardizeGradient(dyPart, own, viewOf(stretch), affine, needs);
      if (dx !== null && dxPart !== null) put(dxPart, dx, stretch);
      for (const t of [part, dyPart, dxPart]) t?.dispose();
      sums = k === 0 ? ofMap : ofMap.map((t, j) => added(sums[j], t));
    });
    return [dx, ...sums];
  });
  for (const t of moments) t.dispose();
  return y;
}

/** A copy of the samples of a stretch. */
function taken(x: Tensor, stretch: Stretch): Tensor {
  const part = empty("standardize", x.backend, partOf(x.shape, stretch));
  move(x, part, part.shape, 0, stretch[0], 0);
  return part;
}

/** Writes the samples of a stretch into y. */
function put(part: Tensor, y: Tensor, [start]: Stretch): void {
  move(part, y, part.shape, 0, 0, start);
}

function partOf([, ...rest]: Shape, [start, end]: Stretch): Shape {
  return [end - start, ...rest];
}

function added(a: Tensor | null, b: Tensor | null): Tensor | null {
  return a === null || b === null ? null : applyBinary("add", a, b);
}
