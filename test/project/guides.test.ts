import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as evenkeel from "evenkeel";
import { ScriptTarget, transpileModule } from "typescript";
import { expect, test } from "vitest";

const folder = join(import.meta.dirname, "../../docs/guides");
const programs = readdirSync(folder).flatMap((page) =>
  [...readFileSync(join(folder, page), "utf8").matchAll(/```ts\n([\s\S]*?)```/g)].map(
    ([, code], k) => [page, k, code] as const,
  ),
);

test.each(programs)("program %#, of %s, prints what it says", async (_page, _k, code) => {
  const printed: string[] = [];
  const body = code
    .replaceAll(/import \{([^}]*)\} from "evenkeel";/g, (_, names: string) => {
      const values = names.split(",").filter((name) => !name.trim().startsWith("type "));
      return `const {${values.join(",")}} = evenkeel;`;
    })
    .replaceAll("console.log(", "print(");
  const { outputText } = transpileModule(body, { compilerOptions: { target: ScriptTarget.ES2022 } });
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  const before = evenkeel.onWarning(() => {});
  try {
    await new AsyncFunction("evenkeel", "print", outputText)(evenkeel, (...values: unknown[]) =>
      printed.push(values.join(" ")),
    );
  } finally {
    evenkeel.onWarning(before);
  }
  expect(printed).toEqual([...code.matchAll(/\/\/=> (.*)/g)].map(([, text]) => text));
});
