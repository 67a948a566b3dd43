import { record, willRecord } from "../autograd.js";
import type { AffineMap, Backend, StatisticsView } from "../backend/backend.js";
import { ShapeError } from "../errors.js";
import { formatShape, type Shape } from "../shape.js";
import { commonBackend, empty, type Tensor } from "../tensor.js";
import { copyOf } from "../tensor-copies.js";
import { expand } from "./sum.js";
import { type Synchronization, synchronizedGradient } from "./synchronize.js";

/** What follows x̂ in the same pass, and what stands under the root. */
export interface Affine {
  /** Multiplies x̂; one value for each of the view's `period`. Null: 1. */
  readonly weight: Tensor | null;
  /** Is added; as `weight`. Null: 0. */
  readonly bias: Tensor | null;
  /** Is added to the variance, in units of x². */
  readonly eps: number;
  /** What is applied to y in the same pass. Null: nothing. */
  readonly activation: Activation | null;
}

/** What a normalisation may apply to its output in the same pass. */
export type Activation = "relu";

/** An affine map as backends take it. */
function mapOf(weight: Tensor | null, bias: Tensor | null, { eps, activation }: Affine): AffineMap<unknown> {
  return { weight: weight?.block ?? null, bias: bias?.block ?? null, eps, rectifies: activation === "relu" };
}

/**
 * The moments of the values that share a mean, without graph: (kept, 3) float64 of count, mean and M2 = Σ(x − mean)².
 *
 * @param mask - broadcasts to x; values where it is 0 do not count. Null: all count
 */
export function momentsOf(x: Tensor, view: StatisticsView, mask: Tensor | null): Tensor {
  const backend = commonBackend("moments", x, mask);
  const moments = empty("moments", backend, [view.kept, 3], 8);
  const wholeMask = mask === null ? null : expand(mask, x.shape);
  backend.moments(x.block, view, wholeMask?.block ?? null, moments.block);
  wholeMask?.dispose();
  return moments;
}

/**
 * y = weight · (x − mean) / √(variance + eps) + bias, with mean and biased variance of the values that share a mean.
 * Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithm 1; its gradient, §3, runs through the statistics.
 *
 * @param moments - {@link momentsOf} x. Where they are of some values of x only, those others must be finite, and dy be
 * 0 there; their dx means nothing
 * @param synchronization - whose parts of the batch the moments are of, if others have some
 * @returns y of the shape of x
 */
export function standardize(
  x: Tensor,
  moments: Tensor,
  view: StatisticsView,
  affine: Affine,
  synchronization: Synchronization | null = null,
): Tensor {
  const y = standardized(x, moments, view, affine);
  const { inputs } = differentiable(x, affine);
  record("standardize", y, inputs, [x, moments, ...parameters(affine)], (dy, saved, needs) =>
    standardizeGradient(dy, saved, view, affine, needs, synchronization),
  );
  return y;
}

/** {@link standardize} without graph. */
export function standardized(x: Tensor, moments: Tensor, view: StatisticsView, affine: Affine): Tensor {
  const { weight, bias } = affine;
  checkAffine("standardize(x)", view, affine);
  const backend = commonBackend("standardize", x, weight, bias);
  const y = empty("standardize", backend, x.shape);
  backend.standardize(x.block, moments.block, view, mapOf(weight, bias, affine), y.block);
  return y;
}

/**
 * The gradient of {@link standardize}, as its op takes it.
 *
 * @param saved - x, its moments and the {@link parameters}
 * @returns of each of the {@link differentiable} inputs, null where `needs` is false
 */
export function standardizeGradient(
  dy: Tensor,
  [x, moments, ...saved]: readonly Tensor[],
  view: StatisticsView,
  affine: Affine,
  needs: readonly boolean[],
  synchronization: Synchronization | null = null,
): (Tensor | null)[] {
  const { slots, shapes } = differentiable(x, affine);
  const gradients = outputs(x, shapes, slots, needs);
  const { dx, dweight, dbias } = blocks(gradients);
  const map = savedMap(affine, saved);
  if (synchronization === null) {
    x.backend.standardizeGradient(dy.block, x.block, moments.block, view, map, dx, dweight, dbias);
  } else synchronizedGradient(dy, x, moments, view, map, { dx, dweight, dbias }, synchronization);
  return slots.map((slot) => gradients[slot]);
}

/**
 * y = weight · (x − mean) / √(variance + eps) + bias with given statistics: a fixed affine map, whose gradient has no
 * terms through them. What inference and frozen layers do.
 *
 * @param mean - one value per kept index
 * @param variance - likewise
 */
