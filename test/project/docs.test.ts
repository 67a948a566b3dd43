import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ScriptTarget, transpileModule } from "typescript";
import { describe, expect, test } from "vitest";
import { started } from "../support/gpu.js";

const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const networks = readFileSync(join(root, "docs/networks.md"), "utf8");

/**
 * A value as examples write it in a comment: numbers to seven digits, `Float32Array [1, 2]`, `[2, 3]`, text as it is.
 */
function format(value: unknown): string {
  if (typeof value === "number") return String(Number(value.toPrecision(7)));
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} ${format(Array.from(value as unknown as number[]))}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(format).join(", ")}]`;
  return String(value);
}

/**
 * The examples of every docstring of the sources, as they stand between the fences, or behind `@example` on one line.
 */
function docExamples(): [string, string][] {
  // Examples on a GPU run where there is one.
  const isHere = (file: string): boolean => typeof started !== "string" || !file.startsWith(join("backend", "webgpu"));
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && isHere(file),
  );
  return files.flatMap((file) => {
    const source = readFileSync(join(root, "src", file), "utf8");
    const fenced = [...source.matchAll(/@example\n *\* *```ts\n([\s\S]*?)```/g)].map(([, code]) =>
      code.replaceAll(/^ *\* ?/gm, ""),
    );
    const lines = [...source.matchAll(/@example (\S.*?) *\*\//g)].map(([, code]) => code);
    return [...fenced, ...lines].map((code): [string, string] => [file, code]);
  });
}

describe("docstrings", () => {
  test.each(docExamples())("the example in %s runs and gives what it says", async (_, code) => {
    const evenkeel = {
      ...(await import("evenkeel")),
      ...(await import("evenkeel/networks")),
      ...(await import("evenkeel/browser")),
      ...(await import("evenkeel/study")),
      ...(await import("evenkeel/keras")),
      ...(await import("evenkeel/tfjs")),
      ...(await import("evenkeel/webgpu")),
    };
    evenkeel.setBackend("wasm");
    evenkeel.onWarning(() => {});
    // `expression; // value` is compared; declarations, classes and blocks run as they are.
    const checked = code.replaceAll(
      /^(\s*)(?!const|let|class|return|throw|\}|import)(\S.*?); \/\/ (.*)$/gm,
      "$1check($2, `$3`);",
    );
    const { outputText: plain } = transpileModule(checked, { compilerOptions: { target: ScriptTarget.ES2022 } });
    const check = (value: unknown, comment: string): void => {
      const actual = format(value);
      const matches = comment === actual || comment.startsWith(`${actual},`) || comment.startsWith(`${actual} `);
      const isProse = !/^[[\d"]|^(true|false|Float32Array|Int32Array|Linear)/.test(comment);
      if (!matches && !isProse) expect(actual).toBe(comment);
    };
    const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
    // A block, in which examples may give the name of an export to something else.
    await new AsyncFunction("check", ...Object.keys(evenkeel), `{\n${plain}\n}`)(check, ...Object.values(evenkeel));
  });
});

describe("docs/networks.md", () => {
  test("lists every network with its parameters", async () => {
    const { networks: fixtures } = JSON.parse(readFileSync(join(root, "test/fixtures/networks.json"), "utf8"));
    const rows = [...networks.split("<!-- accuracies")[0].matchAll(/^\| `(\w+)` +\| +([\d,]+) /gm)].map(
      ([, name, count]) => [name, Number(count.replaceAll(",", ""))],
    );
    const { namedNetworks } = await import("evenkeel/networks");
    expect(rows).toEqual(Object.keys(namedNetworks).map((name) => [name, fixtures[name].parameters]));
  });
});

describe("README", () => {
  test("links to nothing that the package does not hold", () => {
    const { files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const links = [...readme.matchAll(/\]\(([^)#]+)/g)].map(([, target]) => target);
    const packed = (target: string): boolean =>
      files.some((pattern: string) =>
        new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}(/|$)`).test(target),
      );
    expect(links.length).toBeGreaterThan(15);
    expect(links.filter((target) => !packed(target) || !existsSync(join(root, target)))).toEqual([]);
  });

  test("stays short, and the changelog's newest version is the package's", () => {
    expect(readme.split("\n").length).toBeLessThanOrEqual(150);
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const [, newest] = /^## (\d\S*)/m.exec(readFileSync(join(root, "CHANGELOG.md"), "utf8")) ?? [];
    expect(newest).toBe(version);
  });
});
