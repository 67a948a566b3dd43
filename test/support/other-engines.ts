import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const peers = join(import.meta.dirname, "../peers/node_modules");

/** Another JavaScript engine that runs programs written for Node. */
export interface OtherEngine {
  readonly name: string;
  /** Whether it is installed. */
  readonly isHere: boolean;
  /** Runs a program in a folder. @returns what it printed; throws what it wrote to stderr if it failed */
  run(folder: string, program: string, ...args: readonly string[]): string;
}

/** The first of a package's binaries for this machine; without it, where it would lie on Linux. */
function binary(scope: string, platforms: readonly string[], file: string): string {
  const paths = platforms.map((platform) => join(peers, scope, platform, file));
  return paths.find((path) => existsSync(path)) ?? paths[0];
}

function engine(name: string, path: string, flags: readonly string[]): OtherEngine {
  return {
    name,
    isHere: existsSync(path),
    run(folder, program, ...args) {
      const { status, stdout, stderr, error } = spawnSync(path, [...flags, program, ...args], {
        cwd: folder,
        encoding: "utf8",
      });
      if (error !== undefined) throw error;
      if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
      return stdout;
    },
  };
}

/** Bun (JavaScriptCore) and Deno (V8), which `npm ci --prefix test/peers` installs. */
export const otherEngines: readonly OtherEngine[] = [
  engine("Bun", binary("@oven", [`bun-linux-${cpu()}`, `bun-darwin-${cpu()}`], "bin/bun"), []),
  engine("Deno", binary("@deno", [`linux-${process.arch}-glibc`, `darwin-${process.arch}`], "deno"), [
    "run",
    "--allow-all",
    "--no-lock",
  ]),
];

/** As Bun calls this machine's processor. */
function cpu(): string {
  return process.arch === "arm64" ? "aarch64" : process.arch;
}

const firefoxPath = "/usr/bin/firefox-esr";
const driver = join(peers, "puppeteer-core/lib/esm/puppeteer/puppeteer-core.js");

/** Whether Firefox can be driven: the browser from Debian, puppeteer-core from test/peers. */
export const hasFirefox = existsSync(firefoxPath) && existsSync(driver);

/** What the tests use of a page in Firefox. */
export interface FirefoxPage {
  /** Evaluates an expression, a promise's value included. */
  evaluate<T>(expression: string): Promise<T>;
  setViewport(size: { readonly width: number; readonly height: number }): Promise<void>;
}

/** Opens an address in a fresh Firefox over WebDriver BiDi, and closes it when `body` has ended. */
export async function visitInFirefox<T>(
  url: string,
  body: (visit: { readonly page: FirefoxPage; readonly errors: readonly string[] }) => Promise<T>,
): Promise<T> {
  const { launch } = await import(pathToFileURL(driver).href);
  const browser = await launch({ browser: "firefox", executablePath: firefoxPath, headless: true, timeout: 120_000 });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error: unknown) => errors.push(String(error)));
    page.on("console", (message: { type(): string; text(): string }) => {
      if (message.type() === "error") errors.push(message.text());
    });
    await page.goto(url);
    return await body({ page, errors });
  } finally {
    await browser.close();
  }
}
