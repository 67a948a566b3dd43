import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { expect, test } from "vitest";
import { loadsOf } from "../support/loads-of.js";

const root = join(import.meta.dirname, "../..");

test("importing evenkeel loads nothing outside its own dist, and no node: module", () => {
  const loaded = loadsOf("--input-type=module", "-e", 'import "evenkeel";').loads;
  expect(loaded.length).toBeGreaterThan(30);
  const dist = new URL(`file://${join(root, "dist")}/`).href;
  expect(loaded.filter((url) => !url.startsWith(dist))).toEqual([]);
  // Networks by name are a subpath of their own; these are the small ones.
  const ofNetworks = loaded.filter((url) => url.startsWith(`${dist}networks/`)).map((url) => url.split("/").at(-1));
  expect(ofNetworks.sort()).toEqual(["names.js", "networks.js", "norms.js"]);
});

test("tests lie where the sources lie that they test", () => {
  // What is no test of a folder: the whole project, its playground, slow runs, and what tests are made of.
  const apart = new Set(["project", "playground", "slow", "support", "fixtures", "peers"]);
  const tests = join(root, "test");
  const entries = readdirSync(tests, { withFileTypes: true }).filter(({ name }) => !apart.has(name));
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name.replace(/\.test\.ts$/, ".ts"));
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const inside = folders.flatMap((folder) =>
    readdirSync(join(tests, folder), { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [join(entry.parentPath, entry.name).slice(tests.length + 1)] : [],
    ),
  );
  expect([...files, ...folders, ...inside].filter((path) => !existsSync(join(root, "src", path)))).toEqual([]);
});

test("exports and bin point at files that exist, and the kernels stay below 512 kB", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const exported = Object.values<Record<string, string> | string>(manifest.exports);
  const targets = exported.flatMap((one) => (typeof one === "string" ? [one] : Object.values(one)));
  for (const target of [...targets, manifest.bin.evenkeel]) {
    expect(statSync(join(root, target)).isFile()).toBe(true);
  }
  expect(statSync(join(root, "dist/kernels.wasm")).size).toBeLessThanOrEqual(512_000);
});

test("figures are drawn by one file that imports nothing, beside the licences of what it is made of", () => {
  const drawing = readFileSync(join(root, "dist/pages/draw-chart.js"), "utf8");
  expect(drawing).not.toMatch(/^\s*import\b|\bfrom\s*"|\bimport\(|\brequire\(/m);
  const notices = readFileSync(join(root, "dist/pages/NOTICES.md"), "utf8");
  for (const name of ["@observablehq/plot", "d3-shape", "linkedom"]) expect(notices).toContain(`## ${name} - `);
});

test("the bundle of all of evenkeel takes at most 250 kB gzipped", () => {
  expect(gzipSync(readFileSync(join(root, "dist/evenkeel.min.js"))).length).toBeLessThanOrEqual(250_000);
});

test("a bundler that drops what is not used keeps the methods of tensors, and 120 kB gzipped of a batch norm", async () => {
  const entry = join(mkdtempSync(join(tmpdir(), "evenkeel-bundled-")), "entry.js");
  const six = "export const six = tensor([2, 3]).mul(2).max().item();";
  writeFileSync(
    entry,
    `import { BatchNorm, tensor } from "evenkeel";\nexport const norm = new BatchNorm(2);\n${six}\n`,
  );
  const resolve = { alias: { evenkeel: join(root, "dist/index.js") } };
  const built = await build({
    configFile: false,
    logLevel: "error",
    resolve,
    build: { ssr: entry, write: false, minify: true },
  });
  if (!("output" in built)) throw new Error("expected one bundle");
  const { code } = built.output[0];
  const bundled: { six: number } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  expect(bundled.six).toBe(6);
  expect(gzipSync(code).length).toBeLessThanOrEqual(120_000);
});

test("installing the package runs no script: npm runs `prepare` for checkouts alone", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const run = ["preinstall", "install", "postinstall", "prepublish", "preprepare", "postprepare"];
  expect(run.filter((name) => name in scripts)).toEqual([]);
});
