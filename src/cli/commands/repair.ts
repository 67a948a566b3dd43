import type { Command } from "commander";
import { command, type FlagsOf } from "../flags/flag.js";
import { dryRun, json, output } from "../flags/output-flags.js";

const flags = [
  { ...output, help: "path to write the repaired model to: a file, for TF.js or Keras a folder" },
  dryRun,
  json,
] as const;

/** What the command line of `evenkeel repair` says. */
export type RepairFlags = FlagsOf<typeof flags>;

/** `evenkeel repair` */
export function repairCommand(): Command {
  return command("repair", {
    flags,
    examples: [
      "evenkeel repair model.onnx --dry-run",
      "evenkeel repair model.onnx -o repaired.onnx",
      "evenkeel repair model.keras -o web",
    ],
    action: async () => (await import("../actions/repair.js")).repair,
  });
}
