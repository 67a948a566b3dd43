import { CommunicationError } from "../errors.js";
import type { MpiLibrary, Request } from "./library.js";

/** A collective that a rank waits in. */
export interface Waiting {
  /** Its number, counted on each rank. */
  readonly sequence: number;
  /** What it is for. */
  readonly purpose: string;
}

/** How the ranks of this machine can be told to be alive: by rank, its process, or null on another machine. */
export type Neighbours = readonly (number | null)[];

const inquiryTag = 7311;
const messageBytes = 512;
/** How long ranks have to answer, in ms. */
const answerTime = 2000;
/** The lowest rank that answered speaks; the others hold back for so long, by when the job has ended. */
const silence = 1000;
/** So long a rank polls as fast as it can before it looks around, in ms. */
const patience = 100;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

function sleep(milliseconds: number): void {
  Atomics.wait(sleeper, 0, 0, milliseconds);
}

/** Waits in collectives up to a deadline, and finds out who is missing when it has passed. */
export class Watchdog {
  readonly #mpi: MpiLibrary;
  readonly #rank: number;
  readonly #size: number;
  readonly #timeout: number;
  readonly #neighbours: Neighbours;
  /** Memory of messages that may still be under way when an inquiry ends, kept from the collector. */
  readonly #underWay: unknown[] = [];

  /** @param timeout - seconds that a collective may take */
  constructor(mpi: MpiLibrary, rank: number, size: number, timeout: number, neighbours: Neighbours) {
    this.#mpi = mpi;
    this.#rank = rank;
    this.#size = size;
    this.#timeout = timeout;
    this.#neighbours = neighbours;
  }

  /**
   * Polls until a collective is complete.
   *
   * @param isSound - whether what came is what was meant: ranks that met in different collectives exchange nonsense
   * @throws CommunicationError naming who is missing or elsewhere
   */
  wait(request: Request, waiting: Waiting, isSound: () => boolean): void {
    try {
      this.#poll(request, waiting);
    } catch (cause) {
      if (!(cause instanceof CommunicationError) || cause.ranks.length > 0) throw cause;
      throw this.#inquire(waiting, cause.received);
    }
    if (!isSound()) throw this.#inquire(waiting, "numbers of another collective");
  }

  #poll(request: Request, waiting: Waiting): void {
    for (let polls = 0; polls < 256; polls++) if (this.#mpi.test(request)) return;
    const start = performance.now();
    let nextLook = start + patience;
    while (!this.#mpi.test(request)) {
      const now = performance.now();
      // Ranks of one machine may share its cores: soon each poll lets others run, which costs nothing measurable.
      if (now - start > 0.1) sleep(0.05);
      if (now < nextLook) continue;
      nextLook = now + 20;
      const dead = this.#deadNeighbours();
      if (dead.length > 0) throw this.#failure(waiting, "every rank to live", `the end of ${ranksNamed(dead)}`, dead);
      if (now - start > 1000 * this.#timeout) throw this.#inquire(waiting, "no result");
      if (this.#mpi.probe(inquiryTag)) throw this.#inquire(waiting, "another rank's question where it is");
    }
  }

  #deadNeighbours(): number[] {
    return this.#neighbours.flatMap((pid, rank) => (pid === null || rank === this.#rank || lives(pid) ? [] : [rank]));
  }

  /** Asks every rank what it waits in. @param reason - what is wrong if they all wait in the same */
  #inquire(waiting: Waiting, reason: string): CommunicationError {
    const others = Array.from({ length: this.#size }, (_, rank) => rank).filter((rank) => rank !== this.#rank);
    const mine = encode(waiting);
    const answers = others.map((rank) => {
      const bytes = new Uint8Array(messageBytes);
      this.#mpi.startSend(mine, rank, inquiryTag);
      return { rank, bytes, request: this.#mpi.startReceive(bytes, rank, inquiryTag), done: false };
    });
    this.#underWay.push(mine, answers);
    const deadline = performance.now() + answerTime;
    while (performance.now() < deadline && answers.some(({ done }) => !done)) {
      for (const answer of answers) answer.done ||= this.#mpi.test(answer.request);
      sleep(1);
    }
    const silent = answers.filter(({ done }) => !done).map(({ rank }) => rank);
    const told = answers.filter(({ done }) => done).map(({ rank, bytes }) => ({ rank, ...decode(bytes) }));
    const elsewhere = told.filter((other) => other.sequence !== waiting.sequence || other.purpose !== waiting.purpose);
    if (told.some(({ rank }) => rank < this.#rank)) sleep(silence);
    const received = [
      ...(silent.length > 0 ? [`no answer from ${ranksNamed(silent)}`] : []),
      ...elsewhere.map((other) => `rank ${other.rank} in collective ${other.sequence} (${other.purpose})`),
    ];
    return this.#failure(waiting, `every rank there within ${this.#timeout} s`, received.join(", ") || reason, [
      ...silent,
      ...elsewhere.map(({ rank }) => rank),
    ]);
  }

  #failure(waiting: Waiting, expected: string, received: string, ranks: readonly number[]): CommunicationError {
    return new CommunicationError({
      where: `rank ${this.#rank} of ${this.#size}, collective ${waiting.sequence} (${waiting.purpose})`,
      expected,
      received,
      cure: "Let every rank run the same layers in the same order, look at the machines and links of those named, and resume.",
      ranks,
    });
  }
}

function ranksNamed(ranks: readonly number[]): string {
  return `${ranks.length === 1 ? "rank" : "ranks"} ${ranks.join(", ")}`;
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user is there all the same.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function encode({ sequence, purpose }: Waiting): Uint8Array {
  const bytes = new Uint8Array(messageBytes);
  new DataView(bytes.buffer).setFloat64(0, sequence);
  new TextEncoder().encodeInto(purpose, bytes.subarray(8));
  return bytes;
}

function decode(bytes: Uint8Array): Waiting {
  const text = new TextDecoder().decode(bytes.subarray(8));
  return { sequence: new DataView(bytes.buffer).getFloat64(0), purpose: text.slice(0, text.indexOf("\0")) };
}
