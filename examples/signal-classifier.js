// One-dimensional signals: what shape has a noisy wave, whatever its pitch, phase and loudness?
import {
  Adam,
  arrayDataset,
  BatchNorm,
  batches,
  Conv1d,
  evaluate,
  Flatten,
  fit,
  Generator,
  Linear,
  oneCycleLr,
  ReLU,
  Sequential,
  seed,
} from "evenkeel";

// The waves over a turn, from 0 to 1.
const waves = [
  (turn) => Math.sin(2 * Math.PI * turn), // 0: sine
  (turn) => (turn < 0.5 ? 1 : -1), // 1: square
  (turn) => 2 * turn - 1, // 2: sawtooth
];
const length = 64;

/** Signals of one channel, (count, 1, length), and which wave each is. */
function signals(count, random) {
  const inputs = new Float32Array(count * length);
  const labels = Int32Array.from({ length: count }, (_, k) => k % waves.length);
  labels.forEach((wave, k) => {
    const [turns, phase, loudness] = [random.uniform(2, 6), random.uniform(), random.uniform(0.5, 2)];
    for (let t = 0; t < length; t++) {
      const turn = ((turns * t) / length + phase) % 1;
      inputs[k * length + t] = loudness * (waves[wave](turn) + random.normal(0, 0.3));
    }
  });
  return arrayDataset({ inputs, shape: [1, length], labels });
}

seed(1);
const training = signals(3000, new Generator(2));
const unseen = signals(600, new Generator(3));

// Each convolution halves the length. A bias before batch norm has no effect, so there is none.
const model = new Sequential(
  new Conv1d(1, 16, 7, { stride: 2, padding: 3, bias: false }),
  new BatchNorm(16),
  new ReLU(),
  new Conv1d(16, 32, 5, { stride: 2, padding: 2, bias: false }),
  new BatchNorm(32),
  new ReLU(),
  new Flatten(), // (N, 32, 16) to (N, 512)
  new Linear(32 * 16, waves.length),
);

await fit(model, batches(training, { batchSize: 64, shuffle: true }), {
  epochs: 5,
  optimizer: new Adam(model.parameters(), { lr: 0.01 }),
  schedule: oneCycleLr(0.01),
  onEpoch: ({ epoch, loss }) => console.log(`epoch ${epoch + 1}: loss ${loss.toFixed(3)}`),
});

// evaluate() switches batch norm to its running statistics: signals are judged one by one.
const { accuracy } = await evaluate(model, batches(unseen, { batchSize: 100 }));
console.log(`accuracy on unseen signals: ${accuracy?.toFixed(3)}`);
