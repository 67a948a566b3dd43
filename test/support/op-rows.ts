import * as ev from "evenkeel";
import { concat, Module, type Tensor } from "evenkeel";

/** An op at work on one input, the shape of a sample of it, and what makes its values of normal deviates. */
export type Row = readonly [
  name: string,
  f: (x: Tensor) => Tensor,
  sample?: readonly number[],
  map?: (value: number) => number,
];

const positive = (value: number): number => 0.2 + Math.abs(value);
const coarse = (value: number): number => Math.round(value * 2) / 2;

/** Every op of arrays, at least once. */
export const opRows: readonly Row[] = [
  ["abs", ev.abs],
  ["sign", ev.sign, [4, 5], coarse],
  ["floor", ev.floor],
  ["ceil", ev.ceil],
  ["round", ev.round, [4, 5], coarse],
  ["reciprocal", ev.reciprocal, [4, 5], positive],
  ["rsqrt", ev.rsqrt, [4, 5], positive],
  ["square", ev.square],
  ["sin", ev.sin],
  ["cos", ev.cos],
  ["erf", ev.erf],
  ["log1p", ev.log1p, [4, 5], positive],
  ["expm1", ev.expm1],
  ["mish", ev.mish],
  ["hardSigmoid", ev.hardSigmoid, [4, 5], (v) => 3 * v],
  ["hardTanh", ev.hardTanh],
  ["hardTanh between limits", (x) => ev.hardTanh(x, -0.5, 2)],
  ["glu", ev.glu, [4, 6]],
  ["glu of channels", (x) => ev.glu(x, 1), [4, 3, 3]],
  ["minimum", (x) => ev.minimum(x, x.neg())],
  ["maximum", (x) => ev.maximum(0.25, x)],
  ["clamp", (x) => ev.clamp(x, -0.5, 1)],
  ["clamp from below", (x) => ev.clamp(x, 0.1)],
  ["clamp by a tensor", (x) => ev.clamp(x, null, x.neg())],
  ["where", (x) => ev.where(ev.less(x, 0), x.mul(2), 3)],
  ["equal", (x) => ev.equal(x, 0.5), [4, 5], coarse],
  ["notEqual", (x) => ev.notEqual(x, 0.5), [4, 5], coarse],
  ["less", (x) => ev.less(0, x)],
  ["lessEqual", (x) => ev.lessEqual(x, 0.5), [4, 5], coarse],
  ["greater", (x) => ev.greater(x, x.neg())],
  ["greaterEqual", (x) => ev.greaterEqual(x, 0), [4, 5], coarse],
  ["min", (x) => x.min(1)],
  ["min of all but the batch", (x) => x.min([1, 2], { keepDims: true })],
  ["prod", (x) => x.prod(-1)],
  ["variance", (x) => x.variance([1, 2])],
  ["unbiased variance", (x) => x.variance(1, { unbiased: true, keepDims: true })],
  ["std", (x) => x.std(2)],
  ["norm", (x) => ev.norm(x, 2)],
  ["norm, p 1", (x) => ev.norm(x, [1, 2], { p: 1 })],
  ["norm, p Infinity", (x) => ev.norm(x, 1, { p: Infinity, keepDims: true })],
  ["logSumExp", (x) => ev.logSumExp(x, 1)],
  ["argmax", (x) => x.argmax(1)],
  ["argmin", (x) => x.argmin(-1, { keepDims: true })],
  ["topK", (x) => ev.topK(x, 3).values],
  ["topK of smallest", (x) => ev.topK(x, 2, { axis: 1, largest: false }).indices],
  ["cumSum", (x) => ev.cumSum(x, 1)],
  ["squeeze", (x) => x.squeeze(2), [4, 1, 3]],
  ["squeeze of all", (x) => x.squeeze(), [1, 4, 1]],
  ["unsqueeze", (x) => x.unsqueeze(-1)],
  ["permute", (x) => x.permute([0, 2, 1])],
  ["stack", (x) => ev.stack([x, x.neg()], 1)],
  ["split", (x) => concat(ev.split(x, [1, 2, 1], 1).reverse(), 1)],
  ["chunk", (x) => ev.chunk(x, 2, 2)[1]],
  ["flip", (x) => ev.flip(x, [1, 2])],
  ["broadcastTo", (x) => ev.broadcastTo(x, [x.shape[0], 3, 5]), [1, 5]],
  ["repeat", (x) => ev.repeat(x, 3, 2)],
  ["tile", (x) => ev.tile(x, [1, 2, 3])],
  ["pad", (x) => ev.pad(x, [[1, 2], [0, 3]])], // biome-ignore format: pairs
  ["pad with a number", (x) => ev.pad(x, [[1, 2]], { value: -1.5 })],
  ["pad, reflected", (x) => ev.pad(x, [[1, 2], [0, 3]], { mode: "reflect" })], // biome-ignore format: pairs
  ["pad, replicated", (x) => ev.pad(x, [[1, 2], [0, 3]], { mode: "replicate" })], // biome-ignore format: pairs
  ["gather", (x) => ev.gather(x, [[2, 0], [1, -1]], 1)], // biome-ignore format: a matrix
  ["gather of one", (x) => ev.gather(x, 3, 2)],
  ["indexSelect", (x) => ev.indexSelect(x, [0, 0, 3], 2)],
  ["takeAlongAxis", (x) => ev.takeAlongAxis(x, ev.topK(x, 2).indices, 2)],
  ["oneHot", (x) => ev.oneHot(x.argmax(2), 5)],
  ["upsample", (x) => ev.upsample(x, 2), [2, 3, 4]],
  ["upsample to a size", (x) => ev.upsample(x, null, { size: [6, 2] }), [2, 3, 4]],
  ["upsample, bilinear", (x) => ev.upsample(x, 2, { mode: "bilinear" }), [2, 3, 4]],
  ["upsample, aligned", (x) => ev.upsample(x, null, { size: [5, 7], mode: "bilinear", alignCorners: true }), [2, 3, 4]],
  ["pixelShuffle", (x) => ev.pixelShuffle(x, 2), [8, 3, 2]],
  ["maxPool1d", (x) => ev.maxPool1d(x, 3, { stride: 2, padding: [1, 0] }), [2, 9]],
  ["maxPool2d, same", (x) => ev.maxPool2d(x, 3, { stride: 2, padding: "same" }), [2, 8, 7]],
  ["maxPool2d, rounded up", (x) => ev.maxPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true }), [2, 8, 6]],
  ["maxPool3d", (x) => ev.maxPool3d(x, [2, 3, 2], { stride: 2, padding: [1, 1, 0], ceilMode: true }), [2, 4, 5, 5]],
  ["avgPool1d", (x) => ev.avgPool1d(x, 4, { stride: 3, ceilMode: true }), [2, 9]],
  ["avgPool1d, counted", (x) => ev.avgPool1d(x, 4, { stride: 3, padding: [2, 1], countIncludePad: true }), [2, 9]],
  ["avgPool2d, counted and rounded up", (x) => ev.avgPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: true }), [2, 8, 7]], // biome-ignore format: one call
  ["avgPool2d of sides", (x) => ev.avgPool2d(x, 3, { padding: [[1, 0], [0, 2]] }), [2, 8, 7]], // biome-ignore format: pairs
  ["avgPool3d", (x) => ev.avgPool3d(x, 2, { padding: "same", stride: [1, 2, 2] }), [2, 4, 5, 5]],
  ["adaptiveAvgPool1d", (x) => ev.adaptiveAvgPool1d(x, 3), [2, 9]],
  ["adaptiveAvgPool2d", (x) => ev.adaptiveAvgPool2d(x, [2, 4]), [2, 6, 8]],
  ["adaptiveAvgPool3d", (x) => ev.adaptiveAvgPool3d(x, 1), [2, 4, 3, 2]],
  ["globalMaxPool2d", (x) => ev.globalMaxPool2d(x), [2, 4, 3]],
  ["conv1d, same", (x) => ev.conv1d(x, taps(3, 2, 4), null, { padding: "same", stride: 2 }), [2, 9]],
  ["conv2d of sides", (x) => ev.conv2d(x, taps(3, 2, 2, 3), null, { padding: [[1, 0], [2, 1]] }), [2, 5, 6]], // biome-ignore format: pairs
  [
    "conv3d",
    (x) => ev.conv3d(x, taps(4, 1, 2, 3, 2), null, { padding: 1, stride: [2, 1, 1], groups: 2 }),
    [2, 4, 5, 3],
  ],
  ["convTranspose1d", (x) => ev.convTranspose1d(x, taps(2, 3, 4), null, { stride: 3, padding: 1, outputPadding: 2 }), [2, 5]], // biome-ignore format: one call
];

/** A weight that is the same each time. */
function taps(...shape: readonly number[]): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return ev.tensor(
    Float32Array.from({ length: size }, (_, k) => Math.sin(k + 1)),
    shape,
  );
}

/** A module of one `forward`. */
export function moduleOf(f: (x: Tensor) => Tensor): Module {
  class Net extends Module {
    override forward(x: Tensor): Tensor {
      return f(x);
    }
  }
  return new Net();
}
