import type { ConvGeometry } from "../backend.js";

/**
 * Plans of convolutions: all that the kernels need to know of a geometry, as an array of i32 whose layout assembly/conv-planes.ts
 * states together with the method.
 */
export interface ConvPlan {
  readonly words: Int32Array<ArrayBuffer>;
  /** Size of the zero-padded planes of one group, in values. */
  readonly planesSize: number;
  /** Size of the packed weights, in values. */
  readonly weightsSize: number;
  /** Size of the results of the largest chunk of rows, in values. */
  readonly chunkSize: number;
  readonly rowStride: number;
  /** Rows of the first job that are worked on in one go. */
  readonly chunkRows: number;
}

/** Products that are summed in one go: as many as keep a tile's sources in the first-level cache. */
const depthLimit = 240;
/** Rows of the weight's gradient that one unit of work does; its planes stay in the second-level cache. */
const sliceLimit = 576;
/** Results of a chunk of rows: as many as stay in the second-level cache. */
const chunkLimit = 65536;
/** Positions of dy that are summed in one go for the weight's gradient. */
const positionLimit = 288;

/** What a tap is along one axis: which phase's plane it reads, and how far from the result's position. */
interface AxisTap {
  readonly phase: number;
  readonly shift: number;
}

/** Where the source's values lie along one axis of a phase's planes. */
interface AxisPhase {
  /** Zeros before the first value. */
  readonly zeros: number;
  /** The first value's index in the source; the others follow at the axis's step. */
  readonly start: number;
  readonly count: number;
}

/** A stretch of results along one axis that share their taps. */
interface AxisJob {
  /** Places of its taps in the kernel. */
  readonly places: readonly number[];
  readonly taps: readonly AxisTap[];
  /** The first result's index, and how many there are. */
  readonly first: number;
  readonly count: number;
}

/** One axis of a plan. */
interface Axis {
  /** Length of the planes. */
  readonly length: number;
  /** Step between the source's values in a phase, and between the results of a job. */
  readonly sourceStep: number;
  readonly resultStep: number;
  readonly phases: readonly AxisPhase[];
  readonly jobs: readonly AxisJob[];
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** One axis of the forward direction: a plane per remainder modulo the stride that a tap has, one job. */
function forwardAxis(
  size: number,
  out: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): Axis {
  const length = out + Math.floor(((kernel - 1) * dilation) / stride);
  const remainders = [...new Set(range(kernel).map((k) => (k * dilation) % stride))];
  const phases = remainders.map((remainder) => {
    const zeros = Math.min(Math.max(0, Math.ceil((padding - remainder) / stride)), length);
    const end = Math.min(length, Math.ceil((size + padding - remainder) / stride));
    return { zeros, start: zeros * stride + remainder - padding, count: Math.max(0, end - zeros) };
  });
  const places = range(kernel);
  const taps = places.map((k) => ({
    phase: remainders.indexOf((k * dilation) % stride),
    shift: Math.floor((k * dilation) / stride),
  }));
  return { length, sourceStep: stride, resultStep: 1, phases, jobs: [{ places, taps, first: 0, count: out }] };
}

/**
 * One axis of the input's gradient: dx[i] = Σ dy[q − ⌊k·dilation/stride⌋]·w[k] over the k whose k·dilation has the remainder of
 * i + padding = q·stride + remainder. One plane, a job per remainder.
 */
function gradientAxis(
  size: number,
  out: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): Axis {
  const parts = range(Math.min(stride, size)).map((part) => {
    // Counted from the first value of the input, so that every part has one.
    const remainder = (part + padding) % stride;
    const places = range(kernel).filter((k) => (k * dilation) % stride === remainder);
    const shifts = places.map((k) => Math.floor((k * dilation) / stride));
    return {
      places,
      shifts,
      first: part,
      q: (part + padding - remainder) / stride,
      count: Math.ceil((size - part) / stride),
    };
  });
  const reading = parts.filter(({ places }) => places.length > 0);
  const low = Math.min(...reading.map(({ q, shifts }) => q - Math.max(...shifts)));
  const high = Math.max(...reading.map(({ q, count, shifts }) => q + count - Math.min(...shifts)));
  const jobs = parts.map(({ places, shifts, first, q, count }) => ({
    places,
    taps: shifts.map((shift) => ({ phase: 0, shift: q - shift - low })),
    first,
    count,
  }));
  if (reading.length === 0) {
    return { length: 0, sourceStep: 1, resultStep: stride, phases: [{ zeros: 0, start: 0, count: 0 }], jobs };
  }
  const start = Math.max(0, low);
  const zeros = Math.min(Math.max(0, -low), high - low);
  const phases = [{ zeros, start, count: Math.max(0, Math.min(out, high) - start) }];
  return { length: high - low, sourceStep: 1, resultStep: stride, phases, jobs };
}

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
  /** Channels whose planes are in memory at a time; 0 if the source itself serves as the planes. */
  readonly stored: number;
  /** Products, (channel, tap), in a table of offsets: about. */
  readonly depth: number;
}

