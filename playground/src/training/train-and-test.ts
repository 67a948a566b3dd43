import {
  type Distribution,
  Generator,
  noGrad,
  onWarning,
  RunningNorm,
  type Statistics,
  scope,
  type Tensor,
  tensor,
} from "evenkeel";
import { accuracyOf } from "./accuracy.js";
import type { Contest } from "./contest.js";
import { watchPass } from "./observe-layers.js";
import type { LearnedParameters } from "./parameter-trace.js";
import type { StatisticsColumns } from "./statistics-trace.js";
import { Trainer } from "./trainer.js";

/** A layer, counted from 0, of a network. */
export interface Place {
  readonly network: 0 | 1;
  readonly layer: number;
}

/** What one layer makes of the same numbers in two ways, and how the whole network fares with each. */
export interface LayerTwice {
  readonly batch: Distribution;
  readonly running: Distribution;
  /** The largest difference between the two, in any unit, for any sample. */
  readonly difference: number;
  /** The share of test samples that are right. */
  readonly accuracy: { readonly batch: number; readonly running: number };
}

/** One sample among changing others. */
export interface BatchMates {
  /** The sample's place among those trained on. */
  readonly sample: number;
  /** The others, round by round. */
  readonly mates: readonly Uint32Array[];
  /** The probability of the sample's own class in each round, as the network sees it in training. */
  readonly training: Float32Array;
  /** The same at test time, whatever the others. */
  readonly test: Float32Array;
}

/** How a unit's mean ran in training; null where the layer remembers none. */
export function statisticsOf({ entrants }: Contest, { network, layer }: Place): StatisticsColumns | null {
  const trainer = entrants[network];
  return trainer instanceof Trainer ? trainer.statistics.columns(layer) : null;
}

/** γ and β of a layer of a network. */
export function parametersOf({ entrants }: Contest, { network, layer }: Place): LearnedParameters | null {
  const trainer = entrants[network];
  return trainer instanceof Trainer ? trainer.parameters.of(layer) : null;
}

/**
 * Puts a batch through a layer with the batch's statistics and with the running ones. Null where the layer has no
 * running ones.
 */
export async function layerTwice({ entrants }: Contest, { network, layer }: Place): Promise<LayerTwice | null> {
  const trainer = entrants[network];
  if (!(trainer instanceof Trainer)) return null;
  const norm = trainer.network.hidden[layer]?.norm;
  if (!(norm instanceof RunningNorm)) return null;
  const { train, test } = trainer.data;
  const size = train.inputs.length / train.labels.length;
  const { values, shape } = inputOf(norm, () =>
    trainer.predictInTraining(train.inputs.subarray(0, size * trainer.settings.batchSize)),
  );
  const forward = (): Float32Array => scope(() => noGrad(() => norm.forward(tensor(values, shape)).dataSync()));
  const normalised = (statistics: Statistics): Float32Array => {
    norm.normalizeWith = statistics;
    try {
      return trainer.statistics.forgetting(forward);
    } finally {
      norm.normalizeWith = "batch";
    }
  };
  const batch = await watchPass(norm, [norm], () => normalised("batch"));
  const running = await watchPass(norm, [norm], () => normalised("running"));
  return {
    batch: batch.layers[0].output,
    running: running.layers[0].output,
    difference: batch.result.reduce((most, value, k) => Math.max(most, Math.abs(value - running.result[k])), 0),
    accuracy: {
      batch: accuracyOf(trainer.predictInTraining(test.inputs), test.labels),
      running: accuracyOf(trainer.predict(test.inputs), test.labels),
    },
  };
}

/** What a layer is given while `body` runs. */
export function inputOf(layer: RunningNorm, body: () => void): { values: Float32Array; shape: readonly number[] } {
  const seen: { values: Float32Array; shape: readonly number[] } = { values: new Float32Array(), shape: [0, 0] };
  const end = layer.onForward((_, input: Tensor) => {
    seen.values = new Float32Array(input.dataSync());
    seen.shape = input.shape;
  });
  try {
    body();
  } finally {
    end();
  }
  return seen;
}

/**
 * Rounds of batches in which one sample stays and the others are drawn anew. @throws what the library throws for a
 * batch of one
 */
export function batchMates(
  { entrants }: Contest,
  { network, size, rounds, seed }: { network: 0 | 1; size: number; rounds: number; seed: number },
): BatchMates | null {
  const trainer = entrants[network];
  if (!(trainer instanceof Trainer)) return null;
  const { inputs, labels } = trainer.data.train;
  const width = inputs.length / labels.length;
  const random = new Generator(seed);
  const sample = random.below(labels.length);
  const mates = Array.from({ length: rounds }, () =>
    random
      .permutation(labels.length)
      .filter((one) => one !== sample)
      .slice(0, size - 1),
  );
  const own = (probabilities: Float32Array): number => probabilities[labels[sample]];
  const batches = mates.map((others) => {
    const batch = new Float32Array(width * size);
    [sample, ...others].forEach((one, k) => {
      batch.set(inputs.subarray(one * width, (one + 1) * width), k * width);
    });
    return batch;
  });
  // That few samples make noisy statistics is what this is to show.
  const before = onWarning(() => {});
  try {
    return {
      sample,
      mates,
      training: Float32Array.from(batches, (batch) => own(trainer.predictInTraining(batch))),
      test: Float32Array.from(batches, (batch) => own(trainer.predict(batch))),
    };
  } finally {
    onWarning(before);
  }
}
