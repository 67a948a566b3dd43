#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { nearest } from "../nearest.js";
import { version } from "../version.js";
import { onWarning } from "../warnings.js";
import type { CommandName } from "./commands/command-list.js";
import { bareCommand } from "./flags/flag.js";
import { describeError, withFlags } from "./print/error.js";
import { printWarning } from "./print/warning.js";

/** Exit codes: bad input, and a command line that cannot be understood. */
const badInput = 1;
const misuse = 2;

/** Where help is not shown on a terminal it has this many columns, so that each flag has one line. */
const plainColumns = 120;

/** What a newcomer types first. */
const examples = ["train --data flowers.csv --out runs/flowers", "predict runs/flowers new.csv", "train --help"];

const program = new Command("evenkeel")
  .description("Train normalised neural networks, see whether normalisation does its job, and ship them.")
  .version(version, "-V, --version", "print the version")
  .helpOption("-h, --help", "show this help")
  .helpCommand(false)
  .option("--debug", "print the stack of an error")
  .addHelpText("after", `\nExamples:${examples.map((line) => `\n  $ evenkeel ${line}`).join("")}`)
  .showHelpAfterError("(evenkeel --help lists the commands and options)")
  .configureHelp({
    showGlobalOptions: true,
    subcommandTerm: (command) => `${command.name()} ${command.usage().replace("[options]", "").trim()}`,
  })
  .configureOutput({
    getOutHelpWidth: () => (process.stdout.isTTY ? process.stdout.columns : plainColumns),
  })
  .exitOverride();
/** Each command in a module of its own, which is loaded where it is asked for: the list of commands needs none. */
const commands: Readonly<Record<CommandName, () => Promise<Command>>> = {
  train: async () => (await import("./commands/train.js")).trainCommand(),
  predict: async () => (await import("./commands/predict.js")).predictCommand(),
  evaluate: async () => (await import("./commands/evaluate.js")).evaluateCommand(),
  doctor: async () => (await import("./commands/doctor.js")).doctorCommand(),
  inspect: async () => (await import("./commands/inspect.js")).inspectCommand(),
  fold: async () => (await import("./commands/fold.js")).foldCommand(),
  export: async () => (await import("./commands/export.js")).exportCommand(),
  recalibrate: async () => (await import("./commands/recalibrate.js")).recalibrateCommand(),
  repair: async () => (await import("./commands/repair.js")).repairCommand(),
  study: async () => (await import("./commands/study.js")).studyCommand(),
  play: async () => (await import("./commands/play.js")).playCommand(),
  selftest: async () => (await import("./commands/selftest.js")).selftestCommand(),
};
const given = new Set(process.argv.slice(2));
for (const name of Object.keys(commands) as CommandName[]) {
  const command = given.has(name) ? await commands[name]() : bareCommand(name);
  command.copyInheritedSettings(program).showHelpAfterError(`(evenkeel ${name} --help lists its flags, with examples)`);
  program.addCommand(command);
}
/** Ends with an error if `name` is no command. Commander's own help would answer it with the list of all commands. */
function commandOf(name: string): Command {
  const named = program.commands.find((command) => command.name() === name);
  if (named !== undefined) return named;
  const near = nearest(name, Object.keys(commands));
  return program.error(`error: unknown command '${name}'${near === null ? "" : `\n(Did you mean ${near}?)`}`);
}
program
  .command("help [command]")
  .description("show the help of a command")
  .helpOption("-h, --help", "show this help")
  .action((name?: string) => (name === undefined ? program : commandOf(name)).help());
program.on("beforeHelp", () => {
  const [name = "-"] = program.args;
  if (!name.startsWith("-")) commandOf(name);
});

/** The command that runs: its flags are those that errors and warnings name. */
let running: Command = program;
program.hook("preSubcommand", (_, command) => {
  running = command;
  onWarning((message) => printWarning(withFlags(message, command)));
});

function report(error: unknown): void {
  process.stderr.write(`evenkeel: ${describeError(error, running, program.opts()["debug"] === true)}\n`);
}

// A reader that has gone, as in `evenkeel train … | head -1`, does not end a training run; any other failure to write
// does.
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
