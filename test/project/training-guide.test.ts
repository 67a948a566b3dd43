import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { evenkeelIn } from "../support/command.js";
import { temporaryFolder } from "../support/idx-files.js";
import { installEvenkeel } from "../support/own-package.js";

const guide = readFileSync(join(import.meta.dirname, "../../docs/training.md"), "utf8");
const programs = [...guide.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);

const folder = temporaryFolder();
beforeAll(() => installEvenkeel(folder, "link"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(programs.map((code, k) => [k, code] as const))(
  "program %i of docs/training.md prints what it says",
  (_, code) => {
    writeFileSync(join(folder, "program.mjs"), code);
    const { stdout, stderr, status } = spawnSync(process.execPath, ["program.mjs"], { cwd: folder, encoding: "utf8" });
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
    const lines = stdout.split("\n").filter((line) => line !== "");
    expect(lines).toEqual([...code.matchAll(/\/\/=> (.*)/g)].map(([, text]) => text));
  },
);

test("docs/training.md names flags that train has", () => {
  const { stdout } = evenkeelIn(folder, "train", "--help");
  const named = new Set([...guide.matchAll(/`(--[a-z-]+)/g)].map(([, flag]) => flag));
  expect(named.size).toBeGreaterThan(12);
  for (const flag of named) expect(stdout).toContain(`${flag} <`);
});
