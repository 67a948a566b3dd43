import type { ConvGeometry } from "../backend.js";
import { multiplyAddNs } from "./gemm.js";

/**
 * Tiles, or positions of rows, that a unit of work has at least, if there are so many: enough to fill panels of 16
 * well.
 */
const unitTiles = 64;
/** Rows and columns of results to a tile, or rows to one of columns alone. */
const tileHeight = 2;
const tileWidth = 4;
const columnTileHeight = 3;
/** The same where tiles share nothing but packed weights. */
const fewTiles = 32;
/** Bytes of the transformed values of a unit, about: what stays in the second-level cache. */
const unitBytes = 600 << 10;
const patchBytes = 400 << 10;
/** Bytes of the weight's sums that are kept apart for all threads. */
export const mostPieceBytes = 1 << 25;
/**
 * With fewer channels on either side transforms cost more than they save; the second holds for several groups, but for
 * the weight's gradient.
 */
const leastChannels = 8;
const leastGroupChannels = 16;
/**
 * The same for transforms of columns alone, which are faster up to so many channels; the second holds for sides below
 * {@link shortSide}.
 */
const leastColumnChannels = 2;
const leastColumnGroupChannels = 8;
const mostColumnChannels = 12;
const mostColumnChannelsOfSmall = 7;
const shortSide = 12;
/** At most so many rows are computed for each that exists. */
const mostRowsPerRow = 1.25;

/**
 * Products of a tile, or of a position of rows, for each pair of channels, and what transforms take for a channel, in
 * ns.
 */
const tileCosts = { products: 24, transforms: 11 };
const positionCosts = { products: 15, transforms: 1 };

/**
 * A convolution that Winograd's kernels do, a group at a time: its source and result, and the zeros before the source.
 */
