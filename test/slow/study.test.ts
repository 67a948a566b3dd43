import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { expectReadable } from "../support/accessible.js";
import { hasChromium } from "../support/chromium.js";
import { temporaryFolder, writeTenClasses } from "../support/idx-files.js";
import { start } from "../support/runs.js";
import { expectRepeatable, smallStudyData } from "../support/study.js";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeTenClasses(join(folder, "images"), { train: 40 });

const study = (out: string, ...names: string[]) =>
  start(folder, ["study", ...names, "--data", "images", "--seeds", "2", "--out", out]);
const record = (out: string): string => readFileSync(join(folder, out, "study.json"), "utf8");

describe("a study", () => {
  test("that is killed again and again gives the record of one that never was", async () => {
    const first = await study("whole").ended;
    expect(first.code, first.stderr).toBe(0);
    let kills = 0;
    for (let isDone = false; !isDone; ) {
      const running = study("killed");
      const timer = setTimeout(() => running.child.kill("SIGKILL"), 1500 + 500 * kills);
      const { code, signal, stderr } = await running.ended;
      clearTimeout(timer);
      if (signal === "SIGKILL") kills++;
      else {
        expect(code, stderr).toBe(0);
        isDone = true;
      }
    }
    expect(kills).toBeGreaterThan(0);
    expect(record("killed")).toBe(record("whole"));
  });

  test("that is stopped by Ctrl-C says how to go on, and does", async () => {
    const running = study("stopped", "batch");
    await running.says("batch");
    setTimeout(() => running.child.kill("SIGINT"), 500);
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: "evenkeel: interrupted; every trial so far is kept. Run the same command to continue.\n",
    });
    expect((await study("stopped", "batch").ended).code).toBe(0);
    const of = (out: string) =>
      JSON.parse(record(out)).experiments.find(({ name }: { name: string }) => name === "batch");
    expect(of("stopped")).toEqual(of("whole"));
  });

  test("of all norms runs each, in the command line too", async () => {
    const { code, stderr } = await study("norms", "norms").ended;
    expect(code, stderr).toBe(0);
    const [{ answers, trials }] = JSON.parse(record("norms")).experiments;
    // A norm has an effect at each batch size; ghost batch norm is batch norm at the two smaller ones.
    expect([Object.keys(trials).length, answers.length]).toEqual([3 * 22 - 2, 3 * 21 - 2]);
    expect(record("norms")).not.toContain("seconds");
  });

  test.skipIf(!hasChromium)("has a page that is readable narrow and wide, light and dark", async () => {
    await expectReadable(readFileSync(join(folder, "whole", "study.html"), "utf8"));
  });
});

describe("an experiment", () => {
  test.each(["faster", "shift", "batch", "norms"])(
    "named %s gives finite numbers, the same for the same seed",
    (name) => expectRepeatable(name, smallStudyData(40, 20)),
  );
});
