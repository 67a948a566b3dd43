import { Command } from "commander";
import { type RepairFlags, repairOnnxFile } from "./onnx/repair.js";

/** `evenkeel repair` */
export function repairCommand(): Command {
  return new Command("repair")
    .description(
      "Turn a model that was exported in training mode into an inference model, and name what else is wrong with its norms.",
    )
    .argument("<model>", "an .onnx file")
    .option("-o, --output <file>", "where to write the repaired model")
    .option("--dry-run", "say what would be repaired, and write nothing")
    .option("--json", "print JSON")
    .action(async (model: string, flags: RepairFlags, command: Command) => {
      if (flags.output === undefined && flags.dryRun !== true) {
        command.error("error: required option '-o, --output <file>' not specified, nor --dry-run");
      }
      process.stdout.write(`${await repairOnnxFile(model, flags)}\n`);
    });
}
