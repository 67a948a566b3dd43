import type { Tensor } from "../tensor.js";
import { add, mul } from "./binary.js";
import { equal, notEqual } from "./comparison.js";
import { sqrt } from "./unary.js";

/** √x with slope 0 at 0, where that of the root is infinite: deviations and lengths have no direction there. */
export function flatRoot(x: Tensor): Tensor {
  return mul(sqrt(add(x, equal(x, 0))), notEqual(x, 0));
}
