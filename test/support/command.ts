import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

/** What a command did. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line in a folder, whose name is taken out of what it says. */
export function evenkeelIn(folder: string, ...args: string[]): CommandResult {
  const main = resolve("dist/cli/main.js");
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: "utf8" });
  const clean = (text: string): string => text.replaceAll(folder, "FOLDER");
  return { code: status, stdout: clean(stdout), stderr: clean(stderr) };
}
