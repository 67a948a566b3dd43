// What each rank of test/slow/mpi.test.ts runs under mpirun: node mpi-program.js WHAT
import * as evenkeel from "evenkeel";
import { connect } from "evenkeel/mpi";

const [, , what, option = ""] = process.argv;
const { arrayDataset, BatchNorm, batches, Conv2d, Flatten, fit, GlobalAvgPool2d, Linear, ReLU, Sequential, Sgd } =
  evenkeel;

/** 50 steps at 64 samples a step; a rank has those from `cuts[rank]` to `cuts[rank + 1]`. */
async function train(communicator, cuts, sync) {
  evenkeel.seed(5);
  const generator = new evenkeel.Generator(9);
  const model = new Sequential(
    ...[new Conv2d(1, 8, 3, { padding: 1, bias: false }), new BatchNorm(8, { momentum: 0.9 }), new ReLU()],
    ...[
      new Conv2d(8, 8, 3, { bias: false }),
      new BatchNorm(8, { momentum: 0.9 }),
      new ReLU(),
      new Flatten(),
      new Linear(128, 4),
    ],
  );
  if (sync) evenkeel.syncBatchNorm(model, communicator);
  const [from, to] = [cuts[communicator.rank], cuts[communicator.rank + 1]];
  const data = Array.from({ length: 50 }, () => {
    const labels = Int32Array.from({ length: 64 }, () => generator.below(4));
    const values = Float32Array.from({ length: 64 * 36 }, (_, i) =>
      generator.normal(((labels[Math.floor(i / 36)] + i) % 4) * 0.4),
    );
    const inputs = { values: values.slice(from * 36, to * 36), shape: [to - from, 1, 6, 6] };
    return { inputs, targets: labels.slice(from, to) };
  });
  const losses = [];
  const optimizer = new Sgd(model.parameters(), { lr: 0.02, momentum: 0.9 });
  const before = communicator.bytesGiven ?? 0;
  let stepBytes = 0;
  await fit(model, data, {
    epochs: 1,
    optimizer,
    communicator,
    onStep({ loss }) {
      losses.push(loss);
      if (losses.length === 1) stepBytes = -(communicator.bytesGiven ?? 0);
      if (losses.length === 2) stepBytes += communicator.bytesGiven ?? 0;
    },
  });
  const state = model.stateDict();
  const running = ["1.running_mean", "1.running_var", "4.running_mean", "4.running_var"].flatMap((name) => [
    ...state[name].dataSync(),
  ]);
  const bytes = (communicator.bytesGiven ?? 0) - before;
  return { losses, running, bytes, stepBytes, predicted: evenkeel.stepCost(model).bytes };
}

function report(value) {
  process.stdout.write(`RESULT ${JSON.stringify(value)}\n`);
}

const programs = {
  async train() {
    const cuts = option.split(",").map(Number);
    const communicator = await connect();
    const synced = await train(communicator, cuts, true);
    const unsynced = await train(communicator, cuts, false);
    if (communicator.rank > 0) return;
    const one = await train(evenkeel.alone, [0, 64], false);
    report({ synced, unsynced, one });
  },
  /** Rank 1 does what `option` says in the middle of things. */
  async fail() {
    const communicator = await connect({ timeout: 2 });
    const model = new Sequential(new Linear(2, 4), new BatchNorm(4), new Linear(4, 4), new BatchNorm(4));
    evenkeel.syncBatchNorm(model, communicator);
    try {
      for (let step = 0; step < 3; step++) {
        if (step === 2 && communicator.rank === 1 && option === "skip") model.layers[3].forward(evenkeel.ones([8, 4]));
        else if (step === 2 && communicator.rank === 1) process.kill(process.pid, option);
        else model.forward(evenkeel.ones([8, 2]));
      }
    } catch (error) {
      process.stderr.write(`evenkeel: ${error.message}\n`);
      communicator.abort(1);
    }
  },
  /** Steps until killed, at a size where most of the traffic is gradients; reports bytes per step. */
  async traffic() {
    const communicator = await connect({ timeout: 5 });
    const inputs = new Float32Array(64 * 64).fill(0.5);
    const samples = arrayDataset({ inputs, shape: [1, 8, 8], labels: new Int32Array(64) });
    const model = new Sequential(
      new Conv2d(1, 64, 3),
      new BatchNorm(64),
      new ReLU(),
      new GlobalAvgPool2d(),
      new Linear(64, 512),
      new Linear(512, 2),
    );
    evenkeel.syncBatchNorm(model, communicator);
    const optimizer = new Sgd(model.parameters(), { lr: 0.01 });
    const steps = Number(option);
    const [batch] = batches(samples, { batchSize: 64, communicator });
    let given = 0;
    try {
      await fit(model, Array(steps).fill(batch), {
        epochs: 1,
        optimizer,
        communicator,
        onStep({ step }) {
          if (step === 0) given = communicator.bytesGiven;
          if (step === steps - 1) given = communicator.bytesGiven - given;
        },
      });
    } catch (error) {
      process.stderr.write(`evenkeel: ${error.message}\n`);
      communicator.abort(1);
    }
    if (communicator.rank === 0) report({ perStep: given / (steps - 1), predicted: evenkeel.stepCost(model).bytes });
  },
};
await programs[what]();
