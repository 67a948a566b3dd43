import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";
import { describe, expect, test } from "vitest";
import { goldenHash } from "../support/golden-hash.js";

const root = join(import.meta.dirname, "../..");
const chromiumPath = "/usr/bin/chromium";
const hasChromium = existsSync(chromiumPath);
if (!hasChromium && process.env["CI"]) throw new Error("Chromium is missing: apt-get install chromium");

const types: Readonly<Record<string, string>> = { ".js": "text/javascript", ".html": "text/html" };
const page = `<!doctype html><script type="importmap">{ "imports": { "evenkeel": "/dist/index.js" } }</script>`;

/** Serves the repository's files and one empty page, with or without the headers that isolate it. */
async function serve(isolated: boolean): Promise<{ url: string; close: () => void }> {
  const server = createServer(({ url = "/" }, response) => {
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    const path = join(root, new URL(url, "http://localhost").pathname);
    response.setHeader("Content-Type", types[extname(path)] ?? "text/html");
    if (url === "/") response.end(page);
    else if (existsSync(path)) response.end(readFileSync(path));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `http://localhost:${port}/`, close: () => server.close() };
}

describe("the golden hash", () => {
  const script = `
    import * as evenkeel from "evenkeel";
    import { goldenRun } from "./test/support/golden-run.js";
    console.log(await goldenRun(evenkeel));
  `;

  test("is the same on this Node, from the built package", () => {
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: root,
      encoding: "utf8",
    });
    expect(output.trim()).toBe(goldenHash);
  });

  test.each([20, 24])("is the same on Node %i", (version) => {
    const command = ["-y", "-p", `node@${version}`, "node", "--input-type=module", "-e", script];
    const output = execFileSync("npx", command, { cwd: root, encoding: "utf8" });
    expect(output.trim()).toBe(goldenHash);
  });

  test.skipIf(!hasChromium).each([true, false])(
    "is the same in Chromium (skipped without /usr/bin/chromium); cross-origin isolated: %s",
    async (isolated) => {
      const { url, close } = await serve(isolated);
      const browser = await chromium.launch({
        executablePath: chromiumPath,
        args: [
          "--headless",
          "--no-sandbox",
          "--disable-gpu",
          "--disable-quic",
          "--no-first-run",
          "--disable-background-networking",
        ],
      });
      try {
        const tab = await browser.newPage();
        const errors: string[] = [];
        tab.on("pageerror", (error) => errors.push(String(error)));
        await tab.goto(url);
        // As text: the test runner would rewrite the imports of a function.
        const hash = await tab.evaluate(`(async () => {
          const { goldenRun } = await import("/test/support/golden-run.js");
          return [crossOriginIsolated, await goldenRun(await import("evenkeel"))];
        })()`);
        expect(errors).toEqual([]);
        expect(hash).toEqual([isolated, goldenHash]);
      } finally {
        await browser.close();
        close();
      }
    },
  );
});
