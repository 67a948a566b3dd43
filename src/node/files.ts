import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Writes a file whole or not at all, whatever happens in between: beside its target first, down to the disk, then renamed over it. Missing
 * folders are made.
 *
 * @param path - where to
 * @param content - what
 */
export function writeWhole(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}.part`;
  try {
    flushed(part, "w", (file) => writeFileSync(file, content));
    renameSync(part, path);
  } catch (cause) {
    rmSync(part, { force: true });
    throw cause;
  }
  // The renaming stands in the folder. Windows cannot open one.
  if (process.platform !== "win32") flushed(dirname(path), "r", () => {});
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
