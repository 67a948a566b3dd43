// A layer of one's own: parameters are tensors that want a gradient, the gradient comes by itself.
import { Adam, arrayDataset, batches, fit, Linear, Module, Sequential, seed, tensor } from "evenkeel";

/** y = x·sigmoid(β·x), with one learned β for each feature (Ramachandran et al. 2017, arXiv:1710.05941). */
class Swish extends Module {
  beta;

  constructor(numFeatures) {
    super();
    this.beta = tensor(new Float32Array(numFeatures).fill(1), [numFeatures], { requiresGrad: true });
  }

  forward(x) {
    // sigmoid(βx) = 1 / (1 + e^(−βx))
    return x.div(x.mul(this.beta).neg().exp().add(1));
  }
}

seed(1);
const inputs = Float32Array.from({ length: 2000 }, (_, k) => Math.cos(k * k));
const labels = Int32Array.from({ length: 1000 }, (_, k) => Number(inputs[2 * k] * inputs[2 * k + 1] > 0));
const data = arrayDataset({ inputs, shape: [2], labels });

const swish = new Swish(16);
const model = new Sequential(new Linear(2, 16), swish, new Linear(16, 2));
const { epochs } = await fit(model, batches(data, { batchSize: 50, shuffle: true }), {
  epochs: 10,
  optimizer: new Adam(model.parameters(), { lr: 0.02 }),
});

const beta = await swish.beta.data();
console.log(
  `accuracy ${epochs.at(-1)?.accuracy?.toFixed(2)}; β from ${Math.min(...beta).toFixed(2)} to ${Math.max(...beta).toFixed(2)}`,
);
console.log(Object.keys(model.stateDict()).join(", "));
