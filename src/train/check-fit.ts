import { checkRange } from "../check-range.js";
import { ArgumentError } from "../errors.js";
import { isSpentAfterOnePass } from "../graph/statistics/recalibrate.js";
import { Module } from "../nn/module.js";
import { checkAdaptiveClip } from "../optim/adaptive-clip.js";
import { Optimizer } from "../optim/optimizer.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import { shown } from "../shown.js";
import type { FitOptions } from "./fit-options.js";
import { checkMonitor } from "./improvement.js";
import { checkMetrics } from "./metrics.js";
import { MovingAverage } from "./moving-average.js";
import { PlateauLr } from "./plateau-lr.js";
import { checkBatches, type Data, type Loss, lossFor } from "./step.js";

const where = "fit(model, data)";

/** What {@link fit} makes of its options. */
export interface CheckedFit<Target> {
  readonly lossOf: Loss<Target>;
  readonly accumulate: number;
  /** Over all epochs; null where the data's length is not known. */
  readonly steps: number | null;
}

/** @throws ArgumentError before the first step, for whatever would be found out after hours, or never */
export function checkFit<Target>(model: Module, data: Data<Target>, options: FitOptions<Target>): CheckedFit<Target> {
  checkOptions(where, options, {
    epochs: true,
    optimizer: true,
    loss: true,
    schedule: true,
    clipNorm: true,
    adaptiveClip: true,
    signal: true,
    communicator: true,
    onStep: true,
    onEpoch: true,
    validation: true,
    metrics: true,
    earlyStopping: true,
    accumulate: true,
    recalibrate: true,
    average: true,
    checkpoint: true,
  });
  checkBatches(where, data);
  if (!(model instanceof Module)) {
    throw refused(where, "a model", typeof model, "Pass one such as new Sequential(new Linear(4, 2)).");
  }
  const { optimizer, schedule, average, recalibrate = 0 } = options;
  if (!(optimizer instanceof Optimizer)) {
    const cure = "Pass one such as new Adam(model.parameters(), { lr: 0.001 }).";
    throw refused("fit(model, data, { optimizer })", "an optimiser", typeof optimizer, cure);
  }
  checkCount("fit(model, data, { epochs })", "epochs", options.epochs);
  checkClipping(options);
  if (schedule !== undefined && typeof schedule !== "function" && !(schedule instanceof PlateauLr)) {
    const cure = "Pass one such as cosineLr(0.1), or leave it out: the rate is then the optimiser's.";
    throw refused("fit(model, data, { schedule })", "a schedule", shown(schedule), cure);
  }
  for (const name of ["onStep", "onEpoch"] as const) {
    if (options[name] === undefined || typeof options[name] === "function") continue;
    throw refused(`fit(model, data, { ${name} })`, "a function", shown(options[name]), "Pass one, or leave it out.");
  }
  if (average !== undefined && !(average instanceof MovingAverage && average.isOf(model))) {
    const received = average instanceof MovingAverage ? "that of another" : typeof average;
    const cure = "Pass movingAverage(model, { decay }) of this very model.";
    throw refused("fit(model, data, { average })", "a moving average of the model", received, cure);
  }
  const accumulate = checkCount("fit(model, data, { accumulate })", "accumulate", options.accumulate ?? 1);
  const steps = data.length === undefined ? null : Math.ceil(data.length / accumulate) * options.epochs;
  if (typeof schedule === "function" && steps === null) {
    throw refused(
      "fit(model, data, { schedule })",
      "data with a length, from which a schedule knows how far training has come",
      "data without one",
      "Give the iterable a length: the number of batches in an epoch.",
    );
  }
  checkValidation(options);
  if (recalibrate !== 0) checkCount("fit(model, data, { recalibrate })", "recalibrate", recalibrate);
  const renewing = recalibrate !== 0 ? "recalibrate" : average?.needsRecalibration === true ? "average" : null;
  if (renewing !== null && isSpentAfterOnePass(data)) {
    throw refused(
      `fit(model, data, { ${renewing} })`,
      "data that can be gone through once more at the end",
      "an iterator, which is spent after one pass",
      "Pass an array or batches().",
    );
  }
  return { lossOf: lossFor(where, options.loss), accumulate, steps };
}

function checkClipping({ clipNorm, adaptiveClip }: Pick<FitOptions<never>, "clipNorm" | "adaptiveClip">): void {
  const clips = (clipNorm ?? Number.POSITIVE_INFINITY) !== Number.POSITIVE_INFINITY;
  if (clips) checkRange(where, "clipNorm", Number(clipNorm));
  if ((adaptiveClip ?? null) === null) return;
  checkAdaptiveClip("fit(model, data, { adaptiveClip })", adaptiveClip ?? {});
  if (clips)
    throw refused("fit(model, data, { clipNorm, adaptiveClip })", "one way of clipping", "both", "Leave one out.");
}

/** @throws ArgumentError if validation data cannot be measured, or what is asked of them is not there */
function checkValidation<Target>({ validation, earlyStopping, metrics, schedule }: FitOptions<Target>): void {
  if (validation !== undefined) {
    const place = "fit(model, data, { validation })";
    checkBatches(place, validation);
    if (validation.length === 0) throw refused(place, "at least one batch", "none", "Leave it out, or pass some.");
    if (isSpentAfterOnePass(validation)) {
      const received = "an iterator, which is spent after one pass";
      throw refused(place, "data that can be gone through after each epoch", received, "Pass an array or batches().");
    }
  }
  for (const [name, serves] of [
    ["earlyStopping", "by which the best epoch is known"],
    ["metrics", "on which they are measured"],
  ] as const) {
    if (validation !== undefined || { earlyStopping, metrics }[name] === undefined) continue;
    const cure = "Pass { validation }, such as batches of a part that splitIndices() kept back.";
    throw refused(`fit(model, data, { ${name} })`, `validation data, ${serves}`, "none", cure);
  }
  if (metrics !== undefined) checkMetrics(where, metrics);
  const scores = ["loss", "accuracy", ...(metrics ?? [])];
  checkMonitor("fit(model, data, { earlyStopping })", earlyStopping?.monitor ?? "loss", scores);
  if (schedule instanceof PlateauLr) checkMonitor("fit(model, data, { schedule })", schedule.monitor, scores);
}

function refused(where: string, expected: string, received: string, cure: string): ArgumentError {
  return new ArgumentError({ where, expected, received, cure });
}
