import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { loadModel } from "evenkeel";
import { afterAll, describe, expect, test } from "vitest";
import { temporaryFolder, writeSmallImages } from "../support/idx-files.js";
import { twoHosts } from "../support/two-hosts.js";

const hasMpi = existsSync("/usr/bin/mpirun");
if (!hasMpi && process.env["CI"]) throw new Error("Open MPI is missing: apt-get install openmpi-bin libopenmpi-dev");

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** Runs the program of `test/support/mpi-program.js` on two ranks. */
const mpirun = (...args: string[]): Ended => onTwoRanks("test/support/mpi-program.js", ...args);

function onTwoRanks(program: string, ...args: string[]): Ended {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(
    "mpirun",
    ["--allow-run-as-root", "--oversubscribe", "-np", "2", process.execPath, resolve(program), ...args],
    { encoding: "utf8", env: { ...process.env, EVENKEEL_THREADS: "1" }, timeout: 120_000 },
  );
  return { code: status, stdout, stderr, seconds: (performance.now() - started) / 1000 };
}

function resultOf({ stdout, stderr }: Ended): Record<string, never> {
  const line = stdout.split("\n").find((one) => one.startsWith("RESULT "));
  if (line === undefined) throw new Error(`no result: ${stdout}${stderr}`);
  return JSON.parse(line.slice("RESULT ".length));
}

interface Trained {
  readonly losses: number[];
  readonly running: number[];
  readonly bytes: number;
  readonly stepBytes: number;
  readonly predicted: number;
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i])));
}

describe.skipIf(!hasMpi)("two ranks of mpirun (skipped where Open MPI is not installed)", () => {
  test("with two samples each make fewer mistakes where statistics are synchronised", () => {
    const args = ["--batches", "2", "--seeds", "1", "--samples", "1000", "--epochs", "2"];
    const { code, stdout, stderr } = onTwoRanks("bench/sync.js", ...args);
    expect(code, stderr).toBe(0);
    const { synchronised, separate } = JSON.parse(stdout) as Record<string, number[]>;
    expect(separate[0] - synchronised[0]).toBeGreaterThan(0.05);
  });

  test.each(["0,32,64", "0,40,64", "0,64,64"])(
    "with batches cut at %s follow one process of 64 over 50 steps",
    (cuts) => {
      const { synced, unsynced, one } = resultOf(mpirun("train", cuts)) as unknown as Record<string, Trained>;
      expect(one.losses[49]).toBeLessThan(0.8 * one.losses[0]);
      expect(distance(synced.losses, one.losses)).toBeLessThan(1e-5);
      expect(distance(synced.running, one.running)).toBeLessThan(1e-5);
      if (cuts !== "0,64,64") expect(distance(unsynced.losses, one.losses)).toBeGreaterThan(0.002);
      // The cost model is exact.
      expect(synced.stepBytes).toBe(synced.predicted);
      expect(unsynced.stepBytes).toBe(unsynced.predicted);
    },
  );

  test.each([
    ["SIGKILL", /expected every rank to live, got rank 1 ended|got the end of rank 1/],
    ["SIGSTOP", /expected every rank there within 2 s, got no answer from rank 1/],
    ["skip", /got rank 1 in collective \d+ \(BatchNorm\(4\) at 3, forward\)/],
  ])("%s of a rank ends the job in time, with one line that names it", (how, message) => {
    const { code, stderr, seconds } = mpirun("fail", how);
    expect(code).not.toBe(0);
    expect(
      stderr
        .split("\n")
        .filter((line) => line.startsWith("evenkeel: "))
        .join("\n"),
    ).toMatch(message);
    expect(seconds).toBeLessThan(30);
  });
});

