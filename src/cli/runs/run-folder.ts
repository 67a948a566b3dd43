import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { DataError, EvenkeelError } from "../../errors.js";
import { AppendLog } from "../../node/append-log.js";
import { type FileLock, lockFile } from "../../node/file-lock.js";
import { makeFolder, writeWhole } from "../../node/files.js";

/** A file of lines in a run's folder; a resumed run finds in it what stood there when its checkpoint was taken. */
export interface RunLog {
  readonly path: string;
  append(line: string): void;
  lines(): string[];
}

interface OpenLog {
  readonly file: AppendLog;
  /** Lines that wait until something else is worth writing. */
  waiting: string[];
}

const checkpointName = "checkpoint.safetensors";
const modelName = "model.safetensors";
const lockName = "run.lock";
/** All that a run writes. */
const runFiles = [modelName, checkpointName, "report.html", "metrics.jsonl", "history.jsonl"];

/**
 * The folder of a run of `evenkeel train`, and what is written there. One run has it at a time. A run that begins anew leaves what stood there
 * alone until it has something to write itself, and then removes all of it.
 */
export class RunFolder {
  /** Where it is. */
  readonly path: string;
  /** Whether the last run in it ended without a word. */
  readonly wasLeft: boolean;
  readonly #firstMade: string | undefined;
  readonly #lock: FileLock;
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
    // What a killed process was writing.
    for (const name of readdirSync(path)) if (/\.\d+\.part$/.test(name)) rmSync(join(path, name), { force: true });
  }

  /** The checkpoint of an unfinished run; null if there is none. */
  get checkpoint(): Uint8Array | null {
    return this.#read(checkpointName);
  }

  /** The model of a finished run; null if there is none. */
  get model(): Uint8Array | null {
    return this.#read(modelName);
  }

  /** Whether this run has written anything, or goes on with what was there. */
  get begun(): boolean {
    return this.#begun;
  }

  #read(name: string): Uint8Array | null {
    const path = join(this.path, name);
    return existsSync(path) ? readFileSync(path) : null;
  }

  /** Goes on with the run that is there. @param lengths - what {@link RunFolder.mark} gave when its checkpoint was taken */
  resume(lengths: Readonly<Record<string, number>>): void {
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
      lines: () => [...log.file.lines(), ...log.waiting],
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

  /** Writes the model, with which the run is finished. @returns its path */
  finish(bytes: Uint8Array): string {
    const path = this.write(modelName, bytes);
    rmSync(join(this.path, checkpointName), { force: true });
    return path;
  }

  #writing(path: string, write: () => void): void {
    try {
      this.#begin();
      write();
    } catch (cause) {
      if (cause instanceof EvenkeelError) throw cause;
      const again = existsSync(join(this.path, checkpointName))
        ? `go on with: ${resumption(this.path)}`
        : "run it again";
      throw new DataError(
        {
          where: path,
          expected: "to be able to write it",
          received: cause instanceof Error ? cause.message : String(cause),
          cure: `Make room or correct the rights, then ${again}.`,
        },
        { cause },
      );
    }
  }

  /** Removes what another run left, its model first: new files never stand beside it. */
  #begin(): void {
    if (this.#begun) return;
    for (const name of runFiles) rmSync(join(this.path, name), { force: true });
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
  for (let line = log.waiting[0]; line !== undefined; line = log.waiting[0]) {
    log.file.append(line);
    log.waiting.shift();
  }
}

/** The command that goes on with the run of a folder. */
export function resumption(folder: string): string {
  const quoted = /^[\w@%+=:,./-]+$/.test(folder) ? folder : `'${folder.replaceAll("'", "'\\''")}'`;
  return `evenkeel train --resume --out ${quoted}`;
}

/** Removes empty folders from `path` upwards, below `end`. */
function removeEmpty(path: string, end: string): void {
  try {
    for (let at = path; at !== end && at !== dirname(at); at = dirname(at)) rmdirSync(at);
  } catch {
    // Something is in it.
  }
}
