import { noGrad, RunningNorm, recalibrate, scope, tensor } from "evenkeel";
import { accuracyOf } from "./accuracy.js";
import type { Contest } from "./contest.js";
import { Trainer } from "./trainer.js";

/** The share of new samples that are right, as at inference. */
export interface Renewal {
  readonly before: number;
  readonly after: number;
  /** The same with the statistics of the test samples themselves. */
  readonly withBatch: number;
}

/** What a batch with a NaN did to a layer. */
export interface BadBatch {
  /** Batches that the first norm has skipped, before and after. */
  readonly skipped: readonly [before: number, after: number];
  /** Whether its running statistics are the same bits as before. */
  readonly unchanged: boolean;
  /** The running mean of the first unit, and what the plain rule would have made of it. */
  readonly mean: number;
  readonly plain: number;
}

function normsOf({ network }: Trainer): RunningNorm[] {
  return network.hidden.flatMap(({ norm }) => (norm instanceof RunningNorm ? [norm] : []));
}

/** Gives the norms of a network the statistics of all training samples. Null where none has running statistics. */
export async function renewStatistics({ entrants }: Contest, network: 0 | 1): Promise<Renewal | null> {
  const trainer = entrants[network];
  if (!(trainer instanceof Trainer) || normsOf(trainer).length === 0) return null;
  const { train, test, shape } = trainer.data;
  const right = (scores: Float32Array): number => accuracyOf(scores, test.labels);
  const before = right(trainer.predict(test.inputs));
  const inputs = tensor(train.inputs, [train.labels.length, ...shape]);
  try {
    await recalibrate(trainer.network.model, [inputs]);
  } finally {
    inputs.dispose();
    trainer.network.model.train();
  }
  trainer.changed();
  return {
    before,
    after: right(trainer.predict(test.inputs)),
    withBatch: right(trainer.predictInTraining(test.inputs)),
  };
}

/** Puts a batch with a NaN through a network in training mode. Null where no layer has running statistics. */
export function badBatch({ entrants }: Contest, network: 0 | 1): BadBatch | null {
  const trainer = entrants[network];
  if (!(trainer instanceof Trainer)) return null;
  const [norm] = normsOf(trainer);
  if (norm === undefined) return null;
  const { model } = trainer.network;
  const { train, shape } = trainer.data;
  const count = Math.min(trainer.settings.batchSize, train.labels.length);
  const values = train.inputs.slice(0, (train.inputs.length / train.labels.length) * count);
  values[0] = Number.NaN;
  const statistics = (): Float32Array[] =>
    [norm.runningMean, norm.runningVar].map((t) => t?.dataSync() ?? new Float32Array());
  const [earlier, skipped] = [statistics(), norm.skippedBatches];
  scope(() => noGrad(() => model.forward(tensor(values, [count, ...shape]))));
  const now = statistics();
  trainer.changed();
  return {
    skipped: [skipped, norm.skippedBatches],
    unchanged: now.every((part, k) => part.every((value, i) => Object.is(value, earlier[k][i]))),
    mean: now[0][0],
    plain: Number.NaN,
  };
}
