import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AppendLog } from "../node/append-log.js";
import { writeWhole } from "../node/files.js";

/** The folder of a run of `evenkeel train`, and what is written there. */
export class RunFolder {
  /** Where it is. */
  readonly path: string;
  readonly #isNew: boolean;
  readonly #logs: { readonly log: AppendLog; readonly isResult: boolean }[] = [];
  #written = false;

  /** Makes the folder. */
  constructor(path: string) {
    this.path = path;
    this.#isNew = mkdirSync(path, { recursive: true }) !== undefined;
  }

  /** A file of lines in it. @param isResult - whether it is worth keeping alone */
  log(name: string, isResult = true): AppendLog {
    const log = new AppendLog(join(this.path, name));
    this.#logs.push({ log, isResult });
    return log;
  }

  /** Writes a file in it, whole or not at all. @returns its path */
  write(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    writeWhole(path, content);
    this.#written = true;
    return path;
  }

  /** Closes its files, and removes it if it was made for nothing. */
  close(): void {
    const isUsed = this.#written || this.#logs.some(({ log, isResult }) => isResult && log.length > 0);
    for (const { log } of this.#logs) log.close();
    if (this.#isNew && !isUsed) rmSync(this.path, { recursive: true });
  }
}
