import { FormatError } from "../../../errors.js";
import type { FileBudget } from "../../file-budget.js";
import { unzip } from "../../unzip.js";

/** What is read of a .keras file. */
const wanted = ["config.json", "metadata.json", "model.weights.h5"] as const;

/** The files in a .keras file: what is not read is not unpacked, and nothing is written anywhere. */
export function unzipKeras(where: string, bytes: Uint8Array, budget: FileBudget): ReadonlyMap<string, Uint8Array> {
  const fault = (received: string, cause?: unknown): FormatError => {
    const cure = "Save it with model.save('model.keras').";
    return new FormatError({ where, expected: "a whole .keras file", received, cure }, { cause });
  };
  const isWanted = (name: string): boolean => (wanted as readonly string[]).includes(name);
  const found = unzip(bytes, budget, (name) => (isWanted(name) ? name : null), fault);
  const files = new Map(Object.entries(found));
  for (const name of ["config.json", "model.weights.h5"]) if (!files.has(name)) throw fault(`none without ${name}`);
  return files;
}
