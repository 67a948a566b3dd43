import { gunzipSync } from "node:zlib";
import { FormatError } from "../../errors.js";
import { FileBudget } from "../../formats/file-budget.js";

/**
 * Unpacks gzip, no more than the size of the packed bytes gives cause for.
 *
 * @param most - how many bytes the content says of itself; what goes beyond is not unpacked
 * @throws FormatError if it is damaged, or a bomb
 */
export function inflate(where: string, packed: Uint8Array, most = Number.POSITIVE_INFINITY): Uint8Array {
  const budget = new FileBudget(where, packed.length);
  const allowed = budget.left("unpacked");
  if (most < Number.POSITIVE_INFINITY) budget.spend("unpacked", most);
  try {
    return gunzipSync(packed, { maxOutputLength: Math.min(most, allowed) });
  } catch (cause) {
    if (most > allowed && isTooLong(cause)) throw budget.exceeded("unpacked", cause);
    const received = cause instanceof Error ? cause.message : String(cause);
    const cure = "Download or export it again.";
    throw new FormatError({ where, expected: "whole gzipped data", received, cure }, { cause });
  }
}

function isTooLong(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE";
}
