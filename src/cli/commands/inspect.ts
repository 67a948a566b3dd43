import type { Command } from "commander";
import { command, type FlagsOf } from "../flags/flag.js";
import { checkOnnxFlags, initializersAreConstant } from "../flags/foreign-flags.js";
import { model } from "../flags/model-flags.js";
import { json } from "../flags/output-flags.js";
import { isOnnx, isTfjs } from "../model-kind.js";
import { inspectRun } from "./inspect-run.js";
import { inspectOnnxFile } from "./onnx/inspect.js";
import { inspectTfjsFile } from "./tfjs/inspect.js";

const flags = [model, initializersAreConstant, json] as const;

/** `evenkeel inspect` */
export function inspectCommand(): Command {
  return command("inspect", {
    flags,
    examples: ["evenkeel inspect runs/mnist", "evenkeel inspect model.onnx --json", "evenkeel inspect model.keras"],
  }).action(async (path: string, given: FlagsOf<typeof flags>) => {
    if (isOnnx(path)) return inspectOnnxFile(path, given);
    checkOnnxFlags(path, given);
    await (isTfjs(path) ? inspectTfjsFile : inspectRun)(path, given);
  });
}
