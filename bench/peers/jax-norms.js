// Norms composed for jax-js, which has no layers of them.
import { SEED, sizeOf, UNIT, uniform } from "./data.js";
import { array, jax } from "./jax-work.js";

const { jit, numpy: np } = jax;

const EPS = 1e-5;

// Two kernels, fused each: the statistics, then one affine map. Faster here than `nn.standardize`, which is what it
// computes.
const statistics = jit((x) => {
  const axes = statisticsAxes(x.ndim);
  const mean = x.ref.mean(axes, { keepdims: true });
  const variance = np.square(x).mean(axes, { keepdims: true }).sub(np.square(mean.ref));
  return [mean, variance];
});
const affine = jit((x, mean, variance, weight, bias) => {
  const parameterShape = mean.shape;
  const scale = weight.reshape(parameterShape).div(np.sqrt(variance.add(EPS)));
  const shift = bias.reshape(parameterShape).sub(mean.mul(scale.ref));
  return x.mul(scale).add(shift);
});

export function batchNorm(x, weight, bias) {
  const [mean, variance] = statistics(x.ref);
  return affine(x, mean, variance, weight, bias);
}

/**
 * Norms of rows, likewise in two kernels. `view` is the shape whose last axis is averaged over; rms: about 0, by its
 * own eps, without bias.
 */
const ROW_NORMS = {
  layer: { view: (shape) => shape, eps: EPS },
  group: { view: ([batch]) => [batch, 8, -1], eps: EPS },
  rms: { view: (shape) => shape, eps: 1e-6 },
};

export function rowNorm({ norm, shape }) {
  const { view, eps } = ROW_NORMS[norm];
  const rows = view(shape);
  const parameterShape = norm === "group" ? [1, -1, 1, 1] : [-1];
  const moments = jit((x) => {
    const values = x.reshape(rows);
    const squares = np.square(values.ref).mean(-1, { keepdims: true });
    if (norm === "rms") {
      values.dispose();
      return [squares];
    }
    const mean = values.mean(-1, { keepdims: true });
    return [squares.sub(np.square(mean.ref)), mean];
  });
  const map = jit((x, variance, ...rest) => {
    const [mean, weight, bias] = norm === "rms" ? [null, ...rest] : rest;
    const values = x.reshape(rows);
    const centred = mean === null ? values : values.sub(mean);
    const scaled = centred
      .div(np.sqrt(variance.add(eps)))
      .reshape(shape)
      .mul(weight.reshape(parameterShape));
    return bias === undefined ? scaled : scaled.add(bias.reshape(parameterShape));
  });
  return (x, ...parameters) => map(x.ref, ...moments(x), ...parameters);
}

/** x, then weight and, where the norm has one, bias; then dy. */
export function rowNormInputs({ norm, shape }) {
  const features = norm === "group" ? shape[1] : shape.at(-1);
  const seeds = norm === "rms" ? [SEED.weight] : [SEED.weight, SEED.bias];
  return [
    array(uniform(sizeOf(shape), SEED.x, UNIT), shape),
    ...seeds.map((seed) => array(uniform(features, seed, UNIT), [features])),
    array(uniform(sizeOf(shape), SEED.dy, UNIT), shape),
  ];
}

/** All but the channels. @type {(rank: number) => number[]} */
function statisticsAxes(rank) {
  return [0, 2, 3].slice(0, rank - 1);
}

export function normInputs(shape) {
  const channels = shape[1];
  return [
    array(uniform(sizeOf(shape), SEED.x, UNIT), shape),
    array(uniform(channels, SEED.weight, UNIT), [channels]),
    array(uniform(channels, SEED.bias, UNIT), [channels]),
    array(uniform(sizeOf(shape), SEED.dy, UNIT), shape),
  ];
}
