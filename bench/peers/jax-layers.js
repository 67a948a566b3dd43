// Layers composed for jax-js, forward and backward in one jitted function. Its attention needs a later Node than 20. It
// has no loop over time and no resizing of images: a recurrence is unrolled, and interpolation is a product with a
// matrix for each axis.
import { bilinearMatrix, SEED, sizeOf, UNIT, uniform } from "./data.js";
import { batchNorm } from "./jax-norms.js";
import { array, jax, withGradients, workOf } from "./jax-work.js";

const { jit, lax, nn, numpy: np } = jax;

/** x, the parameters, and dy. */
function inputsOf({ shape, output = shape, parameters = [], fanIn }) {
  return [
    array(uniform(sizeOf(shape), SEED.x, UNIT), shape),
    ...parameters.map((own, k) => array(uniform(sizeOf(own), SEED.parameter + k, 1 / Math.sqrt(fanIn)), own)),
    array(uniform(sizeOf(output), SEED.dy, UNIT), output),
  ];
}

/** Work of a jitted function, compiled: for the longest of them that takes ten times as long as a call. */
async function compiled(forward, inputs) {
  const work = workOf(jit(forward), inputs);
  await work.run();
  return work;
}

/** Work of a function of x and parameters, and its gradients for both. */
function both(forward, params) {
  const inputs = inputsOf(params);
  return compiled(withGradients(forward, inputs.length - 1), inputs);
}

export function attention(params) {
  const [batch, steps, features] = params.shape;
  const split = [batch, steps, params.heads, features / params.heads];
  return both((x, weight, bias, outWeight, outBias) => {
    const all = np.matmul(x, np.transpose(weight)).add(bias);
    const [q, k, v] = np.split(all, 3, -1).map((t) => np.transpose(t.reshape(split), [0, 2, 1, 3]));
    const scores = np.matmul(q, np.transpose(k, [0, 1, 3, 2])).mul(1 / Math.sqrt(split[3]));
    const heads = np.transpose(np.matmul(nn.softmax(scores, -1), v), [0, 2, 1, 3]);
    return np.matmul(heads.reshape(params.shape), np.transpose(outWeight)).add(outBias);
  }, params);
}

export function lstm(params) {
  const [batch, , features] = params.shape;
  return both((x, weightIh, weightHh, biasIh, biasHh) => {
    const gates = np.matmul(x, np.transpose(weightIh)).add(biasIh.add(biasHh));
    const recurrent = np.transpose(weightHh);
    let hidden = np.zeros([batch, features]);
    let cell = np.zeros([batch, features]);
    const states = np.unstack(gates, 1).map((own) => {
      const [i, f, g, o] = np.split(own.add(np.matmul(hidden, recurrent.ref)), 4, -1);
      cell = nn
        .sigmoid(f)
        .mul(cell)
        .add(nn.sigmoid(i).mul(np.tanh(g)));
      hidden = nn.sigmoid(o).mul(np.tanh(cell.ref));
      return hidden.ref;
    });
    for (const last of [recurrent, hidden, cell]) last.dispose();
    return np.stack(states, 1);
  }, params);
}

export function upsample(params) {
  const { shape, output } = params;
  const [down, across] = [2, 3].map((axis) =>
    array(bilinearMatrix(shape[axis], output[axis]), [output[axis], shape[axis]]),
  );
  const [x, dy] = inputsOf(params);
  const along = (planes, matrix) => np.transpose(np.matmul(planes, np.transpose(matrix)), [0, 1, 3, 2]);
  const forward = (planes, rows, columns) => along(along(planes, columns), rows);
  return compiled(withGradients(forward, 1), [x, down, across, dy]);
}

/** A convolution over signals that keeps their length, and a batch norm behind it. */
function signal({ parameters }) {
  const around = (parameters[0][2] - 1) / 2;
  return (x, weight, ...affine) => batchNorm(lax.convGeneralDilated(x, weight, [1], [[around, around]]), ...affine);
}

export const signalForward = (params) => compiled(signal(params), inputsOf(params).slice(0, -1));

export const signalBoth = (params) => both(signal(params), params);
