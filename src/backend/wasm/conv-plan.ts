import type { ConvGeometry } from "../backend.js";
import { type Axis, forwardAxis, gradientAxis, largest, range, smallest } from "./conv-axes.js";

/**
 * Plans of convolutions: all that the kernels need to know of a geometry, as an array of i32 whose layout
 * assembly/conv/planes.ts states together with the method.
 */
export interface ConvPlan {
  readonly words: Int32Array<ArrayBuffer>;
  /** Size of the packed weights, in values. */
  readonly weightsSize: number;
}

/** Products that are summed in one go: as many as keep a tile's sources in the first-level cache. */
const depthLimit = 240;
/** Rows of the weight's gradient that one unit of work does; its planes stay in the second-level cache. */
const sliceLimit = 576;
/** Results of a chunk of rows: as many as stay in the second-level cache. */
const chunkLimit = 65536;
/** Positions of dy that are summed in one go for the weight's gradient. */
const positionLimit = 288;

/** What a plan reads and writes, besides its axes. */
interface PlanShape {
  readonly groups: number;
  readonly channels: number;
  readonly outChannels: number;
  readonly sourceHeight: number;
  readonly sourceWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernelWidth: number;
  /** Channels whose planes are in memory at a time. */
  readonly stored: number;
  /** Products, (channel, tap), in a table of offsets: about. */
  readonly depth: number;
}

/** The size of chunks of at most `limit` (but at least 1) that cut `rows` evenly. */
export function evenChunk(rows: number, limit: number): number {
  return Math.max(1, Math.ceil(rows / Math.max(1, Math.ceil(rows / Math.max(1, limit)))));
}

function plan(
  shape: PlanShape,
  vertical: Axis,
  horizontal: Axis,
  chunkRows: (rowStride: number, rows: number) => number,
): ConvPlan {
  const { groups, channels, outChannels, sourceWidth, outWidth } = shape;
  // The zeros at the left of a row serve as those at the right of the row before.
  const shared = smallest(horizontal.phases.map(({ zeros }) => zeros));
  const rowStride = Math.max(
    horizontal.length - shared,
    largest(horizontal.phases.map(({ zeros, count }) => zeros + count)),
    largest(horizontal.jobs.map(({ count }) => count)),
  );
  const phases = vertical.phases.length * horizontal.phases.length;
  const plane = vertical.length * rowStride + Math.max(0, horizontal.length - rowStride);
  // Planes whose distance is a multiple of 4 KiB would fight for the same cache lines.
  const lines = Math.ceil(plane / 16);
  const planeStride = 16 * (lines % 64 === 0 ? lines + 1 : lines);
  // What does not fit an i32 does not fit memory either, and is refused when working memory is asked for.
  const planesSize = Math.min(shape.stored * phases * planeStride + 64, 2 ** 31 - 1);

  const jobs = vertical.jobs.flatMap((y) => horizontal.jobs.map((x) => ({ y, x })));
  const phaseWords = vertical.phases.flatMap((y) =>
    horizontal.phases.flatMap((x) => [
      y.start * sourceWidth + x.start,
      vertical.sourceStep * sourceWidth,
      horizontal.sourceStep,
      y.count,
      x.count,
      y.zeros * rowStride + x.zeros,
    ]),
  );
  const firstJob = 11 + phaseWords.length;
  const words = [
    groups,
    channels,
    shape.sourceHeight * sourceWidth,
    phases,
    planeStride,
    rowStride,
    planesSize,
    outChannels,
    shape.outHeight * outWidth,
    jobs.length,
    firstJob,
    ...phaseWords,
  ];
  let weightsSize = 0;
  let tableIndex = firstJob + 11 * jobs.length;
  const tables: number[][] = [];
  for (const { y, x } of jobs) {
    const places = y.places.flatMap((ky) => x.places.map((kx) => ky * shape.kernelWidth + kx));
    const taps = y.taps.flatMap((ty) =>
      x.taps.map(
        (tx) => (ty.phase * horizontal.phases.length + tx.phase) * planeStride + ty.shift * rowStride + tx.shift,
      ),
    );
    const block = evenChunk(channels, Math.floor(shape.depth / Math.max(1, taps.length)));
    const offsets = range(block).flatMap((channel) => taps.map((tap) => 4 * (channel * phases * planeStride + tap)));
    const chunk = chunkRows(rowStride, y.count);
    words.push(
      taps.length,
      tableIndex,
      tableIndex + places.length,
      block,
      weightsSize,
      y.count,
      x.count,
      y.first * outWidth + x.first,
      vertical.resultStep * outWidth,
      horizontal.resultStep,
      chunk,
    );
    tables.push(places, offsets);
    tableIndex += places.length + offsets.length;
    weightsSize += groups * Math.ceil(outChannels / 2) * 2 * channels * taps.length;
  }
  return {
    words: Int32Array.from([...words, ...tables.flat()]),
    weightsSize,
  };
}

