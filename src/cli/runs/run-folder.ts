import { existsSync, lstatSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { DataError, EvenkeelError } from "../../errors.js";
import { AppendLog } from "../../node/append-log.js";
import { type FileLock, lockFile } from "../../node/file-lock.js";
import { HeldFolder, isPart, makeFolder, removeFiles, writeWhole } from "../../node/files.js";
import { checkOwn, isOwn } from "../../node/own-files.js";

/** A file of lines in a run's folder; a resumed run finds in it what stood there when its checkpoint was taken. */
export interface RunLog {
  readonly path: string;
  append(line: string | Uint8Array): void;
  lines(): string[];
}

interface OpenLog {
  readonly file: AppendLog;
  /** Lines that wait until something else is worth writing. */
  waiting: (string | Uint8Array)[];
}

const checkpointName = "checkpoint.safetensors";
const modelName = "model.safetensors";
const lockName = "run.lock";
/** What a run writes without a report, and what it adds with one. */
const plainFiles = [modelName, checkpointName, "metrics.jsonl"];
const reportFiles = ["report.html", "history.jsonl"];
/** What `--log tensorboard` adds. */
export const eventsName = "events.out.tfevents.evenkeel";
const runFiles = [...plainFiles, ...reportFiles, eventsName];

/**
 * The folder of a run of `evenkeel train`, and what is written there. One run has it at a time. A run that begins anew
 * leaves what stood there alone until it has something to write itself, and then removes all of it; files that no run
 * wrote stay.
 */
export class RunFolder {
  /** Where it is. */
  readonly path: string;
  /** Whether the last run in it ended without a word. */
  readonly wasLeft: boolean;
  /** Flags that `--resume` must be given again, since the run's own files must not name what they name. */
  named: readonly string[] = [];
  #firstMade: string | undefined;
  #held: HeldFolder;
  #lock: FileLock;
  readonly #logs = new Map<string, OpenLog>();
  #lengths: Readonly<Record<string, number>> = {};
  #begun = false;
  #isClosed = false;

  /** Makes the folder and locks it. @throws DataError if another run has it @throws ArgumentError if it is a file */
  constructor(path: string) {
    this.path = path;
    this.#firstMade = makeFolder(path);
    this.#lock = lockFile(join(path, lockName));
    this.wasLeft = this.#lock.takenOver;
    this.#held = new HeldFolder(path);
    for (const name of readdirSync(path)) {
      if (isPart(name, [...runFiles, lockName])) rmSync(join(path, name), { force: true });
    }
  }

  /** The checkpoint of an unfinished run; null if there is none. */
  get checkpoint(): Uint8Array | null {
    return this.#read(checkpointName);
  }

  /** The model of a finished run; null if there is none. */
  get model(): Uint8Array | null {
    return this.#read(modelName);
  }

  /** The command that goes on with its run. */
  get resumption(): string {
    return resumption(this.path, this.named);
  }

  /** Whether this run has written anything, or goes on with what was there. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whether no run has written there. */
  get isFree(): boolean {
    return !runFiles.some((name) => existsSync(join(this.path, name)));
  }

  #read(name: string): Uint8Array | null {
    const path = join(this.path, name);
    return existsSync(path) ? readFileSync(path) : null;
  }

  /** @throws DataError if a file that a run would write is there and no run wrote it */
  checkFree({ report, events, isResumed }: { report: boolean; events: boolean; isResumed: boolean }): void {
    // The lines and the checkpoint of a run that goes on are its own, however damaged.
    const written = isResumed ? [modelName, "report.html"] : runFiles;
    for (const name of written) {
      if (name === eventsName && !events) continue;
      if (report || !reportFiles.includes(name)) checkOwn(join(this.path, name), "choose another --out");
    }
  }

  /** @throws DataError if the folder has been moved or removed since the run wrote there */
  checkPlace(): void {
    if (!this.#begun || this.#held.isThere) return;
    throw new DataError({
      where: this.path,
      expected: "the folder in which this run began",
      received: existsSync(this.path) ? "another" : "none: it was moved or removed",
      cure: `Go on where it lies now: ${resumption("FOLDER", this.named)}.`,
    });
  }

  /**
   * Goes on with the run that is there.
   *
   * @param lengths - what {@link RunFolder.mark} gave when its checkpoint was taken
   */
  resume(lengths: Readonly<Record<string, number>>): void {
    for (const name of Object.keys(lengths)) {
      const path = join(this.path, name);
      // What is appended must not go where a link in a folder from elsewhere leads.
      if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) continue;
      const cure = "Put the file itself in its place.";
      throw new DataError({ where: path, expected: "a file of the run", received: "a link", cure });
    }
    this.#lengths = lengths;
    this.#begun = true;
  }

  /** A file of lines in it. @param isResult - whether its lines are worth writing before anything else is */
  log(name: string, isResult = true): RunLog {
    const path = join(this.path, name);
    const log = this.#logs.get(name) ?? { file: new AppendLog(path, this.#lengths[name]), waiting: [] };
    this.#logs.set(name, log);
    return {
      path,
      append: (line) => {
        log.waiting.push(line);
        if (isResult || this.#begun) this.#writing(path, () => flush(log));
      },
      lines: () => [...log.file.lines(), ...log.waiting.filter((line) => typeof line === "string")],
    };
  }

  /** How long its files of lines are; they stand on the disk. */
  mark(): Record<string, number> {
    this.#writing(this.path, () => {
      for (const log of this.#logs.values()) {
        flush(log);
        log.file.sync();
      }
    });
    const lengths = [...this.#logs].map(([name, { file }]) => [name, file.length] as const);
    return { ...this.#lengths, ...Object.fromEntries(lengths) };
  }

  /** Writes a file in it, whole or not at all. @returns its path */
  write(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    this.#writing(path, () => writeWhole(path, content));
    return path;
  }

  /** Writes the checkpoint. */
  save(bytes: Uint8Array): void {
    this.write(checkpointName, bytes);
  }

  /** Writes the model. @returns its path */
  saveModel(bytes: Uint8Array): string {
    return this.write(modelName, bytes);
  }

  /** Removes the checkpoint, with which the run is finished. */
  finish(): void {
    this.#remove(checkpointName);
  }

  /** Removes the report of a run that was interrupted, where it can have no other. */
  removeReport(): void {
    this.#remove("report.html");
  }

  #remove(name: string): void {
    this.#writing(this.path, () => removeFiles([join(this.path, name)].filter(isOwn)));
  }

  #writing(path: string, write: () => void): void {
    this.checkPlace();
    try {
      this.#begin();
      write();
    } catch (cause) {
      if (cause instanceof EvenkeelError) throw cause;
      // It may have been moved just now.
      this.checkPlace();
      const again = existsSync(join(this.path, checkpointName)) ? `go on with: ${this.resumption}` : "run it again";
      throw new DataError(
        {
          where: path,
          expected: "to be able to write it",
          received: cause instanceof Error ? cause.message : String(cause),
          cure: `Make room or correct its permissions, then ${again}.`,
        },
        { cause },
      );
    }
  }

  /** Removes what another run left, its model first: new files never stand beside it. */
  #begin(): void {
    if (this.#begun) return;
    if (!this.#held.isThere) {
      // Moved before anything was written, which leaves the place free.
      this.#firstMade = makeFolder(this.path);
      this.#lock = lockFile(join(this.path, lockName));
      this.#held = new HeldFolder(this.path);
    }
    removeFiles(runFiles.map((name) => join(this.path, name)).filter(isOwn));
    this.#begun = true;
  }

  /** Closes its files, unlocks it, and removes what was made for nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { file } of this.#logs.values()) file.close();
    this.#lock.release();
    if (this.#firstMade !== undefined) removeEmpty(resolve(this.path), dirname(resolve(this.#firstMade)));
  }
}

function flush(log: OpenLog): void {
  for (let line = log.waiting.at(0); line !== undefined; line = log.waiting.at(0)) {
    log.file.append(line);
    log.waiting.shift();
  }
}

/** The command that goes on with the run of a folder. @param flags - what it needs besides */
export function resumption(folder: string, flags: readonly string[] = []): string {
  return ["evenkeel train --resume --out", ...[folder, ...flags].map(quoted)].join(" ");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Removes empty folders from `path` upwards, below `end`. */
function removeEmpty(path: string, end: string): void {
  try {
    for (let at = path; at !== end && at !== dirname(at); at = dirname(at)) rmdirSync(at);
  } catch {
    // Something is in it.
  }
}
