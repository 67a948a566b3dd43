import type { Command } from "commander";
import { command, type FlagsOf } from "../flags/flag.js";
import { dryRun, json, output } from "../flags/output-flags.js";
import { repairOnnxFile } from "./onnx/repair.js";

const flags = [{ ...output, help: "file to write the repaired model to" }, dryRun, json] as const;

/** `evenkeel repair` */
export function repairCommand(): Command {
  return command("repair", {
    description:
      "Turn a model exported in training mode into an inference model. The other faults of its norms are listed.",
    takes: [["<model>", "an .onnx file"]],
    flags,
    examples: ["evenkeel repair model.onnx --dry-run", "evenkeel repair model.onnx -o repaired.onnx"],
  }).action(async (model: string, given: FlagsOf<typeof flags>, self: Command) => {
    if (given.output === undefined && given.dryRun !== true) {
      self.error("error: required option '-o, --output <path>' not specified, nor --dry-run");
    }
    await repairOnnxFile(model, given);
  });
}
