import { unzipSync } from "fflate";
import { EvenkeelError, type FormatError } from "../errors.js";
import type { FileBudget } from "./file-budget.js";

/**
 * The files of a zip that are looked for. Others are not unpacked, and nothing is written anywhere.
 *
 * @param keyOf - what stands there once at most; null: it is not looked for
 * @param fault - the refusal of a file that is damaged
 */
export function unzip(
  bytes: Uint8Array,
  budget: FileBudget,
  keyOf: (name: string) => string | null,
  fault: (received: string, cause?: unknown) => FormatError,
): Record<string, Uint8Array> {
  const seen = new Set<string>();
  try {
    return unzipSync(bytes, {
      filter({ name, size, originalSize, compression }) {
        budget.spend("parts", 1);
        const key = keyOf(name);
        if (key === null) return false;
        if (seen.has(key)) throw fault(`${key} twice`);
        seen.add(key);
        const isPlain = compression !== 0 || originalSize === size;
        if (size > bytes.length || !isPlain) throw fault(`${key} of ${originalSize} bytes in ${size}`);
        budget.spend("unpacked", originalSize);
        return true;
      },
    });
  } catch (cause) {
    if (cause instanceof EvenkeelError) throw cause;
    throw fault(cause instanceof Error ? cause.message : String(cause), cause);
  }
}
