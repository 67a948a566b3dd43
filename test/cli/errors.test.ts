import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evenkeelIn } from "../support/command.js";
import { writeSmallImages } from "../support/idx-files.js";
import { installEvenkeel } from "../support/own-package.js";

let folder = "";
const train = (...args: string[]) => evenkeelIn(folder, "train", ...args, "--out", "never");
const table = (rows: readonly string[]): string => ["x,y", ...rows, ""].join("\n");
const rows = Array.from({ length: 20 }, (_, k) => `${k},${k % 2 === 0 ? "even" : "odd"}`);

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
    ["--data", "images", "--split", "0.5,0.5"],
  ];
  const answers = mistakes.map((args) => {
    const { code, stderr } = train(...args);
    expect(code, stderr).toBe(1);
    return stderr.trim();
  });
  expect(answers).toMatchInlineSnapshot();
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
