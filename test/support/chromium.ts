import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { chromium, type Page } from "playwright-core";

const chromiumPath = "/usr/bin/chromium";

/** Whether tests that need a browser can run; in CI they must. */
export const hasChromium = existsSync(chromiumPath);
if (!hasChromium && process.env["CI"]) throw new Error("Chromium is missing: apt-get install chromium");

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".css": "text/css",
  ".json": "application/json",
};

/** The headers that isolate a page, so that it may share memory with workers. */
export const isolating = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** A running server. */
export interface Server {
  /** With a slash at its end. */
  readonly url: string;
  close(): void;
}

/** Serves a folder's files, and `pages` by their path, on loopback. */
export async function serve(
  folder: string,
  headers: Readonly<Record<string, string>> = {},
  pages: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<Server> {
  const server = createServer(({ url = "/" }, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const { pathname } = new URL(url, "http://localhost");
    const path = join(folder, pathname.endsWith("/") ? `${pathname}index.html` : pathname);
    response.setHeader("Content-Type", types[extname(path)] ?? "text/html");
    if (Object.hasOwn(pages, pathname)) response.end(pages[pathname]);
    else if (existsSync(path) && statSync(path).isFile()) response.end(readFileSync(path));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `http://localhost:${port}/`, close: () => server.close() };
}

/** What a page did besides what it was asked. */
export interface Visit {
  readonly page: Page;
  /** Uncaught errors and messages on the console of level error. */
  readonly errors: readonly string[];
  /** Every address that was asked for. */
  readonly requests: readonly string[];
}

/** Opens an address in a fresh browser, with more switches if need be, and closes it when `body` has ended. */
export async function visit<T>(
  url: string,
  body: (visit: Visit) => Promise<T>,
  switches: readonly string[] = [],
): Promise<T> {
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...switches,
    ],
  });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    const requests: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(url);
    return await body({ page, errors, requests });
  } finally {
    await browser.close();
  }
}
