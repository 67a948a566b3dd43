import type { Command } from "commander";
import { command, type FlagsOf } from "../flags/flag.js";
import { dryRun, json, output } from "../flags/output-flags.js";
import { isTfjs } from "../model-kind.js";
import { repairOnnxFile } from "./onnx/repair.js";
import { repairKerasFile } from "./tfjs/repair.js";

const flags = [
  { ...output, help: "path to write the repaired model to: a file, for TF.js or Keras a folder" },
  dryRun,
  json,
] as const;

/** `evenkeel repair` */
export function repairCommand(): Command {
  return command("repair", {
    flags,
    examples: [
      "evenkeel repair model.onnx --dry-run",
      "evenkeel repair model.onnx -o repaired.onnx",
      "evenkeel repair model.keras -o web",
    ],
  }).action(async (model: string, given: FlagsOf<typeof flags>, self: Command) => {
    if (given.output === undefined && given.dryRun !== true) {
      self.error("error: required option '-o, --output <path>' not specified, nor --dry-run");
    }
    await (isTfjs(model) ? repairKerasFile : repairOnnxFile)(model, given);
  });
}
