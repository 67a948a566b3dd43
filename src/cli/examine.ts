import { batches } from "../data/batches.js";
import { confusionMatrix } from "../evaluation/confusion-matrix.js";
import { PredictedValues } from "../evaluation/predicted-values.js";
import { regressionErrors } from "../evaluation/regression-errors.js";
import { WorstMistakes } from "../evaluation/worst-mistakes.js";
import type { Module } from "../nn/module.js";
import type { LoadedData } from "../node/data/load-data.js";
import type { TrainingOutcome } from "../pages/training/outcome.js";

/** So many of the worst mistakes are shown. */
const mistakesShown = 24;

/** What a model does with the test data, and where it errs most. */
export async function examine(model: Module, data: LoadedData): Promise<TrainingOutcome> {
  const batchSize = 500;
  if (data.task === "classification") {
    const mistakes = new WorstMistakes(mistakesShown);
    const result = await confusionMatrix(model, batches(data.test, { batchSize }), { onOutput: mistakes.add });
    return { task: data.task, result, mistakes: mistakes.list, origins: data.testOrigins };
  }
  const values = new PredictedValues({ samples: data.test.length, count: mistakesShown });
  const { targetScale } = data.meta;
  const result = await regressionErrors(model, batches(data.test, { batchSize }), {
    targetScale,
    onOutput: values.add,
  });
  return { task: data.task, result, some: values.some, worst: values.worst, origins: data.testOrigins };
}
