import type { ConvGeometry, Convolutions, MatrixProduct } from "../backend.js";
import { type ConvPlan, evenChunk, forwardPlan, inputGradientPlan, weightGradientPlan } from "./conv-plan.js";
import { multiplyAddNs, gemm as products } from "./gemm.js";
import type { Runtime } from "./runtime.js";
import * as kernels from "./signatures.generated.js";
import { winograd } from "./winograd.js";
import { isWinograd, isWinogradForInput, isWinogradForWeight } from "./winograd-plan.js";

/**
 * Pieces of the images whose weight gradients are summed apart, for as many threads; fewer where they would fill
 * memory.
 */
const mostPieces = 8;
const mostPieceBytes = 1 << 24;
/** Rows of a 1 × 1 kernel's weight gradient that are laid out at a time. */
const pointwiseRows = 192;

/**
 * What a multiply-add takes, in ns ({@link Runtime.share}), where it is not one of a matrix product; and a byte of
 * weights, and of partial sums.
 */
const nanoseconds = { multiplyAdd: 0.09, packedByte: 0.1, mergedByte: 0.03 };

/** Steps between weights: of groups, of channels of the result, of channels of the source. */
interface WeightSteps {
  readonly groupStep: number;
  readonly rowStep: number;
  readonly channelStep: number;
}

/** Each output reads one input value per channel: its own. */
function isPointwise({ kernel, stride, padding }: ConvGeometry): boolean {
  return [...kernel, ...stride].every((count) => count === 1) && padding.every((count) => count === 0);
}

/** Each image has one output, which reads all of the image once: a linear layer. */
function isLinear(geometry: ConvGeometry): boolean {
  const { height, width, outHeight, outWidth, kernel, padding, dilation, groups } = geometry;
  return (
    groups === 1 &&
    outHeight === 1 &&
    outWidth === 1 &&
    kernel[0] === height &&
    kernel[1] === width &&
    padding.every((count) => count === 0) &&
    (height === 1 || dilation[0] === 1) &&
    (width === 1 || dilation[1] === 1)
  );
}

/**
 * Whether planes are worked on one by one, by the plane kernels of assembly/conv/direct.ts: depthwise, and 3 × 3 taps
 * side by side with one channel on either side. With more channels, products over them are faster.
 */
function isByPlane({ kernel, stride, dilation }: ConvGeometry, channels: number, results: number): boolean {
  const isNine = kernel.every((count) => count === 3) && [...stride, ...dilation].every((count) => count === 1);
  return isNine ? Math.min(channels, results) === 1 : Math.max(channels, results) === 1;
}

function workOf(
  { batch, inChannels, outChannels, outHeight, outWidth, kernel, groups }: ConvGeometry,
  perMultiplyAdd: number,
): number {
  const depth = (inChannels / groups) * kernel[0] * kernel[1];
  return perMultiplyAdd * batch * outChannels * outHeight * outWidth * depth;
}

/**
 * About what it takes to do the products of `rows` channels with panels of `lanes` channels; laying out a value costs
 * as much as eight.
 */
function panelWork(rows: number, lanes: number): number {
  const last = lanes % 16;
  return (lanes - last + (last > 4 ? 16 : last > 0 ? 4 : 0)) * (rows + 8);
}

function piecesOf(most: number, pieceBytes: number): number {
  return Math.max(1, Math.min(most, mostPieces, Math.floor(mostPieceBytes / pieceBytes)));
}

