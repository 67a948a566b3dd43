import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** A program of a page. */
export interface DocProgram {
  /** The page's path. */
  readonly page: string;
  /** Which of the page's programs it is. */
  readonly index: number;
  readonly language: "ts" | "js";
  readonly code: string;
  /** What stands behind its `//=>`. */
  readonly promised: readonly string[];
  /**
   * Why it is not run: its first line says that it is code of another library, a file of several, or what it needs that
   * is not there.
   */
  readonly notRun: string | null;
}

/** First lines of programs that are not run by themselves. */
const other = /^\/\/ (TensorFlow\.js|Keras|PyTorch|Needs .*|[\w.-]+\.[jt]s)$/;

/** Every page of prose: its path. */
export function docPages(): string[] {
  const folders = ["docs", "docs/guides"];
  const pages = folders.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `${folder}/${name}`),
  );
  const others = ["CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "bench/README.md"];
  return [...pages, ...others, "playground/README.md"];
}

/** The programs of a page, in TypeScript or JavaScript. */
export function programsOf(page: string): DocProgram[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```(ts|js)\n([\s\S]*?)^```/gm)].map(([, language, code], index) => ({
    page,
    index,
    language: language === "ts" ? "ts" : "js",
    code,
    promised: [...code.matchAll(/\/\/=> (.*)/g)].map(([, printed]) => printed),
    notRun: other.exec(code.slice(0, code.indexOf("\n")))?.[1] ?? null,
  }));
}

/** The programs of every page. */
export function docPrograms(): DocProgram[] {
  return docPages().flatMap(programsOf);
}
