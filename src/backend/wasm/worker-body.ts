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
  /** How often an idle worker looks for a job before it sleeps. */
  readonly spins: number;
}

/**
 * What a worker does until it is told to end: it works on each job that is opened. Uses nothing but its argument, since its source text is
 * also how workers are started where no file can be named.
 */
export function serveJobs({ module, memory, board, slot, generation, spins }: WorkerTask): void {
  const words = new Int32Array(memory.buffer, board.start, board.length);
  const values = new Float64Array(memory.buffer, board.start + 4 * board.arguments, board.maxArguments);
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const kernels = Object.values(exports) as ((...args: number[]) => void)[];

  const work = (): void => {
    const kernel = kernels[words[board.kernel]];
    const units = words[board.units];
    const chunks = words[board.chunks];
    const args: number[] = Array.from(values.subarray(0, words[board.argumentCount]));
    const bytes = words[board.scratchBytes];
    const scratch = bytes === 0 ? [] : [(words[board.scratch] >>> 0) + slot * bytes];
    for (;;) {
      const chunk = Atomics.add(words, board.cursor, 1);
      if (chunk >= chunks) return;
      try {
        kernel(...args, Math.floor((chunk * units) / chunks), Math.floor(((chunk + 1) * units) / chunks), ...scratch);
      } catch {
        Atomics.add(words, board.trapped, 1);
      }
      if (Atomics.add(words, board.finished, 1) + 1 === chunks) Atomics.notify(words, board.finished);
    }
  };

  Atomics.store(words, board.joined + slot, generation);
  let last = 0;
  let looks = 0;
  while (Atomics.load(words, board.generation) === generation) {
    const job = Atomics.load(words, board.job);
    if ((job & 1) === 1 && job !== last) {
      // Counted as inside before the job is looked at again: then either it is closed, or its owner sees the count and waits.
      Atomics.add(words, board.active, 1);
      if (Atomics.load(words, board.job) === job) work();
      Atomics.sub(words, board.active, 1);
      last = job;
      looks = 0;
    } else if (++looks > spins) {
      Atomics.add(words, board.sleeping, 1);
      Atomics.wait(words, board.job, job);
      Atomics.sub(words, board.sleeping, 1);
      looks = 0;
    }
  }
  // A worker of a browser does not end by itself.
  globalThis.close?.();
}
