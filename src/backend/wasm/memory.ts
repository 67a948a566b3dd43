import { BackendError } from "../../errors.js";
import { lookAheadBytes } from "./signatures.generated.js";

const pageBytes = 65536;
/** Below this address lie the kernels' own constants. */
const heapStart = 1 << 20;
const growthBytes = 16 << 20;
/** Block sizes are multiples of this, so that kernels may run past the last value up to the end of its cache line. */
const granule = 64;

/** The shared memory with the largest maximum that this machine will reserve; 4 GiB nearly everywhere. */
function reserve(): { memory: WebAssembly.Memory; maximum: number } {
  for (let maximum = 65536; maximum >= 4096; maximum /= 2) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 64, maximum, shared: true }), maximum };
    } catch {
      // Less address space than asked for: ask for half.
    }
  }
  throw new BackendError({
    where: "the wasm backend",
    expected: "256 MiB of address space for a shared WebAssembly memory",
    received: "a refusal",
    cure: 'Give the process more memory, or call setBackend("cpu").',
  });
}

/**
 * The memory of the kernels and who owns which part of it. Best fit over a list of free ranges in address order;
 * neighbours are joined when they are given back, so that freed memory serves any later size.
 */
export class WasmMemory {
  readonly memory: WebAssembly.Memory;
  /**
   * Bytes that blocks may take at most. Never the last ones: kernels read ahead of what they use, and compare addresses
   * with the end of a block, which must not wrap to 0.
   */
  readonly limit: number;
  #inUse = 0;
  #top = heapStart;
  #starts: number[] = [];
  #sizes: number[] = [];
  #bytes: Uint8Array;

  constructor() {
    const { memory, maximum } = reserve();
    this.memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.limit = maximum * pageBytes - lookAheadBytes - heapStart;
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** All bytes, as of now: growth makes earlier views short, so this is never kept. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Bytes from one of several blocks that are allocated together to the next. */
  stepOf(bytes: number): number {
    return Math.max(granule, Math.ceil(bytes / granule) * granule);
  }

  /** A block, or `count` of them, {@link WasmMemory.stepOf} bytes apart. */
  allocate(bytes: number, count = 1): number {
    const size = count * this.stepOf(bytes);
    let best = -1;
    for (let k = 0; k < this.#sizes.length; k++) {
      if (this.#sizes[k] < size || (best >= 0 && this.#sizes[k] >= this.#sizes[best])) continue;
      best = k;
      if (this.#sizes[k] === size) break;
    }
    if (best < 0) {
      const start = this.#top;
      this.#growTo(start + size);
      this.#top = start + size;
      this.#inUse += size;
      return start;
    }
    const start = this.#starts[best];
    if (this.#sizes[best] === size) {
      this.#removeRange(best);
    } else {
      this.#starts[best] += size;
      this.#sizes[best] -= size;
    }
    this.#inUse += size;
    return start;
  }

  /** Gives back what {@link WasmMemory.allocate} gave, with the same sizes. */
  free(start: number, bytes: number, count = 1): void {
    const size = count * this.stepOf(bytes);
    this.#inUse -= size;
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle] < start) low = middle + 1;
      else high = middle;
    }
    const joinsNext = low < this.#starts.length && start + size === this.#starts[low];
    const joinsPrevious = low > 0 && this.#starts[low - 1] + this.#sizes[low - 1] === start;
    if (joinsPrevious) {
      this.#sizes[low - 1] += size;
      if (joinsNext) {
        this.#sizes[low - 1] += this.#sizes[low];
        this.#removeRange(low);
      }
    } else if (joinsNext) {
      this.#starts[low] = start;
      this.#sizes[low] += size;
    } else {
      this.#insertRange(low, start, size);
    }
    const last = this.#starts.length - 1;
    if (last >= 0 && this.#starts[last] + this.#sizes[last] === this.#top) {
      this.#top = this.#starts[last];
      this.#starts.pop();
      this.#sizes.pop();
    }
  }

  // Lists are moved by hand: `splice` makes a list of what it takes out at each call.

  #removeRange(at: number): void {
    for (let k = at + 1; k < this.#starts.length; k++) {
      this.#starts[k - 1] = this.#starts[k];
      this.#sizes[k - 1] = this.#sizes[k];
    }
    this.#starts.pop();
    this.#sizes.pop();
  }

  #insertRange(at: number, start: number, size: number): void {
    this.#starts.push(start);
    this.#sizes.push(size);
    for (let k = this.#starts.length - 1; k > at; k--) {
      this.#starts[k] = this.#starts[k - 1];
      this.#sizes[k] = this.#sizes[k - 1];
    }
    this.#starts[at] = start;
    this.#sizes[at] = size;
  }

  #growTo(end: number): void {
    if (end > heapStart + this.limit) throw new RangeError("beyond the largest memory");
    const missing = end + lookAheadBytes - this.#bytes.length;
    if (missing <= 0) return;
    try {
      this.memory.grow(Math.ceil(Math.max(missing, growthBytes) / pageBytes));
    } catch {
      this.memory.grow(Math.ceil(missing / pageBytes));
    }
    this.#bytes = new Uint8Array(this.memory.buffer);
  }
}
