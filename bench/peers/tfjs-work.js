// TensorFlow.js in plain Node, without its native add-on: backend `cpu` (JavaScript) or `wasm`, and how the bench calls
// it. Channels are last, which is its native layout; the checks transpose.
import { createRequire } from "node:module";
import { digest } from "./data.js";
import { Unsupported } from "./serve.js";

const require = createRequire(import.meta.url);
export const tf = require("@tensorflow/tfjs");
export const backend = process.argv[2] ?? "cpu";
if (backend !== "cpu") require(`@tensorflow/tfjs-backend-${backend}`);
tf.enableProdMode();
if (!(await tf.setBackend(backend))) throw new Error(`TF.js: no backend ${backend}`);

const EPS = 1e-5;
const MOMENTUM = 0.99;

/** A tensor given channels first, held channels last. */
export function channelsLast(values, shape) {
  return tf.tidy(() => {
    const tensor = tf.tensor(values, shape);
    return tensor.transpose([0, ...shape.slice(2).map((_, k) => k + 2), 1]);
  });
}

/** Statistics of the batch, running ones moved, and the normalised batch: what the layer of TF.js does in training. */
export function batchNorm(x, { weight, bias, runningMean, runningVariance }) {
  const axes = x.shape.slice(0, -1).map((_, k) => k);
  const { mean, variance } = tf.moments(x, axes);
  if (runningMean) {
    runningMean.assign(runningMean.mul(MOMENTUM).add(mean.mul(1 - MOMENTUM)));
    runningVariance.assign(runningVariance.mul(MOMENTUM).add(variance.mul(1 - MOMENTUM)));
  }
  return tf.batchNorm(x, mean, variance, bias, weight, EPS);
}

export const running = (channels) => ({
  runningMean: tf.variable(tf.zeros([channels]), false),
  runningVariance: tf.variable(tf.ones([channels]), false),
});

/**
 * @param {() => any[]} compute called in a tidy
 * @param {any[]} kept tensors to free at the end
 * @param {(output: any, index: number) => any} toPeers puts an output's axes in the order of the other peers
 */
export function workOf(
  compute,
  kept,
  toPeers = (output) => (output.rank === 4 ? output.transpose([0, 3, 1, 2]) : output),
) {
  return {
    run() {
      // TF.js computes when an op is called on these two backends, so there is nothing left to wait for.
      tf.tidy(() => void compute());
    },
    async check() {
      return tf.tidy(() => compute().map((output, index) => digest(toPeers(output, index).dataSync())));
    },
    dispose() {
      tf.dispose(kept);
    },
  };
}

export function needsGradientsOfConvolutions() {
  const registered = tf.getKernelsForBackend(backend).some((kernel) => kernel.kernelName === "Conv2DBackpropFilter");
  if (!registered) throw new Unsupported("no kernel for the gradient of a convolution's weight");
}
