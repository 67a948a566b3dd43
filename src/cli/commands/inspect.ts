import { Command } from "commander";
import { isOnnx, isTfjs } from "../model-kind.js";
import { inspectRun } from "./inspect-run.js";
import { inspectOnnxFile } from "./onnx/inspect.js";
import { inspectTfjsFile } from "./tfjs/inspect.js";

interface InspectFlags {
  readonly json?: boolean;
  readonly model?: string;
}

/** `evenkeel inspect` */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description(
      "List the normalisations of a model: where, over what, their statistics, and whether they can be folded.",
    )
    .argument("<model>", "an .onnx file, a model.json of TF.js, a run's folder, or a .safetensors file")
    .option(
      "--model <name|file>",
      "the network, where a run does not hold it: a name, or a module such as ./net.js, whose code runs",
    )
    .option("--json", "print JSON")
    .action(async (path: string, flags: InspectFlags) => {
      const inspectOther = isTfjs(path) ? inspectTfjsFile : inspectRun;
      const text = isOnnx(path) ? await inspectOnnxFile(path, flags) : await inspectOther(path, flags);
      process.stdout.write(`${text}\n`);
    });
}
