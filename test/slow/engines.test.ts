import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Generator } from "evenkeel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium, isolating, serve, visit } from "../support/chromium.js";
import { evenkeelIn } from "../support/command.js";
import { goldenHash } from "../support/golden-hash.js";
import { temporaryFolder } from "../support/idx-files.js";
import { hasFirefox, otherEngines, visitInFirefox } from "../support/other-engines.js";

const root = join(import.meta.dirname, "../..");
const page = `<!doctype html><html lang="en"><title>golden</title><link rel="icon" href="data:," /><script type="importmap">{ "imports": { "evenkeel": "/dist/index.js" } }</script>`;

/** The golden run in a worker, which import maps do not reach. */
const worker = `
  import * as evenkeel from "/dist/index.js";
  import { goldenRun } from "/test/support/golden-run.js";
  const { count, reason } = await evenkeel.threads(3);
  postMessage([crossOriginIsolated, count, reason, await goldenRun(evenkeel)]);
`;

/** What pages are asked to do; text, since the test runner would rewrite the imports of a function. */
const inPage = `(async () => {
  const { goldenRun } = await import("/test/support/golden-run.js");
  const evenkeel = await import("evenkeel");
  const { count, reason } = await evenkeel.threads(3);
  return [crossOriginIsolated, count, reason, await goldenRun(evenkeel)];
})()`;
const inWorker = `new Promise((resolve, reject) => {
  const worker = new Worker("/worker.js", { type: "module" });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error("the worker failed: " + message));
})`;

/** Where a page is not isolated, one thread does the work, and says why. */
const alone =
  "the page is not cross-origin isolated: serve it with Cross-Origin-Opener-Policy: same-origin " +
  "and Cross-Origin-Embedder-Policy: require-corp";

const places = [
  ["a page, isolated", inPage, isolating, [true, 3, null, goldenHash]],
  ["a page, not isolated", inPage, {}, [false, 1, alone, goldenHash]],
  ["a worker, isolated", inWorker, isolating, [true, 3, null, goldenHash]],
  ["a worker, not isolated", inWorker, {}, [false, 1, alone, goldenHash]],
] as const;

type Outcome = readonly [isolated: boolean, threads: number, reason: string | null, hash: string];

const browsers: readonly [string, boolean, (url: string, script: string) => Promise<[Outcome, readonly string[]]>][] = [
  [
    "Chromium (skipped without /usr/bin/chromium)",
    hasChromium,
    (url, script) => visit(url, async ({ page: tab, errors }) => [await tab.evaluate(script), errors]),
  ],
  [
    "Firefox (skipped without /usr/bin/firefox-esr and puppeteer-core in test/peers)",
    hasFirefox,
    (url, script) => visitInFirefox(url, async ({ page: tab, errors }) => [await tab.evaluate(script), errors]),
  ],
];

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

  describe.each(browsers)("in %s", (_, isHere, ask) => {
    test.skipIf(!isHere).each(places)("is the same in %s, on threads where they can be had", async (...place) => {
      const [, asked, headers, expected] = place;
      const { url, close } = await serve(root, headers, { "/": page, "/worker.js": worker });
      try {
        const [outcome, errors] = await ask(url, asked);
        expect(errors).toEqual([]);
        expect(outcome).toEqual(expected);
      } finally {
        close();
      }
    });
  });
});

describe.each(otherEngines)("on $name (skipped without npm ci --prefix test/peers)", ({ isHere, run }) => {
  const folder = temporaryFolder();
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(() => {
    const generator = new Generator(5);
    const rows = Array.from({ length: 300 }, (_, k) => {
      const [a, b] = [(k % 3) + generator.normal(0, 0.4), generator.normal()];
      return `${a.toFixed(3)},${b.toFixed(3)},${"xyz"[k % 3]}`;
    });
    writeFileSync(join(folder, "rows.csv"), ["a,b,kind", ...rows].join("\n"));
    writeFileSync(join(folder, "new.csv"), "a,b\n0.1,0.2\n1.9,-0.4\n");
    mkdirSync(join(folder, "program"));
    const library = JSON.stringify(join(root, "dist/index.js"));
    const golden = JSON.stringify(join(root, "test/support/golden-run.js"));
    writeFileSync(
      join(folder, "program/golden.mjs"),
      `import * as evenkeel from ${library};
      import { goldenRun } from ${golden};
      const { count, reason } = await evenkeel.threads(2);
      console.log(JSON.stringify([count, reason, await goldenRun(evenkeel)]));`,
    );
  });

  test.skipIf(!isHere)("the golden hash is the same, on two threads", () => {
    const [count, reason, hash] = JSON.parse(run(folder, join(folder, "program/golden.mjs")));
    expect([count, reason, hash]).toEqual([2, null, goldenHash]);
  });

  test.skipIf(!isHere)("the command line trains to the same file as on Node, and predicts the same", () => {
    const main = join(root, "dist/cli/main.js");
    const train = ["train", "--data", "rows.csv", "--epochs", "3", "--batch-size", "32", "--seed", "4", "--out"];
    run(folder, main, ...train, "other");
    expect(evenkeelIn(folder, ...train, "node")).toMatchObject({ code: 0, stderr: "" });
    const digest = (name: string): string =>
      createHash("sha256")
        .update(readFileSync(join(folder, name, "model.safetensors")))
        .digest("hex");
    expect(digest("other")).toBe(digest("node"));
    const predict = ["predict", "other", "new.csv", "--json"];
    expect(JSON.parse(run(folder, main, ...predict))).toEqual(JSON.parse(evenkeelIn(folder, ...predict).stdout));
  });
});

describe("the playground, as it is built", () => {
  test.skipIf(!hasFirefox)(
    "trains in Firefox without an error (skipped without /usr/bin/firefox-esr and puppeteer-core in test/peers)",
    async () => {
      const { url, close } = await serve(join(root, "dist/playground"), isolating);
      try {
        await visitInFirefox(`${url}#scene=deep`, async ({ page: tab, errors }) => {
          const steps = (): Promise<number> =>
            tab.evaluate(
              `Number(document.querySelector(".controls output")?.textContent?.replaceAll(/\\D/g, "") ?? "0")`,
            );
          await expect.poll(steps, { timeout: 120_000, interval: 500 }).toBeGreaterThan(20);
          expect(await tab.evaluate(`document.querySelectorAll("canvas").length`)).toBeGreaterThan(0);
          expect(errors).toEqual([]);
        });
      } finally {
        close();
      }
    },
  );
});
