import { OutOfMemoryError } from "../../errors.js";
import type { GpuBindGroup, GpuBuffer, GpuDevice, GpuEncoder, GpuPass, GpuPipeline } from "./gpu.js";
import { mapForReading, usage } from "./gpu.js";
import { type GpuBlock, GpuMemory } from "./memory.js";
import { type Compiled, type Constant, type KernelSource, Pipelines, parameterBytes } from "./pipelines.js";

/** The blocks of a kernel by the names of its bindings; null where an optional one is left out. */
export type Blocks<K extends KernelSource> = {
  readonly [B in K["bindings"][number] as B["name"]]: true extends B["optional"] ? GpuBlock | null : GpuBlock;
};

/** The parameters of a kernel by name. */
export type Numbers<K extends KernelSource> = { readonly [N in K["ints"][number] | K["floats"][number]]: number };

/** What is baked into a kernel, by name. */
export type Constants<K extends KernelSource> = { readonly [N in K["constants"][number]]: Constant };

/** So many dispatches are recorded before they are handed to the device. */
const batchDispatches = 32;
/** Bind groups that are kept; more mean that the program changes its shapes all the time. */
const groupsAtMost = 4096;

/** What a program has done on a device: for tests and measurements. */
export interface Counts {
  /** Kernels that were started. */
  readonly dispatches: number;
  /** Copies between buffers. */
  readonly copies: number;
  /** Batches of commands handed to the device. */
  readonly submits: number;
  /** Bind groups that were made. */
  readonly bindGroups: number;
  /** Pipelines that were compiled. */
  readonly pipelines: number;
  /** Buffers that were made. */
  readonly buffers: number;
}

/**
 * Collects the dispatches of members into one compute pass, with their parameters in one buffer, and hands them to the
 * device together. In a loop that repeats itself it makes no object of the device but the encoder of each batch.
 */
export class Recorder {
  readonly device: GpuDevice;
  readonly memory: GpuMemory;
  readonly #pipelines: Pipelines;
  readonly #groups = new Map<string, GpuBindGroup>();
  readonly #host = new ArrayBuffer(batchDispatches * parameterBytes);
  readonly #ints = new Uint32Array(this.#host);
  readonly #floats = new Float32Array(this.#host);
  readonly #parameters: GpuBuffer;
  #encoder: GpuEncoder | null = null;
  #pass: GpuPass | null = null;
  #pipeline: GpuPipeline | null = null;
  #passDescriptor: object = {};
  #recorded = 0;
  /** The number of the open batch. */
  #batch = 0;
  #isScheduled = false;
  #failure: Error | null = null;
  #dispatches = 0;
  #copies = 0;
  #submits = 0;
  #groupsMade = 0;

