import type { Command } from "commander";
import { command, type FlagsOf, flag, withDefault } from "../flags/flag.js";
import { count } from "../flags/parsers.js";

const flags = [
  withDefault(
    flag("--port <n>", { group: "Output", help: "port on this machine; 0 takes a free one", parse: count(0) }),
    4173,
  ),
] as const;

/** What the command line of `evenkeel play` says. */
export type PlayFlags = FlagsOf<typeof flags>;

/** `evenkeel play` */
export function playCommand(): Command {
  return command("play", {
    flags,
    examples: ["evenkeel play", "evenkeel play --port 8080"],
    action: async () => (await import("../actions/play.js")).play,
  });
}
