#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { version } from "../version.js";
import { onWarning } from "../warnings.js";
import { doctorCommand } from "./commands/doctor.js";
import { evaluateCommand } from "./commands/evaluate.js";
import { exportCommand } from "./commands/export.js";
import { foldCommand } from "./commands/fold.js";
import { inspectCommand } from "./commands/inspect.js";
import { playCommand } from "./commands/play.js";
import { predictCommand } from "./commands/predict.js";
import { recalibrateCommand } from "./commands/recalibrate.js";
import { repairCommand } from "./commands/repair.js";
import { studyCommand } from "./commands/study.js";
import { trainCommand } from "./commands/train.js";
import { describeError, withFlags } from "./print/error.js";
import { printWarning } from "./print/warning.js";

/** Exit codes: bad input, and a command line that cannot be understood. */
const badInput = 1;
const misuse = 2;

/** Where help is not shown on a terminal it has this many columns, so that each flag has one line. */
const plainColumns = 120;

const program = new Command("evenkeel")
  .description("Train normalised neural networks, see whether normalisation does its job, and ship them.")
  .version(version, "-V, --version", "print the version")
  .helpOption("-h, --help", "show this help")
  .helpCommand("help [command]", "show the help of a command")
  .option("--debug", "print the stack of an error")
  .showHelpAfterError("(evenkeel --help lists the commands and options)")
  .configureHelp({
    showGlobalOptions: true,
    subcommandTerm: (command) => `${command.name()} ${command.usage().replace("[options]", "").trim()}`,
  })
  .configureOutput({
    getOutHelpWidth: () => (process.stdout.isTTY ? process.stdout.columns : plainColumns),
  })
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
  playCommand,
];
for (const command of commands.map((make) => make())) {
  program.addCommand(command.copyInheritedSettings(program));
}

/** The command that runs: its flags are those that errors and warnings name. */
let running: Command = program;
program.hook("preSubcommand", (_, command) => {
  running = command;
  onWarning((message) => printWarning(withFlags(message, command)));
});

function report(error: unknown): void {
  process.stderr.write(`evenkeel: ${describeError(error, running, program.opts()["debug"] === true)}\n`);
}

// A reader that has gone, as in `evenkeel train … | head -1`, does not end a training run; any other failure to write does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") return;
  report(error);
  process.exit(badInput);
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : misuse;
  } else {
    report(error);
    process.exitCode = badInput;
  }
}
