import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, type Server, serve, visit } from "../support/chromium.js";
import { temporaryFolder } from "../support/idx-files.js";
import { checkLinks } from "../support/site-links.js";

const root = join(import.meta.dirname, "../..");
const folder = temporaryFolder();
/** A path below which the site is served, as a host of projects does. */
const site = join(folder, "under/a/path");

beforeAll(() => {
  const typedoc = join(root, "node_modules/typedoc/bin/typedoc");
  execFileSync(process.execPath, [typedoc, "--treatWarningsAsErrors", "--out", site], { cwd: root, stdio: "pipe" });
}, 900_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("every link, picture and anchor of the site leads somewhere, and nothing is loaded from elsewhere", () => {
  expect(checkLinks(site)).toEqual({ broken: [], foreign: [] });
});

test("the site has every page of docs/, the changelog and the playground", () => {
  const pages = readdirSync(join(site, "documents"));
  const sources = ["docs", "docs/guides"].flatMap((from) =>
    readdirSync(join(root, from)).filter((name) => name.endsWith(".md")),
  );
  expect(pages.length).toBeGreaterThanOrEqual(sources.length + 1);
  expect(existsSync(join(site, "playground/index.html"))).toBe(true);
});

/** What TypeDoc itself makes of the reference: links in summaries that fold, and its levels of headings. */
const ofTypedoc = ["nested-interactive", "heading-order"];

/** What axe-core finds on a page. */
async function violationsOf(page: Page, allowed: readonly string[]): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate<{ id: string; impact: string; nodes: { target: string[] }[] }[]>(
    "axe.run().then(({ violations }) => violations)",
  );
  return found
    .filter(({ id }) => !allowed.includes(id))
    .map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ target }) => target)}`);
}

/** What makes a page scroll sideways: the elements that end right of it, if it scrolls. */
async function widerThanPage(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    return [...document.querySelectorAll("*")]
      .filter((element) => element.getBoundingClientRect().right > clientWidth)
      .map((element) => `<${element.localName} class="${element.getAttribute("class") ?? ""}"> of ${scrollWidth} px`);
  });
}

describe.skipIf(!hasChromium)("in Chromium (skipped without /usr/bin/chromium)", () => {
  let server: Server;
  beforeAll(async () => {
    server = await serve(folder, {}, {});
  });
  afterAll(() => server.close());
  const at = (path: string): string => `${server.url}under/a/path/${path}`;

  test("pages are accessible, narrow and wide, light and dark, without a message or scrolling sideways", async () => {
    const documents = readdirSync(join(site, "documents")).map((name) => `documents/${name}`);
    const reference = ["functions/evenkeel.fit.html", "classes/evenkeel.BatchNorm.html", "modules/evenkeel.html"];
    const pages = ["index.html", ...documents, "playground/index.html", ...reference];
    await visit(at("index.html"), async ({ page, errors }) => {
      for (const path of pages) {
        await page.goto(at(path));
        const allowed = reference.includes(path) ? ofTypedoc : [];
        for (const scheme of ["light", "dark"] as const) {
          await page.emulateMedia({ colorScheme: scheme });
          await page.setViewportSize({ width: 400, height: 900 });
          expect({ path, scheme, found: await violationsOf(page, allowed) }).toEqual({ path, scheme, found: [] });
          for (const width of [400, 1000, 1400]) {
            await page.setViewportSize({ width, height: 900 });
            expect({ path, width, wider: await widerThanPage(page) }).toEqual({ path, width, wider: [] });
          }
        }
      }
      expect(errors).toEqual([]);
    });
  });

  test("an example of the gallery runs in the page", async () => {
    await visit(at("documents/Examples.html"), async ({ page, errors }) => {
      await page.getByRole("button", { name: "Run", exact: true }).nth(1).click();
      const output = page.locator(".program-output").nth(1);
      await expect.poll(() => output.textContent(), { timeout: 60_000 }).toContain("(done)");
      expect(await output.textContent()).toMatch(/^f\(0\) = [\d.]+, f\(0\.5\) = [\d.]+\n/);
      expect(errors).toEqual([]);
    });
  });

  test("the page of docs/start.md without a build step shows what it says", async () => {
    const text = readFileSync(join(root, "docs/start.md"), "utf8");
    const [, html = ""] = /```html\n([\s\S]*?)```/.exec(text) ?? [];
    const [, promised] = /The page shows `([^`]*)`/.exec(text) ?? [];
    const page = html.replace("https://cdn.jsdelivr.net/npm/evenkeel/dist/evenkeel.min.js", "/evenkeel.min.js");
    const plain = await serve(join(root, "dist"), {}, { "/": page });
    try {
      await visit(plain.url, async ({ page: tab }) => {
        await expect.poll(() => tab.locator("output").textContent(), { timeout: 30_000 }).toBe(promised);
      });
    } finally {
      plain.close();
    }
  });
});
