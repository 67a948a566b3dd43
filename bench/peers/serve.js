import { createInterface } from "node:readline";

/** Work this slow is not repeated: the run that the check needs is the measurement. */
const LONG_RUN_MS = 2000;
const MINIMUM_REPETITIONS = 3;

/**
 * One prepared piece of work.
 * @typedef {object} Work
 * @property {() => unknown} run does it once, results wholly computed; may return a promise
 * @property {() => Promise<[number, number][]>} check a digest of each result, from a fresh state; called before any
 * `run`
 * @property {number} [checkRuns] how often `check` does the work; 1 by default
 * @property {() => void} [dispose]
 */

/** Says that a peer cannot do a case, in a few words. */
export class Unsupported extends Error {}

/**
 * Speaks the protocol of the bench: first a line about the peer, then for each request line one answer line.
 * @param {{ version: string, threads: number, note?: string }} about
 * @param {Record<string, (params: any) => Work | Promise<Work>>} kinds
 */
export async function serve(about, kinds) {
  send(about);
  /** @type {{ key: string, work: Work, check: [number, number][], checkMs: number } | undefined} */
  let current;
  for await (const line of createInterface({ input: process.stdin })) {
    const { kind, params, budgetMs } = JSON.parse(line);
    try {
      const key = JSON.stringify([kind, params]);
      if (current?.key !== key) {
        current?.work.dispose?.();
        current = undefined;
        if (!kinds[kind]) throw new Unsupported("–");
        const work = await kinds[kind](params);
        const start = performance.now();
        const check = await work.check();
        current = { key, work, check, checkMs: (performance.now() - start) / (work.checkRuns ?? 1) };
      }
      const { work, check, checkMs } = current;
      send({
        ...(await measure(work.run, checkMs, budgetMs)),
        check,
        memoryMiB: process.resourceUsage().maxRSS / 1024,
      });
    } catch (error) {
      current = undefined;
      send({ unsupported: error instanceof Error ? error.message.split("\n")[0] : String(error) });
    }
  }
  process.exit(0);
}

/**
 * Warms up for half the budget, then repeats until the budget is spent. `pytorch.py` follows the same rules.
 * @param {() => unknown} run
 * @param {number} checkMs how long it took in the check
 * @param {number} budgetMs
 */
async function measure(run, checkMs, budgetMs) {
  const isOnce = budgetMs === 0 || (checkMs > LONG_RUN_MS && globalThis.gpuBench === undefined);
  if (isOnce) return { ms: checkMs, min: checkMs, repetitions: 1 };
  for (let spent = 0; spent < budgetMs / 2; ) spent += await time(run);
  const times = [];
  const { gpuBench } = globalThis;
  /** @type {Record<string, number | null>} */
  let gpu = {};
  for (let spent = 0; spent < budgetMs || times.length < MINIMUM_REPETITIONS; ) {
    await gpuBench?.passTime();
    const before = { ...gpuBench?.counts };
    const ms = await time(run);
    gpu = { host: hostMs };
    for (const name of Object.keys(before)) gpu[name] = gpuBench.counts[name] - before[name];
    if (gpuBench !== undefined) gpu.device = await gpuBench.passTime();
    times.push(ms);
    spent += ms;
    // Finalizers and timers get their turn, outside the measurement.
    if (times.length % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
  const tail = { p95: at(0.95), p99: at(0.99) };
  return { ms: at(0.5), min: times[0], ...tail, repetitions: times.length, ...(gpuBench && { gpu }) };
}

/** How long the last run took until it returned, its results perhaps still to come from a device. */
let hostMs = 0;

/** @type {(run: () => unknown) => Promise<number>} */
async function time(run) {
  const start = performance.now();
  const result = run();
  hostMs = performance.now() - start;
  // Work that is done when it returns pays for no turn of the microtask queue.
  if (result instanceof Promise) await result;
  return performance.now() - start;
}

/** @type {(message: object) => void} */
function send(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
