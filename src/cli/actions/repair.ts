import type { Command } from "commander";
import type { RepairFlags } from "../commands/repair.js";
import { isTfjs } from "../model-kind.js";

/** What `evenkeel repair` does. */
export async function repair(model: string, given: RepairFlags, self: Command): Promise<void> {
  if (given.output === undefined && given.dryRun !== true) {
    self.error("error: required option '-o, --output <path>' not specified, nor --dry-run");
  }
  if (isTfjs(model)) return (await import("./tfjs/repair.js")).repairKerasFile(model, given);
  return (await import("./onnx/repair.js")).repairOnnxFile(model, given);
}
