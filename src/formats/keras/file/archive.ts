import { unzipSync } from "fflate";
import { EvenkeelError, FormatError } from "../../../errors.js";
import type { FileBudget } from "../../file-budget.js";

/** What is read of a .keras file. */
const wanted = ["config.json", "metadata.json", "model.weights.h5"] as const;

/** The files in a .keras file: what is not read is not unpacked, and nothing is written anywhere. */
export function unzipKeras(where: string, bytes: Uint8Array, budget: FileBudget): ReadonlyMap<string, Uint8Array> {
  const fault = (received: string, cause?: unknown): FormatError => {
    const cure = "Save it with model.save('model.keras').";
    return new FormatError({ where, expected: "a whole .keras file", received, cure }, { cause });
  };
  const seen = new Set<string>();
  let found: Record<string, Uint8Array>;
  try {
    found = unzipSync(bytes, {
      filter({ name, size, originalSize, compression }) {
        budget.spend("parts", 1);
        if (!(wanted as readonly string[]).includes(name)) return false;
        if (seen.has(name)) throw fault(`${name} twice`);
        seen.add(name);
        const isPlain = compression !== 0 || originalSize === size;
        if (size > bytes.length || !isPlain) throw fault(`${name} of ${originalSize} bytes in ${size}`);
        budget.spend("unpacked", originalSize);
        return true;
      },
    });
  } catch (cause) {
    if (cause instanceof EvenkeelError) throw cause;
    throw fault(cause instanceof Error ? cause.message : String(cause), cause);
  }
  const files = new Map(Object.entries(found));
  for (const name of ["config.json", "model.weights.h5"]) if (!files.has(name)) throw fault(`none without ${name}`);
  return files;
}
