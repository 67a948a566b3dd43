import { tensor } from "../create.js";
import { log } from "../elementary.js";
import { Conv2d } from "../nn/conv2d.js";
import { Linear } from "../nn/linear.js";
import type { AnyModule } from "../nn/module.js";
import { generator } from "../random.js";
import { type Shape, sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";

/** Draws the initial values of a weight of some shape. */
export type Initializer = (shape: Shape) => Float32Array;

/**
 * Normal values of mean 0: two of each point in a circle (Marsaglia & Bray 1964), in half the time of one by one, since
 * networks have millions.
 */
export function normal(deviation: number): Initializer {
  return (shape) => {
    const [values, random] = [new Float32Array(sizeOf(shape)), generator()];
    for (let i = 0; i < values.length; i += 2) {
      let [x, y, square] = [0, 0, 0];
      while (square === 0 || square >= 1) {
        x = random.uniform(-1, 1);
        y = random.uniform(-1, 1);
        square = x * x + y * y;
      }
      const factor = deviation * Math.sqrt((-2 * log(square)) / square);
      values[i] = x * factor;
      // The last one of an odd number is written nowhere.
      values[i + 1] = y * factor;
    }
    return values;
  };
}

/**
 * Normal with variance 2 / (outputs · taps), which keeps the size of gradients: He et al. 2015 (arXiv:1502.01852),
 * equation 14.
 */
export const fanOutNormal: Initializer = (shape) => normal(Math.sqrt((2 * shape[1]) / sizeOf(shape)))(shape);

/** Normal with variance gain² / (inputs · taps), which keeps the size of activations: He et al. 2015, equation 10. */
export function fanInNormal(gain = Math.SQRT2): Initializer {
  return (shape) => normal(gain * Math.sqrt(shape[0] / sizeOf(shape)))(shape);
}

/** Uniform values in ±bound. @param boundOf - from the sizes (outputs, inputs) */
export function uniform(boundOf: (outputs: number, inputs: number) => number): Initializer {
  return (shape) => {
    const [bound, random] = [boundOf(shape[0], shape[1]), generator()];
    return new Float32Array(sizeOf(shape)).map(() => random.uniform(-bound, bound));
  };
}

/** Initial weights by kind of layer; a kind that is left out keeps the library's own, biases included. */
export interface Initializers {
  readonly conv?: Initializer;
  readonly linear?: Initializer;
}

/** Gives the convolutions and linear layers of a network other initial weights, and biases 0. Returns the network. */
export function initialize<M extends AnyModule>(model: M, { conv, linear }: Initializers): M {
  for (const [, layer] of model.namedModules()) {
    if (layer instanceof Conv2d) renew(layer, conv);
    else if (layer instanceof Linear) renew(layer, linear);
  }
  return model;
}

function renew(layer: Conv2d | Linear, initializer: Initializer | undefined): void {
  if (initializer === undefined) return;
  layer.weight = renewed(layer.weight, initializer(layer.weight.shape));
  if (layer.bias !== null) layer.bias = renewed(layer.bias, new Float32Array(layer.bias.size));
}

/** A parameter in the place of another, which is freed. */
function renewed(old: Tensor, values: Float32Array): Tensor {
  const parameter = tensor(values, old.shape, { requiresGrad: true });
  old.dispose();
  return parameter;
}
