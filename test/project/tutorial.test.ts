import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evenkeelIn } from "../support/command.js";
import { temporaryFolder } from "../support/idx-files.js";
import { installEvenkeel } from "../support/own-package.js";

const tutorial = readFileSync(join(import.meta.dirname, "../../docs/tutorial.md"), "utf8");
const blocks = [...tutorial.matchAll(/```(sh|js)\n([\s\S]*?)```/g)].map(([, kind, code]) => ({ kind, code }));

const folder = temporaryFolder();
beforeAll(() => installEvenkeel(folder, "link"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a program of the tutorial prints. */
function runProgram(code: string): string[] {
  writeFileSync(join(folder, "program.mjs"), code);
  // As text, so that arrays look the same whatever the terminal.
  const preload = `data:text/javascript,${encodeURIComponent('console.log = (...values) => process.stdout.write(values.join(" ") + "\\n")')}`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--import", preload, "program.mjs"], {
    cwd: folder,
    encoding: "utf8",
  });
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  return stdout.split("\n").filter((line) => line !== "");
}

// In their order: each stands on the files of those before it.
describe("the tutorial", () => {
  test.each(blocks.map(({ kind, code }, k) => [k, kind, code] as const))(
    "step %i (%s) does what it says",
    (_, kind, code) => {
      if (kind === "js") {
        expect(runProgram(code)).toEqual([...code.matchAll(/\/\/=> (.*)/g)].map(([, text]) => text));
        return;
      }
      for (const line of code.trim().split("\n")) {
        const [, args] = /^npx evenkeel (.*)$/.exec(line) ?? [];
        // Installing is what the test of the packed package does.
        if (args === undefined) expect(line).toBe("npm install evenkeel");
        else expect(evenkeelIn(folder, ...args.split(" "))).toMatchObject({ code: 0, stderr: "" });
      }
    },
  );

  test("tells the new flowers apart on the command line as in code", () => {
    const { stdout } = evenkeelIn(folder, "predict", "runs/flowers", "new.csv", "--json");
    const predictions: { classes: { class: string }[] }[] = JSON.parse(stdout);
    expect(predictions.map(({ classes }) => classes[0].class)).toEqual(["iris", "rose"]);
    expect(readFileSync(join(folder, "runs/flowers/report.html"), "utf8")).toContain("BatchNorm");
  });
});
