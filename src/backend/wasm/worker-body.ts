import type { Board } from "./job-board.js";

/** What a worker is given. */
export interface WorkerTask {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly board: Board;
  /** From 1; the owner of the memory is 0. */
  readonly slot: number;
  /** It serves while this is the board's. */
  readonly generation: number;
  /** How long an idle worker looks for a job before it sleeps, in ms. */
  readonly watchMs: number;
}

/**
 * What a worker does until it is told to end: it works on each job that is opened. Uses nothing but its argument, since
 * its source text is also how workers are started where no file can be named.
 */
export function serveJobs({ module, memory, board, slot, generation, watchMs }: WorkerTask): void {
  const words = new Int32Array(memory.buffer, board.start, board.length);
  const values = new Float64Array(memory.buffer, board.start + 4 * board.arguments, board.maxArguments);
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const kernels = Object.values(exports) as ((...args: number[]) => void)[];

  const work = (job: number): void => {
    const kernel = kernels[words[board.kernel]];
    const units = words[board.units];
    const chunks = words[board.chunks];
    const args: number[] = [];
    for (let k = 0; k < words[board.argumentCount]; k++) args.push(values[k]);
    const bytes = words[board.scratchBytes];
    const scratch = bytes === 0 ? [] : [(words[board.scratch] >>> 0) + slot * bytes];
    const threads = words[board.threads];
    for (let k = 0; k < threads; k++) {
      const owner = (slot + k) % threads;
      const first = Math.floor((owner * chunks) / threads);
      const end = Math.floor(((owner + 1) * chunks) / threads);
      const claims = board.claims + board.claimsPerSlot * owner - first;
      for (let chunk = first; chunk < end; chunk++) {
        if (Atomics.exchange(words, claims + chunk, job) === job) continue;
        try {
          kernel(...args, Math.floor((chunk * units) / chunks), Math.floor(((chunk + 1) * units) / chunks), ...scratch);
        } catch {
          Atomics.add(words, board.trapped, 1);
        }
      }
    }
  };

  Atomics.store(words, board.joined + slot, generation);
  let last = 0;
  let looks = 0;
  let sleepAt = performance.now() + watchMs;
  while (Atomics.load(words, board.generation) === generation) {
    const job = Atomics.load(words, board.job);
    if ((job & 1) === 1 && job !== last) {
      // Counted as inside before the job is looked at again: then either it is closed, or its owner sees the count and
      // waits.
      Atomics.add(words, board.active, 1);
      if (Atomics.load(words, board.job) === job) work(job);
      if (Atomics.sub(words, board.active, 1) === 1) Atomics.notify(words, board.active);
      last = job;
      sleepAt = performance.now() + watchMs;
    } else if (++looks % 64 === 0 && performance.now() > sleepAt) {
      Atomics.add(words, board.sleeping, 1);
      Atomics.wait(words, board.job, job);
      Atomics.sub(words, board.sleeping, 1);
      sleepAt = performance.now() + watchMs;
    }
  }
  // A worker of a browser does not end by itself.
  globalThis.close?.();
}
