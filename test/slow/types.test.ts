import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type CompilerOptions,
  createProgram,
  flattenDiagnosticMessageText,
  getPreEmitDiagnostics,
  ModuleKind,
  ScriptTarget,
} from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DocProgram, docPrograms, programsOf } from "../support/doc-programs.js";
import { temporaryFolder } from "../support/idx-files.js";

const root = join(import.meta.dirname, "../..");
let folder = "";
beforeAll(() => {
  folder = temporaryFolder();
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/evenkeel"));
  for (const name of ["@types", "onnxruntime-web", "onnxruntime-common"]) {
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** `tsc --strict` of a program that imports the built package. */
const strict: CompilerOptions = {
  module: ModuleKind.NodeNext,
  target: ScriptTarget.ESNext,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: ["node"],
};
/** What `tsc --init` turns on besides. */
const initial: CompilerOptions = {
  ...strict,
  types: [],
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  noUncheckedSideEffectImports: true,
};

/** What the compiler says against programs by name. */
function errorsOf(programs: Readonly<Record<string, string>>, options: CompilerOptions): string[] {
  const files = Object.entries(programs).map(([name, code]) => {
    writeFileSync(join(folder, name), code);
    return join(folder, name);
  });
  // Types are found from the place of the program.
  const program = createProgram(files, { ...options, typeRoots: [join(folder, "node_modules/@types")] });
  return getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    return `${file?.fileName.replace(folder, "")}: ${flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

/** Programs of pages by names of their own. */
const byName = (programs: readonly DocProgram[]): Record<string, string> =>
  Object.fromEntries(
    programs.map(({ page, index, code }) => [
      // Programs that import each other keep their names.
      /^\/\/ ([\w-]+\.ts)\n/.exec(code)?.[1] ?? `${page.replaceAll(/\W/g, "-")}-${index}.ts`,
      code,
    ]),
  );

describe("the types of the built package fit", () => {
  test("the tutorial's programs under tsc --strict", () => {
    const programs = byName(programsOf("docs/tutorial.md"));
    expect(Object.keys(programs)).toHaveLength(4);
    expect(errorsOf(programs, strict)).toEqual([]);
  });

  test("every TypeScript program of every page under what tsc --init writes", () => {
    const programs = byName(docPrograms().filter(({ language }) => language === "ts"));
    expect(Object.keys(programs).length).toBeGreaterThanOrEqual(20);
    const absent = 'declare module "@wandb/sdk";\ndeclare module "@tensorflow/tfjs";\n';
    expect(errorsOf({ ...programs, "absent.d.ts": absent }, { ...initial, types: ["node"] })).toEqual([]);
  });

  test("the examples, whose parameters have no types", () => {
    const names = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".js"));
    const programs = Object.fromEntries(
      names.map((name) => [name, readFileSync(join(root, "examples", name), "utf8")]),
    );
    const options = { ...strict, allowJs: true, checkJs: true, noImplicitAny: false };
    expect(errorsOf(programs, options)).toEqual([]);
  });

  test("a task, which decides what loadData and loadDataAs return; other programs are refused", () => {
    const code = (statement: string) => `
      import { batches, fit, mse, Sequential, Adam, toTensor } from "evenkeel";
      import { loadData, loadDataAs } from "evenkeel/node";
      const classes = await loadData("a.csv", { task: "classification" });
      const numbers = await loadData("a.csv", { task: "regression" });
      const { dataset } = await loadDataAs(classes.meta, "a.csv", { task: "regression" });
      ${statement}`;
    const right = code(`
      const names: readonly string[] = classes.classes;
      const label: number | undefined = classes.train.batch([0]).targets[0];
      const target: Float32Array = numbers.train.batch([0]).targets.values;
      const input: Float32Array = dataset.batch([0]).inputs.values;
      const model = new Sequential();
      await fit(model, batches(numbers.train, { batchSize: 2 }), { epochs: 1, optimizer: new Adam([], { lr: 1 }), loss: mse });
      console.log(names, label, target, input, toTensor(dataset.batch([0]).targets).shape);`);
    expect(errorsOf({ "right.ts": right }, initial)).toEqual([]);
    const wrong = code("const names: readonly string[] = numbers.classes;");
    expect(errorsOf({ "wrong.ts": wrong }, strict)).toEqual([
      "/wrong.ts: Type 'null' is not assignable to type 'readonly string[]'.",
    ]);
  });
});

test.each(["custom-loss", "custom-module"])("examples/%s.js runs on the Node that runs this", (name) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [join(root, "examples", `${name}.js`)], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/accuracy|f\(0\)/);
});