/** Convolutions on the kernels of assembly/conv/. */
export function conv(runtime: Runtime): Convolutions<number> {
  const { gemm } = products(runtime);
  const fast = winograd(runtime);

  /** Copies a plan into scratch, and gives its place and that of `bytes` more behind it. */
  function withPlan({ words }: ConvPlan, bytes: number, use: (plan: number, behind: number) => void): void {
    const planBytes = Math.ceil(words.byteLength / 64) * 64;
    runtime.withScratch(planBytes + bytes, (place) => {
      runtime.memory.bytes.set(new Uint8Array(words.buffer), place);
      use(place, place + planBytes);
    });
  }

  /** result = bias + source ∗ weight */
  function correlate(
    plan: ConvPlan,
    geometry: ConvGeometry,
    source: number,
    weight: number,
    { groupStep, rowStep, channelStep }: WeightSteps,
    bias: number,
    result: number,
    rows: number,
  ): void {
    withPlan(plan, 4 * plan.weightsSize, (words, packed) => {
      const packing = nanoseconds.packedByte * 4 * plan.weightsSize;
      const pairs = geometry.groups * Math.ceil(rows / 2);
      runtime.share(
        kernels.convPackWeights,
        { units: pairs, work: packing },
        { plan: words, weight, groupStep, rowStep, channelStep, packed },
      );
      const work = workOf(geometry, multiplyAddNs);
      const product = { plan: words, source, weights: packed, bias, result };
      runtime.share(kernels.convCorrelate, { units: geometry.batch, work }, product);
    });
  }

  /** As {@link correlate}, a plane at a time. */
  function direct(
    plan: ConvPlan,
    geometry: ConvGeometry,
    source: number,
    weight: number,
    { groupStep, rowStep, channelStep }: WeightSteps,
    bias: number,
    result: number,
  ): void {
    withPlan(plan, 0, (words) => {
      const units = geometry.batch * geometry.groups;
      const work = workOf(geometry, nanoseconds.multiplyAdd);
      const args = { plan: words, source, weight, groupStep, rowStep, channelStep, bias, result };
      runtime.share(kernels.convDirect, { units, work }, args);
    });
  }

  /** The three products of a convolution that is a linear layer. */
  function linear({ batch, inChannels, height, width, outChannels }: ConvGeometry) {
    const features = inChannels * height * width;
    const product = (m: number, n: number, k: number, transposeA: boolean, transposeB: boolean): MatrixProduct => {
      return { m, n, k, transposeA, transposeB };
    };
    return {
      forward: product(batch, outChannels, features, false, true),
      inputGradient: product(batch, features, outChannels, false, false),
      weightGradient: product(outChannels, features, batch, true, false),
    };
  }

  function pointwise(
    geometry: ConvGeometry,
    source: number,
    weight: number,
    bias: number,
    result: number,
    channels: number,
    rows: number,
    transposeWeight: boolean,
  ): void {
    const { batch, groups, height, width } = geometry;
    const plane = height * width;
    const columns = batch * plane;
    const weightBytes = 8 * groups * Math.ceil(rows / 2) * channels;
    runtime.withScratch(weightBytes, (packed) => {
      runtime.share(
        kernels.pointwisePackWeights,
        { units: groups * Math.ceil(rows / kernels.pointwisePackedRows), work: nanoseconds.packedByte * weightBytes },
        { weight, channels, rows, transposed: transposeWeight, packed },
      );
      runtime.share(
        kernels.convPointwise,
        { units: groups * Math.ceil(columns / 16), work: workOf(geometry, multiplyAddNs) },
        { source, weights: packed, bias, result, groups, channels, rows, plane, columns },
      );
    });
  }

  function pointwiseWeight(dy: number, x: number, dweight: number, geometry: ConvGeometry): void {
    const { batch, groups, height, width } = geometry;
    const results = { source: dy, count: geometry.outChannels / groups, step: geometry.inChannels / groups };
    const channels = { source: x, count: geometry.inChannels / groups, step: 1 };
    const isByResults = panelWork(results.count, channels.count) <= panelWork(channels.count, results.count);
    const [rows, lanes] = isByResults ? [results, channels] : [channels, results];
    const plane = height * width;
    const columns = batch * plane;
    const pieceBytes = 32 * groups * rows.count * Math.ceil(lanes.count / 4);
    const pieces = piecesOf(Math.ceil(columns / kernels.pointwiseStretch), pieceBytes);
    const slice = 4 * Math.ceil(evenChunk(rows.count, pointwiseRows) / 4);
    runtime.withScratch(pieces * pieceBytes, (partial) => {
      runtime.share(
        kernels.pointwiseWeightGradient,
        { units: pieces * groups * Math.ceil(rows.count / slice), work: workOf(geometry, multiplyAddNs) },
        {
          rows: rows.source,
          lanes: lanes.source,
          rowChannels: rows.count,
          laneChannels: lanes.count,
          partial,
          groups,
          plane,
          columns,
          pieces,
          slice,
        },
      );
      runtime.share(
        kernels.convMergeWeights,
        { units: groups * Math.ceil(lanes.count / 4), work: nanoseconds.mergedByte * pieces * pieceBytes },
        {
          partial,
          dweight,
          pieces,
          groups,
          depth: rows.count,
          outChannels: lanes.count,
          outStep: lanes.step,
          step: rows.step,
        },
      );
    });
  }

  return {
    conv2d(x, weight, bias, y, geometry) {
      const channels = geometry.inChannels / geometry.groups;
      const rows = geometry.outChannels / geometry.groups;
      const taps = geometry.kernel[0] * geometry.kernel[1];
      if (isLinear(geometry)) gemm(x, weight, bias, y, linear(geometry).forward);
      else if (isPointwise(geometry)) pointwise(geometry, x, weight, bias ?? 0, y, channels, rows, false);
      else if (!isWinograd(geometry) || !fast.forward(x, weight, bias ?? 0, y, geometry)) {
        const steps = { groupStep: rows * channels * taps, rowStep: channels * taps, channelStep: taps };
        if (isByPlane(geometry, channels, rows)) {
          direct(forwardPlan(geometry, 1), geometry, x, weight, steps, bias ?? 0, y);
        } else correlate(forwardPlan(geometry), geometry, x, weight, steps, bias ?? 0, y, rows);
      }
    },

    conv2dInputGradient(dy, weight, dx, geometry) {
      const channels = geometry.outChannels / geometry.groups;
      const rows = geometry.inChannels / geometry.groups;
      const taps = geometry.kernel[0] * geometry.kernel[1];
      if (isLinear(geometry)) gemm(dy, weight, null, dx, linear(geometry).inputGradient);
      else if (isPointwise(geometry)) pointwise(geometry, dy, weight, 0, dx, channels, rows, true);
      else if (!isWinogradForInput(geometry) || !fast.inputGradient(dy, weight, dx, geometry)) {
        const steps = { groupStep: rows * channels * taps, rowStep: taps, channelStep: rows * taps };
        const isDense = geometry.stride.every((count) => count === 1);
        if (isDense && isByPlane(geometry, channels, rows)) {
          direct(inputGradientPlan(geometry, 1), geometry, dy, weight, steps, 0, dx);
        } else correlate(inputGradientPlan(geometry), geometry, dy, weight, steps, 0, dx, rows);
      }
    },

    conv2dWeightGradient(dy, x, dweight, geometry) {
      if (isLinear(geometry)) {
        gemm(dy, x, null, dweight, linear(geometry).weightGradient);
        return;
      }
      if (isWinogradForWeight(geometry)) {
        fast.weightGradient(dy, x, dweight, geometry);
        return;
      }
      const { batch, groups } = geometry;
      const channels = geometry.inChannels / groups;
      const outChannels = geometry.outChannels / groups;
      if (isPointwise(geometry) && outChannels >= 4) {
        pointwiseWeight(dy, x, dweight, geometry);
        return;
      }
      const isDirect = channels === 1 || outChannels <= 4;
      const plan = isDirect ? { ...forwardPlan(geometry, 1), slice: channels } : weightGradientPlan(geometry);
      const depth = channels * geometry.kernel[0] * geometry.kernel[1];
      const outRounded = Math.ceil(outChannels / 4) * 4;
      const pieceBytes = 8 * groups * depth * outRounded;
      const pieces = piecesOf(batch, pieceBytes);
      const work = workOf(geometry, nanoseconds.multiplyAdd);
      withPlan(plan, pieces * pieceBytes, (words, partial) => {
        if (isDirect) {
          const args = { plan: words, dy, x, partial, batch, pieces };
          runtime.share(kernels.convDirectWeightGradient, { units: pieces * groups, work }, args);
        } else {
          const { slice } = plan;
          const units = pieces * groups * Math.ceil(channels / slice);
          const args = { plan: words, dy, x, partial, batch, pieces, slice };
          runtime.share(kernels.convWeightGradient, { units, work }, args);
        }
        runtime.share(
          kernels.convMergeWeights,
          { units: groups * (outRounded / 4), work: nanoseconds.mergedByte * pieces * pieceBytes },
          { partial, dweight, pieces, groups, depth, outChannels, outStep: depth, step: 1 },
        );
      });
    },
  };
}
