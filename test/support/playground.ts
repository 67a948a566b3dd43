import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll } from "vitest";
import { isolating, type Server, serve } from "./chromium.js";

/** The workspace of the page. */
export const playgroundRoot = join(import.meta.dirname, "../../playground");
/** How it is built and served. */
export const playgroundConfig = join(playgroundRoot, "vite.config.ts");

/** Builds the page into a folder, as it is shipped. */
export async function buildPlayground(outDir: string): Promise<void> {
  // Vitest's "test" would make it one for development.
  const { NODE_ENV } = process.env;
  process.env["NODE_ENV"] = "production";
  try {
    await build({ configFile: playgroundConfig, logLevel: "error", build: { outDir, emptyOutDir: true } });
  } finally {
    process.env["NODE_ENV"] = NODE_ENV;
  }
}

/**
 * Has the page built before the tests of a suite, and removed after them.
 *
 * @param path - where it lies below the folder that is served
 */
export function builtPlayground(path = "."): { readonly root: string; readonly built: string } {
  const root = mkdtempSync(join(tmpdir(), "evenkeel-playground-"));
  const built = join(root, path);
  beforeAll(() => buildPlayground(built), 120_000);
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  return { root, built };
}

/** Has the page built and served, isolated, for the tests of a suite; its address is known once they run. */
export function servedPlayground(): { readonly url: string } {
  const { root } = builtPlayground();
  let server: Server | null = null;
  beforeAll(async () => {
    server = await serve(root, isolating);
  });
  afterAll(() => server?.close());
  return {
    get url() {
      if (server === null) throw new Error("the page is served while tests run");
      return server.url;
    },
  };
}

/** The steps that the page says it has trained for. */
export async function stepsOf(page: Page): Promise<number> {
  return Number((await page.locator(".controls output").textContent())?.replace(/\D/g, ""));
}

/** Requests to other origins than the page's own. */
export function foreignOf(requests: readonly string[], url: string): string[] {
  return requests.filter((request) => ![url, "blob:", "data:"].some((own) => request.startsWith(own)));
}
