import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");

/** The TypeScript of each fenced block. */
function codeBlocks(markdown: string): string[] {
  return [...markdown.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code);
}

/** Runs a block in which `import { … } from "evenkeel"` stands first; returns what it logged. */
async function run(code: string): Promise<string[]> {
  const logged: string[] = [];
  const body = code
    .replaceAll(/import \{([^}]*)\} from "evenkeel";/g, 'const {$1} = await import("evenkeel");')
    .replaceAll("console.log(", "log(");
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  const evenkeel = await import("evenkeel");
  const source = body.replaceAll('await import("evenkeel")', "evenkeel");
  await new AsyncFunction("evenkeel", "log", source)(evenkeel, (...values: unknown[]) => logged.push(values.join(" ")));
  return logged;
}

describe("README", () => {
  test.each(codeBlocks(readme).map((code, k) => [k, code] as const))(
    "example %i runs and gives what it says",
    async (_, code) => {
      const promised = [...code.matchAll(/\/\/=> (.*)/g)].map(([, text]) => text);
      expect(await run(code)).toEqual(promised);
    },
  );

  test("stays short, and the changelog begins with the package's version", () => {
    expect(readme.split("\n").length).toBeLessThanOrEqual(150);
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const [, newest] = /^## (\S+)/m.exec(readFileSync(join(root, "CHANGELOG.md"), "utf8")) ?? [];
    expect(newest).toBe(version);
  });
});
