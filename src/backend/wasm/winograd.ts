import type { ConvGeometry } from "../backend.js";
import type { Runtime } from "./runtime.js";
import {
  columnPlan,
  cotangentShape,
  forwardShape,
  inputGradientShape,
  isByColumns,
  mostPieceBytes,
  pieceBytes,
  tilePlan,
  type WinogradShape,
} from "./winograd-plan.js";

/** Pieces of the units whose weight gradients are summed apart, for as many threads; fewer where they would fill memory. */
const mostPieces = 8;
/** Working memory of the kernels that transform filters. */
const filterScratch = 496;
/** What a byte of packed weights takes, and one of partial sums, in ns. */
const nanoseconds = { packedByte: 0.1, mergedByte: 0.05 };

/** The kernels for a shape, and the memory they take. */
function methodOf(shape: WinogradShape) {
  const { channels, results, resultColumns } = shape;
  const pairs = Math.ceil(results / 2);
  if (isByColumns(shape)) {
    const plan = columnPlan(shape);
    const kernels = { pack: "winogradPackColumns", correlate: "winogradCorrelateColumns" };
    const scratch = 1152 + 16 * (resultColumns + 3) + plan.planesBytes + 24 * (plan.tiles + 48) * (channels + results);
    return { ...kernels, plan, weightBytes: 144 * pairs * channels, scratch };
  }
  const patchBytes = 144 * (channels | 1);
  const plan = tilePlan(shape, patchBytes + 144 * results);
  const kernels = { pack: "winogradPackWeights", correlate: "winogradCorrelate" };
  const scratch = 832 + plan.planesBytes + plan.tiles * (16 + patchBytes + 144 * results);
  return { ...kernels, plan, weightBytes: 36 * (8 * pairs * channels + 64), scratch };
}

/** Convolutions of 3 × 3 taps and their gradients on the kernels of assembly/winograd.ts, winograd-columns.ts and winograd-weights.ts. */
export function winograd(runtime: Runtime) {
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
    const { plan, weightBytes, scratch, ...kernels } = methodOf(shape);
    runtime.withScratch(64 + weightBytes, (words) => {
      runtime.memory.bytes.set(new Uint8Array(plan.words.buffer), words);
      const packed = words + 64;
      const packing = [weight, channels, results, ...steps, Number(turned), packed];
      const work = nanoseconds.packedByte * weightBytes;
      runtime.shareWithScratch(kernels.pack, Math.ceil(results / 2), work, filterScratch, ...packing);
      const args = [words, source, packed, bias, result];
      runtime.shareWithScratch(kernels.correlate, plan.units, plan.work, scratch, ...args);
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
      const plan = tilePlan(shape, bytesPerTile);
      const cotangents = tilePlan(cotangentShape(shape), bytesPerTile);
      const sumBytes = pieceBytes(channels, results);
      const pieces = Math.max(1, Math.min(plan.units, mostPieces, Math.floor(mostPieceBytes / sumBytes)));
      runtime.withScratch(128 + pieces * sumBytes, (words) => {
        runtime.memory.bytes.set(new Uint8Array(plan.words.buffer), words);
        runtime.memory.bytes.set(new Uint8Array(cotangents.words.buffer), words + 64);
        const partial = words + 128;
        const scratch = 896 + plan.tiles * 16 + 4 * plan.planesBytes + (plan.tiles + 16) * bytesPerTile + 2 * 36 * 64;
        forEachGroup(shape, (ofX, ofDy, ofWeight) => {
          const args = [words, words + 64, dy + ofDy, x + ofX, partial, plan.units, pieces];
          runtime.shareWithScratch("winogradWeightGradient", pieces, plan.work, scratch, ...args);
          const merging = [partial, dweight + ofWeight, pieces, channels, results];
          const work = nanoseconds.mergedByte * pieces * sumBytes;
          runtime.shareWithScratch("winogradMergeWeights", channels, work, filterScratch, ...merging);
        });
      });
    },
  };
}
