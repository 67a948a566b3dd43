import type { Batch, TensorData } from "../data/dataset.js";
import { checkCount } from "../shape.js";
import { Tensor } from "../tensor.js";

/** A sample of a regression: its target and the prediction. */
export interface PredictedValue {
  /** Its place in the data, counted from 0. */
  readonly index: number;
  /** Which of several outputs, counted from 0. */
  readonly output: number;
  /** What it should be. */
  readonly target: number;
  /** What the model predicted. */
  readonly predicted: number;
  /** What the model was given, row-major; null where the data came as tensors. */
  readonly inputs: Float32Array | null;
}

/**
 * Collects the predictions of a model in a regression: some samples, in equal distances, and those that it missed
 * furthest. Its `add` is an `onOutput` of {@link evaluate} or {@link regressionErrors}, over data in their own order.
 *
 * @example
 * ```ts
 * const model = new Sequential(new Linear(1, 1, { bias: false }));
 * model.loadStateDict({ "0.weight": tensor([[2]]) });
 * const values = new PredictedValues({ samples: 3, count: 1 });
 * const targets = { values: Float32Array.of(2, 4, 9), shape: [3, 1] };
 * await evaluate(model, [{ inputs: tensor([[1], [2], [3]]), targets }], { loss: mse, onOutput: values.add });
 * values.worst[0].index; // 2
 * values.some.map(({ predicted }) => predicted); // [2, 4, 6]
 * ```
 */
export class PredictedValues {
  readonly #every: number;
  readonly #count: number;
  readonly #some: PredictedValue[] = [];
  readonly #worst: PredictedValue[] = [];
  #seen = 0;

  /**
   * @param options - `samples`: how many there will be; `count`: how many of the worst to keep; `points`: how many of
   * all, about
   */
  constructor({ samples, count, points = 1000 }: { samples: number; count: number; points?: number }) {
    this.#every = Math.ceil(checkCount("new PredictedValues({ samples })", "samples", samples) / points);
    this.#count = checkCount("new PredictedValues({ count })", "count", count);
  }

  /** Samples in equal distances. */
  get some(): readonly PredictedValue[] {
    return this.#some;
  }

  /** Those furthest from their targets, the worst first. */
  get worst(): readonly PredictedValue[] {
    return this.#worst;
  }

  /** Looks at the outputs of a batch. */
  readonly add = (outputs: Float32Array, { inputs, targets }: Batch<TensorData>): void => {
    const [samples] = targets.shape;
    const width = outputs.length / samples;
    const size = inputs instanceof Tensor ? 0 : inputs.values.length / samples;
    for (let i = 0; i < outputs.length; i++) {
      const row = Math.floor(i / width);
      const value: PredictedValue = {
        index: this.#seen + row,
        output: i % width,
        target: targets.values[i],
        predicted: outputs[i],
        inputs: inputs instanceof Tensor ? null : inputs.values.subarray(row * size, (row + 1) * size),
      };
      if (value.index % this.#every === 0) this.#some.push({ ...value, inputs: null });
      this.#keep(value);
    }
    this.#seen += samples;
  };

  #keep(value: PredictedValue): void {
    const errorOf = ({ predicted, target }: PredictedValue): number => Math.abs(predicted - target);
    const isFull = this.#worst.length === this.#count;
    if (isFull && !(errorOf(value) > errorOf(this.#worst[this.#count - 1]))) return;
    if (isFull) this.#worst.pop();
    this.#worst.push({ ...value, inputs: value.inputs?.slice() ?? null });
    this.#worst.sort((a, b) => errorOf(b) - errorOf(a));
  }
}
