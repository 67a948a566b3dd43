import { full, ones, zeros } from "../create.js";
import { detach } from "../tensor.js";
import type { OpFunction } from "../tracing.js";
import * as activations from "./activations.js";
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from "./adaptive-pool.js";
import { argmax, argmin } from "./arg-max.js";
import { scaledDotProductAttention } from "./attention.js";
import { squeeze, unsqueeze } from "./axes-of-one.js";
import { add, div, mul, pow, sub } from "./binary.js";
import { broadcastTo } from "./broadcast-to.js";
import { clamp, maximum, minimum, where } from "./choice.js";
import * as comparisons from "./comparison.js";
import { concat } from "./concat.js";
import { convTranspose1d } from "./conv-transpose1d.js";
import { convTranspose2d } from "./conv-transpose2d.js";
import { conv1d } from "./conv1d.js";
import { conv2d } from "./conv2d.js";
import { conv3d } from "./conv3d.js";
import { cumSum } from "./cum-sum.js";
import { dropout } from "./dropout.js";
import { embedding } from "./embedding.js";
import { flip } from "./flip.js";
import * as functions from "./functions.js";
import { gather, indexSelect } from "./gather.js";
import { linear } from "./linear.js";
import { logSumExp } from "./log-sum-exp.js";
import { matmul } from "./matmul.js";
import { max, min } from "./max.js";
import { mean } from "./mean.js";
import { norm } from "./norm.js";
import { oneHot } from "./one-hot.js";
import { pad } from "./pad.js";
import { pixelShuffle } from "./pixel-shuffle.js";
import { avgPool1d, maxPool1d } from "./pool1d.js";
import { avgPool2d, globalAvgPool2d, globalMaxPool2d, maxPool2d } from "./pool2d.js";
import { avgPool3d, maxPool3d } from "./pool3d.js";
import { prod } from "./prod.js";
import { gruSequence, lstmSequence } from "./recurrence.js";
import { repeat, tile } from "./repeat.js";
import { flatten, reshape } from "./reshape.js";
import * as rounding from "./rounding.js";
import { slice } from "./slice.js";
import { logSoftmax, softmax } from "./softmax.js";
import { stack } from "./stack.js";
import { sum } from "./sum.js";
import { takeAlongAxis } from "./take-along-axis.js";
import { topKIndices } from "./top-k.js";
import { transpose } from "./transpose.js";
import { exp, log, neg, sqrt } from "./unary.js";
import { upsample } from "./upsample.js";
import { std, variance } from "./variance.js";

/** Every op that a graph may hold, by the name that files know it by. */
export const ops: Readonly<Record<string, OpFunction>> = {
  ...{ add, sub, mul, div, pow, neg, exp, log, sqrt, matmul, linear },
  ...{ transpose, reshape, flatten, slice, concat, sum, mean, max, detach },
  ...functions,
  ...rounding,
  ...comparisons,
  ...{ minimum, maximum, clamp, where },
  ...{ min, prod, variance, std, norm, logSumExp, argmax, argmin, topKIndices, cumSum },
  ...{ squeeze, unsqueeze, stack, flip, broadcastTo, repeat, tile, pad },
  ...{ gather, indexSelect, takeAlongAxis, oneHot, upsample, pixelShuffle },
  ...activations,
  ...{ softmax, logSoftmax, dropout, scaledDotProductAttention, lstmSequence, gruSequence },
  ...{ conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, embedding },
  ...{ maxPool1d, maxPool2d, maxPool3d, avgPool1d, avgPool2d, avgPool3d, globalAvgPool2d, globalMaxPool2d },
  ...{ adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d },
  ...{ zeros, ones, full },
};
