import { noGrad } from "../../autograd.js";
import { tensor } from "../../create.js";
import { InstanceNorm } from "../../nn/norms/instance-norm.js";
import type { RunningNorm } from "../../nn/norms/running-norm.js";
import type { Weighted } from "../../nn/reparametrized/weighted.js";
import { scope } from "../../scope.js";
import type { Tensor } from "../../tensor.js";
import { type Channels, varying } from "./channels.js";

/** What a function makes of constants; NaN where one is. */
export function applyTo(constants: readonly Float64Array[], compute: (given: Tensor[]) => Tensor): Float64Array {
  const [{ length }] = constants;
  const isKnown = Array.from({ length }, (_, k) => constants.every((one) => Number.isFinite(one[k])));
  if (!isKnown.includes(true)) return varying(length);
  const values = scope(() =>
    noGrad(() =>
      compute(
        constants.map((one) =>
          tensor(
            Float32Array.from(one, (k) => (Number.isFinite(k) ? k : 0)),
            [1, length],
          ),
        ),
      ).dataSync(),
    ),
  );
  return Float64Array.from(values, (value, k) => (isKnown[k] && Number.isFinite(value) ? value : Number.NaN));
}

/** The outputs of a layer that are its bias and what constant inputs add. */
export function constantOutputs(layer: Weighted, input: Channels | null, hasEdge: boolean): Float64Array {
  const { weight, bias, outputOf, inputOf } = layer.affineWeights();
  const constants = Float64Array.from(bias);
  for (let k = 0; k < weight.length; k++) {
    if (weight[k] === 0) continue;
    const x = input?.constants[inputOf(k)] ?? Number.NaN;
    constants[outputOf(k)] += x !== 0 && hasEdge ? Number.NaN : weight[k] * x;
  }
  return constants.map((value) => (Number.isFinite(value) ? value : Number.NaN));
}

/**
 * The outputs of a norm whose inputs are constant, or that γ = 0 makes so.
 *
 * @param x - the constants; NaN where x varies
 */
export function constantNormed(layer: RunningNorm, x: Float64Array): Float64Array {
  const map = layer.channelMap();
  if (map !== null) {
    const value = (scale: number, c: number): number => (scale === 0 ? map.shift[c] : scale * x[c] + map.shift[c]);
    return map.scale.map((scale, c) => finite(value(scale, c)));
  }
  // By the statistics of what comes, of which nothing is left where γ is 0; where x is constant, too, if they are its
  // own.
  const [weight, bias] = [layer.weight?.dataSync(), layer.bias?.dataSync()];
  const isOwn = layer instanceof InstanceNorm && layer.eps > 0;
  return x.map((value, c) => (weight?.[c] === 0 || (isOwn && !Number.isNaN(value)) ? (bias?.[c] ?? 0) : Number.NaN));
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : Number.NaN;
}
