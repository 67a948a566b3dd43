import type { Command } from "commander";
import { EvenkeelError } from "../../errors.js";
import { FlagOption } from "../flags/flag.js";

/**
 * What to say of an error: one line.
 *
 * @param command - the one that ran, whose flags are the options that the library's messages name
 * @param debug - with the stack
 */
export function describeError(error: unknown, command: Command, debug: boolean): string {
  if (!(error instanceof Error)) return String(error);
  const message = oneLine(error instanceof EvenkeelError ? inFlags(error, command) : messageOf(error));
  return debug ? `${message}\n${error.stack}` : message;
}

function messageOf(error: Error): string {
  if (isFileError(error)) {
    const where = error.path || error.syscall;
    return `${where}: expected a place that can be used, got ${error.message}. Check the path and its permissions.`;
  }
  return `a defect of Evenkeel, or of a module that it ran: ${error.name}: ${error.message}. --debug prints its stack.`;
}

function isFileError(error: Error): error is NodeJS.ErrnoException & { readonly syscall: string } {
  return "syscall" in error;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ");
}

/** Calls, which are the library's own language, or an option: `{ split }`, `{ split: [0.7, 0.3] }`. */
const callsAndOptions = /\w\((?:[^()]|\([^()]*\))*\)|\{ (\w+)(?:: (\{[^{}]*\}|[^{}]*))? \}/g;
/** The option of a call, which is where an error arose: `loadData(people.csv, { split })`. */
const optionOfCall = /^[\w.]+\((?:.*, )?\{ (\w+) \}\)/;

/**
 * An error's message, in which the options of the library are the flags that set them, as far as the command has these.
 */
function inFlags({ where, expected, received, cure }: EvenkeelError, command: Command): string {
  const place = where.replace(optionOfCall, (call, name: string) => spell(command, call, name));
  return `${place}: expected ${withFlags(expected, command)}, got ${received}. ${withFlags(cure, command)}`;
}

/** A text of the library, with a command's flags for the options that they set. */
export function withFlags(text: string, command: Command): string {
  return text.replaceAll(callsAndOptions, (written, name?: string, value?: string) =>
    spell(command, written, name, value),
  );
}

function spell(command: Command, written: string, name: string | undefined, value?: string): string {
  for (const option of command.options) {
    if (option instanceof FlagOption && option.flag.option === name) return spelt(option, value);
  }
  return written;
}

function spelt({ long, required: takesValue, flag: { spell } }: FlagOption, value: string | undefined): string {
  return takesValue && value !== undefined ? `${long} ${spell(value)}` : `${long}`;
}