/** Rows whose results, in all channels, stay in the second-level cache; several tiles' worth in any case. */
function correlationChunk(channels: number) {
  return (rowStride: number, rows: number) =>
    evenChunk(rows, Math.max(Math.floor(chunkLimit / (rowStride * channels)), Math.ceil(128 / rowStride)));
}

function forward(
  geometry: ConvGeometry,
  stored: number,
  depth: number,
  chunkRows: (rowStride: number, rows: number) => number,
): ConvPlan {
  const { kernel, stride, padding, dilation, groups } = geometry;
  return plan(
    {
      groups,
      channels: geometry.inChannels / groups,
      outChannels: geometry.outChannels / groups,
      sourceHeight: geometry.height,
      sourceWidth: geometry.width,
      outHeight: geometry.outHeight,
      outWidth: geometry.outWidth,
      kernelWidth: kernel[1],
      stored,
      depth,
    },
    forwardAxis(geometry.height, geometry.outHeight, kernel[0], stride[0], padding[0], dilation[0]),
    forwardAxis(geometry.width, geometry.outWidth, kernel[1], stride[1], padding[1], dilation[1]),
    chunkRows,
  );
}

/** y from x; by default the planes of a group are in memory at a time. */
export function forwardPlan(geometry: ConvGeometry, stored = geometry.inChannels / geometry.groups): ConvPlan {
  const { outChannels, groups } = geometry;
  return forward(geometry, Math.max(1, stored), depthLimit, correlationChunk(outChannels / groups));
}

/** dx from dy; by default the planes of a group are in memory at a time. */
export function inputGradientPlan(geometry: ConvGeometry, stored = geometry.outChannels / geometry.groups): ConvPlan {
  const { kernel, stride, padding, dilation, groups } = geometry;
  const channels = geometry.outChannels / groups;
  const outChannels = geometry.inChannels / groups;
  return plan(
    {
      groups,
      channels,
      outChannels,
      sourceHeight: geometry.outHeight,
      sourceWidth: geometry.outWidth,
      outHeight: geometry.height,
      outWidth: geometry.width,
      kernelWidth: kernel[1],
      stored: Math.max(1, stored),
      depth: depthLimit,
    },
    gradientAxis(geometry.height, geometry.outHeight, kernel[0], stride[0], padding[0], dilation[0]),
    gradientAxis(geometry.width, geometry.outWidth, kernel[1], stride[1], padding[1], dilation[1]),
    correlationChunk(outChannels),
  );
}

/**
 * dweight from dy and x: the planes are those of the forward direction, of `slice` input channels of a group at a time.
 */
export function weightGradientPlan(geometry: ConvGeometry): ConvPlan & { readonly slice: number } {
  const { inChannels, groups, kernel } = geometry;
  const slice = evenChunk(inChannels / groups, Math.floor(sliceLimit / (kernel[0] * kernel[1])));
  const chunk = (rowStride: number, rows: number) => evenChunk(rows, Math.floor(positionLimit / rowStride));
  return { ...forward(geometry, slice, sliceLimit, chunk), slice };
}
