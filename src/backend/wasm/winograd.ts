import type { ConvGeometry } from "../backend.js";
import { multiplyAddNs } from "./gemm.js";
import type { Runtime } from "./runtime.js";

/** Tiles that a unit of work has at least, if there are so many: enough to fill panels of 16 well. */
const unitTiles = 64;
/** Bytes of transformed patches and products of a unit, about: what stays in the second-level cache. */
const unitBytes = 600 << 10;
/** Pieces of the units whose weight gradients are summed apart, for as many threads; fewer where they would fill memory. */
const mostPieces = 8;
const mostPieceBytes = 1 << 25;
/** Working memory of the kernels that transform filters. */
const filterScratch = 496;
/** With fewer channels on either side transforms cost more than they save; the second holds for several groups, but for the weight's gradient. */
const leastChannels = 8;
const leastGroupChannels = 16;

/** What transforms take besides the products, in ns: of a tile's 36 values, of a byte of packed weights and of one of partial sums. */
const nanoseconds = { value: 0.45, packedByte: 0.1, mergedByte: 0.05 };

/** A convolution that Winograd's kernels do, a group at a time: its source and result, and the zeros before the source. */
interface WinogradShape {
  readonly batch: number;
  readonly groups: number;
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  readonly padding: readonly [number, number];
  readonly results: number;
  readonly resultRows: number;
  readonly resultColumns: number;
}

/** How its tiles are cut into units: see assembly/winograd-tiles.ts. */
interface WinogradPlan {
  readonly words: Int32Array<ArrayBuffer>;
  readonly units: number;
  /** Tiles of a full unit, rounded up to a multiple of 16. */
  readonly tiles: number;
  readonly planesBytes: number;
}

function isFitting(geometry: ConvGeometry, least: number): boolean {
  const { kernel, stride, dilation, padding, groups, inChannels, outChannels, outHeight, outWidth } = geometry;
  return (
    kernel.every((count) => count === 3) &&
    [...stride, ...dilation].every((count) => count === 1) &&
    padding.every((count) => count <= 2) &&
    Math.min(inChannels, outChannels) >= least * groups &&
    Math.min(outHeight, outWidth) >= 3
  );
}

/**
 * Whether a convolution, and its input's gradient, are done by Winograd's kernels. It depends on the shape alone, and not on the batch, so
 * that a sample gives the same bits in any.
 */
export function isWinograd(geometry: ConvGeometry): boolean {
  return isFitting(geometry, geometry.groups === 1 ? leastChannels : leastGroupChannels);
}

/** Whether its weight's gradient is, the sums of which are four times as large as the weight and in float64. */
export function isWinogradForWeight(geometry: ConvGeometry): boolean {
  const { channels, results } = forwardShape(geometry);
  return isFitting(geometry, leastChannels) && pieceBytes(channels, results) <= mostPieceBytes / 2;
}

function pieceBytes(channels: number, results: number): number {
  return 36 * (8 * channels * 4 * Math.ceil(results / 4) + 64);
}

/** y from x. */
function forwardShape(geometry: ConvGeometry): WinogradShape {
  const { batch, groups, inChannels, height, width, padding, outChannels, outHeight, outWidth } = geometry;
  return {
    ...{ batch, groups, channels: inChannels / groups, rows: height, columns: width, padding },
    ...{ results: outChannels / groups, resultRows: outHeight, resultColumns: outWidth },
  };
}

/** dx from dy: the same with as many zeros as the kernel is long. */
function inputGradientShape(geometry: ConvGeometry): WinogradShape {
  const { results, channels, resultRows, resultColumns, rows, columns, padding, ...others } = forwardShape(geometry);
  return {
    ...others,
    ...{ channels: results, rows: resultRows, columns: resultColumns, padding: [2 - padding[0], 2 - padding[1]] },
    ...{ results: channels, resultRows: rows, resultColumns: columns },
  };
}

/** dy as a source whose patches begin where those of x do. */
function cotangentShape(shape: WinogradShape): WinogradShape {
  const { results, resultRows, resultColumns } = shape;
  return { ...shape, channels: results, rows: resultRows, columns: resultColumns, padding: [0, 0] };
}

/** How many images, or else rows of tiles of one image, make a unit: the number that leaves the fewest lanes of 16 unused. */
function cut(parts: number, tilesPerPart: number, most: number): number {
  const limit = Math.max(1, Math.min(parts, Math.floor(most / tilesPerPart)));
  const least = Math.min(limit, Math.ceil(unitTiles / tilesPerPart));
  let best = limit;
  const used = (count: number): number => (count * tilesPerPart) / (16 * Math.ceil((count * tilesPerPart) / 16));
  for (let count = limit; count >= least; count--) if (used(count) > used(best)) best = count;
  return best;
}

