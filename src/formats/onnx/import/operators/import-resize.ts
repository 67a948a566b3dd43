import type { Argument } from "../../../../graph/argument.js";
import { allAxes } from "../../../../shape.js";
import { floatOf, intOf, intsOf, textOf } from "../../file/attributes.js";
import { sizesOf } from "../import-sizes.js";
import type { ImportStep } from "../import-step.js";
import { type AxisResize, placeOn, type ResizeMode, roundedPlace, weightsAround } from "./resize-weights.js";

/** The axes that a node resizes, and to which sizes or by which scales. */
interface Targets {
  readonly axes: readonly number[];
  readonly sizes: readonly number[] | null;
  readonly scales: readonly number[] | null;
  /** Starts of all axes, then ends; null where the node has none. */
  readonly parts: readonly number[] | null;
}

/**
 * Values at another size. Planes as PyTorch makes them are `upsample`, of any size; what else there is gathers the
 * nearest values along each axis, or multiplies by a matrix of weights, for which sizes must be known.
 */
export function importResize(at: ImportStep): Argument {
  const { node } = at;
  if (intOf(node, "antialias", 0) !== 0) throw at.refuse("antialias");
  const policy = textOf(node, "keep_aspect_ratio_policy", "stretch");
  if (policy !== "stretch") throw at.refuse(`keep_aspect_ratio_policy ${policy}`);
  const isOld = node.opType === "Upsample" || at.graph.model.opset < 11;
  const mode = modeOf(at, isOld);
  const targets = targetsOf(at, isOld);
  return upsampled(at, mode, targets) ?? resized(at, mode, targets);
}

function modeOf(at: ImportStep, isOld: boolean): ResizeMode {
  const { node } = at;
  const named = textOf(node, "mode", "nearest");
  const kind = named === "bilinear" ? "linear" : named;
  if (kind !== "nearest" && kind !== "linear" && kind !== "cubic") throw at.refuse(`mode ${named}`);
  const transformation = textOf(node, "coordinate_transformation_mode", isOld ? "asymmetric" : "half_pixel");
  const rounding = textOf(node, "nearest_mode", isOld ? "floor" : "round_prefer_floor");
  const probe: AxisResize = { from: 1, to: 1, scale: 1, part: [0, 1] };
  if (placeOn(probe, transformation, 0) === undefined || roundedPlace(rounding, 0) === undefined) {
    throw at.refuse(`${transformation} with ${rounding}`);
  }
  const coefficient = floatOf(node, "cubic_coeff_a", -0.75);
  return { kind, transformation, rounding, coefficient, excludesOutside: intOf(node, "exclude_outside", 0) !== 0 };
}

function targetsOf(at: ImportStep, isOld: boolean): Targets {
  const { node } = at;
  const rank = at.rank(0);
  const numbers = (k: number): readonly number[] | null => {
    if (!at.has(k)) return null;
    const { data } = at.values(k);
    return data.length === 0 ? null : [...data];
  };
  const named = intsOf(node, "axes")?.map((axis) => at.resolve(axis, rank));
  const axes = named ?? allAxes(rank);
  const scales = node.attribute.find(({ name }) => name === "scales")?.floats ?? numbers(isOld ? 1 : 2);
  const given = scales !== null || isOld || !at.has(3) ? null : sizesOf(at.graph, at.shapes, node.input[3]);
  if ((scales ?? given)?.length !== axes.length) throw at.refuse("sizes that are not known");
  if (scales?.some((scale) => !(scale > 0))) throw at.refuse(`scales ${scales.join(", ")}`);
  // A size that is the number of samples leaves the axis as it is.
  const kept = at.shape(0);
  const isKept = (k: number): boolean =>
    scales !== null
      ? scales[k] === 1
      : given?.[k] === kept?.[axes[k]] || (typeof given?.[k] !== "number" && axes[k] === 0);
  const isCrop = textOf(node, "coordinate_transformation_mode", "") === "tf_crop_and_resize";
  const parts = isCrop ? numbers(1) : null;
  const isWhole = parts === null || (parts[0] === 0 && parts[axes.length] === 1);
  const first = axes[0] === 0 && (isKept(0) || given?.[0] === at.shapes.declaredBatch) && isWhole;
  const from = first ? 1 : 0;
  const sizes = given?.slice(from).map(Number) ?? null;
  if (sizes?.some((size) => !(Number.isInteger(size) && size > 0))) throw at.refuse("sizes that are not known");
  return {
    axes: axes.slice(from),
    sizes,
    scales: scales?.slice(from) ?? null,
    parts,
  };
}