  constructor(device: GpuDevice) {
    this.device = device;
    this.memory = new GpuMemory(device, (error) => this.fail(error));
    this.#pipelines = new Pipelines(device);
    this.#parameters = device.createBuffer({
      size: batchDispatches * parameterBytes,
      usage: usage.uniform | usage.copyTarget,
    });
  }

  get counts(): Counts {
    return {
      ...{ dispatches: this.#dispatches, copies: this.#copies, submits: this.#submits },
      ...{ bindGroups: this.#groupsMade, pipelines: this.#pipelines.count, buffers: this.memory.made },
    };
  }

  /**
   * Remembers what went wrong where nobody waited; the first is thrown by the next read, or the first lack of memory:
   * what is done with a buffer that there was no room for is refused too, and may be told earlier.
   */
  fail(error: Error): void {
    const isCause = error instanceof OutOfMemoryError && !(this.#failure instanceof OutOfMemoryError);
    if (this.#failure === null || isCause) this.#failure = error;
  }

  /** Throws what went wrong since, once. */
  throwFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  /** Records `groups` workgroups of a kernel. An input that is also the output is bound once. */
  run<K extends KernelSource>(
    kernel: K,
    groups: number,
    blocks: Blocks<K>,
    numbers: Numbers<K>,
    constants: Constants<K> & { readonly SIZE?: number },
  ): void {
    if (groups === 0) return;
    this.#separate(kernel, blocks as Record<string, GpuBlock | null>);
    const compiled = this.#compiledFor(kernel, blocks as Record<string, GpuBlock | null>, constants);
    const group = this.#groupFor(compiled, kernel, blocks as Record<string, GpuBlock | null>);
    this.#pass ??= this.#open().beginComputePass(this.#passDescriptor);
    if (this.#pipeline !== compiled.pipeline) {
      this.#pass.setPipeline(compiled.pipeline);
      this.#pipeline = compiled.pipeline;
    }
    const offset = this.#recorded * parameterBytes;
    this.#put(offset / 4, kernel, groups, numbers as Record<string, number>);
    this.#pass.setBindGroup(0, group, [offset]);
    const most = this.device.limits.maxComputeWorkgroupsPerDimension;
    if (groups <= most) this.#pass.dispatchWorkgroups(groups);
    else this.#pass.dispatchWorkgroups(most, Math.ceil(groups / most));
    this.#dispatches++;
    if (++this.#recorded === batchDispatches) this.flush();
  }

  /** Records a copy of bytes of a block, from its first or from `at` on, to a buffer; all multiples of 4. */
  copy(source: GpuBlock, target: GpuBuffer, targetOffset: number, bytes: number, at = 0): void {
    if (bytes === 0) return;
    const encoder = this.#open();
    this.#endPass();
    encoder.copyBufferToBuffer(source.buffer, source.offset + at, target, targetOffset, bytes);
    source.batch = this.#batch;
    this.#copies++;
  }

  /** The same, to another block. */
  move(source: GpuBlock, target: GpuBlock, targetOffset: number, bytes: number, at = 0): void {
    this.copy(source, target.buffer, target.offset + targetOffset, bytes, at);
    target.batch = this.#batch;
    target.version++;
  }

  /** The slab whose slices these blocks are; they are moved there if need be. */
  gather(blocks: readonly GpuBlock[], sizes: readonly number[]): GpuBlock {
    return this.memory.gather(blocks, sizes, (from, to, offset, bytes) => this.move(from, to, offset, bytes));
  }

  /** Writes host bytes into a block, behind everything recorded so far. */
  write(block: GpuBlock, offset: number, data: ArrayBuffer, dataOffset: number, bytes: number): void {
    if (bytes === 0) return;
    // The queue would do it before what is recorded and not handed over.
    if (block.batch === this.#batch || block.slab?.block.batch === this.#batch) this.flush();
    block.version++;
    this.device.queue.writeBuffer(block.buffer, block.offset + offset, data, dataOffset, bytes);
  }

  /** Working memory of a member: what is recorded until `use` returns may use it. */
  scratch<R>(bytes: number, use: (block: GpuBlock) => R): R {
    const block = this.memory.take(bytes);
    try {
      return use(block);
    } finally {
      this.memory.give(block);
    }
  }

  /** Hands what is recorded to the device. */
  flush(): void {
    this.#endPass();
    this.#batch++;
    if (this.#encoder === null) return;
    if (this.#recorded > 0) {
      this.device.queue.writeBuffer(this.#parameters, 0, this.#host, 0, this.#recorded * parameterBytes);
    }
    this.device.queue.submit([this.#encoder.finish()]);
    this.#encoder = null;
    this.#recorded = 0;
    this.#submits++;
  }

  /** Whether the device tells its own time. */
  get hasClock(): boolean {
    return this.device.features.has("timestamp-query");
  }

  /**
   * How long the device works on what `record` records, at most one batch of one pass, in nanoseconds by its own clock;
   * null where it has none.
   */
  async time(record: () => void): Promise<number | null> {
    if (!this.hasClock) return null;
    this.flush();
    const queries = this.device.createQuerySet({ type: "timestamp", count: 2 });
    const stamps = this.device.createBuffer({ size: 256, usage: usage.queryResolve | usage.copySource });
    const staging = this.device.createBuffer({ size: 256, usage: usage.mapRead | usage.copyTarget });
    const writes = { querySet: queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
    this.#passDescriptor = { timestampWrites: writes };
    record();
    this.#endPass();
    this.#passDescriptor = {};
    const encoder = this.#open();
    encoder.resolveQuerySet(queries, 0, 2, stamps, 0);
    encoder.copyBufferToBuffer(stamps, 0, staging, 0, 16);
    this.flush();
    await staging.mapAsync(mapForReading);
    const [begin, end] = new BigUint64Array(staging.getMappedRange(0, 16).slice(0));
    for (const buffer of [stamps, staging]) buffer.destroy();
    queries.destroy();
    return Number(end - begin);
  }

  /** Gives the memory of blocks that wait back to the device. */
  sweep(): void {
    this.flush();
    this.#groups.clear();
    this.memory.sweep();
  }

  #open(): GpuEncoder {
    this.#encoder ??= this.device.createCommandEncoder();
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      queueMicrotask(() => {
        this.#isScheduled = false;
        this.flush();
      });
    }
    return this.#encoder;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
    this.#pipeline = null;
  }

  /**
   * A buffer cannot be written and read in one dispatch, not even in different slices: what is written leaves its slab.
   */
  #separate({ bindings }: KernelSource, blocks: Record<string, GpuBlock | null>): void {
    for (const { name, writes } of bindings) {
      const block = blocks[name];
      if (!writes || block === null || block.slab === null) continue;
      const shares = bindings.some((other) => blocks[other.name] !== block && blocks[other.name]?.slab === block.slab);
      if (shares) this.memory.release(block, (from, to, offset, bytes) => this.move(from, to, offset, bytes));
    }
  }

  #compiledFor<K extends KernelSource>(
    kernel: K,
    blocks: Record<string, GpuBlock | null>,
    constants: Constants<K> & { readonly SIZE?: number },
  ): Compiled {
    const { bindings } = kernel;
    const present = bindings.map(({ name }) => blocks[name] !== null);
    const aliases = bindings.map(({ name, writes }) => {
      const block = blocks[name];
      if (writes || block === null) return -1;
      return bindings.findIndex((other) => other.writes && blocks[other.name] === block);
    });
    return this.#pipelines.of(kernel, constants, present, aliases);
  }

  #groupFor({ layout, layoutKey, bound }: Compiled, kernel: KernelSource, blocks: Record<string, GpuBlock | null>) {
    let key = layoutKey;
    const list = bound.map((i) => {
      const { name, writes } = kernel.bindings[i];
      const block = blocks[name] as GpuBlock;
      if (writes) block.version++;
      block.batch = this.#batch;
      key += `,${block.id}`;
      return block;
    });
    let group = this.#groups.get(key);
    if (group !== undefined) return group;
    if (this.#groups.size >= groupsAtMost) this.#groups.clear();
    const parameters = { binding: 0, resource: { buffer: this.#parameters, size: parameterBytes } };
    const storage = list.map(({ buffer, offset, bytes }, k) => ({
      binding: k + 1,
      resource: { buffer, offset, size: bytes },
    }));
    group = this.device.createBindGroup({ layout, entries: [parameters, ...storage] });
    this.#groups.set(key, group);
    this.#groupsMade++;
    return group;
  }

  /** Writes the parameters of a dispatch from word `at` on; the first, which is 0, is what no compiler can know. */
  #put(at: number, { ints, floats }: KernelSource, groups: number, numbers: Record<string, number>): void {
    this.#ints[at++] = 0;
    this.#ints[at++] = groups;
    for (const name of ints) this.#ints[at++] = numbers[name];
    for (const name of floats) this.#floats[at++] = numbers[name];
  }
}
