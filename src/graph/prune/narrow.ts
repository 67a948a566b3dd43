import { tensor } from "../../create.js";
import type { AnyModule } from "../../nn/module.js";
import { Weighted } from "../../nn/reparametrized/weighted.js";
import type { Tensor } from "../../tensor.js";
import { isPlainObject } from "../argument.js";

/** What is left of a layer. */
export interface Narrowing {
  /** The inputs that stay; as the outputs of a layer that keeps its channels. */
  readonly inputs: readonly number[];
  /** The outputs that stay. */
  readonly outputs: readonly number[];
  /** The bias, of all outputs, once constant inputs are part of it; null where nothing was added. */
  readonly bias: Float64Array | null;
}

/** The entries of an axis that stay, as a tensor of its own. */
export function takeAlong(t: Tensor, axis: number, kept: readonly number[], values = t.dataSync()): Tensor {
  const outer = t.shape.slice(0, axis).reduce((product, size) => product * size, 1);
  const inner = t.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const taken = new Float32Array(outer * kept.length * inner);
  for (let o = 0; o < outer; o++) {
    for (const [k, from] of kept.entries()) {
      const start = (o * t.shape[axis] + from) * inner;
      taken.set(values.subarray(start, start + inner), (o * kept.length + k) * inner);
    }
  }
  const shape = t.shape.map((size, k) => (k === axis ? kept.length : size));
  const result = tensor(taken, shape, { requiresGrad: t.isParameter });
  if (t.isParameter) result.requiresGrad = t.requiresGrad;
  return result;
}

/** A layer like another, in the same mode, with fewer channels. */
export function narrowed(layer: AnyModule, { inputs, outputs, bias }: Narrowing): AnyModule {
  const [, second, ...rest] = layer.constructorArguments() as readonly [unknown, unknown, ...unknown[]];
  if (!(layer instanceof Weighted)) {
    const result = builtLike(layer, [outputs.length, second, ...rest]);
    for (const [key, t] of layer.ownParameters()) setParameter(result, key, takeAlong(t, 0, outputs));
    const buffers = new Map(result.ownBuffers());
    for (const [key, t] of layer.ownBuffers()) {
      const own = buffers.get(key);
      if (own === undefined) continue;
      own.backend.write(own.block, t.rank === 0 ? t.dataSync() : takeAlong(t, 0, outputs).dataSync());
    }
    const extra = layer.getExtraState();
    if (extra !== null) result.setExtraState(extra);
    return result;
  }
  const { groups, weight, outputAxis } = layer;
  const isDepthwise = groups > 1;
  const options = isDepthwise
    ? rest.map((one) => (isPlainObject(one) ? { ...one, groups: inputs.length } : one))
    : rest;
  const result = builtLike(layer, [inputs.length, outputs.length, ...options]) as Weighted;
  // Each group of a depthwise layer has one input, which is not an axis of the weight.
  const alongOutputs = isDepthwise && outputAxis === 1 ? weight : takeAlong(weight, outputAxis, outputs);
  const along = outputAxis === 0 ? 1 : 0;
  setParameter(result, "weight", isDepthwise && along === 1 ? alongOutputs : takeAlong(alongOutputs, along, inputs));
  const old = layer.bias;
  const values = bias === null ? (old?.dataSync() ?? null) : Float32Array.from(bias);
  if (values === null || (old === null && values.every((value) => value === 0))) return result;
  const whole = old ?? tensor(values, [values.length], { requiresGrad: true });
  setParameter(result, "bias", takeAlong(whole, 0, outputs, values));
  return result;
}

function builtLike(layer: AnyModule, given: readonly unknown[]): AnyModule {
  const built = Reflect.construct(layer.constructor, given) as AnyModule;
  return layer.training ? built.train() : built.eval();
}

function setParameter(layer: AnyModule, key: string, value: Tensor): void {
  Reflect.set(layer, key, value);
}
