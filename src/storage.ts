import type { Backend } from "./backend/backend.js";
import { OutOfMemoryError } from "./errors.js";

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
      if (!(cause instanceof RangeError)) throw cause;
      const used = backend.bytesInUse();
      throw new OutOfMemoryError(
        {
          where,
          expected: `room for ${formatBytes(bytes)} on the ${backend.name} backend`,
          received: `a refusal with ${formatBytes(used)} in use`,
          cure: "Use a smaller batch, or open a scope() around each step.",
          ...{ bytes, used, limit: backend.bytesAtMost() },
        },
        { cause },
      );
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

/** A size in bytes as it stands in messages: `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  const k = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** k).toFixed(1))} ${units[k - 1]}`;
}
