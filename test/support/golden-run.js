// A short training run whose result is pinned to the last bit. Runs in any engine: it is given the library, and needs
// nothing else.

/**
 * Trains a small convolutional network with batch norm, dropout, GELU and every kind of kernel for a few steps.
 *
 * @param {typeof import("evenkeel")} evenkeel
 * @returns {Promise<string>} SHA-256 of the model's state, in hexadecimal digits
 */
export async function goldenRun(evenkeel) {
  const { Sequential, Residual, Conv2d, BatchNorm, ReLU, GELU, Tanh, MaxPool2d, AvgPool2d, Flatten, Linear, Dropout } =
    evenkeel;
  const { AdamW, Generator, arrayDataset, batches, fit, onWarning, oneCycleLr, seed, writeSafetensors } = evenkeel;
  seed(2026);
  const generator = new Generator(7);
  const inputs = Float32Array.from({ length: 200 * 2 * 11 * 9 }, () => generator.normal(0.5, 2));
  const labels = Int32Array.from({ length: 200 }, () => generator.below(5));
  const model = new Sequential(
    new Conv2d(2, 12, 3, { padding: 1, bias: false }),
    new BatchNorm(12),
    new ReLU(),
    new MaxPool2d(2),
    new Residual(new Sequential(new Conv2d(12, 12, 3, { padding: 1, groups: 3 }), new BatchNorm(12), new GELU())),
    new Conv2d(12, 12, 3, { padding: 1 }),
    new Conv2d(12, 16, [1, 2], { stride: 2 }),
    new AvgPool2d(2, { stride: 1 }),
    new Flatten(),
    new Linear(32, 40),
    new BatchNorm(40, { momentum: "cumulative" }),
    new Tanh(),
    new Dropout(0.2),
    new Linear(40, 5),
  );
  const optimizer = new AdamW(model.parameters(), { lr: 0.01, weightDecay: 0.01 });
  const data = batches(arrayDataset({ inputs, shape: [2, 11, 9], labels }), { batchSize: 24, shuffle: true });
  // The cumulative average of so short a run lags, and fit says so.
  const before = onWarning(() => {});
  await fit(model, data, { epochs: 3, optimizer, schedule: oneCycleLr(0.01), clipNorm: 1 });
  onWarning(before);
  const digest = await crypto.subtle.digest("SHA-256", writeSafetensors(model.stateDict()));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
