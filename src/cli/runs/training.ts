import type { Communicator } from "../../communicator.js";
import { type Batches, batches } from "../../data/batches.js";
import type { Dataset, TensorData } from "../../data/dataset.js";
import { regressionErrors } from "../../evaluation/regression-errors.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import type { Module } from "../../nn/module.js";
import { syncBatchNorm } from "../../nn/norms/sync-batch-norm.js";
import { loadNetwork, recordNetwork } from "../../node/load-network.js";
import { crossEntropy } from "../../ops/cross-entropy.js";
import { mse } from "../../ops/losses.js";
import type { Outcome } from "../../pages/training/outcome.js";
import { currentSeed } from "../../random.js";
import { Tensor } from "../../tensor.js";
import type { Optimizer } from "../../train/optimizer.js";
import { type Schedule, scaledLr } from "../../train/schedules.js";
import type { Loss } from "../../train/step.js";
import { examine } from "../examine.js";
import { defaultBatchSize, defaultLr, optimizers, schedules, type TrainFlags } from "../flags/train-flags.js";
import { describeErrors } from "../print/describe-errors.js";
import { openData } from "../training-data.js";
import type { EpochMetrics } from "./run-listener.js";
import type { RunRecord } from "./run-record.js";

type Target = Int32Array | TensorData;

/** What a run trains, on what, and how: made of the flags alone, the same each time. */
export interface Training {
  readonly model: Module;
  readonly data: Batches<Target>;
  readonly validationData: Batches<Target> | null;
  readonly testData: Batches<Target>;
  readonly epochs: number;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  readonly communicator: Communicator;
  readonly loss: Loss<Target>;
  /** With how many samples running statistics are renewed at the end; 0: not. */
  readonly recalibrate: number;
  /** What the saved model says. */
  readonly meta: ModelMeta;
  /** What makes data and network what they are: a resumed run checks that they still are. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** One line for whoever looks on. */
  readonly summary: string;
  /** How good the model is, and where it errs. */
  examine(): Promise<Outcome>;
  /** The last line of a run: how good it became, in the targets' own units. */
  verdict(last: EpochMetrics): Promise<string>;
}

/** Cross-entropy of labels, the mean squared error of numbers. */
function lossOf(output: Tensor, targets: Int32Array | Tensor): Tensor {
  return targets instanceof Tensor ? mse(output, targets) : crossEntropy(output, targets);
}

/** @param flags - with the seed in force already set @param record - what the saved model says of them @param out - the folder of the run */
export async function prepareTraining(
  flags: TrainFlags,
  record: RunRecord,
  out: string,
  communicator: Communicator,
): Promise<Training> {
  const { norm, normMomentum, normEps, groups, virtualBatchSize, batchSize, epochs, weightDecay } = flags;
  const seed = currentSeed();
  const source = await openData(flags, seed);
  const { inputShape, outputs } = source;
  const network = flags.model ?? (inputShape.length === 3 ? "cnn" : "mlp");
  const buildNetwork = await loadNetwork(network);
  const networkOptions = { inputShape, classes: outputs, norm, normMomentum, normEps, groups, virtualBatchSize };
  const model = await buildNetwork(networkOptions);
  if (flags.syncBn && communicator.size > 1) syncBatchNorm(model, communicator);
  const lr = scaledLr(flags.lr ?? defaultLr[flags.optimizer], flags.lrScaling, batchSize, defaultBatchSize);
  const optimizer = optimizers[flags.optimizer](model.parameters(), lr, weightDecay);
  const data = batches<Target>(source.train, { batchSize, shuffle: true, communicator });
  const measured = (part: Dataset<Target>): Batches<Target> => batches(part, { batchSize: 500, communicator });
  const size = model.parameters().reduce((total, parameter) => total + parameter.size, 0);
  return {
    model,
    data,
    validationData: source.validation === null ? null : measured(source.validation),
    testData: measured(source.test),
    epochs,
    recalibrate: flags.recalibrate ?? 0,
    optimizer,
    schedule: schedules[flags.schedule](lr, data.length * epochs),
    communicator,
    loss: lossOf,
    meta: {
      ...source.meta,
      network: recordNetwork(network, out, networkOptions),
      training: record,
    },
    facts: {
      data: [source.train.length, source.validation?.length, source.test.length, factsOf(source.meta)],
      network: String(model),
    },
    summary: `${network}, norm ${norm}, ${size} parameters; ${source.description}; seed ${seed}`,
    examine: () => examine(model, source),
    async verdict({ test: { accuracy } }) {
      if (source.task === "classification") return `test accuracy ${accuracy?.toFixed(4)}`;
      const { targetScale } = source.meta;
      return `test ${describeErrors(await regressionErrors(model, batches(source.test, { batchSize: 500 }), { targetScale }))}`;
    },
  };
}

/** What tells data apart, as 0.1.0 wrote it: which texts are missing values shows in what the columns became. */
function factsOf(meta: ModelMeta): ModelMeta {
  if (meta.table === undefined) return meta;
  const { missing: _, ...table } = meta.table;
  // In its own place: the order of the entries counts.
  return { ...meta, table };
}