function planOf(shape: WinogradShape, bytesPerTile: number): WinogradPlan {
  const { batch, groups, channels, rows, columns, padding, results, resultRows, resultColumns } = shape;
  const tileRows = Math.ceil(resultRows / 4);
  const tileColumns = Math.ceil(resultColumns / 4);
  const most = Math.max(16, Math.min(2 * unitTiles, Math.floor(unitBytes / bytesPerTile)));
  const perImage = tileRows * tileColumns;
  const images = perImage <= most ? cut(batch, perImage, most) : 1;
  const sliceRows = perImage <= most ? tileRows : cut(tileRows, tileColumns, most);
  const planeLength = (4 * sliceRows + 2) * (4 * tileColumns + 2);
  const source = [channels, rows, columns, ...padding];
  return {
    words: Int32Array.of(
      ...source,
      results,
      resultRows,
      resultColumns,
      batch,
      tileRows,
      tileColumns,
      images,
      sliceRows,
      groups * channels,
      groups * results,
    ),
    units: Math.ceil(batch / images) * Math.ceil(tileRows / sliceRows),
    tiles: 16 * Math.ceil((images * sliceRows * tileColumns) / 16),
    planesBytes: 16 * Math.ceil((4 * images * planeLength) / 16),
  };
}

/** Convolutions of 3 × 3 taps and their gradients on the kernels of assembly/winograd.ts and assembly/winograd-weights.ts. */
export function winograd(runtime: Runtime) {
  /** What the products and transforms take, in ns. */
  function workOf({ batch, channels, results, resultRows, resultColumns }: WinogradShape): number {
    const tiles = batch * Math.ceil(resultRows / 4) * Math.ceil(resultColumns / 4);
    return 36 * tiles * (multiplyAddNs * channels * results + nanoseconds.value * (channels + results));
  }

  function correlate(
    shape: WinogradShape,
    source: number,
    weight: number,
    steps: readonly [result: number, channel: number],
    turned: boolean,
    bias: number,
    result: number,
  ): void {
    const { channels, results } = shape;
    const patchBytes = 144 * (channels | 1);
    const plan = planOf(shape, patchBytes + 144 * results);
    const pairs = Math.ceil(results / 2);
    const weightBytes = 36 * (8 * pairs * channels + 64);
    runtime.withScratch(64 + weightBytes, (words) => {
      runtime.memory.bytes.set(new Uint8Array(plan.words.buffer), words);
      const packed = words + 64;
      const packing = [weight, channels, results, ...steps, Number(turned), packed];
      runtime.shareWithScratch(
        "winogradPackWeights",
        pairs,
        nanoseconds.packedByte * weightBytes,
        filterScratch,
        ...packing,
      );
      const scratch = 832 + plan.planesBytes + plan.tiles * (16 + patchBytes + 144 * results);
      const args = [words, source, packed, bias, result];
      runtime.shareWithScratch("winogradCorrelate", plan.units, workOf(shape), scratch, ...args);
    });
  }

  /** Calls `body` with a group's place, in bytes from the first one's: in the source, the result, the weight, the bias. */
  function forEachGroup(
    shape: WinogradShape,
    body: (source: number, result: number, weight: number, bias: number) => void,
  ): void {
    const { groups, channels, rows, columns, results, resultRows, resultColumns } = shape;
    for (let group = 0; group < groups; group++) {
      const source = 4 * group * channels * rows * columns;
      const result = 4 * group * results * resultRows * resultColumns;
      body(source, result, 36 * group * channels * results, 4 * group * results);
    }
  }

  return {
    forward(x: number, weight: number, bias: number, y: number, geometry: ConvGeometry): void {
      const shape = forwardShape(geometry);
      const steps = [9 * shape.channels, 9] as const;
      forEachGroup(shape, (ofX, ofY, ofWeight, ofBias) => {
        correlate(shape, x + ofX, weight + ofWeight, steps, false, bias === 0 ? 0 : bias + ofBias, y + ofY);
      });
    },

    inputGradient(dy: number, weight: number, dx: number, geometry: ConvGeometry): void {
      const shape = inputGradientShape(geometry);
      const steps = [9, 9 * shape.results] as const;
      forEachGroup(shape, (ofDy, ofDx, ofWeight) => {
        correlate(shape, dy + ofDy, weight + ofWeight, steps, true, 0, dx + ofDx);
      });
    },

    weightGradient(dy: number, x: number, dweight: number, geometry: ConvGeometry): void {
      const shape = forwardShape(geometry);
      const { channels, results } = shape;
      const panels = Math.ceil(results / 16);
      const bytesPerTile = 144 * (channels + 16 * panels);
      const plan = planOf(shape, bytesPerTile);
      const cotangents = planOf(cotangentShape(shape), bytesPerTile);
      const sumBytes = pieceBytes(channels, results);
      const pieces = Math.max(1, Math.min(plan.units, mostPieces, Math.floor(mostPieceBytes / sumBytes)));
      runtime.withScratch(128 + pieces * sumBytes, (words) => {
        runtime.memory.bytes.set(new Uint8Array(plan.words.buffer), words);
        runtime.memory.bytes.set(new Uint8Array(cotangents.words.buffer), words + 64);
        const partial = words + 128;
        const scratch = 896 + plan.tiles * 16 + 4 * plan.planesBytes + (plan.tiles + 16) * bytesPerTile + 2 * 36 * 64;
        forEachGroup(shape, (ofX, ofDy, ofWeight) => {
          const args = [words, words + 64, dy + ofDy, x + ofX, partial, plan.units, pieces];
          runtime.shareWithScratch("winogradWeightGradient", pieces, workOf(shape), scratch, ...args);
          const merging = [partial, dweight + ofWeight, pieces, channels, results];
          const work = nanoseconds.mergedByte * pieces * sumBytes;
          runtime.shareWithScratch("winogradMergeWeights", channels, work, filterScratch, ...merging);
        });
      });
    },
  };
}