export interface WinogradShape {
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

/** How its tiles are cut into units: see assembly/winograd/tiles.ts. */
export interface WinogradPlan {
  readonly words: Int32Array<ArrayBuffer>;
  readonly units: number;
  /** What the products and transforms take, in ns. */
  readonly work: number;
}

function isFitting({ kernel, stride, dilation, padding, outHeight, outWidth }: ConvGeometry): boolean {
  return (
    kernel.every((count) => count === 3) &&
    [...stride, ...dilation].every((count) => count === 1) &&
    padding.every((count) => count <= 2) &&
    Math.min(outHeight, outWidth) >= 3
  );
}

/** Whether columns alone are transformed. */
export function isByColumns({ groups, channels, results, resultRows, resultColumns }: WinogradShape): boolean {
  const count = Math.min(channels, results);
  const isSmall = Math.min(resultRows, resultColumns) < shortSide;
  return (
    count >= (groups === 1 ? leastColumnChannels : leastColumnGroupChannels) &&
    count <= (isSmall ? mostColumnChannelsOfSmall : mostColumnChannels) &&
    3 * Math.ceil(resultRows / 3) <= mostRowsPerRow * resultRows
  );
}

function isFast(shape: WinogradShape): boolean {
  const least = shape.groups === 1 ? leastChannels : leastGroupChannels;
  return isByColumns(shape) || Math.min(shape.channels, shape.results) >= least;
}

/**
 * Whether a convolution is done by Winograd's kernels. It depends on the shape alone, and not on the batch, so that a
 * sample gives the same bits in any.
 */
export function isWinograd(geometry: ConvGeometry): boolean {
  return isFitting(geometry) && isFast(forwardShape(geometry));
}

/** Whether its input's gradient is. */
export function isWinogradForInput(geometry: ConvGeometry): boolean {
  return isFitting(geometry) && isFast(inputGradientShape(geometry));
}

/** Whether its weight's gradient is, the sums of which are almost four times as many as the weights, in float64. */
export function isWinogradForWeight(geometry: ConvGeometry): boolean {
  const { channels, results } = forwardShape(geometry);
  return (
    isFitting(geometry) &&
    Math.min(channels, results) >= leastChannels &&
    pieceBytes(channels, results) <= mostPieceBytes / 2
  );
}

export function pieceBytes(channels: number, results: number): number {
  return 33 * (8 * channels * 4 * Math.ceil(results / 4) + 64);
}

/** y from x. */
export function forwardShape(geometry: ConvGeometry): WinogradShape {
  const { batch, groups, inChannels, height, width, padding, outChannels, outHeight, outWidth } = geometry;
  return {
    ...{ batch, groups, channels: inChannels / groups, rows: height, columns: width, padding },
    ...{ results: outChannels / groups, resultRows: outHeight, resultColumns: outWidth },
  };
}

/** dx from dy: the same with as many zeros as the kernel is long. */
export function inputGradientShape(geometry: ConvGeometry): WinogradShape {
  const { results, channels, resultRows, resultColumns, rows, columns, padding, ...others } = forwardShape(geometry);
  return {
    ...others,
    ...{ channels: results, rows: resultRows, columns: resultColumns, padding: [2 - padding[0], 2 - padding[1]] },
    ...{ results: channels, resultRows: rows, resultColumns: columns },
  };
}

/** dy as a source whose patches begin where those of x do. */
export function cotangentShape(shape: WinogradShape): WinogradShape {
  const { results, resultRows, resultColumns } = shape;
  return { ...shape, channels: results, rows: resultRows, columns: resultColumns, padding: [0, 0] };
}

/**
 * How many images, or else rows of tiles of one image, make a unit: the fewest of those numbers that leave the fewest
 * lanes of 16 unused.
 */
function cut(parts: number, tilesPerPart: number, least: number, most: number): number {
  const limit = Math.max(1, Math.min(parts, Math.floor(most / tilesPerPart)));
  let best = Math.min(limit, Math.ceil(least / tilesPerPart));
  const used = (count: number): number => (count * tilesPerPart) / (16 * Math.ceil((count * tilesPerPart) / 16));
  for (let count = best + 1; count <= limit; count++) if (used(count) > used(best)) best = count;
  return best;
}

/**
 * The plan for tiles, or for positions of rows, at least and at most so many to a unit, with `rowLength` values to a
 * row of the planes.
 */
function planOf(
  shape: WinogradShape,
  tileHeight: number,
  tileColumns: number,
  rowLength: number,
  least: number,
  most: number,
  costs: typeof tileCosts,
): WinogradPlan {
  const { batch, groups, channels, rows, columns, padding, results, resultRows, resultColumns } = shape;
  const tileRows = Math.ceil(resultRows / tileHeight);
  const perImage = tileRows * tileColumns;
  const images = perImage <= most ? cut(batch, perImage, least, most) : 1;
  const sliceRows = perImage <= most ? tileRows : cut(tileRows, tileColumns, least, most);
  const source = [channels, rows, columns, ...padding];
  const result = [results, resultRows, resultColumns];
  const cuts = [batch, tileRows, tileColumns, images, sliceRows];
  const perTile = multiplyAddNs * costs.products * channels * results + costs.transforms * (channels + results);
  return {
    words: Int32Array.of(...source, ...result, ...cuts, groups * channels, groups * results, rowLength, tileHeight),
    units: Math.ceil(batch / images) * Math.ceil(tileRows / sliceRows),
    work: batch * perImage * perTile,
  };
}

/** A plan for the weight's gradient, whose tiles, of 2 × 4 results, take some bytes each. */
export function tilePlan(shape: WinogradShape, bytesPerTile: number): WinogradPlan {
  return planOfTiles(shape, unitTiles, Math.floor(unitBytes / bytesPerTile));
}

/** A plan for assembly/winograd/correlate.ts. */
export function correlationPlan(shape: WinogradShape): WinogradPlan {
  return planOfTiles(shape, fewTiles, Math.floor(patchBytes / (96 * (shape.channels | 1))));
}

function planOfTiles(shape: WinogradShape, least: number, fitting: number): WinogradPlan {
  const tileColumns = Math.ceil(shape.resultColumns / tileWidth);
  const most = Math.max(16, Math.min(2 * unitTiles, fitting));
  return planOf(shape, tileHeight, tileColumns, tileWidth * (tileColumns + 1), least, most, tileCosts);
}

/**
 * A plan for assembly/winograd/columns.ts, whose tiles are positions of rows that end with the zeros before the next.
 */
export function columnPlan(shape: WinogradShape): WinogradPlan {
  const { channels, results, columns, padding } = shape;
  const rowLength = columns + padding[1];
  const most = Math.max(unitTiles, Math.floor(unitBytes / (20 * (channels + results))));
  return planOf(shape, columnTileHeight, rowLength, rowLength, unitTiles, most, positionCosts);
}
