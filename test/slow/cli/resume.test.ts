import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describeCheckpoint } from "evenkeel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evenkeelIn } from "../../support/command.js";
import { temporaryFolder, writeSmallImages } from "../../support/idx-files.js";
import { digest, start } from "../../support/runs.js";
import { eventsIn } from "../../support/tensorboard-events.js";

let folder = "";
beforeAll(() => {
  folder = temporaryFolder();
  writeSmallImages(join(folder, "images"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const flags = "train --data images --model mlp --batch-size 16 --norm-momentum 0.9 --seed 5".split(" ");
const run = (...more: string[]) => start(folder, [...flags, ...more]);
const evenkeel = (line: string) => evenkeelIn(folder, ...line.split(" "));

describe("evenkeel train --resume", () => {
  test("goes on after Ctrl-C or SIGTERM to what a run that never stopped gives", async () => {
    const whole = run("--epochs", "30", "--augment", "shift=1,noise=0.1", "--out", "whole");
    expect((await whole.ended).code).toBe(0);
    for (const [signal, expected] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) {
      const out = `stopped-${expected}`;
      const stopped = run("--epochs", "30", "--augment", "shift=1,noise=0.1", "--out", out);
      await stopped.says("epoch 3/30");
      stopped.child.kill(signal);
      const { code, stderr } = await stopped.ended;
      expect(code).toBe(expected);
      expect(stderr).toMatch(
        new RegExp(
          `^evenkeel: interrupted in epoch \\d+/30, after step \\d+\\. Go on with: evenkeel train --resume --out ${out}\n$`,
        ),
      );
      expect(readdirSync(join(folder, out)).sort()).toEqual([
        "checkpoint.safetensors",
        "history.jsonl",
        "metrics.jsonl",
        "report.html",
      ]);
      const { step } = describeCheckpoint(readFileSync(join(folder, out, "checkpoint.safetensors")));
      expect(stderr).toContain(`step ${step}.`);
      // What was written after the checkpoint is cut off.
      writeFileSync(join(folder, out, "metrics.jsonl"), "torn", { flag: "a" });
      const resumed = evenkeel(`train --resume --out ${out} --threads 1`);
      expect([resumed.code, resumed.stderr]).toEqual([0, ""]);
      expect(resumed.stdout).toContain(`after step ${step}\n`);
      expect(digest(join(folder, out))).toEqual(digest(join(folder, "whole")));
      expect(readdirSync(join(folder, out)).sort()).toEqual([
        "history.jsonl",
        "metrics.jsonl",
        "model.safetensors",
        "report.html",
      ]);
    }
  });

  test("goes on after kills with all that goes along", async () => {
    const rows = Array.from({ length: 160 }, (_, k) => `${k % 7},${(k * k) % 11},${k % 7 > 4 ? "high" : "low"}`);
    writeFileSync(join(folder, "kinds.csv"), `a,b,kind\n${rows.join("\n")}\n`);
    const more = [
      ..."train --data kinds.csv --batch-size 16 --norm-momentum 0.9 --seed 5 --epochs 14".split(" "),
      ..."--optimizer lamb --lr-of norm=0.5 --accumulate 2 --schedule plateau --early-stopping 9".split(" "),
      ..."--average ema=0.9 --mixup 0.3 --label-smoothing 0.1 --class-weights balanced --adaptive-clip 0.1".split(" "),
      ..."--metrics f1,auc --monitor auc --log tensorboard --checkpoint-every 1 --no-report".split(" "),
    ];
    expect((await start(folder, [...more, "--out", "all"]).ended).code).toBe(0);
    const killed = start(folder, [...more, "--out", "killed"]);
    for (const [k, process] of [killed, null, null].entries()) {
      const current = process ?? start(folder, "train --resume --out killed".split(" "));
      await current.says(`epoch ${3 * k + 2}/14`);
      current.child.kill("SIGKILL");
      expect((await current.ended).signal).toBe("SIGKILL");
    }
    const { code, stderr } = evenkeel("train --resume --out killed");
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^evenkeel: warning: killed: the last run here ended without releasing it\n$/),
    ]);
    expect(digest(join(folder, "killed"))).toEqual(digest(join(folder, "all")));
    // It began without a report, which nobody had to say again.
    expect(existsSync(join(folder, "killed", "report.html"))).toBe(false);
    const eventsOf = (name: string) =>
      eventsIn(readFileSync(join(folder, name, "events.out.tfevents.evenkeel"))).map(({ wallTime, ...event }) => event);
    expect(eventsOf("killed")).toEqual(eventsOf("all"));
  });

  test("stops at once at the second Ctrl-C", async () => {
    const library = pathToFileURL(resolve("dist/index.js")).href;
    writeFileSync(
      join(folder, "slow.mjs"),
      `import { Flatten, Linear, Sequential } from ${JSON.stringify(library)};
      class Slow extends Flatten {
        forward(x) {
          for (const begun = performance.now(); performance.now() - begun < 700; ) {}
          return super.forward(x);
        }
      }
      export default ({ classes }) => new Sequential(new Slow(), new Linear(64, classes));`,
    );
    const slow = start(folder, ["train", "--data", "images", "--model", "./slow.mjs", "--out", "slow"]);
    await slow.says("images");
    await new Promise((resolve) => setTimeout(resolve, 300));
    slow.child.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 100));
    slow.child.kill("SIGINT");
    const { code, stderr } = await slow.ended;
    expect([code, stderr]).toEqual([130, ""]);
    expect(existsSync(join(folder, "slow"))).toBe(false);
  });

  test("one run has a folder at a time; that of a killed one is free again", async () => {
    const first = run("--epochs", "100000", "--out", "shared", "--checkpoint-every", "1");
    await first.says("epoch 2/");
    const second = evenkeel("train --data images --out shared");
    expect(second.code).toBe(1);
    expect(second.stderr.replace(/process \d+ on \S+\./, "process PID on HOST.")).toMatchInlineSnapshot(`
      "evenkeel: shared/run.lock: expected no other run in this folder, got process PID on HOST. Wait for it, or choose another folder.
      "
    `);
    first.child.kill("SIGKILL");
    await first.ended;
    expect(existsSync(join(folder, "shared", "run.lock"))).toBe(true);
    const changed = evenkeel("train --resume --out shared --lr 0.5 --epochs 7 --batch-size 16");
    expect(changed.code).toBe(1);
    expect(changed.stderr).toMatchInlineSnapshot(`
      "evenkeel: warning: shared: the last run here ended without releasing it
      evenkeel: evenkeel train --resume --out shared: expected the flags with which the run began, got --epochs 7 (was 100000), --lr 0.5 (was 0.01). Leave them out, or begin another run in another --out. (--threads, --backend, --checkpoint-every and the place of --data may change; --epochs with --schedule constant only, since the others plan for its end.)
      "
    `);
    const third = run("--epochs", "1", "--out", "shared");
    const { code, stderr } = await third.ended;
    expect(code).toBe(0);
    expect(stderr).toMatchInlineSnapshot(`
      "evenkeel: warning: shared holds an unfinished run, which this one replaces as soon as it has something to save
      "
    `);
    expect(readdirSync(join(folder, "shared")).sort()).toEqual([
      "history.jsonl",
      "metrics.jsonl",
      "model.safetensors",
      "report.html",
    ]);
    const over = run("--epochs", "100000", "--out", "shared");
    await over.says("epoch 1/");
    over.child.kill("SIGINT");
    await over.ended;
    expect(readdirSync(join(folder, "shared")).sort()).toEqual([
      "checkpoint.safetensors",
      "history.jsonl",
      "metrics.jsonl",
      "report.html",
    ]);
  });

  test("says what there is to resume, and what not", async () => {
    expect((await run("--epochs", "1", "--out", "done", "--schedule", "constant").ended).code).toBe(0);
    const answers = [
      "train --resume --out done",
      "train --resume --out done --seed 6",
      "train --resume --out nowhere",
      "train --resume",
      "train --data images --checkpoint-every often",
    ].map((line) => {
      const { code, stdout, stderr } = evenkeel(line);
      return `${code}: ${stdout}${stderr}`;
    });
    expect(answers).toMatchInlineSnapshot(`
      [
        "0: done: this run is finished; there is nothing to resume
      ",
        "1: evenkeel: evenkeel train --resume --out done: expected the flags with which the run began, got --seed 6 (was 5). Leave them out, or begin another run in another --out. (--threads, --backend, --checkpoint-every and the place of --data may change; --epochs with --schedule constant only, since the others plan for its end.)
      ",
        "2: error: no run in nowhere to resume, and no --data to start one
      (evenkeel train --help lists its flags, with examples)
      ",
        "2: error: required option '--out <folder>' not specified
      (evenkeel train --help lists its flags, with examples)
      ",
        "1: evenkeel: --checkpoint-every: expected a number of steps such as 500, or a time such as 30s or 5min, got often. Pass one of these.
      ",
      ]
    `);
    expect(existsSync(join(folder, "nowhere"))).toBe(false);
    const begun = start(folder, [...flags, "--epochs", "1", "--resume", "--out", "begun"]);
    const { code, stderr } = await begun.ended;
    expect(code).toBe(0);
    expect(stderr).toContain("evenkeel: warning: begun: no run to resume; starting one\n");
  });

  test("a run that diverges keeps a finite checkpoint, and says how to go on", async () => {
    const { code, stderr } = evenkeel(
      "train --data images --lr 1e30 --optimizer sgd --schedule constant --norm none --seed 1 --out bad --checkpoint-every 1",
    );
    expect(code).toBe(1);
    expect(stderr).toMatchInlineSnapshot(`
      "evenkeel: fit(model, data), step 1: expected a finite loss, finite gradients and a step that fits float32, got a loss of NaN; the first layer whose output is not finite is 3: Conv2d(16, 32, 3). Lower the learning rate (now 1e+30), clip gradients, or look for non-finite values in the data. The checkpoint of step 1 in bad is finite: begin again with other flags, or go on from it in code with another schedule, fit(model, data, { checkpoint: { from } }).
      "
    `);
  });

  test("refuses other data, and a damaged checkpoint, which stays as it is", async () => {
    const stopped = run("--epochs", "1000", "--out", "moved");
    await stopped.says("epoch 1/");
    stopped.child.kill("SIGINT");
    await stopped.ended;
    writeSmallImages(join(folder, "others"), { train: 200 });
    const others = evenkeel("train --resume --out moved --data others");
    const file = join(folder, "moved", "checkpoint.safetensors");
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(file, bytes);
    const damaged = evenkeel("train --resume --out moved");
    expect([others.code, damaged.code]).toEqual([1, 1]);
    expect([others.stderr, damaged.stderr.replaceAll(/[\da-f]{8}/g, "CRC")]).toMatchInlineSnapshot(`
      [
        "evenkeel: evenkeel train --resume: expected the data and the network with which the run began, got others: data. Put them back as they were, or begin another run in another --out.
      ",
        "evenkeel: checkpoint: expected a whole checkpoint, got one that is cut short or changed (CRC-32 CRC, not CRC). Use an older copy, or start anew.
      ",
      ]
    `);
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });
});
