import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { batches, evaluate } from "evenkeel";
import { loadRunExport } from "evenkeel/node";
import { expect, test } from "vitest";
import { initialSettings } from "../../playground/src/settings.js";
import { Contest } from "../../playground/src/training/contest.js";
import { readDigits } from "../../playground/src/training/digits.js";
import { type ExportedRun, exportRun, readData } from "../../playground/src/training/export-run.js";
import { evenkeelIn } from "../support/command.js";

test("a run exported from the page opens in Node, and its networks score there what they scored on the page", async () => {
  const contest = await Contest.open(initialSettings.experiment);
  for (let step = 0; step < 5; step++) await contest.step();
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-exported-"));
  try {
    const path = join(folder, "exported.json");
    writeFileSync(path, JSON.stringify(await exportRun(contest)));
    const { networks, train, test } = loadRunExport(path);
    expect([train.length, test.length]).toEqual([contest.data.train.labels.length, contest.data.test.labels.length]);
    const examined = evenkeelIn(folder, "doctor", "exported.json", "--network", "B", "--json", "--no-page");
    expect(examined.stderr).toBe("");
    expect(JSON.parse(examined.stdout)).toMatchObject({ model: "exported.json, network B", part: "train" });
    expect(evenkeelIn(folder, "doctor", "exported.json", "--data", "mnist").stderr.trim()).toMatchInlineSnapshot(`
      "error: --data: a run exported as .json has its own
      (evenkeel doctor --help lists its flags, with examples)"
    `);
    expect(evenkeelIn(folder, "doctor", "exported.json", "--part", "all").stderr.trim()).toMatchInlineSnapshot(
      `"evenkeel: doctor exported.json: expected the part train or test, got all. Pass one of them as --part."`,
    );
    for (const [k, { name, steps, trained }] of networks.entries()) {
      expect([name, steps]).toEqual(["AB"[k], 5]);
      const { testLoss, testAccuracy } = contest.trainers[k].test();
      const data = batches(test, { batchSize: test.length });
      const { loss, accuracy } = await evaluate(trained?.model ?? contest.trainers[k].network.model, data);
      expect(trained).not.toBeNull();
      expect([loss, accuracy]).toEqual([testLoss, testAccuracy]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a run on digits takes less than a megabyte, with the digits in it, and is made again from its file to the same bits", async () => {
  const file = readFileSync(join(import.meta.dirname, "../../playground/src/data/digits.bin"));
  const experiment = { ...initialSettings.experiment, data: "digits" } as const;
  const contest = new Contest(experiment, await readDigits(file));
  await contest.step();
  const text = JSON.stringify(await exportRun(contest));
  expect(text.length).toBeLessThan(1e6);
  const run: ExportedRun = JSON.parse(text);
  const again = new Contest(run.experiment, await readData(run));
  await again.step();
  expect(JSON.stringify(await exportRun(again))).toBe(text);
  const folder = mkdtempSync(join(tmpdir(), "evenkeel-digits-"));
  try {
    const path = join(folder, "digits.json");
    writeFileSync(path, text);
    const { train, test } = loadRunExport(path);
    expect([train.length, test.length]).toEqual([2000, 500]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