describe.skipIf(!hasMpi)("evenkeel train under mpirun (skipped where Open MPI is not installed)", () => {
  const main = resolve("dist/cli/main.js");
  const environment = { ...process.env, EVENKEEL_THREADS: "1" };
  const onTwo = ["--allow-run-as-root", "--oversubscribe", "-np", "2", process.execPath, main];
  const flags = (data: string, out: string): string[] => [
    ...["train", "--data", data, "--epochs", "6", "--schedule", "constant", "--lr", "0.003", "--seed", "3"],
    ...["--batch-size", "24", "--no-report", "--checkpoint-every", "3", "--out", out],
  ];
  const lossesIn = (out: string): number[] =>
    readFileSync(join(out, "metrics.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).test.loss);

  test("follows one process; what two ranks began and one of them left by kill -9 goes on alone", async () => {
    const folder = temporaryFolder();
    const data = writeSmallImages(join(folder, "images"));
    const out = (name: string): string => join(folder, name);
    expect(spawnSync(process.execPath, [main, ...flags(data, out("one"))], { env: environment }).status).toBe(0);
    const { status, stdout } = spawnSync("mpirun", [...onTwo, ...flags(data, out("two"))], {
      env: environment,
      encoding: "utf8",
    });
    expect(status).toBe(0);
    expect(stdout).toContain("; 2 ranks");
    expect(distance(lossesIn(out("two")), lossesIn(out("one")))).toBeLessThan(1e-3);

    const job = spawn("mpirun", [...onTwo, ...flags(data, out("killed"))], { env: environment });
    let stderr = "";
    job.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const ended = new Promise<number | null>((done) => job.once("close", done));
    while (!existsSync(join(out("killed"), "checkpoint.safetensors"))) await new Promise((done) => setTimeout(done, 5));
    const ranks = spawnSync("pgrep", ["-P", String(job.pid)], { encoding: "utf8" })
      .stdout.trim()
      .split("\n");
    process.kill(Number(ranks[1]), "SIGKILL");
    expect(await ended).not.toBe(0);
    expect(stderr).toMatch(/expected every rank to live, got the end of rank 1/);
    const again = ["train", "--resume", "--data", data, "--out", out("killed")];
    const resumed = spawnSync(process.execPath, [main, ...again], { env: environment });
    expect(resumed.status).toBe(0);
    expect(distance(lossesIn(out("killed")), lossesIn(out("one")))).toBeLessThan(1e-3);
    rmSync(folder, { recursive: true });
  });
});

describe.skipIf(!hasMpi)("what evenkeel train does at the end (skipped where Open MPI is not installed)", () => {
  test.each([
    ["--recalibrate", "150"],
    ["--average", "ema=0.9"],
    ["--average", "swa=0.5", "--recalibrate", "150"],
  ])("is done by two ranks as by one process: %s %s", (...more) => {
    const folder = temporaryFolder();
    const data = writeSmallImages(join(folder, "images"));
    const main = resolve("dist/cli/main.js");
    const environment = { ...process.env, EVENKEEL_THREADS: "1" };
    const flags = (out: string): string[] => [
      ...["train", "--data", data, "--epochs", "4", "--seed", "3", "--lr", "0.003"],
      ...["--batch-size", "24", "--no-report", "--out", join(folder, out), ...more],
    ];
    const one = spawnSync(process.execPath, [main, ...flags("one")], { env: environment, encoding: "utf8" });
    expect(one.status, one.stderr).toBe(0);
    const two = spawnSync(
      "mpirun",
      ["--allow-run-as-root", "--oversubscribe", "-np", "2", process.execPath, main, ...flags("two")],
      { env: environment, encoding: "utf8", timeout: 120_000 },
    );
    expect(two.status, two.stderr).toBe(0);
    const stateOf = (out: string): [string, number[]][] => {
      const { model } = loadModel(readFileSync(join(folder, out, "model.safetensors")));
      return Object.entries(model.stateDict()).map(([name, t]) => [name, [...t.dataSync()]]);
    };
    const [mine, theirs] = [stateOf("one"), stateOf("two")];
    for (const [k, [name, values]] of mine.entries()) expect(distance(values, theirs[k][1]), name).toBeLessThan(1e-3);
    expect(two.stdout.trim().split("\n").at(-1)).toBe(one.stdout.trim().split("\n").at(-1));
    rmSync(folder, { recursive: true });
  });
});

describe.skipIf(!hasMpi)("ranks that were started differently (skipped where Open MPI is not installed)", () => {
  const main = resolve("dist/cli/main.js");
  const environment = { ...process.env, EVENKEEL_THREADS: "1" };
  const rank = (...flags: string[]): string[] => ["-np", "1", process.execPath, main, "train", ...flags];

  test("say which flags of which rank differ, and train nothing", () => {
    const folder = temporaryFolder();
    const data = writeSmallImages(join(folder, "images"));
    const out = join(folder, "out");
    const both = ["--data", data, "--epochs", "1", "--out", out];
    const { status, stderr } = spawnSync(
      "mpirun",
      ["--allow-run-as-root", "--oversubscribe", ...rank(...both), ":", ...rank(...both, "--lr", "0.5", "--no-report")],
      { env: environment, encoding: "utf8", timeout: 120_000 },
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain(
      "evenkeel: evenkeel train, under mpirun: expected the same flags on every rank as on rank 0, got another value of --lr on rank 1; " +
        "--no-report on rank 1. Start every rank with the same flags.\n",
    );
    expect(existsSync(out)).toBe(false);
    rmSync(folder, { recursive: true });
  });

  test("say that their data differ", () => {
    const folder = temporaryFolder();
    const hosts = ["one", "two"].map((name, k) => {
      writeSmallImages(join(folder, name, "images"), { train: 240 - 24 * k });
      return ["-wdir", join(folder, name), ...rank("--data", "images", "--epochs", "1", "--out", "out")];
    });
    const { status, stderr } = spawnSync(
      "mpirun",
      ["--allow-run-as-root", "--oversubscribe", ...hosts[0], ":", ...hosts[1]],
      { env: environment, encoding: "utf8", timeout: 120_000 },
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain(
      "expected the same data and network on every rank as on rank 0, got another value of data on rank 1. ",
    );
    rmSync(folder, { recursive: true });
  });
});

const hosts = hasMpi ? twoHosts("evk") : null;
if (hosts === null && process.env["CI"]) throw new Error("Network name spaces are not permitted here: run as root");

describe.skipIf(hosts === null)("two hosts, joined by a cable (skipped where name spaces are not permitted)", () => {
  const program = resolve("test/support/mpi-program.js");
  const { run, mpiArguments, pullCable, bytesSent, close } = hosts ?? ({} as NonNullable<typeof hosts>);
  const environment = { ...process.env, EVENKEEL_THREADS: "1" };
  afterAll(() => close?.());

  test("exchange what the cost model says, to the byte, and little more goes over the cable", () => {
    const before = bytesSent();
    const steps = 200;
    const { stdout, stderr } = run(
      "mpirun",
      [...mpiArguments, process.execPath, program, "traffic", String(steps)],
      environment,
    );
    const { perStep, predicted } = resultOf({ stdout: String(stdout), stderr: String(stderr), code: 0, seconds: 0 });
    expect(perStep).toBe(predicted);
    // Ethernet, IP and TCP headers are 66 bytes of each 1,514; what comes before and after the steps is small.
    const sent = bytesSent() - before;
    expect(sent).toBeGreaterThan(0.98 * steps * predicted);
    expect(sent).toBeLessThan(1.12 * steps * predicted);
  });

  test("a pulled cable ends the job in time, with a line that names who is out of reach", async () => {
    const job = spawn(
      "ip",
      ["netns", "exec", "evka", "mpirun", ...mpiArguments, process.execPath, program, "traffic", "1000000"],
      {
        env: environment,
      },
    );
    let said = "";
    for (const stream of [job.stdout, job.stderr]) {
      stream.on("data", (chunk) => {
        said += chunk;
      });
    }
    const ended = new Promise((done) => job.once("close", done));
    const before = bytesSent();
    while (bytesSent() - before < 3e6) await new Promise((done) => setTimeout(done, 100));
    const [command, ...args] = pullCable;
    spawnSync(command, args);
    const pulled = performance.now();
    // mpirun cannot end what it cannot reach: here it is quicker to notice than the ranks, whose deadline is 5 s.
    const hung = setTimeout(() => job.kill("SIGKILL"), 60_000);
    await ended;
    clearTimeout(hung);
    expect(said).toMatch(/lost communication with a remote daemon|got no answer from rank 1/);
    expect((performance.now() - pulled) / 1000).toBeLessThan(40);
  });
});
