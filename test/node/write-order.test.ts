import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";
import { AppendLog, checkpointFile, writeWhole } from "evenkeel/node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/idx-files.js";

/** A call that changes a disk, or waits for it. */
type Step = "open" | "write" | "sync" | "rename" | "make" | "remove" | "cut";

const real = { ...fs };
const patched = [
  "openSync",
  "writeFileSync",
  "writeSync",
  "ftruncateSync",
  "fsyncSync",
  "renameSync",
  "mkdirSync",
  "rmSync",
] as const;
let folder = "";

/** What was done, in order. */
interface Done {
  readonly step: Step;
  readonly path: string;
  readonly to?: string;
}

let done: Done[] = [];
/** Called before each step: may throw in its place. */
let before: (step: Done, index: number) => void = () => {};

function note(step: Step, path: string, to?: string): void {
  const entry = { step, path, ...(to === undefined ? {} : { to }) };
  before(entry, done.length);
  done.push(entry);
}

beforeEach(() => {
  folder = temporaryFolder();
  done = [];
  before = () => {};
  const paths = new Map<number, string>();
  const nameOf = (file: unknown): string => (typeof file === "number" ? (paths.get(file) ?? "?") : String(file));
  // Some versions of Node build one call on another.
  let isInside = false;
  const patch = <Args extends never[]>(name: (typeof patched)[number], value: (...args: Args) => unknown): void => {
    const call = (...args: Args): unknown => {
      if (isInside) return (real[name] as unknown as (...given: Args) => unknown)(...args);
      isInside = true;
      try {
        return value(...args);
      } finally {
        isInside = false;
      }
    };
    (fs as unknown as Record<string, unknown>)[name] = call;
  };
  patch("openSync", (path: string, flags: string) => {
    if (flags !== "r") note("open", path);
    const file = real.openSync(path, flags);
    paths.set(file, path);
    return file;
  });
  patch("writeFileSync", (file: number | string, content: string) => {
    note("write", nameOf(file));
    real.writeFileSync(file, content);
  });
  patch("writeSync", (file: number, ...rest: [Uint8Array, number, number, number]) => {
    note("write", nameOf(file));
    return real.writeSync(file, ...rest);
  });
  patch("ftruncateSync", (file: number, length: number) => {
    note("cut", nameOf(file));
    real.ftruncateSync(file, length);
  });
  patch("fsyncSync", (file: number) => {
    note("sync", nameOf(file));
    real.fsyncSync(file);
  });
  patch("renameSync", (from: string, to: string) => {
    note("rename", from, to);
    real.renameSync(from, to);
  });
  patch("mkdirSync", (path: string) => {
    note("make", path);
    return real.mkdirSync(path);
  });
  patch("rmSync", (path: string, options: fs.RmOptions) => {
    // Tidying up after a failure may fail too, without a word.
    if (options?.force !== true) note("remove", path);
    real.rmSync(path, options);
  });
  syncBuiltinESMExports();
});
afterEach(() => {
  for (const name of patched) (fs as unknown as Record<string, unknown>)[name] = real[name];
  syncBuiltinESMExports();
  real.rmSync(folder, { recursive: true, force: true });
});

/** Runs `write` once for each of its steps, which fails; says what `check` found. */
function failEach(prepare: () => void, write: () => void, check: (failed: Done, index: number) => void): number {
  let count = 0;
  for (let at = 0; ; at++) {
    real.rmSync(folder, { recursive: true, force: true });
    real.mkdirSync(folder);
    before = () => {};
    prepare();
    done = [];
    let failed: Done | null = null;
    before = (step, index) => {
      if (index !== at || failed !== null) return;
      failed = step;
      throw Object.assign(new Error(`EIO: i/o error, ${step.step}`), { code: "EIO", syscall: step.step });
    };
    try {
      write();
    } catch (error) {
      expect(String(error)).toContain("EIO");
    }
    if (failed === null) return count;
    count++;
    check(failed, at);
  }
}

