import type { StatisticsView } from "../../backend/backend.js";
import type { Communicator } from "../../communicator.js";
import type { Synchronization } from "../../ops/synchronize.js";
import { RunningNorm, type RunningNormOptions } from "./running-norm.js";

/** Options of norms whose statistics are of a batch. */
export interface SynchronizedNormOptions extends RunningNormOptions {
  /**
   * Whose parts of the batch share mean and variance: synchronised batch norm, for training on several processes. Every rank then has the same
   * running statistics, bit for bit; all must call the layer equally often, also with an empty part. @defaultValue null: this process alone
   */
  readonly sync?: Communicator | null;
}

/** What norms over a whole batch have in common: {@link BatchNorm} and {@link BatchRenorm} can share statistics among ranks. */
export abstract class SynchronizedNorm extends RunningNorm {
  protected readonly share = "channel";
  /** Whose parts of the batch share mean and variance: see {@link SynchronizedNormOptions.sync}. */
  sync: Communicator | null;
  /** What collectives call the layer: its path in the model, where {@link syncBatchNorm} knew it. */
  #place = "";

  /** @internal */
  constructor(numFeatures: number, options: SynchronizedNormOptions & { readonly trackRunningStats: boolean }) {
    super(numFeatures, options);
    this.sync = options.sync ?? null;
  }

  /** @internal Shares statistics from now on. @param place - the layer's path in its model */
  synchronize(communicator: Communicator, place: string): void {
    this.sync = communicator;
    this.#place = place;
  }

  protected override synchronization(): Synchronization | null {
    if (this.sync === null || this.sync.size === 1) return null;
    return { communicator: this.sync, layer: this.#place === "" ? `${this}` : `${this} at ${this.#place}` };
  }

  protected override batchView(channels: StatisticsView): StatisticsView {
    return channels;
  }
}
