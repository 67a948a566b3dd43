// A loss of one's own: any function of output and targets that returns a scalar tensor.
import { Adam, BatchNorm, batches, fit, Linear, predict, ReLU, Sequential, seed, tensor } from "evenkeel";

/**
 * Huber's loss (1964): quadratic near 0, linear beyond δ, so that outliers pull less: δ²·(√(1 + (e/δ)²) − 1), its
 * smooth form.
 */
function pseudoHuber(output, targets, delta = 0.1) {
  const error = output.sub(targets).div(delta);
  return error
    .mul(error)
    .add(1)
    .sqrt()
    .sub(1)
    .mean()
    .mul(delta * delta);
}

seed(1);
// A line with noise, and every tenth value far off.
const x = Float32Array.from({ length: 500 }, (_, k) => Math.sin(k * k));
const y = x.map((value, k) => 3 * value + 1 + (k % 10 === 0 ? 20 : 0.1 * Math.cos(k)));
const line = {
  length: x.length,
  batch: (rows) => ({
    inputs: { values: Float32Array.from(rows, (row) => x[row]), shape: [rows.length, 1] },
    targets: { values: Float32Array.from(rows, (row) => y[row]), shape: [rows.length, 1] },
  }),
};

const model = new Sequential(new Linear(1, 32), new BatchNorm(32), new ReLU(), new Linear(32, 1));
await fit(model, batches(line, { batchSize: 50, shuffle: true }), {
  epochs: 60,
  optimizer: new Adam(model.parameters(), { lr: 0.01 }),
  loss: pseudoHuber,
  recalibrate: 1000,
});

const [atZero, atHalf] = await (await predict(model, tensor([[0], [0.5]]))).data();
console.log(`f(0) = ${atZero.toFixed(1)}, f(0.5) = ${atHalf.toFixed(1)}`);