/** Planes as `upsample` makes them; null if it makes others. */
function upsampled(at: ImportStep, { kind, transformation, rounding }: ResizeMode, targets: Targets): Argument | null {
  const { axes, sizes, scales } = targets;
  const shape = at.shape(0);
  const along = (list: readonly number[] | null, axis: number): number | null => list?.[axes.indexOf(axis)] ?? null;
  const others = [0, 1].filter((axis) => axes.includes(axis));
  const isPlanes =
    at.rank(0) === 4 &&
    axes.includes(2) &&
    axes.includes(3) &&
    others.every((axis) => along(scales, axis) === 1 || (sizes !== null && along(sizes, axis) === shape?.[axis]));
  if (!isPlanes) return null;
  const scale = scales === null ? null : [Number(along(scales, 2)), Number(along(scales, 3))];
  const size = sizes === null ? {} : { size: [Number(along(sizes, 2)), Number(along(sizes, 3))] };
  if (kind === "nearest") {
    const isFloor = transformation === "asymmetric" && rounding === "floor";
    // Whole scales round to the same place either way.
    const isWhole = scale?.every((one) => Number.isInteger(one)) ?? false;
    const isSame = isWhole && transformation === "half_pixel" && rounding === "round_prefer_floor";
    return isFloor || isSame ? at.op("upsample", at.input(0), scale, size) : null;
  }
  const isAligned = transformation === "align_corners";
  const isHalf = transformation === "half_pixel" || transformation === "pytorch_half_pixel";
  if (kind !== "linear" || !(isAligned || isHalf)) return null;
  const sides = [2, 3].map((axis, k) => ({
    from: shape?.[axis],
    to: sizes === null ? null : along(sizes, axis),
    by: scale?.[k],
  }));
  if (isAligned && sides.some(({ from, by }) => by !== undefined && !isWholeSize(from, by))) return null;
  const areOne = sides.some(
    ({ from, to, by }) => (to ?? (typeof from === "number" ? Math.floor(from * (by ?? 1)) : 2)) === 1,
  );
  if (transformation === "pytorch_half_pixel" && areOne) return null;
  return at.op("upsample", at.input(0), scale, { ...size, mode: "bilinear", alignCorners: isAligned });
}

/** Whether a scale makes a whole number of places, as far as float32 can say it. */
function isWholeSize(from: unknown, scale: number): boolean {
  if (typeof from !== "number") return Number.isInteger(scale);
  return Math.abs(from * scale - Math.round(from * scale)) < 1e-5 * from;
}

function resized(at: ImportStep, mode: ResizeMode, { axes, sizes, scales, parts }: Targets): Argument {
  const from = at.sizes(0, axes);
  const outside = floatOf(at.node, "extrapolation_value", 0);
  let x = at.input(0);
  for (const [k, axis] of axes.entries()) {
    const size = from[axis];
    const to = sizes?.[k] ?? Math.floor(size * (scales?.[k] ?? 1));
    const scale = scales?.[k] ?? to / size;
    const part = [parts?.[axis] ?? 0, parts?.[from.length + axis] ?? 1] as const;
    if (to < 1 || size < 1) throw at.refuse(`${to} of ${size} places`);
    const isCrop = mode.transformation === "tf_crop_and_resize";
    if (to === size && scale === 1 && !(isCrop && (part[0] !== 0 || part[1] !== 1))) continue;
    // ONNX's own tests count by the size before it is rounded, onnxruntime by that after.
    if (mode.transformation === "align_corners" && !isWholeSize(size, scale)) {
      throw at.refuse(`align_corners with a scale of ${scale} for ${size} places, which is no whole number`);
    }
    at.graph.model.spend(size * to);
    const one = { from: size, to, scale, part };
    if (mode.kind === "nearest") x = at.op("gather", x, nearest(mode, one), axis);
    else x = weighted(at, x, axis, from.length, mode, one, isCrop ? outside : null);
  }
  return x;
}

function nearest({ transformation, rounding }: ResizeMode, one: AxisResize): number[] {
  return Array.from({ length: one.to }, (_, x) => {
    const place = roundedPlace(rounding, placeOn(one, transformation, x) ?? 0) ?? 0;
    return Math.min(Math.max(place, 0), one.from - 1);
  });
}

/** A product with a matrix along one axis. @param outside - the value of what lies outside; null: that of the edge */
function weighted(
  at: ImportStep,
  x: Argument,
  axis: number,
  rank: number,
  mode: ResizeMode,
  one: AxisResize,
  outside: number | null,
): Argument {
  const { from, to } = one;
  const matrix = new Float32Array(from * to);
  const added = new Float32Array(to);
  for (let k = 0; k < to; k++) {
    const place = placeOn(one, mode.transformation, k) ?? 0;
    if (outside !== null && (place < 0 || place > from - 1)) {
      added[k] = outside;
      continue;
    }
    const { first, weights } = weightsAround(mode, place);
    const isInside = (i: number): boolean => i >= 0 && i < from;
    const excludes = mode.excludesOutside && mode.kind === "cubic";
    const left = weights.map((weight, i) => (excludes && !isInside(first + i) ? 0 : weight));
    const sum = excludes ? left.reduce((total, weight) => total + weight, 0) : 1;
    for (const [i, weight] of left.entries()) {
      matrix[Math.min(Math.max(first + i, 0), from - 1) * to + k] += weight / sum;
    }
  }
  const order = allAxes(rank).filter((k) => k !== axis);
  order.push(axis);
  const back = order.map((_, k) => order.indexOf(k));
  const rows = rank === 1 ? at.op("reshape", x, [1, from]) : at.transposed(x, order);
  let y: Argument = at.op("matmul", rows, at.constant([from, to], matrix));
  if (added.some((value) => value !== 0)) y = at.op("add", y, at.constant([to], added));
  return rank === 1 ? at.op("reshape", y, [to]) : at.transposed(y, back);
}
