import { checkPositive } from "../check-range.js";
import { checkOptions } from "../options.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { div, mul, sub } from "./binary.js";
import { clamp } from "./choice.js";
import { abs } from "./functions.js";
import { checkSame, refuseTrace } from "./loss-checks.js";
import { mean } from "./mean.js";

/** The mean of (a − b)². @param a - any shape @param b - the same shape @throws ShapeError if the shapes differ */
export function mse(a: Tensor, b: Tensor): Tensor {
  refuseTrace("mse");
  checkSame("mse(a, b)", a, b);
  return scope(() => {
    const difference = sub(a, b);
    return mean(mul(difference, difference));
  });
}

/**
 * The mean of |a − b|. Its gradient where they are equal is 0.
 *
 * @param a - any shape
 * @param b - the same shape
 * @throws ShapeError if the shapes differ
 * @example
 * ```ts
 * l1(tensor([1, 5]), tensor([2, 2])).item(); // 2
 * ```
 */
export function l1(a: Tensor, b: Tensor): Tensor {
  refuseTrace("l1");
  checkSame("l1(a, b)", a, b);
  return scope(() => mean(abs(sub(a, b))));
}

/** Options of {@link huber}. */
export interface HuberOptions {
  /** Up to which |a − b| the loss is a square, > 0. @defaultValue 1 */
  readonly delta?: number;
}

/**
 * The mean of d²/2 where |d| ≤ δ, else of δ·(|d| − δ/2), with d = a − b (Huber 1964): squares near the target,
 * distances for outliers.
 *
 * @param a - any shape
 * @param b - the same shape
 * @throws ShapeError if the shapes differ
 * @throws ArgumentError if delta is not above 0
 * @example
 * ```ts
 * huber(tensor([0.5, 3]), tensor([0, 0])).item(); // 1.3125, the mean of 0.125 and 2.5
 * ```
 */
export function huber(a: Tensor, b: Tensor, options: HuberOptions = {}): Tensor {
  const { delta = 1 } = options;
  refuseTrace("huber");
  const where = "huber(a, b)";
  checkOptions(where, options, { delta: true });
  checkSame(where, a, b);
  checkPositive(where, "delta", delta);
  return scope(() => {
    const d = sub(a, b);
    // With c = d cut off at ±δ, both cases are c·(d − c/2).
    const c = clamp(d, -delta, delta);
    return mean(mul(c, sub(d, mul(c, 0.5))));
  });
}

/** Options of {@link smoothL1}. */
export interface SmoothL1Options {
  /** Up to which |a − b| the loss is a square, ≥ 0; at 0 the loss is {@link l1}. @defaultValue 1 */
  readonly beta?: number;
}

/**
 * The mean of d²/(2β) where |d| < β, else of |d| − β/2, with d = a − b (Girshick 2015, arXiv:1504.08083): {@link huber}
 * divided by β, so that its slope is 1 far away.
 *
 * @param a - any shape
 * @param b - the same shape
 * @throws ShapeError if the shapes differ
 * @throws ArgumentError if beta is negative
 * @example
 * ```ts
 * smoothL1(tensor([0.5, 3]), tensor([0, 0]), { beta: 2 }).item(); // 1.03125, the mean of 0.0625 and 2
 * ```
 */
export function smoothL1(a: Tensor, b: Tensor, options: SmoothL1Options = {}): Tensor {
  const { beta = 1 } = options;
  refuseTrace("smoothL1");
  const where = "smoothL1(a, b)";
  checkOptions(where, options, { beta: true });
  checkSame(where, a, b);
  if (beta !== 0)
    checkPositive(where, "beta", Number.isFinite(Math.fround(beta)) ? beta : Number.POSITIVE_INFINITY, {
      bound: "at least",
    });
  // What float32 does not hold is 0.
  if (Math.fround(beta) === 0) return scope(() => mean(abs(sub(a, b))));
  return scope(() => {
    const d = sub(a, b);
    const s = clamp(div(d, beta), -1, 1);
    return mean(mul(s, sub(d, mul(s, beta / 2))));
  });
}
