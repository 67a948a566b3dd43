import type { Communicator } from "../../communicator.js";
import { cutmix, mixup } from "../../data/augment/mix.js";
import { type Batches, batches } from "../../data/batches.js";
import type { Dataset, TensorData } from "../../data/dataset.js";
import { ArgumentError } from "../../errors.js";
import { regressionErrors } from "../../evaluation/regression-errors.js";
import type { ModelMeta } from "../../formats/model-file/save-model.js";
import type { Module } from "../../nn/module.js";
import { syncBatchNorm } from "../../nn/norms/sync-batch-norm.js";
import { loadNetwork, recordNetwork } from "../../node/load-network.js";
import type { Optimizer, ParameterGroup } from "../../optim/optimizer.js";
import { parameterGroups } from "../../optim/parameter-groups.js";
import { type Schedule, scaledLr } from "../../optim/schedules.js";
import type { TrainingOutcome } from "../../pages/training/outcome.js";
import { currentSeed, generator } from "../../random.js";
import type { FitOptions } from "../../train/fit-options.js";
import { type MovingAverageOptions, movingAverage } from "../../train/moving-average.js";
import type { PlateauLr } from "../../train/plateau-lr.js";
import type { Loss } from "../../train/step.js";
import { examine } from "../examine.js";
import { averageOf, metricsOf, rateRulesOf } from "../flags/loop-flags.js";
import { defaultBatchSize, defaultLr, type TrainFlags } from "../flags/train-flags.js";
import { describeErrors } from "../print/describe-errors.js";
import { type OpenedData, openData } from "../training-data.js";
import { lossOfRun } from "./loss-of-run.js";
import { isMatrix, optimizers, schedules } from "./optimization.js";
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
  readonly schedule: Schedule | PlateauLr;
  /** Steps of an epoch. */
  readonly stepsPerEpoch: number;
  /** What fit does besides stepping. */
  readonly loop: Pick<
    FitOptions<Target>,
    "accumulate" | "clipNorm" | "adaptiveClip" | "earlyStopping" | "average" | "metrics"
  >;
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
  examine(): Promise<TrainingOutcome>;
  /** The last line of a run: how good it became, in the targets' own units. */
  verdict(last: EpochMetrics): Promise<string>;
}

/**
 * @param flags - with the seed in force already set
 *
 * @param record - what the saved model says of them
 * @param out - the folder of the run
 */
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
  const loss = lossOfRun(flags, source);
  const parameters = flags.lrOf === undefined ? model.parameters() : groupsBy(model, flags.lrOf);
  const optimizer = optimizers[flags.optimizer](parameters, { lr, weightDecay, decays: isMatrix });
  const data = batches<Target>(mixed(source, flags), { batchSize, shuffle: true, communicator });
  const stepsPerEpoch = Math.ceil(data.length / flags.accumulate);
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
    schedule: schedules[flags.schedule](lr, stepsPerEpoch * epochs, flags.monitor ?? "loss"),
    stepsPerEpoch,
    loop: loopOf(flags, model, source, stepsPerEpoch),
    communicator,
    loss,
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

/** The groups of `--lr-of`. @throws ArgumentError naming the flag if a rule matches nothing */
function groupsBy(model: Module, rules: string): ParameterGroup[] {
  try {
    return parameterGroups(model, rateRulesOf(rules));
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    const { expected, received } = error;
    throw new ArgumentError({
      where: "--lr-of",
      expected,
      received,
      cure: "Name a kind (norm, bias, weight) or a path.",
    });
  }
}

/** The training data, blended in pairs where flags say so. */
function mixed(source: OpenedData, { mixup: blending, cutmix: pasting }: TrainFlags): Dataset<Target> {
  if (source.task === "regression") return source.train;
  const { train, outputs: classes } = source;
  if (blending !== undefined) return mixup(train, { classes, alpha: blending }, generator().split());
  if (pasting !== undefined) return cutmix(train, { classes, alpha: pasting }, generator().split());
  return train;
}

/** @throws ArgumentError if flags do not go with one another or with the data */
function loopOf(
  { accumulate, clipNorm, adaptiveClip: factor, earlyStopping: patience, average, epochs, ...flags }: TrainFlags,
  model: Module,
  source: OpenedData,
  stepsPerEpoch: number,
): Training["loop"] {
  const refuse = (where: string, expected: string, received: string): ArgumentError =>
    new ArgumentError({ where, expected, received, cure: "Leave the flag out." });
  if (clipNorm !== undefined && factor !== undefined)
    throw refuse("--clip-norm, --adaptive-clip", "one of them", "both");
  if (patience !== undefined && source.validation === null) {
    throw refuse("--early-stopping", "data with a validation part (--split 0.8,0.1,0.1)", "none");
  }
  const metrics = flags.metrics === undefined ? [] : metricsOf(flags.metrics);
  const { monitor = "loss" } = flags;
  if (source.task === "regression" && (metrics.length > 0 || monitor !== "loss")) {
    throw refuse(metrics.length > 0 ? "--metrics" : "--monitor", "data with classes", "numbers to predict");
  }
  if (monitor !== "loss" && monitor !== "accuracy" && !metrics.includes(monitor)) {
    throw refuse("--monitor", `loss, accuracy or a score of --metrics`, monitor);
  }
  if (flags.monitor !== undefined && patience === undefined && flags.schedule !== "plateau") {
    throw refuse("--monitor", "--early-stopping or --schedule plateau, which watch it", "neither");
  }
  const averaged = average === undefined ? null : movingAverage(model, averageOptions(average, stepsPerEpoch, epochs));
  return {
    accumulate,
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(factor === undefined ? {} : { adaptiveClip: { factor } }),
    ...(metrics.length === 0 ? {} : { metrics }),
    ...(patience === undefined ? {} : { earlyStopping: { patience, monitor } }),
    ...(averaged === null ? {} : { average: averaged }),
  };
}

function averageOptions(text: string, stepsPerEpoch: number, epochs: number): MovingAverageOptions {
  const { kind, value } = averageOf(text);
  if (kind === "ema") return { decay: value };
  // From the end of the first epoch that lies wholly behind the share.
  const first = Math.min(epochs, Math.ceil(value * epochs) + 1);
  return { decay: "mean", from: first * stepsPerEpoch - 1, every: stepsPerEpoch };
}

/** What tells data apart, as 0.1.0 wrote it: which texts are missing values shows in what the columns became. */
function factsOf(meta: ModelMeta): ModelMeta {
  if (meta.table === undefined) return meta;
  const { missing: _, ...table } = meta.table;
  // In its own place: the order of the entries counts.
  return { ...meta, table };
}
