import type { StatisticsView } from "../../backend/backend.js";
import { ArgumentError, ShapeError } from "../../errors.js";
import { add, mul } from "../../ops/binary.js";
import { reshape } from "../../ops/reshape.js";
import { checkCount, formatShape, maxRank, type Shape, sameShape, sizeOf } from "../../shape.js";
import { shown } from "../../shown.js";
import { checkTensor, type Tensor } from "../../tensor.js";
import { checkFeatures } from "../check-features.js";
import type { AnyModule } from "../module.js";
import type { Share } from "./batch-moments.js";
import type { RunningNorm } from "./running-norm.js";

/** Checks that x is (N, C, …). @throws ShapeError if its rank is not 2 to 5 */
export function checkChannelAxis(layer: AnyModule, x: Tensor): void {
  checkTensor(layer, x);
  if (x.rank >= 2 && x.rank <= 5) return;
  throw new ShapeError({
    where: `${layer}.forward(x)`,
    expected: "rank 2 to 5: (N, C, …)",
    received: `rank ${x.rank} (shape ${formatShape(x.shape)})`,
    cure: "Reshape x so that channels are axis 1.",
  });
}

/**
 * x as (N, C, S) with one mean per channel and a parameter per channel.
 *
 * @throws ShapeError if rank or channels do not fit
 */
export function channelView(layer: AnyModule, x: Tensor, channels: number): StatisticsView {
  checkChannelAxis(layer, x);
  checkFeatures(layer, x, 1, channels, "channels");
  const inner = sizeOf(x.shape.slice(2));
  return { outer: x.shape[0], kept: channels, inner, repeat: inner, period: channels };
}

/** What messages call the values that share a mean where a channel does. */
export const channels: Share = { noun: "channel", place: (c) => `channel ${c}` };

/** Likewise where a row does. */
export const rows: Share = { noun: "row", place: (k) => `row ${k}` };

/** Checks that a batch has 2 values or more per channel. @throws ShapeError naming the cure */
export function checkSeveralValues(layer: RunningNorm, x: Tensor, { outer, inner }: StatisticsView): void {
  if (outer * inner !== 1) return;
  throw new ShapeError({
    where: `${layer}.forward(x)`,
    expected: "at least 2 values per channel for batch statistics",
    received: `1 (shape ${formatShape(x.shape)})`,
    cure: `Use a batch of 2 or more${layer.runningMean === null ? "" : ", call eval() first"}, or normalise with GroupNorm or LayerNorm.`,
  });
}

/** Checks that samples have 2 positions or more. @throws ShapeError naming norms that need none */
export function checkSeveralPositions(layer: AnyModule, x: Tensor, { inner }: StatisticsView, others: string): void {
  if (inner !== 1) return;
  throw new ShapeError({
    where: `${layer}.forward(x)`,
    expected: "at least 2 positions per channel",
    received: `1 (shape ${formatShape(x.shape)})`,
    cure: `Use larger images or signals, or normalise with ${others}.`,
  });
}

/** x as {@link channelView} has it, with a mean per sample and channel. */
export function sampleChannelView({ outer, kept, inner }: StatisticsView): StatisticsView {
  return { outer: 1, kept: outer * kept, inner, repeat: inner, period: kept };
}

/** What messages call the values that share a mean there. @param features - channels of x */
export function sampleChannels(features: number): Share {
  const place = (k: number): string => `channel ${k % features} of sample ${Math.floor(k / features)}`;
  return { noun: "channel of every sample", place };
}

/**
 * x as rows of `normalizedShape`, with a mean per row and a parameter per value.
 *
 * @throws ShapeError if the last axes do not fit
 */
export function rowView(layer: AnyModule, x: Tensor, normalizedShape: Shape): StatisticsView {
  const leading = x.rank - normalizedShape.length;
  if (leading < 0 || !sameShape(x.shape.slice(leading), normalizedShape)) {
    throw new ShapeError({
      where: `${layer}.forward(x)`,
      expected: `last axes of ${formatShape(normalizedShape)}`,
      received: formatShape(x.shape),
      cure: "Build the layer with the sizes of the last axes of x, or reshape x.",
    });
  }
  const inner = sizeOf(normalizedShape);
  return { outer: 1, kept: sizeOf(x.shape.slice(0, leading)), inner, repeat: 1, period: inner };
}

/** The sizes of the last axes, given as a list or as the one size. @throws ArgumentError if they are none */
export function normalizedShapeOf(where: string, given: number | Shape): Shape {
  const shape = typeof given === "number" ? [given] : given;
  if (!Array.isArray(shape) || shape.length < 1 || shape.length > maxRank) {
    throw new ArgumentError({
      where,
      expected: `a size or a list of 1 to ${maxRank} sizes`,
      received: shown(given),
      cure: "Pass the sizes of the last axes of x.",
    });
  }
  return shape.map((size) => checkCount(where, "each size", size));
}

/** A value per channel, (C), in the shape that broadcasts to x of a rank: (C, 1, …). */
export function alongChannels(t: Tensor, rank: number): Tensor {
  return rank === 2 ? t : reshape(t, [t.size, ...new Array<number>(rank - 2).fill(1)]);
}

/** weight · x + bias with a value per channel, (C), of each, or null. */
export function scaledAlongChannels(x: Tensor, weight: Tensor | null, bias: Tensor | null): Tensor {
  const scaled = weight === null ? x : mul(x, alongChannels(weight, x.rank));
  return bias === null ? scaled : add(scaled, alongChannels(bias, x.rank));
}

/** The axes of (N, C, …) behind the channels. */
export function positionAxes({ rank }: Tensor): number[] {
  return Array.from({ length: rank - 2 }, (_, k) => k + 2);
}
