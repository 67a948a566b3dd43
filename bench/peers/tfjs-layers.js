// Layers that TF.js has no operation for, composed of those that it has.
import { SEED, sizeOf, UNIT, uniform } from "./data.js";
import { Unsupported } from "./serve.js";
import { batchNorm, channelsLast, needsGradientsOfConvolutions, running, tf, workOf } from "./tfjs-work.js";

/** The parameters that every peer draws. */
const parametersOf = ({ parameters, fanIn }) =>
  parameters.map((own, k) => tf.tensor(uniform(sizeOf(own), SEED.parameter + k, 1 / Math.sqrt(fanIn)), own));

/** Gradients of x and parameters alone: `grads` gives back no y. */
function both(forward, params) {
  const draw = (seed) => tf.tensor(uniform(sizeOf(params.shape), seed, UNIT), params.shape);
  const inputs = [draw(SEED.x), ...parametersOf(params)];
  const dy = draw(SEED.dy);
  const gradients = tf.grads(forward);
  return workOf(() => gradients(inputs, dy), [...inputs, dy]);
}

/** x (N, T, from) · weightᵀ + bias */
function linear(x, weight, bias) {
  const [batch, steps, features] = x.shape;
  const rows = tf.matMul(x.reshape([batch * steps, features]), weight, false, true).add(bias);
  return rows.reshape([batch, steps, weight.shape[0]]);
}

export function attention(params) {
  const [batch, steps, features] = params.shape;
  const width = features / params.heads;
  return both((x, weight, bias, outWeight, outBias) => {
    const [q, k, v] = tf
      .split(linear(x, weight, bias), 3, -1)
      .map((t) => t.reshape([batch, steps, params.heads, width]).transpose([0, 2, 1, 3]));
    const weights = tf.softmax(tf.matMul(q, k, false, true).mul(1 / Math.sqrt(width)));
    return linear(tf.matMul(weights, v).transpose([0, 2, 1, 3]).reshape(params.shape), outWeight, outBias);
  }, params);
}

export function lstm(params) {
  const [batch, , features] = params.shape;
  return both((x, weightIh, weightHh, biasIh, biasHh) => {
    let hidden = tf.zeros([batch, features]);
    let cell = tf.zeros([batch, features]);
    const states = tf.unstack(linear(x, weightIh, biasIh.add(biasHh)), 1).map((own) => {
      const [i, f, g, o] = tf.split(own.add(tf.matMul(hidden, weightHh, false, true)), 4, 1);
      cell = tf
        .sigmoid(f)
        .mul(cell)
        .add(tf.sigmoid(i).mul(tf.tanh(g)));
      hidden = tf.sigmoid(o).mul(tf.tanh(cell));
      return hidden;
    });
    return tf.stack(states, 1);
  }, params);
}

export function upsample() {
  throw new Unsupported("the gradient of its resizing ignores half-pixel centres");
}

/** A convolution over signals that keeps their length, and a batch norm behind it; filters are (taps, in, out). */
function signal({ parameters: [[channels]] }) {
  const state = running(channels);
  const forward = (x, filter, weight, bias) => batchNorm(tf.conv1d(x, filter, 1, "same"), { ...state, weight, bias });
  return { forward, kept: Object.values(state) };
}

function signalInputs(params) {
  const [weight, ...affine] = parametersOf(params);
  const filter = weight.transpose([2, 1, 0]);
  weight.dispose();
  const draw = (seed) => channelsLast(uniform(sizeOf(params.shape), seed, UNIT), params.shape);
  return { inputs: [draw(SEED.x), filter, ...affine], dy: draw(SEED.dy) };
}

export function signalForward(params) {
  const { forward, kept } = signal(params);
  const { inputs, dy } = signalInputs(params);
  dy.dispose();
  return workOf(
    () => [forward(...inputs)],
    [...inputs, ...kept],
    (y) => y.transpose([0, 2, 1]),
  );
}

export function signalBoth(params) {
  needsGradientsOfConvolutions();
  const { forward, kept } = signal(params);
  const { inputs, dy } = signalInputs(params);
  const gradients = tf.grads(forward);
  const toPeers = (output, k) =>
    k === 0 ? output.transpose([0, 2, 1]) : k === 1 ? output.transpose([2, 1, 0]) : output;
  return workOf(() => gradients(inputs, dy), [...inputs, dy, ...kept], toPeers);
}
