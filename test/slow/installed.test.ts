import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, createServer, type InlineConfig, preview } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, isolating, serve, visit } from "../support/chromium.js";

const root = join(import.meta.dirname, "../..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const readme = readFileSync(join(root, "README.md"), "utf8");
const project = mkdtempSync(join(tmpdir(), "evenkeel-installed-"));

function npm(...args: string[]): string {
  return execFileSync("npm", args, { cwd: project, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

// The tarball as npm publishes it, installed in an empty directory.
beforeAll(() => {
  const [{ filename }] = JSON.parse(
    execFileSync("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", project], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  );
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
  npm("install", "--no-audit", "--no-fund", `./${filename}`);
}, 300_000);

afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

const [, readmeExample] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];

describe("the installed package", () => {
  test.each([
    ["nodenext", ["--module", "nodenext"]],
    ["bundler", ["--module", "preserve", "--moduleResolution", "bundler"]],
  ])("type-checks the README's example with %s resolution, with no types but its own", (name, flags) => {
    const file = join(project, `${name}.ts`);
    const more = 'import { loadData } from "evenkeel/node";\nusing row = tensor([1]);\nvoid [loadData, row];\n';
    writeFileSync(file, readmeExample.replace("import { ", "import { tensor, ") + more);
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022"];
    expect(run(process.execPath, [tsc, ...strict, ...flags, file])).toBe("");
  });

  test.each([20, 24])("runs the README's example on Node %i", (version) => {
    writeFileSync(join(project, "example.js"), readmeExample);
    const output = execFileSync("npx", ["-y", "-p", `node@${version}`, "node", "example.js"], {
      cwd: project,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const promised = [...readmeExample.matchAll(/\/\/=> (.*)/g)].map(([, text]) => text);
    expect(output.trim().split("\n")).toEqual(promised);
  });

  test("answers npx evenkeel --help with its commands, and a wrong one with code 2", () => {
    const help = npm("exec", "--offline", "--", "evenkeel", "--help");
    expect(help).toMatch(/^Usage: evenkeel \[options\] \[command\]$/m);
    expect(help).toMatch(/^ {2}train /m);
    expect(() => npm("exec", "--offline", "--", "evenkeel", "trian")).toThrow("Did you mean train?");
  });

  test("is as small as the README says, and brings only what package.json names", () => {
    const modules = join(project, "node_modules");
    const bytes = sizeOf(modules);
    const [, stated] = /installs\s+in\s+([\d.]+) MB/.exec(readme) ?? [];
    expect(bytes / 1e6).toBeLessThan(Number(stated) * 1.05);
    expect(bytes / 1e6).toBeGreaterThan(Number(stated) * 0.8);
    const commandLine = readdirSync(modules).filter((name) => !name.startsWith(".") && name !== "evenkeel");
    const others = commandLine.reduce((total, name) => total + sizeOf(join(modules, name)), 0);
    expect(others).toBeLessThan(3e6);
    for (const name of Object.keys(manifest.dependencies)) expect(commandLine).toContain(name);
  });
});

/** The output of a command, and of one that fails. */
function run(command: string, args: string[]): string {
  try {
    return execFileSync(command, args, { cwd: project, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return stdout + stderr;
  }
}

function sizeOf(path: string): number {
  const found = statSync(path);
  if (!found.isDirectory()) return found.size;
  return readdirSync(path).reduce((total, name) => total + sizeOf(join(path, name)), 0);
}

/** Twenty steps of a small network with batch norm; what a page leaves for the test to read. */
const training = (from: string): string => `
import { Adam, BatchNorm, Conv2d, Flatten, Linear, ReLU, Sequential, arrayDataset, batches, fit, seed } from "${from}";
seed(1);
const labels = Int32Array.from({ length: 160 }, (_, k) => k % 2);
const inputs = Float32Array.from({ length: 160 * 36 }, (_, k) => Math.cos(k * k) + labels[Math.floor(k / 36)]);
const data = arrayDataset({ inputs, shape: [1, 6, 6], labels });
const model = new Sequential(new Conv2d(1, 4, 3), new BatchNorm(4), new ReLU(), new Flatten(), new Linear(64, 2));
const losses = [];
await fit(model, batches(data, { batchSize: 32, shuffle: true }), {
  epochs: 4,
  optimizer: new Adam(model.parameters(), { lr: 0.01 }),
  onStep: ({ loss }) => void losses.push(loss),
});
document.body.dataset.losses = JSON.stringify(losses);
`;

const html = (script: string): string =>
  `<!doctype html><html lang="en"><head><title>app</title><link rel="icon" href="data:," /></head>` +
  `<body><script type="module" src="${script}"></script></body></html>`;

/** What the policy of a careful site allows. */
const policy = { "Content-Security-Policy": "default-src 'self'; img-src data:; script-src 'self' 'wasm-unsafe-eval'" };

/** The losses of the twenty steps of a page, and whether it was isolated. */
async function trainingAt(url: string): Promise<{ losses: number[]; isolated: boolean; foreign: string[] }> {
  return visit(url, async ({ page, errors, requests }) => {
    await page.waitForFunction("document.body.dataset.losses !== undefined", undefined, { timeout: 60_000 });
    expect(errors).toEqual([]);
    const losses: number[] = JSON.parse(await page.evaluate("document.body.dataset.losses"));
    const isolated: boolean = await page.evaluate("crossOriginIsolated");
    const own = [new URL(url).origin, "data:"];
    return { losses, isolated, foreign: requests.filter((one) => !own.some((prefix) => one.startsWith(prefix))) };
  });
}

function expectTraining({ losses, foreign }: { losses: number[]; foreign: string[] }): void {
  expect(losses).toHaveLength(20);
  expect(losses[19]).toBeLessThan(losses[0] * 0.6);
  expect(foreign).toEqual([]);
}

describe.skipIf(!hasChromium)("in Chromium (skipped without /usr/bin/chromium), the installed package", () => {
  beforeAll(() => {
    mkdirSync(join(project, "plain"));
    cpSync(join(project, "node_modules/evenkeel/dist/evenkeel.min.js"), join(project, "plain/evenkeel.min.js"));
    writeFileSync(join(project, "plain/app.js"), training("./evenkeel.min.js"));
    writeFileSync(join(project, "plain/index.html"), html("./app.js"));
    writeFileSync(join(project, "app.ts"), training("evenkeel").replace("losses = []", "losses: number[] = []"));
    writeFileSync(join(project, "index.html"), html("./app.ts"));
  });

  const headers = [
    ["isolated", isolating, true],
    ["not isolated", {}, false],
    ["under a Content-Security-Policy", policy, false],
  ] as const;

  test.each(headers)("trains from a plain module script, %s", async (_, sent, isolated) => {
    const { url, close } = await serve(join(project, "plain"), sent);
    try {
      const result = await trainingAt(url);
      expectTraining(result);
      expect(result.isolated).toBe(isolated);
    } finally {
      close();
    }
  });

  const app = (sent: Readonly<Record<string, string>>): InlineConfig => ({
    configFile: false,
    root: project,
    logLevel: "error",
    base: "./",
    server: { headers: sent, port: 0, host: "localhost" },
    preview: { headers: sent, port: 0, host: "localhost" },
  });

  test.each(headers.slice(0, 2))("trains in a bare Vite app in development, %s", async (_, sent, isolated) => {
    const server = await createServer(app(sent));
    try {
      await server.listen();
      const result = await trainingAt(server.resolvedUrls?.local[0] ?? "");
      expectTraining(result);
      expect(result.isolated).toBe(isolated);
    } finally {
      await server.close();
    }
  });

  test.each(headers)("trains in a Vite app that was built, %s", async (_, sent, isolated) => {
    await build(app(sent));
    const server = await preview(app(sent));
    try {
      const result = await trainingAt(server.resolvedUrls?.local[0] ?? "");
      expectTraining(result);
      expect(result.isolated).toBe(isolated);
    } finally {
      await server.close();
    }
  });

  test("names wasm-unsafe-eval where a policy forbids WebAssembly", async () => {
    const { url, close } = await serve(join(project, "plain"), { "Content-Security-Policy": "script-src 'self'" });
    try {
      await visit(url, async ({ page, errors }) => {
        await page.waitForTimeout(500);
        expect(errors.join("\n")).toContain("Add 'wasm-unsafe-eval' to script-src of the Content-Security-Policy");
      });
    } finally {
      close();
    }
  });
});
