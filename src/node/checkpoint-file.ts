import { existsSync, readFileSync } from "node:fs";
import { checkOptions } from "../options.js";
import type { CheckpointOptions } from "../train/checkpoint/checkpoints.js";
import { behindLink, writeWhole } from "./files.js";

/**
 * The `checkpoint` option of `fit` on a file: goes on from it if it is there, and writes it whole or not at all. A
 * program that is stopped at any moment and run again ends as if it had never stopped.
 *
 * ```ts
 * await fit(model, data, { epochs: 10, optimizer, checkpoint: checkpointFile("checkpoint.safetensors") });
 * ```
 *
 * @param path - where it is or will be
 * @param options - when to save, and what else
 */
export function checkpointFile(
  path: string,
  options: Omit<CheckpointOptions, "save" | "from"> = {},
): CheckpointOptions {
  checkOptions("checkpointFile(path)", options, { everySteps: true, everySeconds: true, generators: true, note: true });
  return {
    ...options,
    from: existsSync(path) ? readFileSync(path) : null,
    save: (bytes) => writeWhole(behindLink(path), bytes),
  };
}