describe("a file that is written whole", () => {
  test("is the old one or the new one, whichever call fails, and nothing else is left", () => {
    const path = () => join(folder, "model.safetensors");
    const steps = failEach(
      () => real.writeFileSync(path(), "old".repeat(1000)),
      () => writeWhole(path(), "new".repeat(2000)),
      ({ step, path: of }, index) => {
        const found = real.readFileSync(path(), "utf8");
        // Only the last wait, for the folder, comes after the new one stands there.
        const isRenamed = step === "sync" && of === folder;
        expect([index, found]).toEqual([index, isRenamed ? "new".repeat(2000) : "old".repeat(1000)]);
        expect(real.readdirSync(folder)).toEqual(["model.safetensors"]);
      },
    );
    expect(steps).toBe(5);
  });

  test("is on the disk before it has its name, and its name before anything goes on", () => {
    writeWhole(join(folder, "a", "model"), "text");
    const short = (path = ""): string =>
      path.slice(folder.length + 1).replace(/\d+-[0-9a-f]{12}\.evenkeel\.part/, "PART");
    expect(
      done.map(({ step, path, to }) => [step, short(path), ...(to === undefined ? [] : [short(to)])].join(" ")),
    ).toMatchInlineSnapshot(`
      [
        "make a",
        "sync ",
        "open a/model.PART",
        "write a/model.PART",
        "sync a/model.PART",
        "rename a/model.PART a/model",
        "sync a",
      ]
    `);
  });

  test("never writes over a file beside it, whatever that is called", () => {
    const own = ["model.1.part", `model.${process.pid}.part`, "model.part"];
    for (const name of own) real.writeFileSync(join(folder, name), "mine");
    writeWhole(join(folder, "model"), "text");
    for (const name of own) expect(real.readFileSync(join(folder, name), "utf8")).toBe("mine");
  });
});

describe("when the power fails at any moment", () => {
  /** What may be found under a name: only what was synced is sure, each rest may have come to the disk or not. */
  function possible(upTo: number, path: string, old: string): string[] {
    let content = "";
    let isSynced = false;
    let found = [old];
    for (const { step, path: of, to } of done.slice(0, upTo)) {
      if (step === "write" && to === undefined && of !== path) [content, isSynced] = ["new", false];
      if (step === "sync" && of !== dirname(path)) isSynced = true;
      // A name may come to the disk before the content that it stands for.
      if (step === "rename" && to === path) found = [...found, isSynced ? content : "torn"];
      if (step === "sync" && of === dirname(path)) found = found.slice(-1);
    }
    return found;
  }

  test.each([
    ["writeWhole", (path: string) => writeWhole(path, "new")],
    [
      "checkpointFile",
      (path: string) => void checkpointFile(path).save(new TextEncoder().encode("new") as Uint8Array<ArrayBuffer>),
    ],
  ])("%s leaves the old file or the new one, and the new one once it has returned", (_, write) => {
    const path = join(folder, "file");
    real.writeFileSync(path, "old");
    write(path);
    for (let moment = 0; moment <= done.length; moment++) {
      for (const found of possible(moment, path, "old")) expect(["old", "new"]).toContain(found);
    }
    expect(possible(done.length, path, "old")).toEqual(["new"]);
  });

  test("lines that a log has synced are there, and so is its name", () => {
    const log = new AppendLog(join(folder, "lines.jsonl"));
    log.append("1");
    log.append("2");
    log.sync();
    expect(done.at(-2)).toEqual({ step: "sync", path: log.path });
    expect(done.at(-1)).toEqual({ step: "sync", path: folder });
    log.append("3");
    log.sync();
    expect(done.at(-1)).toEqual({ step: "sync", path: log.path });
    log.close();
  });
});

test("a log whose write fails has none of the line, and takes it again", () => {
  const path = () => join(folder, "lines.jsonl");
  let log = new AppendLog("");
  failEach(
    () => {
      real.writeFileSync(path(), "1\n2\ntorn");
      log = new AppendLog(path(), 4);
    },
    () => log.append("3"),
    () => {
      before = () => {};
      log.append("3");
      log.close();
      expect(real.readFileSync(path(), "utf8")).toBe("1\n2\n3\n");
    },
  );
});
