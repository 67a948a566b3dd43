import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CommandResult } from "./command.js";

/** A command under way. */
export interface Started {
  readonly child: ChildProcess;
  /** Resolves when what it has said so far contains a text. */
  says(text: string): Promise<void>;
  readonly ended: Promise<CommandResult & { readonly signal: NodeJS.Signals | null }>;
}

/** Starts the built command line in a folder. */
export function start(folder: string, args: readonly string[], nodeOptions: readonly string[] = []): Started {
  const main = resolve("dist/cli/main.js");
  const child = spawn(process.execPath, [...nodeOptions, main, ...args], { cwd: folder });
  const said = { stdout: "", stderr: "" };
  const waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].on("data", (chunk) => {
      said[stream] += chunk;
      for (const { text, resolve } of waiting) if (said[stream].includes(text)) resolve();
    });
  }
  return {
    child,
    says: (text) => new Promise((resolve) => waiting.push({ text, resolve })),
    ended: new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, ...said }))),
  };
}

/**
 * SHA-256 of what a run has left: its model, its metrics without times, and its history, if it was to write a report.
 */
export function digest(run: string): Readonly<Record<"model" | "metrics" | "history", string | null>> {
  const sha = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");
  const history = join(run, "history.jsonl");
  const metrics = readFileSync(join(run, "metrics.jsonl"), "utf8").replaceAll(/"seconds":[\d.e-]+,?/g, "");
  return {
    model: sha(readFileSync(join(run, "model.safetensors"))),
    metrics: sha(metrics),
    history: existsSync(history) ? sha(readFileSync(history)) : null,
  };
}
