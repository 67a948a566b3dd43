import { OutOfMemoryError } from "../../errors.js";
import { currentPass, moduleTitle } from "../../layer-pass.js";
import { BlockTooLarge } from "../block-too-large.js";
import { formatBytes } from "../format-bytes.js";
import { type GpuBuffer, type GpuDevice, usage } from "./gpu.js";

/**
 * A block: a buffer of its own, so that a kernel may write one block while it reads any other. Only what optimisers
 * change lies in slabs, where one kernel reaches all of it: see {@link GpuMemory.gather}.
 */
export interface GpuBlock {
  buffer: GpuBuffer;
  /** Where it begins in its buffer, in bytes. */
  offset: number;
  /** Its bytes, those that it has beyond what was asked for too. */
  bytes: number;
  /** Names it in the keys of bind groups. */
  id: number;
  /** The last batch of commands that touched it. */
  batch: number;
  /** Grows whenever it is written. */
  version: number;
  /** The block that it is a slice of. */
  slab: GpuSlab | null;
}

/** A block that others are slices of. */
export interface GpuSlab {
  readonly block: GpuBlock;
  /** How many slices are in use. */
  slices: number;
}

/** Slices begin at multiples of this. */
const sliceBytes = 256;

/** Buffers hold 2ᵏ·{1, 1.25, 1.5, 1.75} bytes, at least 256, so that blocks of similar sizes share them. */
function bucketOf(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** Math.max(6, Math.ceil(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}

/**
 * The buffers of a device, those in use and those that wait to be used again. A freed buffer waits from that moment:
 * what is recorded later runs later.
 */
export class GpuMemory {
  readonly #device: GpuDevice;
  readonly #free = new Map<number, GpuBlock[]>();
  /** Buffers that the device had no room for: nothing can be done with them. */
  readonly #refused = new WeakSet<GpuBuffer>();
  /** What failed where nobody waited: thrown by the next read. */
  readonly #fail: (error: Error) => void;
  #nextId = 1;
  #inUse = 0;
  /** Bytes of all buffers, in use or waiting. */
  held = 0;
  /** How many buffers were made so far. */
  made = 0;

  constructor(device: GpuDevice, fail: (error: Error) => void) {
    this.#device = device;
    this.#fail = fail;
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** The largest block. */
  get largest(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    return Math.min(maxBufferSize, maxStorageBufferBindingSize);
  }

  allocate(bytes: number, where?: string): GpuBlock {
    const block = this.take(bytes, where);
    this.#inUse += bytes;
    return block;
  }

  free(block: GpuBlock, bytes: number): void {
    this.#inUse -= bytes;
    this.give(block);
  }

  /** As {@link GpuMemory.allocate}, for the backend's own needs, which are not counted. */
  take(bytes: number, where = "the webgpu backend"): GpuBlock {
    // A block may be larger than its bucket would be where only the exact size is within the limits.
    const size = bucketOf(bytes) <= this.largest ? bucketOf(bytes) : Math.ceil(bytes / 16) * 16;
    const waiting = this.#free.get(size)?.pop();
    if (waiting !== undefined) return waiting;
    if (size > this.largest) throw new BlockTooLarge(bytes, this.largest);
    return this.#make(size, where);
  }

  /** Gives back what {@link GpuMemory.take} gave. */
  give(block: GpuBlock): void {
    if (block.slab !== null) {
      this.#leave(block.slab);
      return;
    }
    if (this.#refused.has(block.buffer)) return;
    const waiting = this.#free.get(block.bytes);
    if (waiting === undefined) {
      this.#free.set(block.bytes, [block]);
      return;
    }
    // The oldest is handed out first, so that a loop gets the same blocks in every round, in whatever order it frees
    // them.
    let at = waiting.length;
    while (at > 0 && waiting[at - 1].id < block.id) at--;
    waiting.splice(at, 0, block);
  }

  /** Bytes of a slab for blocks of these sizes. */
  slabBytes(sizes: readonly number[]): number {
    return sizes.reduce((sum, bytes) => sum + Math.ceil(bytes / sliceBytes) * sliceBytes, 0);
  }

  /**
   * The slab whose slices these blocks are, in their order: the one in which they lie already, or a new one, into which
   * `copy` moves them.
   */
  gather(
    blocks: readonly GpuBlock[],
    sizes: readonly number[],
    copy: (from: GpuBlock, to: GpuBlock, offset: number, bytes: number) => void,
  ): GpuBlock {
    const [{ slab: common }] = blocks;
    let at = 0;
    const offsets = sizes.map((bytes) => {
      const offset = at;
      at += Math.ceil(bytes / sliceBytes) * sliceBytes;
      return offset;
    });
    const isThere =
      common !== null &&
      common.slices === blocks.length &&
      blocks.every(({ slab, offset }, i) => slab === common && offset === offsets[i]);
    if (isThere) return common.block;
    const slab: GpuSlab = { block: this.take(at), slices: blocks.length };
    blocks.forEach((block, i) => {
      copy(block, slab.block, offsets[i], Math.ceil(sizes[i] / 4) * 4);
      const bytes = Math.ceil(sizes[i] / sliceBytes) * sliceBytes;
      this.#move(block, { buffer: slab.block.buffer, offset: offsets[i], bytes, slab });
    });
    return slab.block;
  }

  /** Takes a block out of its slab. */
  release(block: GpuBlock, copy: (from: GpuBlock, to: GpuBlock, offset: number, bytes: number) => void): void {
    if (block.slab === null) return;
    const own = this.take(block.bytes);
    copy(block, own, 0, block.bytes);
    this.#move(block, { buffer: own.buffer, offset: 0, bytes: own.bytes, slab: null });
  }

  /** Makes a block stand for other memory, and gives back what it stood for. */
  #move(block: GpuBlock, to: Pick<GpuBlock, "buffer" | "offset" | "bytes" | "slab">): void {
    this.give({ ...block });
    Object.assign(block, to);
    block.id = this.#nextId++;
    block.version++;
  }

  #leave(slab: GpuSlab): void {
    if (--slab.slices === 0) this.give(slab.block);
  }

  /** Destroys the buffers that wait. */
  sweep(): void {
    for (const blocks of this.#free.values()) {
      for (const { buffer, bytes } of blocks) {
        buffer.destroy();
        this.held -= bytes;
      }
    }
    this.#free.clear();
  }

  /** Takes a buffer out for which there was no room, so that the next block of its size is a new attempt. */
  #refuse(buffer: GpuBuffer, size: number): void {
    this.#refused.add(buffer);
    this.held -= size;
    const waiting = this.#free.get(size);
    if (waiting !== undefined)
      this.#free.set(
        size,
        waiting.filter((block) => block.buffer !== buffer),
      );
  }

  #make(size: number, where: string): GpuBlock {
    // The device says later whether there was room.
    this.#device.pushErrorScope("out-of-memory");
    const flags = usage.storage | usage.copySource | usage.copyTarget;
    const buffer = this.#device.createBuffer({ size, usage: flags });
    const [used, pass] = [this.#inUse, currentPass()];
    this.#device.popErrorScope().then(
      (error) => {
        if (error === null) return;
        this.#refuse(buffer, size);
        const refused = outOfMemory(where, size, used, error.message);
        this.#fail(
          pass === null ? refused : refused.inLayer(moduleTitle(pass.layer), "forward(x)", pass.samples, pass.before),
        );
      },
      () => {
        // The device is lost, which it says by itself.
      },
    );
    this.held += size;
    this.made++;
    return { buffer, offset: 0, bytes: size, id: this.#nextId++, batch: -1, version: 0, slab: null };
  }
}

function outOfMemory(where: string, bytes: number, used: number, message: string): OutOfMemoryError {
  return new OutOfMemoryError({
    where,
    expected: `room for ${formatBytes(bytes)} on the webgpu backend`,
    received: `a refusal of the device with ${formatBytes(used)} in use (${message.split("\n")[0]})`,
    cure: "Use a smaller batch, or open a scope() around each step.",
    // What is known to fit.
    ...{ bytes, used, limit: used },
  });
}
