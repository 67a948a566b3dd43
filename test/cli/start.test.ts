import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { commandList } from "../../src/cli/commands/command-list.js";
import { loadsOf } from "../support/loads-of.js";

const dist = `${pathToFileURL(resolve("dist"))}/`;

describe("help and misuse load nothing but flags", () => {
  test.each<readonly [string, number]>([
    ["--help", 0],
    ...Object.keys(commandList).map((name) => [`${name} --help`, 0] as const),
    ["train --norm btach", 1],
    ["predict --tpo 3", 2],
    ["fold", 2],
  ])("%s", (line, expected) => {
    const { code, loads } = loadsOf(resolve("dist/cli/main.js"), ...line.split(" "));
    expect(code).toBe(expected);
    const own = loads.filter((url) => url.startsWith(dist)).map((url) => url.slice(dist.length));
    expect(own).toContain("cli/main.js");
    expect(own.filter((file) => /^(cli\/(actions|runs)|backend|ops|nn|train|node)\b/.test(file))).toEqual([]);
    expect(own.length).toBeLessThanOrEqual(25);
  });
});
