import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { ArgumentError } from "../errors.js";

/**
 * Makes a folder with those above it, and waits until the disk has them.
 *
 * @returns the first that was not there; undefined if all were
 * @throws ArgumentError if there is a file where a folder belongs
 */
export function makeFolder(path: string): string | undefined {
  // One by one: with { recursive: true } Node never returns where a file system that is there has no folders to make,
  // such as /proc.
  const above = dirname(path);
  const first = above === path ? undefined : makeFolder(above);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return first;
  if (found !== undefined) {
    throw new ArgumentError({ where: path, expected: "a folder", received: "a file", cure: "Name another place." });
  }
  try {
    mkdirSync(path);
  } catch (cause) {
    // Made by another process just now.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw cause;
  }
  syncFolder(above);
  return first ?? path;
}

/**
 * Writes a file whole or not at all, whatever happens in between: beside its target first, down to the disk, then
 * renamed over it. Missing folders are made. A symbolic link of that name is replaced, and what it leads to stays.
 *
 * @param path - where to
 * @param content - what
 */
export function writeWhole(path: string, content: string | Uint8Array): void {
  writeTogether([[path, content]]);
}

/**
 * Writes files that belong together, as {@link writeWhole} does one: all are on the disk before the first is renamed,
 * and the last is renamed last.
 */
export function writeTogether(files: readonly (readonly [path: string, content: string | Uint8Array])[]): void {
  const parts = files.map(([path]) => partOf(path));
  for (const [path] of files) makeFolder(dirname(path));
  try {
    for (const [k, [path, content]] of files.entries()) {
      // A device or pipe takes what is written to it, and must not be replaced by a file.
      if (isSpecial(path)) writeFileSync(path, content);
      else flushed(parts[k], "wx", (file) => writeFileSync(file, content));
    }
    for (const [k, [path]] of files.entries()) {
      if (isSpecial(path)) continue;
      renameSync(parts[k], path);
      // Each name is on the disk before the next one changes.
      syncFolder(dirname(path));
    }
  } catch (cause) {
    for (const part of parts) rmSync(part, { force: true });
    throw cause;
  }
}

/**
 * The file that a symbolic link leads to, through others too; any other path as it is. It is for paths that the user
 * names, never for files in a folder, whose links would choose what is written.
 */
export function behindLink(path: string): string {
  let target = path;
  // So many links in a row are followed by Linux, too.
  for (let k = 0; k < 40; k++) {
    if (!lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink()) return target;
    if (isSpecial(target)) return target;
    if (existsSync(target)) return realpathSync(target);
    target = resolve(dirname(target), readlinkSync(target));
  }
  return path;
}

/** Removes files, one after another, and waits until the disk has forgotten each. */
export function removeFiles(paths: readonly string[]): void {
  for (const path of paths) {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) continue;
    rmSync(path);
    syncFolder(dirname(path));
  }
}

/** Where a file is written before it is renamed: a name that nobody else gives, beside it. */
export function partOf(path: string): string {
  return `${path}.${process.pid}-${randomBytes(6).toString("hex")}.evenkeel.part`;
}

/**
 * Whether a file of that name is a {@link partOf} one of these, which a process left that was killed while it wrote.
 */
export function isPart(name: string, of: readonly string[]): boolean {
  const target = /^(.+)\.\d+-[0-9a-f]{12}\.evenkeel\.part$/.exec(name)?.[1];
  return target !== undefined && of.includes(target);
}

/** Waits until the names in a folder stand on the disk. Windows, which cannot open one, sees to it by itself. */
export function syncFolder(path: string): void {
  if (process.platform !== "win32") flushed(path, "r", () => {});
}

/** A folder as it was found at a path: it may be renamed, or another put in its place. */
export class HeldFolder {
  readonly #path: string;
  readonly #identity: string | null;

  constructor(path: string) {
    // The working folder may change, too.
    this.#path = resolve(path);
    this.#identity = identityOf(this.#path);
  }

  /** Whether it still lies where it was found. */
  get isThere(): boolean {
    return identityOf(this.#path) === this.#identity;
  }
}

function identityOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? null : `${found.dev} ${found.ino}`;
}

/** Whether there is something that is neither file nor folder. */
function isSpecial(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && !found.isFile() && !found.isDirectory();
}

/** Opens, uses and closes a file or folder, and waits until the disk has it. */
function flushed(path: string, flags: string, use: (file: number) => void): void {
  const file = openSync(path, flags);
  try {
    use(file);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
