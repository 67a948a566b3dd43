import { firstLargest } from "../backend/host-steps.js";
import type { Batch } from "../data/dataset.js";
import { checkCount, type Shape } from "../shape.js";
import { Tensor } from "../tensor.js";
import { classLayout, labelsOf } from "../train/step.js";

/** A sample that a model took for another class. */
export interface Mistake {
  /** Its place in the data, counted from 0. */
  readonly index: number;
  /** Its class. */
  readonly label: number;
  /** The class that it was taken for. */
  readonly predicted: number;
  /** The probability that the model gave to `predicted`. */
  readonly confidence: number;
  /** The probability that the model gave to `label`. */
  readonly labelProbability: number;
  /** What the model was given, row-major; null where the data came as tensors. */
  readonly inputs: Float32Array | null;
}

/**
 * Collects the mistakes in which a model was surest: those with the least probability of the true class. Its `add` is
 * an `onOutput` of {@link evaluate} or {@link confusionMatrix}, over data in their own order.
 *
 * @example
 * ```ts
 * const model = new Sequential(new Linear(2, 2, { bias: false }));
 * model.loadStateDict({ "0.weight": tensor([[1, 0], [0, 1]]) });
 * const mistakes = new WorstMistakes(1);
 * const data = [{ inputs: tensor([[1, 0], [0, 1], [3, 2]]), targets: [0, 1, 1] }];
 * await evaluate(model, data, { onOutput: mistakes.add });
 * mistakes.list.map(({ index, predicted }) => [index, predicted]); // [[2, 0]]
 * ```
 */
export class WorstMistakes {
  readonly #count: number;
  readonly #worst: Mistake[] = [];
  #seen = 0;

  /** @param count - how many to keep */
  constructor(count: number) {
    this.#count = checkCount("new WorstMistakes(count)", "count", count);
  }

  /** The worst first. */
  get list(): readonly Mistake[] {
    return this.#worst;
  }

  /** Looks at the logits (N, classes) of a batch with labels; others have no mistakes. */
  readonly add = (logits: Float32Array, { inputs, targets }: Batch<unknown>, shape?: Shape): void => {
    const labels = labelsOf(targets);
    // Of the places of an image none is a sample by itself.
    if (labels === null || (shape !== undefined && classLayout(shape, labels.length).step > 1)) return;
    const classes = logits.length / labels.length;
    for (let row = 0; row < labels.length; row++) {
      const predicted = firstLargest(logits, row * classes, classes);
      if (predicted < 0 || predicted === labels[row] || !(labels[row] >= 0)) continue;
      const [confidence, labelProbability] = probabilities(logits.subarray(row * classes, (row + 1) * classes), [
        predicted,
        labels[row],
      ]);
      const isFull = this.#worst.length === this.#count;
      if (isFull && labelProbability >= this.#worst[this.#count - 1].labelProbability) continue;
      if (isFull) this.#worst.pop();
      const size = inputs instanceof Tensor ? 0 : inputs.values.length / labels.length;
      this.#worst.push({
        index: this.#seen + row,
        label: labels[row],
        predicted,
        confidence,
        labelProbability,
        inputs: inputs instanceof Tensor ? null : inputs.values.slice(row * size, (row + 1) * size),
      });
      this.#worst.sort((a, b) => a.labelProbability - b.labelProbability);
    }
    this.#seen += labels.length;
  };
}

/** Softmax of a row of logits, of some classes. */
function probabilities(logits: Float32Array, classes: readonly number[]): number[] {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
  return classes.map((k) => Math.exp(logits[k] - largest) / total);
}
