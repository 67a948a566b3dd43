import type { Command } from "commander";
import { command, type FlagsOf } from "../flags/flag.js";
import { initializersAreConstant } from "../flags/foreign-flags.js";
import { model } from "../flags/model-flags.js";
import { json } from "../flags/output-flags.js";

const flags = [model, initializersAreConstant, json] as const;

/** What the command line of `evenkeel inspect` says. */
export type InspectFlags = FlagsOf<typeof flags>;

/** `evenkeel inspect` */
export function inspectCommand(): Command {
  return command("inspect", {
    flags,
    examples: ["evenkeel inspect runs/mnist", "evenkeel inspect model.onnx --json", "evenkeel inspect model.keras"],
    action: async () => (await import("../actions/inspect.js")).inspect,
  });
}
