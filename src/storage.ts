import type { Backend } from "./backend/backend.js";
import { outOfMemory } from "./backend/out-of-memory.js";

/** A block of backend memory, shared by the tensors that look at it and by the graph; freed when the last of them lets go. */
export class Storage {
  readonly backend: Backend;
  readonly block: unknown;
  readonly bytes: number;
  /** Grows whenever values that a graph may have saved are changed in place. */
  version = 0;
  #references = 1;

  /** @throws OutOfMemoryError if the backend has no room */
  constructor(where: string, backend: Backend, bytes: number) {
    try {
      this.block = backend.allocate(bytes);
    } catch (cause) {
      throw outOfMemory(where, backend, bytes, cause);
    }
    this.backend = backend;
    this.bytes = bytes;
  }

  /** Whether more than one holder looks at this block. */
  get shared(): boolean {
    return this.#references > 1;
  }

  retain(): this {
    this.#references++;
    return this;
  }

  release(): void {
    if (--this.#references === 0) this.backend.free(this.block, this.bytes);
  }
}
