import { formatBytes } from "./format-bytes.js";

/** A block is larger than a backend's largest. */
export class BlockTooLarge extends RangeError {
  /** Bytes of the largest. */
  readonly most: number;

  constructor(bytes: number, most: number) {
    super(`a block of ${formatBytes(bytes)} of at most ${formatBytes(most)}`);
    this.most = most;
  }
}
