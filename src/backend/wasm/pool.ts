import { WorkerLostError } from "../../errors.js";
import { board } from "./job-board.js";
import { type StartedWorker, startWorker, whyAlone } from "./start-worker.js";

/** More threads than this are not started. */
const mostThreads = 64;
/** Chunks of a job for each thread at most: several, so that one that comes late takes fewer. */
const chunksPerThread = 4;
/** Less work than this, in ns, is no chunk of its own: handing one over takes a tenth. */
const leastChunk = 1000;
/**
 * How long a thread looks at a word before it sleeps, in ms: longer than most pauses between the shared jobs of a
 * training step.
 */
const watchMs = 0.25;

/**
 * Work from which on a job is shared, in ns: with a worker that is awake, and where one must be woken first, of which
 * only the next jobs have much. By itself a job gains from 5 µs on (bench/threads.js), but what reads its results then
 * fetches half of them from another core's cache: networks of smaller products lost as much as they won.
 */
export const leastWork = { awake: 10_000, asleep: 25_000 };

/** How long the owner waits for a chunk that another thread has taken, in ms. */
const patience = 60_000;

/** Threads that share the work of kernels with the thread that owns the memory. */
export class Pool {
  readonly #module: WebAssembly.Module;
  readonly #memory: WebAssembly.Memory;
  readonly #words: Int32Array;
  readonly #values: Float64Array;
  readonly #patience: number;
  #workers: StartedWorker[] = [];
  #generation = 0;
  #reason: string | null = null;
  #canSleep: boolean | null = null;

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, patienceMs = patience) {
    this.#module = module;
    this.#memory = memory;
    this.#patience = patienceMs;
    this.#words = new Int32Array(memory.buffer, board.start, board.length);
    this.#values = new Float64Array(memory.buffer, board.start + 4 * board.arguments, board.maxArguments);
  }

  /** Threads that are ready, the owner included. */
  get count(): number {
    let count = 1;
    for (let slot = 1; slot <= this.#workers.length; slot++) {
      if (Atomics.load(this.#words, board.joined + slot) === this.#generation) count++;
    }
    return count;
  }

  /** Threads that were asked for and may still come, the owner included. */
  get requested(): number {
    return 1 + this.#workers.length;
  }

  /** Why there are fewer than were asked for; null if there are not. */
  get reason(): string | null {
    return this.#reason;
  }

  /** Asks for `count` threads in all; those there were before are ended. */
  start(count: number): void {
    this.stop();
    this.#reason = count > 1 ? whyAlone() : null;
    if (this.#reason !== null) return;
    const threads = Math.min(count, mostThreads);
    if (threads < count) this.#reason = `at most ${mostThreads} threads are started`;
    const generation = this.#generation;
    const failed = (reason: string): void => {
      if (generation === this.#generation) this.#fail(`workers cannot run here: ${reason}`);
    };
    try {
      for (let slot = 1; slot < threads; slot++) {
        const task = { module: this.#module, memory: this.#memory, board, slot, generation, watchMs };
        this.#workers.push(startWorker(task, failed));
      }
    } catch (error) {
      failed(String(error));
    }
  }

  /** Waits until every thread that was asked for is ready, or cannot be. */
  async ready(): Promise<void> {
    for (const worker of this.#workers) worker.keepAlive(true);
    while (this.count < this.requested) await new Promise((resolve) => setTimeout(resolve, 1));
    for (const worker of this.#workers) worker.keepAlive(false);
  }

  /** Lets all other threads end. No job may be open. */
  stop(): void {
    this.#generation++;
    this.#workers = [];
    Atomics.store(this.#words, board.generation, this.#generation);
    Atomics.notify(this.#words, board.job);
  }

  #fail(reason: string): void {
    this.stop();
    this.#reason = reason;
  }

  /** Whether a job of so much work, in ns, is worth sharing now. */
  isWorth(work: number): boolean {
    const ready = this.count;
    if (ready === 1 || work < leastWork.awake) return false;
    return work >= leastWork.asleep || Atomics.load(this.#words, board.sleeping) < ready - 1;
  }

  /**
   * Runs a kernel over all of its units on all threads that are ready, and returns when it is done.
   *
   * @param kernel - its name in messages, its index among the exports, and itself
   * @param work - about what it takes one thread, in ns
   * @param scratch - address of the working memory of {@link Pool.requested} threads, one after the other; with 0
   * `bytes` none is passed
   * @throws WorkerLostError if another thread does not finish its chunk
   */
  run(
    kernel: { readonly name: string; readonly index: number; readonly call: (...args: number[]) => void },
    units: number,
    work: number,
    args: readonly number[],
    scratch: { readonly at: number; readonly bytes: number },
  ): void {
    const words = this.#words;
    const threads = this.count;
    const { requested } = this;
    const chunks = Math.min(
      units,
      threads * Math.min(chunksPerThread, Math.ceil(Math.max(1, work) / (leastChunk * threads))),
    );
    words[board.kernel] = kernel.index;
    words[board.units] = units;
    words[board.chunks] = chunks;
    words[board.threads] = requested;
    words[board.argumentCount] = args.length;
    words[board.scratch] = scratch.at;
    words[board.scratchBytes] = scratch.bytes;
    this.#values.set(args);
    const job = Atomics.add(words, board.job, 1) + 1;
    if (work >= leastWork.asleep && Atomics.load(words, board.sleeping) > 0) Atomics.notify(words, board.job);
    const own = scratch.bytes === 0 ? [] : [scratch.at];
    for (let slot = 0; slot < requested; slot++) {
      const first = Math.floor((slot * chunks) / requested);
      const end = Math.floor(((slot + 1) * chunks) / requested);
      const claims = board.claims + board.claimsPerSlot * slot - first;
      for (let chunk = first; chunk < end; chunk++) {
        if (Atomics.exchange(words, claims + chunk, job) === job) continue;
        kernel.call(...args, Math.floor((chunk * units) / chunks), Math.floor(((chunk + 1) * units) / chunks), ...own);
      }
    }
    Atomics.add(words, board.job, 1);
    if (!this.#isLeft()) this.#lose(kernel.name);
    if (Atomics.load(words, board.trapped) > 0) {
      Atomics.store(words, board.trapped, 0);
      throw new Error(`internal: the kernel ${kernel.name} trapped on another thread`);
    }
  }

  /** Waits until no worker is inside the job; false if that takes too long. */
  #isLeft(): boolean {
    const words = this.#words;
    let inside = Atomics.load(words, board.active);
    if (inside === 0) return true;
    const started = performance.now();
    for (let looks = 1; inside > 0; inside = Atomics.load(words, board.active)) {
      if (looks++ % 64 !== 0) continue;
      const waited = performance.now() - started;
      if (waited > this.#patience) return false;
      if (waited < watchMs) continue;
      this.#canSleep ??= mayWait(words);
      if (this.#canSleep) Atomics.wait(words, board.active, inside, 1);
    }
    return true;
  }

  #lose(name: string): never {
    for (const worker of this.#workers) worker.terminate();
    for (const word of [board.active, board.sleeping, board.trapped]) Atomics.store(this.#words, word, 0);
    this.#fail("a worker was lost");
    throw new WorkerLostError({
      where: `the kernel ${name}`,
      expected: `every thread to finish its share within ${this.#patience / 1000} s`,
      received: "silence from one of them",
      cure: "Go back to the last checkpoint; from here on one thread does all the work.",
    });
  }
}

/** Whether this thread may sleep: a page's main thread may not. */
function mayWait(words: Int32Array): boolean {
  try {
    Atomics.wait(words, board.generation, -1, 0);
    return true;
  } catch {
    return false;
  }
}