/** The size of chunks of at most `limit` (but at least 1) that cut `rows` evenly. */
function evenChunk(rows: number, limit: number): number {
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
  const shared = Math.min(...horizontal.phases.map(({ zeros }) => zeros));
  const rowStride = Math.max(
    horizontal.length - shared,
    ...horizontal.phases.map(({ zeros, count }) => zeros + count),
    ...horizontal.jobs.map(({ count }) => count),
  );
  const phases = vertical.phases.length * horizontal.phases.length;
  const plane = vertical.length * rowStride + Math.max(0, horizontal.length - rowStride);
  // Planes whose distance is a multiple of 4 KiB would fight for the same cache lines.
  const lines = Math.ceil(plane / 16);
  const planeStride = shape.stored === 0 ? plane : 16 * (lines % 64 === 0 ? lines + 1 : lines);
  const planesSize = shape.stored === 0 ? 0 : shape.stored * phases * planeStride + 64;

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
  let chunkSize = 0;
  let firstChunk = 1;
  let tableIndex = firstJob + 11 * jobs.length;
  const tables: number[][] = [];
  jobs.forEach(({ y, x }, index) => {
    const places = y.places.flatMap((ky) => x.places.map((kx) => ky * shape.kernelWidth + kx));
    const taps = y.taps.flatMap((ty) =>
      x.taps.map(
        (tx) => (ty.phase * horizontal.phases.length + tx.phase) * planeStride + ty.shift * rowStride + tx.shift,
      ),
    );
    const block = evenChunk(channels, Math.floor(shape.depth / Math.max(1, taps.length)));
    const offsets = range(block).flatMap((channel) => taps.map((tap) => 4 * (channel * phases * planeStride + tap)));
    const chunk = chunkRows(rowStride, y.count);
    if (index === 0) firstChunk = chunk;
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
    chunkSize = Math.max(chunkSize, outChannels * (Math.ceil((chunk * rowStride) / 16) * 16 + 16));
  });
  return {
    words: Int32Array.from(words.concat(...tables)),
    planesSize,
    weightsSize,
    chunkSize,
    rowStride,
    chunkRows: firstChunk,
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

/** y from x. */
export function forwardPlan(geometry: ConvGeometry): ConvPlan {
  const { inChannels, outChannels, groups } = geometry;
  return forward(geometry, Math.max(1, inChannels / groups), depthLimit, correlationChunk(outChannels / groups));
}

/** dx from dy. */
export function inputGradientPlan(geometry: ConvGeometry): ConvPlan {
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
      stored: Math.max(1, channels),
      depth: depthLimit,
    },
    gradientAxis(geometry.height, geometry.outHeight, kernel[0], stride[0], padding[0], dilation[0]),
    gradientAxis(geometry.width, geometry.outWidth, kernel[1], stride[1], padding[1], dilation[1]),
    correlationChunk(outChannels),
  );
}

/**
 * dweight from dy and x: the planes are those of the forward direction, of `slice` input channels of a group at a time, or
 * (`direct`: a 1 × 1 kernel, stride 1, no padding) x itself.
 */
export function weightGradientPlan(geometry: ConvGeometry, direct: boolean): ConvPlan & { readonly slice: number } {
  const { inChannels, groups, kernel } = geometry;
  const slice = evenChunk(inChannels / groups, Math.floor(sliceLimit / (kernel[0] * kernel[1])));
  const chunk = (rowStride: number, rows: number) => evenChunk(rows, Math.floor(positionLimit / rowStride));
  return { ...forward(geometry, direct ? 0 : slice, sliceLimit, chunk), slice };
}
