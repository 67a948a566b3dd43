import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { evenkeelIn } from "../support/command.js";

const evenkeel = (...args: string[]) => evenkeelIn(tmpdir(), ...args);
const commands = "train predict evaluate doctor inspect fold export recalibrate repair study play selftest".split(" ");

describe("--help", () => {
  test.each(commands)(
    "of %s has one line for each flag, under headings in one order, and ends with examples",
    (name) => {
      const { code, stdout, stderr } = evenkeel(name, "--help");
      expect([code, stderr]).toEqual([0, ""]);
      const [options, examples] = stdout.split("\nExamples:\n");
      const headings = [...options.matchAll(/^(\w+):$/gm)].map(([, heading]) => heading);
      const order = ["Arguments", "Data", "Model", "Training", "Output", "Options"];
      expect(headings).toEqual(order.filter((heading) => headings.includes(heading)));
      const flags = options.split("\n").filter((line) => line.startsWith("  "));
      for (const line of flags) {
        expect(line).toMatch(/^ {2}(-\w, )?(--)?[a-z]/);
        expect(line.length).toBeLessThanOrEqual(120);
      }
      const lines = examples.trim().split("\n");
      expect(lines.length).toBeGreaterThanOrEqual(2);
      for (const line of lines) expect(line.trim()).toMatch(new RegExp(`^\\$ evenkeel ${name}( |$)`));
    },
  );

  test.each(commands)("of %s is what `evenkeel help` shows", (name) => {
    const { code, stdout, stderr } = evenkeel("help", name);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(evenkeel(name, "--help").stdout);
  });

  test("of evenkeel is what `evenkeel help` shows", () => {
    expect(evenkeel("help")).toEqual(evenkeel("--help"));
  });

  test("shows the value of a flag that is not given in brackets", () => {
    const { stdout } = evenkeel("train", "--help");
    for (const line of [
      "--target <column>            CSV: the column to predict (default: the last)",
      "--batch-size <n>             samples in a step (default: 64)",
      "--checkpoint-every <n|time>  interval between checkpoints: steps, or a time such as 30s or 5min (default: 60s)",
    ]) {
      expect(stdout).toContain(line);
    }
  });

  test("lists every command in one line, and ends with examples", () => {
    const { stdout } = evenkeel("--help");
    const [, list, examples] = stdout.split(/\n(?:Commands|Examples):\n/);
    expect(examples).toMatch(/^(?: {2}\$ evenkeel [a-z].*\n){3}$/);
    expect([...list.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name)).toEqual([...commands, "help"]);
    for (const line of list.trimEnd().split("\n")) expect(line.length).toBeLessThanOrEqual(120);
  });
});

describe("a mistyped", () => {
  test.each([
    [
      "--norm btach",
      "--norm: expected batch or layer or instance or group or rms or ghost or renorm or lrn or pixel or scale or dyt or frn or evonorm-b0 or evonorm-s0 or switchable or batch-instance or whitening or none, got btach. Did you mean batch?",
    ],
    [
      "--optimizer Adam",
      "--optimizer: expected adam or adamw or sgd or rmsprop or adagrad or lion or lars or lamb, got Adam. Did you mean adam?",
    ],
    [
      "--schedule onecycle",
      "--schedule: expected one-cycle or cosine or cosine-restarts or step or plateau or constant, got onecycle. Did you mean one-cycle?",
    ],
    [
      "--optimizer lbfgs",
      "--optimizer: expected adam or adamw or sgd or rmsprop or adagrad or lion or lars or lamb, got lbfgs. Pass one of them.",
    ],
    [
      "--data minst",
      "loadData(minst): expected mnist, fashion-mnist, or a file or folder of data, got no such file or folder. Did you mean mnist?",
    ],
    [
      "--data mnist --model resmet",
      "loadNetwork(resmet): expected mlp, cnn, resnet, resnet18, resnet34, resnet50, mobilenetV2, mobilenetV3Small, efficientnetB0, densenet121, convnextTiny, vitTiny, nfnet, or the file of a module such as ./net.js, got no such file. Did you mean resnet?",
    ],
  ])("value, %s, is answered with what was probably meant", (flags, answer) => {
    const { code, stderr } = evenkeel("train", "--data", "nowhere", ...flags.split(" "));
    expect([code, stderr]).toEqual([1, `evenkeel: ${answer}\n`]);
  });

  test.each([
    ["trian", "train"],
    ["trian --help", "train"],
    ["help trian", "train"],
    ["help recalibarte", "recalibrate"],
  ])("command, evenkeel %s, is misuse, and answered so too", (line, meant) => {
    const { code, stdout, stderr } = evenkeel(...line.split(" "));
    const typed = line.replace(/^help /, "").split(" ")[0];
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(
      `error: unknown command '${typed}'\n(Did you mean ${meant}?)\n(evenkeel --help lists the commands and options)\n`,
    );
  });

  test("command that is near none is named alone", () => {
    const { code, stderr } = evenkeel("help", "xyz");
    expect(code).toBe(2);
    expect(stderr).toBe("error: unknown command 'xyz'\n(evenkeel --help lists the commands and options)\n");
  });

  test("flag is misuse, and answered so too", () => {
    const { code, stderr } = evenkeel("train", "--data", "mnist", "--epoch", "3");
    expect(code).toBe(2);
    expect(stderr.split("\n").slice(0, 2)).toEqual(["error: unknown option '--epoch'", "(Did you mean --epochs?)"]);
  });
});

test("no message below cli/ names a flag", () => {
  const messages = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.startsWith("cli"))
    .flatMap((file) => {
      const code = readFileSync(join("src", file), "utf8").replaceAll(/^\s*(?:\/\*\*.*|\*.*|\/\/.*)$/gm, "");
      const texts = code.match(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g) ?? [];
      // `var(--ink)` and `--ink:` are styles of pages.
      return texts.filter((text) => /(?<!var\()--[a-z][\w-]*(?![\w-]*:)/.test(text)).map((text) => `${file}: ${text}`);
    });
  expect(messages).toEqual([]);
});