export function applyStatistics(
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  view: StatisticsView,
  affine: Affine,
): Tensor {
  const { weight, bias } = affine;
  checkAffine("applyStatistics(x)", view, affine);
  const backend = commonBackend("applyStatistics", x, mean, variance, weight, bias);
  const y = empty("applyStatistics", backend, x.shape);
  const map = mapOf(weight, bias, affine);
  const coefficients = keptCoefficients(backend, mean, variance, view, affine, map);
  if (coefficients !== null) backend.fixedMaps?.apply(x.block, coefficients, view, map.rectifies, y.block);
  else backend.normalizeWith(x.block, mean.block, variance.block, view, map, y.block);
  const { inputs, slots, shapes } = differentiable(x, affine);
  // Copies, since training may move the running statistics before the gradient is asked for.
  const statistics = willRecord(...inputs)
    ? [copyOf("applyStatistics", mean), copyOf("applyStatistics", variance)]
    : [];
  record(
    "applyStatistics",
    y,
    inputs,
    [x, ...statistics, ...parameters(affine)],
    (dy, [input, m, v, ...saved], needs) => {
      const gradients = outputs(input, shapes, slots, needs);
      const { dx, dweight, dbias } = blocks(gradients);
      const map = savedMap(affine, saved);
      backend.normalizeWithGradient(dy.block, input.block, m.block, v.block, view, map, dx, dweight, dbias);
      return slots.map((slot) => gradients[slot]);
    },
  );
  for (const t of statistics) t.dispose();
  return y;
}

/** What a map with these statistics multiplies and adds, kept beside the variance until any of its tensors changes. */
function keptCoefficients(
  { fixedMaps }: Backend,
  mean: Tensor,
  variance: Tensor,
  view: StatisticsView,
  { weight, bias, eps }: Affine,
  map: AffineMap<unknown>,
): unknown | null {
  const bytes = fixedMaps?.bytes(view) ?? 0;
  if (fixedMaps === undefined || bytes === 0) return null;
  const prepare = (block: unknown): void => fixedMaps.prepare(mean.block, variance.block, view, map, block);
  const others = [mean, weight, bias].filter((t) => t !== null).map((t) => t.storage);
  const layout = `a map of ${view.inner === 1} ${eps} ${weight !== null} ${bias !== null}`;
  return variance.storage.derive(layout, bytes, prepare, others);
}

/** The parameters that a gradient is computed from; a bias only tells where the activation let values pass. */
export function parameters({ weight, bias, activation }: Affine): Tensor[] {
  return [weight, activation ? bias : null].filter((t) => t !== null);
}

/** The map whose {@link parameters} were saved. */
function savedMap(affine: Affine, saved: readonly Tensor[]): AffineMap<unknown> {
  const rest = [...saved];
  const weight = affine.weight === null ? null : (rest.shift() ?? null);
  return mapOf(weight, rest.shift() ?? null, affine);
}

/** Checks that weight and bias have one value for each of the view's parameters. @throws ShapeError if they do not */
function checkAffine(where: string, { period }: StatisticsView, { weight, bias }: Affine): void {
  for (const t of [weight, bias]) {
    if (t === null || t.size === period) continue;
    throw new ShapeError({
      where,
      expected: `a weight and a bias of ${period} values each`,
      received: formatShape(t.shape),
      cure: "Give the layer parameters of its own size.",
    });
  }
}

type Slot = "x" | "weight" | "bias";

/** What gradients flow to, in which order, and of which shapes. */
export function differentiable(
  x: Tensor,
  { weight, bias }: Affine,
): { inputs: Tensor[]; slots: Slot[]; shapes: Record<Slot, Shape> } {
  const inputs = [x];
  const slots: Slot[] = ["x"];
  if (weight !== null) {
    inputs.push(weight);
    slots.push("weight");
  }
  if (bias !== null) {
    inputs.push(bias);
    slots.push("bias");
  }
  return { inputs, slots, shapes: { x: x.shape, weight: weight?.shape ?? [], bias: bias?.shape ?? [] } };
}

/** Room for the gradients that are needed. */
function outputs(
  x: Tensor,
  shapes: Record<Slot, Shape>,
  slots: Slot[],
  needs: readonly boolean[],
): Record<Slot, Tensor | null> {
  const room = (slot: Slot): Tensor | null =>
    needs[slots.indexOf(slot)] ? empty("standardize", x.backend, shapes[slot]) : null;
  return { x: room("x"), weight: room("weight"), bias: room("bias") };
}

function blocks(gradients: Record<Slot, Tensor | null>): { dx: unknown; dweight: unknown; dbias: unknown } {
  return {
    dx: gradients.x?.block ?? null,
    dweight: gradients.weight?.block ?? null,
    dbias: gradients.bias?.block ?? null,
  };
}
