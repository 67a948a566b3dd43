import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evenkeelIn } from "../../support/command.js";
import { writeSmallImages } from "../../support/idx-files.js";
import { installEvenkeel } from "../../support/own-package.js";

let folder = "";
const train = (...args: string[]) => evenkeelIn(folder, "train", ...args, "--out", "never");
const table = (rows: readonly string[]): string => ["x,y", ...rows, ""].join("\n");
const rows = Array.from({ length: 60 }, (_, k) => `${k},${k % 2 === 0 ? "even" : "odd"}`);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "evenkeel-errors-"));
  writeSmallImages(join(folder, "images"));
  writeFileSync(join(folder, "good.csv"), table(rows));
  writeFileSync(join(folder, "bad.csv"), table([...rows, "old,even"]));
  writeFileSync(join(folder, "names.csv"), table(rows.map((row, k) => `name ${k}-${row}`)));
  writeFileSync(join(folder, "few.csv"), table(rows.slice(0, 2)));
  mkdirSync(join(folder, "project"));
  installEvenkeel(folder, "link");
  writeFileSync(
    join(folder, "net.mjs"),
    'import { Linear } from "evenkeel";\nexport default () => { throw new TypeError("no\\nnetwork"); };\nvoid Linear;',
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("options that the library's messages name are the flags that set them", () => {
  const mistakes = [
    ["--data", "bad.csv"],
    ["--data", "names.csv"],
    ["--data", "few.csv"],
    ["--data", "good.csv", "--split", "1"],
    ["--data", "good.csv", "--split", "0.8,0.1"],
    ["--data", "images", "--split", "0.5,0.5"],
    ["--data", "good.csv", "--model", ""],
  ];
  const answers = mistakes.map((args) => {
    const { code, stderr } = train(...args);
    expect(code, stderr).toBe(1);
    return stderr.trim();
  });
  expect(answers).toMatchInlineSnapshot(`
    [
      "evenkeel: bad.csv, row 62, column x: expected a number, as in most rows, got "old". Correct it, leave the column out, or drop such rows (--skip-bad-rows).",
      "evenkeel: names.csv, column x: expected text of at most 1000 values that repeat, got a different one in each of 48 rows. Leave the column out (--ignore x), or group its values.",
      "evenkeel: few.csv: expected samples for training, validation, test in shares of 0.8, 0.1, 0.1, got 2 in all, and none for validation. Add data, or pass other shares, such as --split 0.7,0.3.",
      "evenkeel: --split: expected two shares (training, test) or three (training, validation, test), got [1]. Pass for example --split 0.8,0.1,0.1.",
      "evenkeel: --split: expected shares of at least 0 whose sum is 1, got [0.8, 0.1]. Pass for example --split 0.8,0.1,0.1.",
      "evenkeel: --split: expected data in one part, got data that are split already. Leave the split out.",
      "evenkeel: --model: expected a value, got an empty text. Pass one, or leave it out.",
    ]
  `);
});

test("a stack is printed with --debug only", () => {
  const plain = train("--data", "bad.csv");
  const debug = evenkeelIn(folder, "--debug", "train", "--data", "bad.csv", "--out", "never");
  expect(debug.code).toBe(1);
  expect(debug.stderr.startsWith(plain.stderr)).toBe(true);
  expect(debug.stderr).toMatch(/\n {4}at /);
  const defect = train("--data", "good.csv", "--model", "./net.mjs");
  expect(defect.code).toBe(1);
  expect(defect.stderr).toMatch(/^evenkeel: [^\n]+\n$/);
});
