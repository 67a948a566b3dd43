import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { DataError } from "../errors.js";
import { partOf } from "./files.js";

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Process numbers mean something among processes of one place only: a start of a machine and a container on it. */
  readonly place: string;
  /** When the process started, on the clock of the place; null where that cannot be known. */
  readonly started: string | null;
}

/** A lock that is held. */
export interface FileLock {
  /** Whether its last holder had ended without releasing it. */
  readonly takenOver: boolean;
  /** Gives it back. */
  release(): void;
}

/** How every lock begins. One that is written where there are no links may be found before it is whole. */
const beginning = '{"pid":';

/** A holder that cannot be looked up is taken to be gone after so long without a sign of life. */
const silentSeconds = 120;

/**
 * Takes a lock that only one process can hold, by a file that says who holds it. The lock of a process that has ended,
 * however it ended, is taken over. A process of another machine or container is known by the signs of life that it
 * leaves on the file.
 *
 * @param path - the file; it is removed again
 * @throws DataError if another process holds it
 */
export function lockFile(path: string): FileLock {
  const own = JSON.stringify(ownHolder());
  const part = partOf(path);
  writeFileSync(part, own, { flag: "wx" });
  try {
    const takenOver = take(path, part);
    const signs = setInterval(() => touch(path, own), (silentSeconds * 1000) / 6);
    signs.unref();
    return {
      takenOver,
      release() {
        clearInterval(signs);
        if (readHolder(path) === own) rmSync(path, { force: true });
      },
    };
  } finally {
    rmSync(part, { force: true });
  }
}

/** Puts what was written beside it in the lock's place. @returns false if there is a lock */
function create(path: string, part: string): boolean {
  try {
    // Unlike a renaming, a link never replaces; unlike a new file, it is never there half written.
    linkSync(part, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    // No links on this file system.
    try {
      writeFileSync(path, readFileSync(part), { flag: "wx" });
      return true;
    } catch (second) {
      if (codeOf(second) === "EEXIST") return false;
      throw second;
    }
  }
}

/** Puts the lock in place. @returns whether it was another's, who is gone @throws DataError if somebody holds it */
function take(path: string, part: string): boolean {
  while (!create(path, part)) {
    const holder = readHolder(path);
    // Released just now.
    if (holder === null) continue;
    refuseIfAlive(path, holder, part);
    // Of several that find the holder gone, one may replace it.
    const turn = lockFile(`${path}.takeover`);
    try {
      if (readHolder(path) !== holder) continue;
      renameSync(part, path);
      return true;
    } finally {
      turn.release();
    }
  }
  return false;
}

function refuseIfAlive(path: string, text: string, part: string): void {
  if (!text.startsWith(beginning) && !beginning.startsWith(text)) {
    const cure = "Move it, or choose another folder.";
    throw new DataError({ where: path, expected: "a lock", received: "a file of somebody else", cure });
  }
  const holder = parse(text);
  const isSilent = silence(path, part) > silentSeconds;
  if (holder === null ? isSilent : !isAlive(holder, isSilent)) return;
  throw new DataError({
    where: path,
    expected: "no other run in this folder",
    received: holder === null ? "one that is just starting" : `process ${holder.pid} on ${holder.host}`,
    cure: "Wait for it, or choose another folder.",
  });
}

/**
 * For how long the holder has given no sign of life. Both times are of the file system's clock, so that one far in the
 * future is none of its signs: the clock was put back, or the file comes from elsewhere.
 */
function silence(path: string, part: string): number {
  try {
    return Math.abs(statSync(part).mtimeMs - statSync(path).mtimeMs) / 1000;
  } catch {
    return 0;
  }
}

function isAlive({ pid, place, started }: Holder, isSilent: boolean): boolean {
  if (place !== ownPlace()) return !isSilent;
  if (started !== null) return startOf(pid) === started;
  try {
    process.kill(pid, 0);
    return !isSilent;
  } catch (error) {
    return codeOf(error) === "EPERM" && !isSilent;
  }
}

function ownHolder(): Holder {
  return { pid: process.pid, host: hostname(), place: ownPlace(), started: startOf(process.pid) };
}

/** On Linux the start of the kernel and the name space of process numbers; elsewhere the machine's name. */
function ownPlace(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

/** When a process started, in ticks since the start of the kernel; null if it has ended, or this is not Linux. */
function startOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name, in parentheses, may hold anything; behind it stand the state and, as the twentieth entry, the start.
    const entries = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return entries[0] === "Z" || entries[0] === "X" ? null : entries[19];
  } catch {
    return null;
  }
}

function readHolder(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

function parse(text: string): Holder | null {
  try {
    const holder = JSON.parse(text);
    return typeof holder?.pid === "number" ? holder : null;
  } catch {
    return null;
  }
}

/** Writes the same text again, which sets the time by the file system's clock: that of this machine may be another. */
function touch(path: string, own: string): void {
  try {
    if (readHolder(path) !== own) return;
    const file = openSync(path, "r+");
    try {
      writeSync(file, own, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    // Somebody has removed it: nothing is left to keep alive.
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
