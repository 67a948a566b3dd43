import type { Communicator } from "../../communicator.js";
import type { Synchronization } from "../../ops/synchronize.js";
import type { AnyModule } from "../module.js";
import { RunningNorm, type RunningNormOptions } from "./running-norm.js";

/** Options of norms whose statistics are of a batch. */
export interface SynchronizedNormOptions extends RunningNormOptions {
  /**
   * Whose parts of the batch share mean and variance: synchronised batch norm, for training on several processes. Every
   * rank then has the same running statistics, bit for bit; all must call the layer equally often, also with an empty
   * part.
   *
   * @defaultValue null: this process alone
   */
  readonly sync?: Communicator | null;
}

/** A norm over a whole batch, whose parts on several ranks can share mean and variance. */
export interface SynchronizedNorm extends RunningNorm {
  /** Whose parts of the batch share mean and variance: see {@link SynchronizedNormOptions.sync}. */
  sync: Communicator | null;
}

/** Whether ranks can share the statistics of a module. */
export function isSynchronized(module: AnyModule): module is SynchronizedNorm {
  return module instanceof RunningNorm && "sync" in module;
}

/** What collectives call a layer: its path in the model, where {@link syncBatchNorm} knew it. */
const places = new WeakMap<SynchronizedNorm, string>();

/** The ranks that a layer shares its statistics with; null if it has them for itself. */
export function ranksOf(layer: SynchronizedNorm): Synchronization | null {
  if (layer.sync === null || layer.sync.size === 1) return null;
  const place = places.get(layer) ?? "";
  return { communicator: layer.sync, layer: place === "" ? `${layer}` : `${layer} at ${place}` };
}

/**
 * Lets every {@link BatchNorm} and {@link BatchRenorm} of a model share their batch statistics with all ranks, so that
 * training on several processes normalises as one process would with the whole batch. In each step every layer
 * exchanges three numbers per channel forward and two backward; a part of the batch may be empty. Other norms do not
 * depend on the batch, and are left alone.
 *
 * @param model - any module; changed in place
 * @param communicator - from `evenkeel/mpi`, or {@link inProcessCommunicator}
 * @returns the paths of the layers
 * @example
 * ```ts
 * const model = new Sequential(new Linear(4, 8), new BatchNorm(8), new ReLU());
 * syncBatchNorm(model, alone); // ["1"]
 * ```
 */
export function syncBatchNorm(model: AnyModule, communicator: Communicator): string[] {
  return model.namedModules().flatMap(([name, module]) => {
    if (!isSynchronized(module)) return [];
    module.sync = communicator;
    places.set(module, name);
    return [name];
  });
}
