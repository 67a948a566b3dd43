import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** What a program of Node loads, each once, and its exit code. */
export function loadsOf(...args: string[]): { readonly code: number | null; readonly loads: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-loads-"));
  const list = join(folder, "loads");
  try {
    const hook = pathToFileURL(resolve("test/support/list-loads.js")).href;
    const env = { ...process.env, LOADS: list };
    const { status } = spawnSync(process.execPath, ["--import", hook, ...args], { env });
    const urls = readFileSync(list, "utf8").split("\n");
    return { code: status, loads: [...new Set(urls)].filter((url) => url !== "") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
