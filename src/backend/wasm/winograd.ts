import type { ConvGeometry } from "../backend.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";
import {
  columnPlan,
  correlationPlan,
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

/**
 * The share of filters summed plainly above which a convolution is done as those of other sizes are, which have each
 * plain product in less time, and with fewer channels than `manyChannels` are hardly slower than Winograd's method.
 */
const mostUnsafe = 0.25;
const manyChannels = 16;

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
  const plan = correlationPlan(shape);
  const blocks = Math.ceil(results / 8);
  const { winogradPackWeights: pack, winogradCorrelate: correlate } = kernels;
  return { pack, correlate, plan, packedBytes: safetyBytes + 24 * blocks * (32 * channels + 64) };
}

/**
 * Convolutions of 3 × 3 taps and their gradients on the kernels of assembly/winograd/. What returns false has done
 * nothing.
 */
export function winograd(runtime: Runtime) {
  function correlate(
    shape: WinogradShape,
    source: number,
    weight: number,
    { resultStep, channelStep, turned }: WeightOrder,
    bias: number,
    result: number,
  ): boolean {
    const { channels, results } = shape;
    const { pack, correlate, plan, packedBytes } = methodOf(shape);
    let isWorthIt = true;
    runtime.withScratch(planBytes + packedBytes, (words) => {
      runtime.memory.bytes.set(new Uint8Array(plan.words.buffer), words);
      const packed = words + planBytes;
      const work = nanoseconds.packedByte * packedBytes;
      const packing = { weight, channels, results, resultStep, channelStep, turned, packed };
      runtime.share(pack, { units: Math.ceil(results / 2), work }, packing);
      isWorthIt = shape.groups > 1 || !isMostlyUnsafe(shape, packed);
      if (!isWorthIt) return;
      const { units, work: products } = plan;
      const product = { plan: words, source, weight, resultStep, channelStep, turned, packed, bias, result };
      runtime.share(correlate, { units, work: products }, product);
    });
    return isWorthIt;
  }

  /**
   * Whether too many filters have taps of 0 or others that the method would spoil. Where one is not finite only
   * Winograd's kernels know what it reads.
   */
  function isMostlyUnsafe({ channels, results }: WinogradShape, packed: number): boolean {
    const most = Math.min(channels, results) < manyChannels ? 0 : mostUnsafe * results;
    const safety = new Int32Array(runtime.memory.bytes.buffer, packed, results);
    const count = (kind: number): number => safety.reduce((sum, one) => sum + Number(one === kind), 0);
    return count(kernels.notFiniteKind) === 0 && count(kernels.unsafeKind) > most;
  }

  /**
   * Calls `body` with a group's place, in bytes from the first one's: in the source, the result, the weight, the bias.
   */
  function forEachGroup(
    shape: WinogradShape,
    body: (source: number, result: number, weight: number, bias: number) => boolean,
  ): boolean {
    const { groups, channels, rows, columns, results, resultRows, resultColumns } = shape;
    let isDone = true;
    for (let group = 0; group < groups; group++) {
      const source = 4 * group * channels * rows * columns;
      const result = 4 * group * results * resultRows * resultColumns;
      isDone = body(source, result, 36 * group * channels * results, 4 * group * results);
    }
    return isDone;
  }

  return {
    forward(x: number, weight: number, bias: number, y: number, geometry: ConvGeometry): boolean {
      const shape = forwardShape(geometry);
      const order = { resultStep: 9 * shape.channels, channelStep: 9, turned: false };
      return forEachGroup(shape, (ofX, ofY, ofWeight, ofBias) =>
        correlate(shape, x + ofX, weight + ofWeight, order, bias === 0 ? 0 : bias + ofBias, y + ofY),
      );
    },

    inputGradient(dy: number, weight: number, dx: number, geometry: ConvGeometry): boolean {
      const shape = inputGradientShape(geometry);
      const order = { resultStep: 9, channelStep: 9 * shape.results, turned: true };
      return forEachGroup(shape, (ofDy, ofDx, ofWeight) =>
        correlate(shape, dy + ofDy, weight + ofWeight, order, 0, dx + ofDx),
      );
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
          return true;
        });
      });
    },
  };
}
