import { record } from "../autograd.js";
import { checkOneOf } from "../check-one-of.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { checkOptions } from "../options.js";
import { formatShape, sizeOf } from "../shape.js";
import { shown } from "../shown.js";
import { empty, type Tensor, upload, view } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { applyBinary } from "./binary.js";
import { permuted } from "./transpose.js";
import { checkSpatial, type Pair, resolvePair } from "./windows.js";

/** Options of {@link upsample}. */
export interface UpsampleOptions {
  /**
   * `"nearest"`: the value that covers the place; `"bilinear"`: the mean of four values, weighted by distance.
   *
   * @defaultValue "nearest"
   */
  readonly mode?: "nearest" | "bilinear";
  /**
   * Of mode `"bilinear"`: true lays the centres of the corner values upon each other, false the outer edges of the
   * planes, as PyTorch's `align_corners`.
   *
   * @defaultValue false
   */
  readonly alignCorners?: boolean;
  /** Height and width of the result, instead of a scale. @defaultValue those of x times the scale, rounded down */
  readonly size?: Pair;
}

/** For each place of the result along an axis, two places of x, and how much of the second. */
interface AxisPlan {
  readonly size: number;
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly weight: Float32Array;
}

/**
 * Planes at another size, as PyTorch's `interpolate`; smaller ones are not smoothed.
 *
 * @param x - (N, C, H, W)
 * @param scale - by which height and width are multiplied, above 0; null where `size` is given
 * @throws ArgumentError if the scale is no such number, or neither scale nor size is given
 * @throws ShapeError if planes would have no values
 * @example
 * ```ts
 * upsample(tensor([[[[1, 2]]]]), 2).dataSync(); // Float32Array [1, 1, 2, 2, 1, 1, 2, 2]
 * upsample(tensor([[[[0, 3]]]]), null, { size: [1, 4], mode: "bilinear", alignCorners: true }).dataSync(); //
 * Float32Array [0, 1, 2, 3]
 * ```
 */
export const upsample = defineComposite(
  "upsample",
  (x: Tensor, scale: Pair | null, options: UpsampleOptions = {}): Tensor => {
    const where = "upsample(x, scale)";
    checkSpatial(where, x, 2);
    const [down, across] = plansOf(where, x, scale, options);
    const [batch, channels, height, width] = x.shape;
    const { backend } = x;
    const planes = batch * channels;
    // The axis to be resampled comes first, so that whole rows are taken.
    const rows = resampled(permuted(view("upsample", x, [planes, height, width]), [1, 0, 2]), down);
    const columns = resampled(permuted(rows, [2, 1, 0]), across);
    const y = permuted(columns, [1, 2, 0]);
    const output = view("upsample", y, [batch, channels, down.size, across.size]);
    return record("upsample", output, [x], [], (dy) => {
      const back = permuted(view("upsample", dy, [planes, down.size, across.size]), [2, 0, 1]);
      const drows = permuted(gathered(back, across, width), [2, 1, 0]);
      const dx = permuted(gathered(drows, down, height), [1, 0, 2]);
      return [view("upsample", dx, [batch, channels, height, width])];
    });

    /** (n, …) → (size, …): low + weight·(high − low). */
    function resampled(t: Tensor, plan: AxisPlan): Tensor {
      const shape = [plan.size, ...t.shape.slice(1)];
      const take = (places: Int32Array): Tensor => {
        const part = empty("upsample", backend, shape);
        backend.gather(t.block, indices(places).block, part.block, plan.size, sizeOf(shape.slice(1)));
        return part;
      };
      const low = take(plan.low);
      if (plan.weight.every((weight) => weight === 0)) return low;
      const step = applyBinary("sub", take(plan.high), low);
      return applyBinary("add", low, applyBinary("mul", step, weightsOf(plan)));
    }

    /** The gradient of {@link resampled}. */
    function gathered(dy: Tensor, plan: AxisPlan, n: number): Tensor {
      const shape = [n, ...dy.shape.slice(1)];
      const give = (part: Tensor, places: Int32Array): Tensor => {
        const dx = empty("upsample", backend, shape);
        const width = sizeOf(shape.slice(1));
        backend.scatterAdd(part.block, indices(places).block, dx.block, plan.size, n, width, -1);
        return dx;
      };
      if (plan.weight.every((weight) => weight === 0)) return give(dy, plan.low);
      const toHigh = applyBinary("mul", dy, weightsOf(plan));
      return applyBinary("add", give(applyBinary("sub", dy, toHigh), plan.low), give(toHigh, plan.high));
    }

    function indices(places: Int32Array): Tensor {
      return upload("upsample", backend, [places.length], places);
    }

    function weightsOf({ weight }: AxisPlan): Tensor {
      return upload("upsample", backend, [weight.length, 1, 1], weight);
    }
  },
);

function plansOf(where: string, x: Tensor, scale: Pair | null, options: UpsampleOptions): [AxisPlan, AxisPlan] {
  checkOptions(where, options, { mode: true, alignCorners: true, size: true });
  const { mode = "nearest", alignCorners = false, size } = options;
  checkOneOf(where, "mode", mode, ["nearest", "bilinear"]);
  if ((scale === null || scale === undefined) === (size === undefined)) {
    throw new ArgumentError({
      where,
      expected: "a scale, or { size }",
      received: size === undefined ? "neither" : "both",
      cure: "Pass upsample(x, 2), or upsample(x, null, { size: [height, width] }).",
    });
  }
  const sizes = size === undefined ? null : resolvePair(where, "size", size, 1);
  const scales = sizes === null ? scalesOf(where, scale as Pair) : null;
  const plan = (axis: 0 | 1): AxisPlan => {
    const from = x.shape[2 + axis];
    const to = sizes?.[axis] ?? Math.floor(from * (scales?.[axis] ?? 1));
    if (from === 0 || to === 0) {
      throw new ShapeError({
        where,
        expected: "planes with values, before and after",
        received: `${from} → ${to} along axis ${2 + axis} (shape ${formatShape(x.shape)})`,
        cure: "Use larger images or a larger scale.",
      });
    }
    return planAxis(from, to, scales === null ? from / to : 1 / scales[axis], mode, alignCorners);
  };
  return [plan(0), plan(1)];
}

/** @param step - how far a step in the result goes in x, where corners are not aligned */
function planAxis(
  from: number,
  to: number,
  step: number,
  mode: "nearest" | "bilinear",
  alignCorners: boolean,
): AxisPlan {
  const low = new Int32Array(to);
  const high = new Int32Array(to);
  const weight = new Float32Array(to);
  for (let k = 0; k < to; k++) {
    const nearest = step === from / to ? Math.floor((k * from) / to) : Math.floor(k * step);
    const corner = to === 1 ? 0 : (k * (from - 1)) / (to - 1);
    const place = mode === "nearest" ? nearest : alignCorners ? corner : Math.max(0, (k + 0.5) * step - 0.5);
    low[k] = Math.min(Math.floor(place), from - 1);
    high[k] = Math.min(low[k] + 1, from - 1);
    weight[k] = Math.max(0, Math.min(1, place - low[k]));
  }
  return { size: to, low, high, weight };
}

function scalesOf(where: string, scale: Pair): readonly [number, number] {
  const pair = typeof scale === "number" ? ([scale, scale] as const) : scale;
  if (Array.isArray(pair) && pair.length === 2 && pair.every((n) => Number.isFinite(n) && n > 0))
    return [pair[0], pair[1]];
  throw new ArgumentError({
    where,
    expected: "a scale above 0, or two of them",
    received: shown(scale),
    cure: "Pass a number such as 2, or [down, across].",
  });
}
