import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ArgumentError } from "../errors.js";

/**
 * Makes a folder with those above it.
 *
 * @returns the first that was not there; undefined if all were
 * @throws ArgumentError if there is a file where a folder belongs
 */
export function makeFolder(path: string): string | undefined {
  // One by one: with { recursive: true } Node never returns where a file system that is there has no folders to make, such as /proc.
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
  return first ?? path;
}

/**
 * Writes a file whole or not at all, whatever happens in between: beside its target first, down to the disk, then renamed over it. Missing
 * folders are made.
 *
 * @param path - where to
 * @param content - what
 */
export function writeWhole(path: string, content: string | Uint8Array): void {
  writeTogether([[path, content]]);
}

/** Writes files that belong together, as {@link writeWhole} does one: all are on the disk before the first is renamed, and the last is renamed last. */
export function writeTogether(files: readonly (readonly [path: string, content: string | Uint8Array])[]): void {
  const parts = files.map(([path]) => `${path}.${process.pid}.part`);
  for (const [path] of files) makeFolder(dirname(path));
  try {
    for (const [k, [path, content]] of files.entries()) {
      // A device or pipe takes what is written to it, and must not be replaced by a file.
      if (isSpecial(path)) writeFileSync(path, content);
      else flushed(parts[k], "w", (file) => writeFileSync(file, content));
    }
    for (const [k, [path]] of files.entries()) if (!isSpecial(path)) renameSync(parts[k], path);
  } catch (cause) {
    for (const part of parts) rmSync(part, { force: true });
    throw cause;
  }
  // The renaming stands in the folder. Windows cannot open one.
  if (process.platform === "win32") return;
  for (const folder of new Set(files.map(([path]) => dirname(path)))) flushed(folder, "r", () => {});
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
