import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { DataError } from "../errors.js";
import { makeFolder, syncFolder } from "./files.js";

/**
 * A file of lines, or of records of bytes, that only grows, such as the metrics of a run. A checkpoint notes its
 * length; a run that goes on from there cuts off what was added later, so that nothing stands in it twice.
 *
 * The file is neither made nor cut before the first line is added.
 */
export class AppendLog {
  /** The file. */
  readonly path: string;
  #length: number;
  #file: number | null = null;
  /** Whether its name stands on the disk. */
  #isNamed = false;

  /** @param path - the file @param length - how many bytes of it to keep; 0: begin anew */
  constructor(path: string, length = 0) {
    this.path = path;
    this.#length = length;
  }

  /** Its length in bytes: what to hand to the constructor in order to continue from here. */
  get length(): number {
    return this.#length;
  }

  /** The lines so far. */
  lines(): string[] {
    if (this.#length === 0) return [];
    return readFileSync(this.path).subarray(0, this.#length).toString("utf8").split("\n").slice(0, -1);
  }

  /**
   * Adds a line, or bytes as they are. Where it cannot be written whole, none of it counts.
   *
   * @throws DataError if the file is shorter than what was to be kept of it
   */
  append(line: string | Uint8Array): void {
    const file = this.#open();
    const bytes = typeof line === "string" ? Buffer.from(`${line}\n`) : line;
    for (let written = 0; written < bytes.length; ) {
      written += writeSync(file, bytes, written, bytes.length - written, this.#length + written);
    }
    this.#length += bytes.length;
  }

  /** Returns when every line stands on the disk, and the file's name. */
  sync(): void {
    if (this.#file === null) return;
    fsyncSync(this.#file);
    if (!this.#isNamed) syncFolder(dirname(this.path));
    this.#isNamed = true;
  }

  /** Closes the file; a later line opens it again. */
  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  #open(): number {
    if (this.#file !== null) return this.#file;
    makeFolder(dirname(this.path));
    const file = openSync(this.path, this.#length === 0 ? "w" : "r+");
    const { size } = fstatSync(file);
    if (size < this.#length) {
      closeSync(file);
      throw new DataError({
        where: this.path,
        expected: `at least ${this.#length} bytes, to which the run is to be continued`,
        received: String(size),
        cure: "Put the file back as it was, or start the run anew.",
      });
    }
    ftruncateSync(file, this.#length);
    this.#file = file;
    return file;
  }
}
