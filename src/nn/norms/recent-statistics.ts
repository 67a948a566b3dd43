import { ones, zeros } from "../../create.js";
import type { Tensor } from "../../tensor.js";

/** The weight of the old value: five batches or so count, so that they are of nearly the same weights. */
const momentum = 2 / 3;

/** Mean and variance of a norm's latest batches: beside them the running statistics show how far they lag behind. */
export class RecentStatistics {
  readonly #mean: Tensor;
  readonly #variance: Tensor;
  readonly #counters: Tensor;

  constructor(channels: number) {
    this.#mean = zeros([channels]).persist();
    this.#variance = ones([channels]).persist();
    this.#counters = zeros([3]).persist();
  }

  /** @param moments - (channels, 3) of a batch */
  take(moments: Tensor, unbiased: boolean): void {
    const [mean, variance] = [this.#mean, this.#variance];
    const blocks = [mean.block, variance.block, this.#counters.block] as const;
    mean.backend.updateRunning(moments.block, mean.size, ...blocks, momentum, unbiased, false);
  }

  /** What it holds; `batches` are those that were finite. */
  async read(): Promise<{ readonly mean: Float64Array; readonly variance: Float64Array; readonly batches: number }> {
    const [mean, variance] = [await this.#mean.data(), await this.#variance.data()];
    const [batches] = await this.#counters.data();
    return { mean: Float64Array.from(mean), variance: Float64Array.from(variance), batches };
  }

  /** Frees its memory. */
  dispose(): void {
    for (const t of [this.#mean, this.#variance, this.#counters]) t.dispose();
  }
}
