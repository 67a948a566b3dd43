import type { Command } from "commander";
import { command, type FlagsOf, flag, withDefault } from "../flags/flag.js";
import { json } from "../flags/output-flags.js";
import { oneOf } from "../flags/parsers.js";

const flags = [
  withDefault(
    flag("--backend <name>", {
      group: "Model",
      help: "backend to test: webgpu",
      parse: oneOf<"webgpu">(["webgpu"]),
    }),
    "webgpu",
  ),
  { ...json, help: "print the report as JSON, to be attached to an issue" },
] as const;

/** What the command line of `evenkeel selftest` says. */
export type SelftestFlags = FlagsOf<typeof flags>;

/** `evenkeel selftest` */
export function selftestCommand(): Command {
  return command("selftest", {
    flags,
    examples: ["evenkeel selftest --backend webgpu", "evenkeel selftest --backend webgpu --json > report.json"],
    action: async () => (await import("../actions/selftest.js")).selftest,
  });
}
