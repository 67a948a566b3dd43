import { record } from "../autograd.js";
import { checkProbability } from "../check-range.js";
import { type Generator, generator as globalGenerator, samplesBefore } from "../random.js";
import { empty, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";

/**
 * Each value is 0 with probability p, else x / (1 − p), so that the expectation stays (Srivastava et al. 2014).
 *
 * @param x - any shape
 * @param p - in [0, 1]
 * @param generator - where the mask's seed is drawn; default: the one that `seed()` sets
 * @throws ArgumentError if p is outside [0, 1]
 */
export const dropout = defineOp("dropout", (x: Tensor, p: number, generator: Generator = globalGenerator()): Tensor => {
  checkProbability("dropout(x, p)", p, "Pass the share of values to drop, e.g. 0.5.");
  // A part of a batch that is spread over ranks is masked as in the whole: element i stands at `before` + i there.
  const before = x.rank === 0 || x.shape[0] === 0 ? 0 : samplesBefore() * (x.size / x.shape[0]);
  const seed = (generator.integer() + Math.imul(before, 0x9e3779b9)) >>> 0;
  const mask = (source: Tensor): Tensor => {
    const y = empty("dropout", source.backend, source.shape);
    if (p === 1) source.backend.fill(y.block, y.size, 0);
    else source.backend.dropout(source.block, y.block, y.size, p, seed);
    return y;
  };
  return record("dropout", mask(x), [x], [], (dy) => [mask(dy)]);
});
