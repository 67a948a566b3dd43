#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { EvenkeelError } from "../errors.js";
import { version } from "../version.js";
import { doctorCommand } from "./commands/doctor.js";
import { evaluateCommand } from "./commands/evaluate.js";
import { exportCommand } from "./commands/export.js";
import { foldCommand } from "./commands/fold.js";
import { inspectCommand } from "./commands/inspect.js";
import { predictCommand } from "./commands/predict.js";
import { recalibrateCommand } from "./commands/recalibrate.js";
import { repairCommand } from "./commands/repair.js";
import { studyCommand } from "./commands/study.js";
import { trainCommand } from "./commands/train.js";

/** Exit codes: bad input, and a command line that cannot be understood. */
const badInput = 1;
const misuse = 2;

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}

/** One line on stderr; the stack only with --debug, or when it is a defect of ours. */
function report(error: unknown, debug: boolean): void {
  process.stderr.write(`evenkeel: ${describe(error, debug)}\n`);
}

function describe(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return String(error);
  if (debug) return error.stack ?? error.message;
  if (error instanceof EvenkeelError) return error.message;
  if (!isFileError(error)) return error.stack ?? error.message;
  return `${error.path || error.syscall}: expected a place that can be used, got ${error.message}. Check its name and rights.`;
}

const program = new Command("evenkeel")
  .description("Train normalised neural networks, see whether normalisation does its job, and ship them.")
  .version(version)
  .option("--debug", "print the stack of an error")
  .showHelpAfterError("(evenkeel --help lists the commands and options)")
  .exitOverride();
const commands = [
  trainCommand,
  predictCommand,
  evaluateCommand,
  doctorCommand,
  inspectCommand,
  foldCommand,
  exportCommand,
  recalibrateCommand,
  repairCommand,
  studyCommand,
];
for (const command of commands.map((make) => make())) {
  program.addCommand(command.copyInheritedSettings(program));
}

// A reader that has gone, as in `evenkeel train … | head -1`, does not end a training run; any other failure to write does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") return;
  report(error, false);
  process.exit(badInput);
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : misuse;
  } else {
    report(error, program.opts()["debug"] === true);
    process.exitCode = badInput;
  }
}
