import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describeCheckpoint, Generator } from "evenkeel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder, writeSmallImages } from "../support/idx-files.js";
import { npyBytes, npzBytes } from "../support/npy-files.js";
import { digest, start } from "../support/runs.js";

let folder = "";
beforeAll(() => {
  folder = temporaryFolder();
  writeSmallImages(join(folder, "images"));
  const generator = new Generator(4);
  const labels = Uint8Array.from({ length: 200 }, () => generator.below(3));
  const pixels = Uint8Array.from({ length: 64 * labels.length }, (_, k) => {
    const isLit = ((k >> 3) & 7) === 2 * labels[k >> 6] + 1;
    return (isLit ? 100 : 0) + generator.below(150);
  });
  const arrays = {
    x: npyBytes("|u1", [labels.length, 1, 8, 8], pixels),
    y: npyBytes("|u1", [labels.length], labels),
  };
  writeFileSync(join(folder, "all.npz"), npzBytes(arrays));
  const library = pathToFileURL(resolve("dist/index.js")).href;
  writeFileSync(
    join(folder, "net.mjs"),
    `import { BatchNorm, Dropout, Flatten, Linear, ReLU, Sequential } from ${JSON.stringify(library)};
    export default ({ classes }) => new Sequential(new Flatten(), new Linear(64, 24), new BatchNorm(24), new ReLU(),
      new Dropout(0.3), new Linear(24, classes));`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** 50 for CI; `KILLS=1000 npx vitest run --config vitest.slow.config.ts test/slow/kill.test.ts` tries more moments. */
const KILLS = Number(process.env["KILLS"] ?? 50);

/** Of each of two optimisers, with all other options at once; `KILLS_OF_ALL=20` tries more moments. */
const KILLS_OF_ALL = Number(process.env["KILLS_OF_ALL"] ?? 2);

const flags = (epochs: number) =>
  `train --data images --model ./net.mjs --batch-size 16 --seed 7 --schedule one-cycle --augment shift=1,noise=0.1 --epochs ${epochs}`.split(
    " ",
  );

describe("a run", () => {
  test(`that is killed at ${KILLS} moments gives the same files as one that never was killed`, async () => {
    expect((await start(folder, [...flags(40), "--out", "whole"]).ended).code).toBe(0);
    const expected = digest(join(folder, "whole"));
    const generator = new Generator(2026 + KILLS);
    let kills = 0;
    let tornWrites = 0;
    for (let chain = 0; kills < KILLS; chain++) {
      const out = `chain-${chain}`;
      let isDone = false;
      while (!isDone) {
        const run = start(folder, [...flags(40), "--checkpoint-every", "1", "--resume", "--out", out]);
        if (kills < KILLS) {
          // Most moments lie in training, some in what comes before it.
          if (generator.uniform() < 0.85) await Promise.race([run.says("seed 7"), run.ended]);
          const timer = setTimeout(() => run.child.kill("SIGKILL"), generator.uniform(0, 400));
          await run.ended;
          clearTimeout(timer);
        }
        const { code, signal, stderr } = await run.ended;
        if (signal === "SIGKILL") {
          kills++;
          if (
            existsSync(join(folder, out)) &&
            readdirSync(join(folder, out)).some((name) => name.startsWith("checkpoint.") && name.endsWith(".part"))
          )
            tornWrites++;
        } else {
          expect(code, stderr).toBe(0);
          isDone = true;
        }
      }
      expect(digest(join(folder, out))).toEqual(expected);
      expect(readdirSync(join(folder, out)).sort()).toEqual([
        "history.jsonl",
        "metrics.jsonl",
        "model.safetensors",
        "report.html",
      ]);
    }
    expect(tornWrites).toBeGreaterThan(0);
  });

  test.each(["lamb", "lion"])(
    `with all that a training can have, by %s, killed at ${KILLS_OF_ALL} moments, gives the same files`,
    async (optimizer) => {
      const all = [
        ...`train --data all.npz --model ./net.mjs --batch-size 8 --seed 7 --epochs 12 --optimizer ${optimizer}`.split(
          " ",
        ),
        ..."--split 0.6,0.2,0.2 --augment shift=1,noise=0.1 --mixup 0.3 --label-smoothing 0.1".split(" "),
        ..."--class-weights balanced --lr-of norm=0.5,bias=2 --weight-decay 0.01 --accumulate 3 --clip-norm 1".split(
          " ",
        ),
        ..."--schedule plateau --early-stopping 11 --metrics f1,auc --monitor f1 --average ema=0.9".split(" "),
        ..."--recalibrate 64 --log tensorboard".split(" "),
      ];
      const whole = await start(folder, [...all, "--out", `all-${optimizer}`]).ended;
      expect(whole.code, whole.stderr).toBe(0);
      const expected = digest(join(folder, `all-${optimizer}`));
      const generator = new Generator(31 + KILLS_OF_ALL);
      let kills = 0;
      for (let chain = 0; kills < KILLS_OF_ALL; chain++) {
        const out = `all-${optimizer}-${chain}`;
        for (let isDone = false; !isDone; ) {
          const run = start(folder, [...all, "--checkpoint-every", "1", "--resume", "--out", out]);
          if (kills < KILLS_OF_ALL) {
            await Promise.race([run.says("seed 7"), run.ended]);
            const timer = setTimeout(() => run.child.kill("SIGKILL"), generator.uniform(0, 600));
            await run.ended;
            clearTimeout(timer);
          }
          const { code, signal, stderr } = await run.ended;
          if (signal === "SIGKILL") kills++;
          else {
            expect(code, stderr).toBe(0);
            isDone = true;
          }
        }
        expect(digest(join(folder, out))).toEqual(expected);
      }
    },
  );

  test("whose disk is full at any write says so, keeps its checkpoint, and goes on from it", async () => {
    expect((await start(folder, [...flags(3), "--no-report", "--out", "roomy"]).ended).code).toBe(0);
    const expected = digest(join(folder, "roomy"));
    const stopped = start(folder, [...flags(3), "--no-report", "--out", "stopped", "--checkpoint-every", "10"]);
    await stopped.says("epoch 1/3");
    stopped.child.kill("SIGKILL");
    await stopped.ended;
    // Every write counts; the one whose turn it is gets half of its bytes to the disk.
    const full = join(folder, "full.mjs");
    writeFileSync(
      full,
      `import fs from "node:fs";
      import { syncBuiltinESMExports } from "node:module";
      let left = Number(process.env.FULL_AT);
      const { writeFileSync, writeSync } = fs;
      const failIfFull = (writeHalf) => {
        if (--left !== 0) return;
        writeHalf();
        throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
      };
      fs.writeFileSync = (file, content, ...rest) => {
        failIfFull(() => writeFileSync(file, content.slice(0, content.length >> 1), ...rest));
        return writeFileSync(file, content, ...rest);
      };
      fs.writeSync = (file, bytes, start, length, at) => {
        failIfFull(() => writeSync(file, bytes, start, length >> 1, at));
        return writeSync(file, bytes, start, length, at);
      };
      syncBuiltinESMExports();`,
    );
    let failures = 0;
    for (let isDone = false; !isDone; ) {
      const out = `full-${failures + 1}`;
      cpSync(join(folder, "stopped"), join(folder, out), { recursive: true });
      process.env["FULL_AT"] = String(failures + 1);
      const resumed = start(
        folder,
        ["train", "--resume", "--model", "./net.mjs", "--no-report", "--out", out, "--checkpoint-every", "10"],
        ["--import", full],
      );
      const { code, stderr } = await resumed.ended;
      if (code === 0) {
        isDone = true;
      } else {
        failures++;
        expect(code, stderr).toBe(1);
        expect(stderr).toMatch(/^(evenkeel: warning: .*\n)*evenkeel: .*ENOSPC: no space left on device, write.*\n$/);
        describeCheckpoint(readFileSync(join(folder, out, "checkpoint.safetensors")));
        const again = ["train", "--resume", "--model", "./net.mjs", "--no-report", "--out", out];
        expect((await start(folder, again).ended).code).toBe(0);
      }
      expect(digest(join(folder, out))).toEqual(expected);
    }
    expect(failures).toBeGreaterThan(5);
  });
});
