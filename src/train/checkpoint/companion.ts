import type { Tensor } from "../../tensor.js";

/**
 * What follows a training beside model and optimiser, and is kept in its checkpoints: early stopping, an average of the
 * weights, a plateau.
 */
export interface Companion {
  /** By which a checkpoint knows it: the option of {@link fit} that it is. */
  readonly key: string;
  /** What it remembers besides tensors; survives JSON. */
  getState(): unknown;
  /** Copies of the tensors that it keeps; none: {}. */
  stateDict(): Record<string, Tensor>;
  /** Takes up both, copying what it needs. @throws FormatError if the state is none that it gave */
  restore(state: unknown, tensors: Record<string, Tensor>): void;
}
