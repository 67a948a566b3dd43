// Two hosts on one machine, network name spaces joined by a cable: what collectives take between them, and an epoch of
// training.
//
//     node bench/two-hosts.js     (as root, with Open MPI and iproute2)
//
// Prints what `bench/collectives.js` prints, and of the epoch its summary, its seconds and the bytes sent over the
// cable.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { twoHosts } from "../test/support/two-hosts.js";

const hosts = twoHosts("evkbench");
if (hosts === null) throw new Error("two-hosts: expected leave to make network name spaces. Run it as root.");
const { run, mpiArguments, bytesSent, close } = hosts;
const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const environment = { ...process.env, EVENKEEL_THREADS: "1" };

/** Runs a program on both hosts and gives what it printed. */
function onBoth(...args) {
  const { status, stdout, stderr } = run("mpirun", [...mpiArguments, process.execPath, ...args], environment);
  if (status !== 0) throw new Error(`two-hosts: expected ${args[0]} to end with 0, got ${status}: ${stderr}`);
  return stdout.trim();
}

const out = mkdtempSync(join(tmpdir(), "evenkeel-two-hosts-"));
try {
  console.log(onBoth(file("collectives.js")));
  const [start, before] = [performance.now(), bytesSent()];
  const flags = ["--data", "mnist", "--epochs", "1", "--seed", "1", "--no-report", "--out", join(out, "run")];
  const said = onBoth(file("../dist/cli/main.js"), "train", ...flags);
  // mpirun gives its ranks a terminal, so the progress bar is there too.
  console.log(said.match(/epoch 1\/1: loss.*/)?.[0]);
  const seconds = (performance.now() - start) / 1000;
  console.log(JSON.stringify({ seconds, bytesSent: bytesSent() - before }));
} finally {
  rmSync(out, { recursive: true });
  close();
}
