import type { Backend } from "./backend/backend.js";
import { BlockTooLarge } from "./backend/block-too-large.js";
import { formatBytes } from "./backend/format-bytes.js";
import { bytesMade, bytesOutsideScopes, retryOnce } from "./collector.js";
import { OutOfMemoryError } from "./errors.js";

/**
 * A block of backend memory, shared by the tensors that look at it and by the graph; freed when the last of them lets
 * go.
 */
export class Storage {
  readonly backend: Backend;
  readonly block: unknown;
  readonly bytes: number;
  /** Grows whenever values that a graph may have saved are changed in place. */
  version = 0;
  #references = 1;
  #derived: Derived | null = null;
  /** At which version {@link Storage.derive} was last asked for, in vain. */
  #askedAt = -1;

  /** @throws OutOfMemoryError if the backend has no room */
  constructor(where: string, backend: Backend, bytes: number) {
    try {
      this.block = backend.allocate(bytes, where);
    } catch (cause) {
      throw refusal(where, `${formatBytes(bytes)} on the ${backend.name} backend`, backend, bytes, cause);
    }
    this.backend = backend;
    this.bytes = bytes;
  }

  /**
   * The first so many bytes, copied out. Where the engine refuses memory for the copy, the event loop turns, and the
   * copy is tried once more.
   *
   * @throws OutOfMemoryError if it is refused again
   */
  async read(bytes: number): Promise<ArrayBuffer> {
    const { backend, block } = this.retain();
    try {
      const read = await retryOnce(async () => {
        try {
          return { values: await backend.read(block, bytes) };
        } catch (cause) {
          const error = refusal("data()", `${formatBytes(bytes)} of values in JavaScript`, backend, bytes, cause);
          // A device tells late of work before this read, which reading again would hide.
          if (error === cause) return { error };
          throw error;
        }
      });
      if (read.values === undefined) throw read.error;
      return read.values;
    } finally {
      this.release();
    }
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
    if (--this.#references > 0) return;
    this.forgetDerived();
    this.backend.free(this.block, this.bytes);
  }

  /**
   * A block that was made of the values as they are now, such as a weight laid out for its products, and serves until
   * they change. Null where it is asked for the first time since then, for what is used once is not worth making, and
   * where there is no room.
   *
   * @param layout - what was made, and of which sizes
   * @param make - fills a block of so many bytes
   * @param others - of whose values it was made besides
   */
  derive(
    layout: string,
    bytes: number,
    make: (block: unknown) => void,
    others: readonly Storage[] = [],
  ): unknown | null {
    // Versions only grow, so that their sum tells of a change of any.
    const version = others.reduce((sum, other) => sum + other.version, this.version);
    const known = this.#derived;
    const isOfThese = known?.layout === layout && known.others.every((other, k) => other === others[k]);
    if (isOfThese && known.version === version) return known.block;
    if (this.#askedAt !== version) {
      this.forgetDerived();
      this.#askedAt = version;
      return null;
    }
    // Of two layouts in turns neither is kept.
    if (known !== null) return null;
    try {
      const block = this.backend.allocate(bytes);
      make(block);
      this.#derived = { layout, version, block, bytes, others };
      return block;
    } catch (cause) {
      if (cause instanceof RangeError) return null;
      throw cause;
    }
  }

  /** Frees what was made of the values. */
  forgetDerived(): void {
    if (this.#derived !== null) this.backend.free(this.#derived.block, this.#derived.bytes);
    this.#derived = null;
  }
}

/** What was made of a block's values. */
interface Derived {
  readonly layout: string;
  readonly version: number;
  readonly block: unknown;
  readonly bytes: number;
  readonly others: readonly Storage[];
}

/** The error for memory that was refused; other failures are returned as they are. */
function refusal(where: string, room: string, backend: Backend, bytes: number, cause: unknown): unknown {
  if (!(cause instanceof RangeError)) return cause;
  const [used, limit] = [backend.bytesInUse(), backend.bytesAtMost()];
  const largest = cause instanceof BlockTooLarge ? cause.most : Number.POSITIVE_INFINITY;
  // Memory that waits to be freed matters where it is most of that in use, and the rest would leave room.
  const matters = (waiting: number): boolean =>
    bytes <= largest && waiting > used / 2 && used - waiting + bytes <= limit;
  const outside = Math.min(used, bytesOutsideScopes());
  const leaks = matters(outside);
  const cures = [
    leaks
      ? `Open a scope() around each step: ${formatBytes(outside)} of that belong to tensors made outside of one.`
      : "Use a smaller batch, or open a scope() around each step.",
    ...(!leaks && matters(bytesMade())
      ? ["Await predict() or data() between models: dropped ones are freed then."]
      : []),
  ];
  return new OutOfMemoryError(
    {
      where,
      expected: `room for ${room}`,
      received: `a refusal with ${formatBytes(used)} in use`,
      ...{ cure: cures.join(" "), bytes, used, limit, leaks, largest },
    },
    { cause },
  );
}
