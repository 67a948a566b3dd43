import type { GraphNode } from "./autograd.js";
import { countLoose } from "./collector.js";
import type { Storage } from "./storage.js";

/**
 * What a tensor holds on to: kept apart from it, so that it can be let go after the tensor itself has been collected.
 */
export class Hold {
  storage: Storage | null;
  node: GraphNode | null = null;
  #looseBytes = 0;

  constructor(storage: Storage) {
    this.storage = storage;
  }

  /** Says whether a scope, had there been one, would free it. */
  set loose(isLoose: boolean) {
    const bytes = isLoose ? (this.storage?.bytes ?? 0) : 0;
    if (bytes === this.#looseBytes) return;
    countLoose(bytes - this.#looseBytes);
    this.#looseBytes = bytes;
  }

  release(): void {
    this.loose = false;
    this.storage?.release();
    this.storage = null;
    this.node?.release();
    this.node = null;
  }
}
