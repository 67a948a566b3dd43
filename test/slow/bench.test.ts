import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CASES } from "../../bench/cases.js";
import { temporaryFolder } from "../support/idx-files.js";

let folder = "";
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bench(...args: string[]) {
  return spawnSync(process.execPath, [resolve("bench/main.js"), ...args], { cwd: folder, encoding: "utf8" });
}

/** Those of layers, each against jax-js. */
const layers = CASES.filter(({ kind }) => ["attention", "lstm", "upsample", "signalBoth"].includes(kind));

// `npm install --prefix bench` brings the peers.
describe.skipIf(!existsSync("bench/node_modules/.package-lock.json"))("the bench", () => {
  test.each(layers.map(({ id }) => id))("%s: peers compute the same, and both are timed", (id) => {
    const file = join(folder, `${id}.json`);
    const options = ["--quick", "--budget", "1", "--limit", "120", "--json", file];
    const { status, stdout, stderr } = bench(...options, "--cases", id, "--peers", "evenkeel,jax");
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^Evenkeel: .*\njax-js wasm: /);
    expect(status).toBe(0);
    const { cases, disagreements } = JSON.parse(readFileSync(file, "utf8"));
    expect(disagreements).toEqual([]);
    expect(cases).toMatchObject([
      { id, results: { evenkeel: { ms: expect.any(Number) }, jax: { ms: expect.any(Number) } } },
    ]);
  });
});

test("a mistake in the command line is one line, with exit code 2", () => {
  const mistakes = [["--cases", "none"], ["--rounds", "0"], ["--write", "--quick"], ["--colour"]]; // biome-ignore format: a list
  const told = mistakes.map((args) => {
    const { status, stderr } = bench(...args);
    return [status, stderr.trim()];
  });
  expect(told).toMatchInlineSnapshot(`
    [
      [
        2,
        "--cases: expected names from --list or --help, got none.",
      ],
      [
        2,
        "--rounds: expected a number above 0, got 0.",
      ],
      [
        2,
        "--write: expected a whole run or --cases inference, got one with other --cases, --peers or --quick. Use --json FILE.",
      ],
      [
        2,
        "Unknown option '--colour'",
      ],
    ]
  `);
});
