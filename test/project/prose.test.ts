import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { longLines } from "../../scripts/wrap-markdown.js";
import { docPages } from "../support/doc-programs.js";
import { emptyDocstrings, wornPhrases } from "../support/worn-phrases.js";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** Every file of code in a folder, by its path. */
function codeIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|tsx|js)$/.test(name) && !/node_modules|dist\/|\.generated\.ts$/.test(name))
    .map((name) => join(folder, name));
}

const code = ["src", "assembly", "playground/src", "examples", "scripts"].flatMap(codeIn);

/** Where patterns match, as PATH:LINE: text. */
function found(paths: readonly string[], patterns: readonly RegExp[]): string[] {
  return paths.flatMap((path) => {
    const text = read(path);
    return patterns.flatMap((pattern) => {
      const at = pattern.exec(text);
      return at === null ? [] : [`${path}:${text.slice(0, at.index).split("\n").length}: ${at[0]}`];
    });
  });
}

test("worn phrases (test/support/worn-phrases.ts, which says what to write instead) do not come back", () => {
  const patterns = wornPhrases.map(({ pattern }) => pattern);
  expect(found([...docPages(), ...code], patterns)).toEqual([]);
  expect(found(code, emptyDocstrings)).toEqual([]);
});

test("prose wraps at 120 columns in Markdown (node scripts/wrap-markdown.js FILES does it)", () => {
  expect(docPages().flatMap((path) => longLines(read(path)).map((line) => `${path}:${line}`))).toEqual([]);
});

test("comments wrap at 120 columns", () => {
  const shaders = readdirSync(join(root, "wgsl")).map((name) => join("wgsl", name));
  const wide = [...code, ...codeIn("test"), ...codeIn("bench"), ...shaders].flatMap((path) =>
    read(path)
      .split("\n")
      .flatMap((line, k) => (line.length > 120 && /^\s*(\/\/|\/?\*)/.test(line) ? [`${path}:${k + 1}`] : [])),
  );
  expect(wide).toEqual([]);
});

test("below the command line no message names a flag", () => {
  const flags = /(?<![({;]\s*|tensorboard )--[a-z]/;
  const named = codeIn("src")
    .filter((path) => !path.startsWith(join("src", "cli")))
    .flatMap((path) => {
      const source = ts.createSourceFile(path, read(path), ts.ScriptTarget.ESNext);
      const texts: string[] = [];
      const visit = (node: ts.Node): void => {
        const isText = ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node);
        if (isText || ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node))
          texts.push(node.text);
        ts.forEachChild(node, visit);
      };
      visit(source);
      return texts.filter((text) => flags.test(text)).map((text) => `${path}: ${text.slice(0, 80)}`);
    });
  expect(named).toEqual([]);
});

/** The docstring of every export of an index, by its name; of overloads the first. */
function docstringsOf(index: string): Map<string, string> {
  const found = new Map<string, string>();
  const parse = (path: string): ts.SourceFile => ts.createSourceFile(path, read(path), ts.ScriptTarget.ESNext, true);
  for (const statement of parse(index).statements) {
    if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier === undefined) continue;
    const { exportClause, moduleSpecifier } = statement;
    if (exportClause === undefined || !ts.isNamedExports(exportClause) || !ts.isStringLiteral(moduleSpecifier))
      continue;
    const names = new Set(exportClause.elements.map(({ name, propertyName }) => (propertyName ?? name).text));
    for (const declared of parse(join(index, "..", moduleSpecifier.text.replace(/\.js$/, ".ts"))).statements) {
      const one = ts.isVariableStatement(declared) ? declared.declarationList.declarations[0] : declared;
      const name = (one as ts.NamedDeclaration | undefined)?.name?.getText() ?? "";
      if (!names.has(name) || found.has(name)) continue;
      const [doc] = ts.getJSDocCommentsAndTags(declared).filter(ts.isJSDoc);
      found.set(name, ts.getTextOfJSDocComment(doc?.comment) ?? "");
    }
  }
  return found;
}

test("every docstring of the public API begins with a sentence", () => {
  const indices: string[] = JSON.parse(read("typedoc.json")).entryPoints;
  const docstrings = indices.flatMap((index) => [...docstringsOf(index)]);
  expect(docstrings.length).toBeGreaterThan(500);
  const bad = docstrings.filter(([, text]) => {
    const first = text.replaceAll("`", "").split(/(?<=[.:])(?:\s|$)/)[0] ?? "";
    // A capital, or a formula such as "max(x, 0)", "x·Φ(x)" and "2·tp / …".
    return (
      !/^(\p{Lu}|[\p{Ll}\d]{1,3}[\s(·^ˣ²[]|[(|]|[a-zα-ω0-9]+ ?[(=·/]|\{@link)/u.test(first) || !/[.:]$/.test(first)
    );
  });
  expect(bad.map(([name, text]) => `${name}: ${text.slice(0, 80)}`)).toEqual([]);
});
