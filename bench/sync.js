// What synchronised statistics win back: test error against the batch size of each rank, with and without them.
//
//     mpirun -np 2 node bench/sync.js --batches 2,4,8,16,32 --seeds 3 --samples 6000 --epochs 3 --data fashion-mnist
//
// Each rank has its part of every batch; Adam's learning rate follows the square root of the whole batch. Prints a JSON
// line for each size.
import { parseArgs } from "node:util";
import {
  Adam,
  BatchNorm,
  batches,
  Conv2d,
  cosineLr,
  evaluate,
  Flatten,
  fit,
  Generator,
  GlobalAvgPool2d,
  Linear,
  MaxPool2d,
  onWarning,
  ReLU,
  Sequential,
  scaledLr,
  seed,
  subset,
  syncBatchNorm,
} from "../dist/index.js";
import { connect } from "../dist/mpi/index.js";
import { loadData } from "../dist/node/index.js";

const { values: given } = parseArgs({
  options: {
    batches: { type: "string", default: "2,4,8,16,32" },
    seeds: { type: "string", default: "3" },
    samples: { type: "string", default: "6000" },
    epochs: { type: "string", default: "3" },
    data: { type: "string", default: "fashion-mnist" },
  },
});
onWarning(() => {});
const communicator = await connect();
const { train, test } = await loadData(given.data);

function network() {
  const block = (from, to) => [
    new Conv2d(from, to, 3, { padding: 1, bias: false }),
    new BatchNorm(to, { momentum: 0.9 }),
    new ReLU(),
  ];
  return new Sequential(
    ...block(1, 8),
    ...block(8, 16),
    new MaxPool2d(2),
    ...block(16, 16),
    ...block(16, 32),
    new MaxPool2d(2),
    ...block(32, 32),
    new GlobalAvgPool2d(),
    new Flatten(),
    new Linear(32, 10),
  );
}

/** The share of test images that are told wrong. */
async function errorOf(perRank, isSynchronised, run) {
  seed(run);
  const model = network();
  if (isSynchronised) syncBatchNorm(model, communicator);
  const batchSize = perRank * communicator.size;
  const part = subset(
    train,
    Int32Array.from({ length: Number(given.samples) }, (_, k) => k),
  );
  const data = batches(part, { batchSize, shuffle: new Generator(run), communicator });
  const lr = scaledLr(0.01, "root", batchSize, 64);
  const optimizer = new Adam(model.parameters(), { lr });
  await fit(model, data, { epochs: Number(given.epochs), optimizer, schedule: cosineLr(lr), communicator });
  const { accuracy } = await evaluate(model, batches(test, { batchSize: 500 }));
  return 1 - accuracy;
}

for (const perRank of given.batches.split(",").map(Number)) {
  const row = { perRank, synchronised: [], separate: [] };
  for (let run = 1; run <= Number(given.seeds); run++) {
    row.synchronised.push(await errorOf(perRank, true, run));
    row.separate.push(await errorOf(perRank, false, run));
  }
  if (communicator.rank === 0) console.log(JSON.stringify(row));
}
