import type { TensorFlow, TensorFlowModel, TensorFlowTensor } from "../tensorflow.js";

/** TF.js has a kernel for batch norms of so many axes. */
const mostAxes = 4;

/** A layer of TF.js as it runs. */
interface RunningLayer {
  readonly layers?: readonly RunningLayer[];
  readonly axis?: number;
  readonly epsilon?: number;
  readonly scale?: boolean;
  readonly center?: boolean;
  getClassName(): string;
  getWeights(): TensorFlowTensor[];
  call(inputs: TensorFlowTensor | TensorFlowTensor[], settings: unknown): unknown;
}

/**
 * Lets a loaded model run its batch norms of volumes, (N, D, H, W, C), which TF.js loads and then refuses to run, by
 * its arithmetic instead of its kernel.
 */
export function runWideNorms(tf: TensorFlow, model: TensorFlowModel): void {
  const waiting: RunningLayer[] = [model as unknown as RunningLayer];
  for (let layer = waiting.pop(); layer !== undefined; layer = waiting.pop()) {
    waiting.push(...(layer.layers ?? []));
    if (layer.getClassName() !== "BatchNormalization") continue;
    const norm = layer;
    const narrow = norm.call.bind(norm);
    norm.call = (inputs, settings) => {
      const [x] = Array.isArray(inputs) ? inputs : [inputs];
      return x.shape.length <= mostAxes ? narrow(inputs, settings) : tf.tidy(() => normalized(tf, norm, x));
    };
  }
}

function normalized(tf: TensorFlow, norm: RunningLayer, x: TensorFlowTensor): TensorFlowTensor {
  const { axis = -1, epsilon = 1e-3, scale = true, center = true } = norm;
  const kept = axis < 0 ? axis + x.shape.length : axis;
  const shape = x.shape.map((size, k) => (k === kept ? size : 1));
  const weights = norm.getWeights().map((one) => tf.reshape(one as never, shape));
  const gamma = scale ? weights.shift() : undefined;
  const beta = center ? weights.shift() : undefined;
  const [mean, variance] = weights;
  const deviation = tf.sqrt(tf.add(variance as never, epsilon as never) as never);
  const xHat = tf.div(tf.sub(x as never, mean as never) as never, deviation as never);
  const scaled = gamma === undefined ? xHat : tf.mul(xHat as never, gamma as never);
  return beta === undefined ? scaled : tf.add(scaled as never, beta as never);
}
