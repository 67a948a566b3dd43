import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError, FormatError } from "../../errors.js";
import { FileBudget } from "../../formats/file-budget.js";
import { isObject, parseJsonObject } from "../../formats/json.js";
import { AppendLog } from "../../node/append-log.js";
import { lockFile } from "../../node/file-lock.js";
import { HeldFolder, makeFolder, writeWhole } from "../../node/files.js";
import { checkOwn } from "../../node/own-files.js";
import type { Trial, TrialStore } from "../../study/run-study.js";

/** What trials depend on besides their keys. A change of any experiment's trials raises the protocol's number. */
export interface StudyFacts {
  readonly data: string;
  readonly train: number;
  readonly test: number;
  readonly protocol: number;
}

/** The first line of a study's trials. */
interface Header {
  readonly study: StudyFacts;
  /** When the first trial was begun, in ISO 8601. */
  readonly begun: string;
}

/** The folder of a study: its trials, one a line, from which it goes on. One study has it at a time. */
export class StudyFolder implements TrialStore {
  readonly path: string;
  /** When the study was begun, in ISO 8601. */
  readonly begun: string;
  /** How many trials were there before. */
  readonly kept: number;
  readonly #trials = new Map<string, Trial>();
  readonly #log: AppendLog;
  readonly #lock: { release(): void };
  readonly #held: HeldFolder;

  /**
   * Makes the folder and locks it.
   *
   * @throws DataError if another study has it, or it holds trials of other data
   * @throws ArgumentError if it is a file
   */
  constructor(path: string, facts: StudyFacts) {
    this.path = path;
    makeFolder(path);
    this.#lock = lockFile(join(path, "study.lock"));
    this.#held = new HeldFolder(path);
    try {
      for (const name of ["study.json", "study.html"]) checkOwn(join(path, name), "choose another --out");
      const file = join(path, "study.jsonl");
      const whole = wholeLines(file);
      this.#log = new AppendLog(file, Buffer.byteLength(whole.map((line) => `${line}\n`).join("")));
      const [first, ...lines] = whole;
      if (first === undefined) {
        this.begun = new Date().toISOString();
        this.#log.append(JSON.stringify({ study: facts, begun: this.begun } satisfies Header));
      } else {
        const header: Header = parse(first, file, 1);
        checkSame(header.study, facts, path);
        this.begun = header.begun;
      }
      for (const [k, line] of lines.entries()) {
        const trial: Trial = parse(line, file, k + 2);
        this.#trials.set(trial.key, trial);
      }
      this.kept = this.#trials.size;
    } catch (error) {
      this.#lock.release();
      throw error;
    }
  }

  find(key: string): Trial | undefined {
    return this.#trials.get(key);
  }

  add(trial: Trial): void {
    this.#checkPlace();
    this.#log.append(JSON.stringify(trial));
    this.#log.sync();
    this.#trials.set(trial.key, trial);
  }

  /** Writes a file in it, whole or not at all. @returns its path */
  write(name: string, content: string): string {
    this.#checkPlace();
    const path = join(this.path, name);
    writeWhole(path, content);
    return path;
  }

  #checkPlace(): void {
    if (this.#held.isThere) return;
    throw new DataError({
      where: this.path,
      expected: "the folder in which this study began",
      received: existsSync(this.path) ? "another" : "none: it was moved or removed",
      cure: "Go on where it lies now, with the same command and its new place as --out: every trial is kept.",
    });
  }

  /** Unlocks it. */
  close(): void {
    this.#log.close();
    this.#lock.release();
  }
}

/** The lines that were written to their end; a process that was killed may have left a part of one. */
function wholeLines(file: string): string[] {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
}

function parse<Line>(text: string, file: string, line: number): Line {
  const where = `${file}, line ${line}`;
  const fault = (expected: string, received: string): FormatError =>
    new FormatError({ where, expected, received, cure: "Remove the line." });
  try {
    const value = parseJsonObject(text, { budget: new FileBudget(where, text.length), fault });
    const { study, begun, key, measures } = value;
    const isWhole =
      line === 1 ? isObject(study) && typeof begun === "string" : typeof key === "string" && isObject(measures);
    if (isWhole) return value as Line;
  } catch {
    // Told below.
  }
  throw new DataError({
    where,
    expected: line === 1 ? "what the study is of" : "a trial",
    received: text.slice(0, 40),
    cure: "Remove the line, or choose another --out.",
  });
}

function checkSame(old: StudyFacts, now: StudyFacts, path: string): void {
  if (JSON.stringify(old) === JSON.stringify(now)) return;
  const describe = ({ data, train, test, protocol }: StudyFacts): string =>
    `${data}, ${train} training and ${test} test images, protocol ${protocol}`;
  throw new DataError({
    where: path,
    expected: `trials on ${describe(now)}`,
    received: `a study of ${describe(old)}`,
    cure: "Choose another --out.",
  });
}
