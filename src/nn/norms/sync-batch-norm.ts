import type { Communicator } from "../../communicator.js";
import type { AnyModule } from "../module.js";
import { SynchronizedNorm } from "./synchronized-norm.js";

/**
 * Lets every {@link BatchNorm} and {@link BatchRenorm} of a model share their batch statistics with all ranks, so that training on several processes normalises as one
 * process would with the whole batch. In each step every layer exchanges three numbers per channel forward and two backward; a part of the
 * batch may be empty. Other norms do not depend on the batch, and are left alone.
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
    if (!(module instanceof SynchronizedNorm)) return [];
    module.synchronize(communicator, name);
    return [name];
  });
}
