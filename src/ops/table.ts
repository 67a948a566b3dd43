import { full, ones, zeros } from "../create.js";
import { detach } from "../tensor.js";
import type { OpFunction } from "../tracing.js";
import * as activations from "./activations.js";
import { add, div, mul, pow, sub } from "./binary.js";
import { concat } from "./concat.js";
import { convTranspose2d } from "./conv-transpose2d.js";
import { conv1d } from "./conv1d.js";
import { conv2d } from "./conv2d.js";
import { dropout } from "./dropout.js";
import { embedding } from "./embedding.js";
import { linear } from "./linear.js";
import { matmul } from "./matmul.js";
import { max } from "./max.js";
import { mean } from "./mean.js";
import { avgPool2d, globalAvgPool2d, maxPool2d } from "./pool2d.js";
import { flatten, reshape } from "./reshape.js";
import { slice } from "./slice.js";
import { logSoftmax, softmax } from "./softmax.js";
import { sum } from "./sum.js";
import { transpose } from "./transpose.js";
import { exp, log, neg, sqrt } from "./unary.js";

/** Every op that a graph may hold, by the name that files know it by. */
export const ops: Readonly<Record<string, OpFunction>> = {
  ...{ add, sub, mul, div, pow, neg, exp, log, sqrt, matmul, linear },
  ...{ transpose, reshape, flatten, slice, concat, sum, mean, max, detach },
  ...activations,
  ...{ softmax, logSoftmax, dropout },
  ...{ conv1d, conv2d, convTranspose2d, maxPool2d, avgPool2d, globalAvgPool2d, embedding },
  ...{ zeros, ones, full },
};
