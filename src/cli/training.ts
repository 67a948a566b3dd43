import { type Batches, batches } from "../data/batches.js";
import type { ModelMeta } from "../models/save-model.js";
import type { Module } from "../nn/module.js";
import { loadImageData } from "../node/image-data.js";
import { loadNetwork, recordNetwork } from "../node/load-network.js";
import { currentSeed } from "../random.js";
import type { Optimizer } from "../train/optimizer.js";
import type { Schedule } from "../train/schedules.js";
import { defaultLr, optimizers, schedules, type TrainFlags } from "./train-flags.js";

/** What a run trains, on what, and how: made of the flags alone, the same each time. */
export interface Training {
  readonly model: Module;
  readonly data: Batches;
  readonly testData: Batches;
  readonly epochs: number;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  /** What the saved model says. */
  readonly meta: ModelMeta;
  /** One line for whoever looks on. */
  readonly summary: string;
}

/** @param flags - with the seed in force already set @param out - the folder of the run */
export async function prepareTraining(flags: TrainFlags, out: string): Promise<Training> {
  const { norm, normMomentum, normEps, groups, batchSize, epochs, weightDecay } = flags;
  const seed = currentSeed();
  const buildNetwork = await loadNetwork(flags.model);
  const { train, test, inputShape, classes, preprocessing } = loadImageData(flags.data);
  const networkOptions = { inputShape, classes, norm, normMomentum, normEps, groups };
  const model = await buildNetwork(networkOptions);
  const lr = flags.lr ?? defaultLr[flags.optimizer];
  const optimizer = optimizers[flags.optimizer](model.parameters(), lr, weightDecay);
  const data = batches(train, { batchSize, shuffle: true });
  const size = model.parameters().reduce((total, parameter) => total + parameter.size, 0);
  return {
    model,
    data,
    testData: batches(test, { batchSize: 500 }),
    epochs,
    optimizer,
    schedule: schedules[flags.schedule](lr, data.length * epochs),
    meta: {
      task: "classification",
      inputShape,
      preprocessing,
      classes: Array.from({ length: classes }, (_, label) => String(label)),
      network: recordNetwork(flags.model, out, networkOptions),
      training: {
        data: flags.data,
        seed,
        batchSize,
        epochs,
        lr,
        weightDecay,
        optimizer: flags.optimizer,
        schedule: flags.schedule,
      },
    },
    summary: `${flags.model}, norm ${norm}, ${size} parameters; ${train.length} training and ${test.length} test images; seed ${seed}`,
  };
}
