import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { DataError } from "../errors.js";

/** A name that stands for bytes: it tells that Evenkeel wrote them, and no two contents have it. */
export function contentName(prefix: string, bytes: Uint8Array, suffix: string): string {
  return `${prefix}${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}${suffix}`;
}

/**
 * Whether a file named by its content is yet to be written.
 *
 * @throws DataError if something else has its name
 */
export function isNew([path, content]: readonly [path: string, content: Uint8Array]): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return true;
  if (found.isFile() && found.size === content.length && readFileSync(path).equals(content)) return false;
  throw new DataError({
    where: path,
    expected: "no file, or one of the same content",
    received: "another",
    cure: "Move it, or choose another place to write to.",
  });
}
