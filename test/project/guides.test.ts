import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as evenkeel from "evenkeel";
import { ScriptTarget, transpileModule } from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { docPrograms } from "../support/doc-programs.js";
import { started } from "../support/gpu.js";
import { temporaryFolder } from "../support/idx-files.js";

/** Pages with a test of their own, which runs their programs as files in a project of their own. */
const elsewhere = ["docs/tutorial.md", "docs/training.md"];

const programs = docPrograms().filter(
  ({ page, notRun, code }) =>
    !elsewhere.includes(page) &&
    notRun === null &&
    // Examples on a GPU run where there is one.
    (typeof started !== "string" || !code.includes("evenkeel/webgpu")),
);

/** What programs may import. */
const modules: Readonly<Record<string, () => Promise<object>>> = {
  evenkeel: () => import("evenkeel"),
  "evenkeel/networks": () => import("evenkeel/networks"),
  "evenkeel/node": () => import("evenkeel/node"),
  "evenkeel/onnx": () => import("evenkeel/onnx"),
  "onnxruntime-web/wasm": () => import("onnxruntime-web/wasm"),
  "evenkeel/tfjs": () => import("evenkeel/tfjs"),
  "evenkeel/webgpu": () => import("evenkeel/webgpu"),
  "node:fs": () => import("node:fs"),
};

const folder = temporaryFolder();
const home = process.cwd;
// Files that programs write lie in a folder of their own.
beforeAll(() => {
  mkdirSync(join(folder, "work"));
  process.cwd = () => join(folder, "work");
});
afterAll(() => {
  process.cwd = home;
  rmSync(folder, { recursive: true, force: true });
});

test.each(programs.map(({ page, index, ...program }) => [page, index, program] as const))(
  "%s: program %i prints what it says",
  async (_page, _index, { code, promised }) => {
    const body = code
      .replaceAll(/import \* as (\w+) from ("[^"]*");/g, "const $1 = await load($2);")
      .replaceAll(/import \{([^}]*)\} from ("[^"]*");/g, (_, names: string, module: string) => {
        const values = names
          .split(",")
          .map((name) => name.trim().replace(" as ", ": "))
          .filter((name) => name !== "" && !name.startsWith("type "));
        return `const { ${values.join(", ")} } = await load(${module});`;
      })
      .replaceAll("console.log(", "print(");
    const { outputText } = transpileModule(body, { compilerOptions: { target: ScriptTarget.ES2022 } });
    const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
    const printed: string[] = [];
    const before = evenkeel.onWarning(() => {});
    try {
      await new AsyncFunction("load", "print", outputText)(
        (name: string) => modules[name]?.() ?? Promise.reject(new Error(`no test imports ${name}`)),
        (...values: unknown[]) => printed.push(values.join(" ")),
      );
    } finally {
      evenkeel.onWarning(before);
      evenkeel.setBackend("wasm");
    }
    expect(printed).toEqual(promised);
  },
);
