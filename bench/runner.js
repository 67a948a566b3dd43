import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { PEERS, peerEnvironment } from "./peers/index.js";

/**
 * @typedef {import("./cases.js").Case} Case
 * @typedef {{ ms: number, min: number, repetitions: number, check: [number, number][] }} Measured
 * @typedef {{ unsupported: string }} Unsupported
 * @typedef {{ rounds: number, budgetMs: number, limitMs: number, threads: number }} Settings
 * @typedef {{ title: string, version?: string, kernels?: string, threads?: number, note?: string, missing?: string }}
 * About
 */

const START_LIMIT_MS = 60_000;
/** What takes no longer says nothing about larger cases: its time is that of calls. */
const shortMs = 10;

/** One framework in its own process, started when first asked and again after it had to be killed. */
export class Peer {
  /** @type {import("node:child_process").ChildProcess | null} */
  #process = null;
  /** @type {((message: any) => void) | null} */
  #answer = null;
  /** Milliseconds per multiply-add, by kind of case: tells what a bigger one would take. */
  #rates = new Map();
  #errors = "";

  /** @param {string} id @param {number} threads @param {typeof PEERS} [kinds] */
  constructor(id, threads, kinds = PEERS) {
    this.id = id;
    this.kind = kinds[id];
    this.threads = threads;
    /** @type {About} */
    this.about = { title: this.kind.title };
  }

  /** @returns {Promise<boolean>} whether it can be asked */
  async start() {
    if (this.#process !== null) return true;
    if (this.about.missing !== undefined) return false;
    const start = this.kind.start(this.threads);
    if ("missing" in start) {
      this.about.missing = start.missing;
      return false;
    }
    this.#errors = "";
    const child = spawn(start.command, start.args, { env: { ...peerEnvironment(), ...start.env } });
    this.#process = child;
    child.stderr.on("data", (text) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    child.stdin.on("error", () => {});
    child.on("error", (error) => this.#settle({ crashed: error.message }));
    child.on("close", () => {
      if (this.#process === child) this.#settle({ crashed: lastLine(this.#errors) });
    });
    createInterface({ input: child.stdout }).on("line", (line) => this.#settle(JSON.parse(line)));
    const hello = await this.#receive(START_LIMIT_MS);
    if (hello.crashed !== undefined) this.about.missing = `does not start: ${hello.crashed}`;
    else Object.assign(this.about, hello);
    return hello.crashed === undefined;
  }

  /**
   * @param {Case} work
   * @param {Settings} settings
   * @returns {Promise<Measured | Unsupported>}
   */
  async ask(work, { budgetMs, limitMs }) {
    const expected = (this.#rates.get(work.kind) ?? 0) * (work.multiplyAdds ?? 0);
    if (expected * (work.checkRuns ?? 1) > limitMs)
      return { unsupported: `about ${Math.round(expected / 1000)} s, not run` };
    if (!(await this.start())) return { unsupported: this.about.missing ?? "not there" };
    this.#process?.stdin?.write(`${JSON.stringify({ kind: work.kind, params: work.params, budgetMs })}\n`);
    const answer = await this.#receive(limitMs);
    if (answer.crashed !== undefined) return { unsupported: answer.crashed };
    if (work.multiplyAdds && answer.ms > shortMs) this.#rates.set(work.kind, answer.ms / work.multiplyAdds);
    return answer;
  }

  /** @param {number} limitMs */
  #receive(limitMs) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.stop();
        this.#settle({ crashed: `over ${Math.round(limitMs / 1000)} s` });
      }, limitMs);
      this.#answer = (message) => {
        clearTimeout(timer);
        this.#answer = null;
        if (message.crashed !== undefined) this.#process = null;
        resolve(message);
      };
    });
  }

  #settle(message) {
    this.#answer?.(message);
    if (message.crashed !== undefined) this.#process = null;
  }

  stop() {
    const child = this.#process;
    this.#process = null;
    child?.kill("SIGKILL");
  }
}

/** @type {(text: string) => string} */
const lastLine = (text) => text.trim().split("\n").at(-1) || "ended without a word";

/**
 * One case: in each round every peer once, in turn. A peer that cannot do it, or needs seconds for it, is asked only
 * once.
 * @param {Case} work
 * @param {Peer[]} peers
 * @param {Settings} settings
 * @param {(round: number, peer: Peer) => void} onProgress
 * @returns {Promise<Record<string, { rounds: Measured[] } | Unsupported>>}
 */
export async function runCase(work, peers, settings, onProgress) {
  /** @type {Record<string, any>} */
  const results = {};
  for (let round = 1; round <= settings.rounds; round++) {
    for (const peer of peers) {
      const result = results[peer.id];
      if (result?.unsupported !== undefined || result?.rounds[0].repetitions === 1) continue;
      onProgress(round, peer);
      const answer = await peer.ask(work, settings);
      if ("unsupported" in answer) results[peer.id] = answer;
      else if (result === undefined) results[peer.id] = { rounds: [answer] };
      else result.rounds.push(answer);
    }
  }
  return results;
}

/** Relative to the root mean square of a result: what rounding and the order of sums explain. */
const TOLERANCE = 1e-3;

/**
 * Whether two peers computed the same. Some give only gradients, so that digests are matched from the last.
 * @param {[number, number][]} check
 * @param {[number, number][]} reference
 */
export function agrees(check, reference) {
  const count = Math.min(check.length, reference.length);
  if (count === 0) return false;
  return Array.from({ length: count }, (_, i) => [check.at(-1 - i), reference.at(-1 - i)]).every(
    ([[value, scale], [expected, expectedScale]]) =>
      Math.abs(value - expected) <= TOLERANCE * Math.abs(expectedScale) &&
      Math.abs(scale - expectedScale) <= TOLERANCE * Math.abs(expectedScale),
  );
}

/** Whose results differ from PyTorch's (without it: from the first peer's). */
export function disagreements(work, results) {
  const measured = Object.entries(results).filter(([, result]) => "rounds" in result);
  const [referenceId, reference] = measured.find(([id]) => id === "pytorch") ?? measured[0] ?? [];
  return measured
    .filter(([, result]) => !agrees(result.rounds[0].check, reference.rounds[0].check))
    .map(([id]) => `${work.title}: ${PEERS[id].title} computes something else than ${PEERS[referenceId].title}.`);
}
