import type { ConvGeometry } from "../backend.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";
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

/**
 * Pieces of the units whose weight gradients are summed apart, for as many threads; fewer where they would fill memory.
 */
const mostPieces = 8;
/** Bytes that hold a plan. */
const planBytes = 128;
/** What a byte of packed weights takes, and one of partial sums, in ns. */
const nanoseconds = { packedByte: 0.1, mergedByte: 0.05 };

/** Where weights stand, in values, and whether each kernel is read from its end. */
interface WeightOrder {
  readonly resultStep: number;
  readonly channelStep: number;
  readonly turned: boolean;
}

/** The kernels for a shape, its plan, and the bytes of its packed weights. */
function methodOf(shape: WinogradShape) {
  const { channels, results } = shape;
  const pairs = Math.ceil(results / 2);
  const safetyBytes = 64 * Math.ceil(results / 16);
  if (isByColumns(shape)) {
    const plan = columnPlan(shape);
    const { winogradPackColumns: pack, winogradCorrelateColumns: correlate } = kernels;
    return { pack, correlate, plan, packedBytes: safetyBytes + 120 * pairs * channels };
  }
  const plan = tilePlan(shape, 96 * ((channels | 1) + results));
  const { winogradPackWeights: pack, winogradCorrelate: correlate } = kernels;
  return { pack, correlate, plan, packedBytes: safetyBytes + 24 * (8 * pairs * channels + 64) };
}

/** Convolutions of 3 × 3 taps and their gradients on the kernels of assembly/winograd/. */
export function winograd(runtime: Runtime) {
  function correlate(
    shape: WinogradShape,
    source: number,
    weight: number,
    { resultStep, channelStep, turned }: WeightOrder,
    bias: number,
    result: number,
  ): void {
    const { channels, results } = shape;
    const { pack, correlate, plan, packedBytes } = methodOf(shape);
    runtime.withScratch(planBytes + packedBytes, (words) => {
      runtime.memory.bytes.set(new Uint8Array(plan.words.buffer), words);
      const packed = words + planBytes;
      const work = nanoseconds.packedByte * packedBytes;
      const packing = { weight, channels, results, resultStep, channelStep, turned, packed };
      runtime.share(pack, { units: Math.ceil(results / 2), work }, packing);
      const { units, work: products } = plan;
      const product = { plan: words, source, weight, resultStep, channelStep, turned, packed, bias, result };
      runtime.share(correlate, { units, work: products }, product);
    });
  }

  /**
   * Calls `body` with a group's place, in bytes from the first one's: in the source, the result, the weight, the bias.
   */
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
      const order = { resultStep: 9 * shape.channels, channelStep: 9, turned: false };
      forEachGroup(shape, (ofX, ofY, ofWeight, ofBias) => {
        correlate(shape, x + ofX, weight + ofWeight, order, bias === 0 ? 0 : bias + ofBias, y + ofY);
      });
    },

    inputGradient(dy: number, weight: number, dx: number, geometry: ConvGeometry): void {
      const shape = inputGradientShape(geometry);
      const order = { resultStep: 9, channelStep: 9 * shape.results, turned: true };
      forEachGroup(shape, (ofDy, ofDx, ofWeight) => {
        correlate(shape, dy + ofDy, weight + ofWeight, order, 0, dx + ofDx);
      });
    },

    weightGradient(dy: number, x: number, dweight: number, geometry: ConvGeometry): void {
      const shape = forwardShape(geometry);
      const { channels, results } = shape;
      const panels = Math.ceil(results / 16);
      const bytesPerTile = 96 * (channels + 16 * panels);
      const plan = tilePlan(shape, bytesPerTile);
      const cotangents = tilePlan(cotangentShape(shape), bytesPerTile);
      const sumBytes = pieceBytes(channels, results);
      const pieces = Math.max(1, Math.min(plan.units, mostPieces, Math.floor(mostPieceBytes / sumBytes)));
      runtime.withScratch(2 * planBytes + pieces * sumBytes, (words) => {
        runtime.memory.bytes.set(new Uint8Array(plan.words.buffer), words);
        runtime.memory.bytes.set(new Uint8Array(cotangents.words.buffer), words + planBytes);
        const partial = words + 2 * planBytes;
        forEachGroup(shape, (ofX, ofDy, ofWeight) => {
          runtime.share(
            kernels.winogradWeightGradient,
            { units: pieces, work: plan.work },
            {
              plan: words,
              cotangentPlan: words + planBytes,
              dy: dy + ofDy,
              x: x + ofX,
              partial,
              planUnits: plan.units,
              pieces,
            },
          );
          runtime.share(
            kernels.winogradMergeWeights,
            { units: channels, work: nanoseconds.mergedByte * pieces * sumBytes },
            { partial, dweight: dweight + ofWeight, pieces, channels, results },
          );
        });
      });
    },
  };
}
