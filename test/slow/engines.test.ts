import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasChromium, isolating, serve, visit } from "../support/chromium.js";
import { goldenHash } from "../support/golden-hash.js";

const root = join(import.meta.dirname, "../..");
const page = `<!doctype html><link rel="icon" href="data:," /><script type="importmap">{ "imports": { "evenkeel": "/dist/index.js" } }</script>`;

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
    "is the same in Chromium, on threads where they can be had (skipped without /usr/bin/chromium); cross-origin isolated: %s",
    async (isolated) => {
      const { url, close } = await serve(root, isolated ? isolating : {}, { "/": page });
      try {
        await visit(url, async ({ page: tab, errors }) => {
          // As text: the test runner would rewrite the imports of a function.
          const hash = await tab.evaluate(`(async () => {
            const { goldenRun } = await import("/test/support/golden-run.js");
            const evenkeel = await import("evenkeel");
            const { count, reason } = await evenkeel.threads(3);
            return [crossOriginIsolated, count, reason, await goldenRun(evenkeel)];
          })()`);
          expect(errors).toEqual([]);
          const alone =
            "the page is not cross-origin isolated: serve it with Cross-Origin-Opener-Policy: same-origin " +
            "and Cross-Origin-Embedder-Policy: require-corp";
          expect(hash).toEqual([isolated, isolated ? 3 : 1, isolated ? null : alone, goldenHash]);
        });
      } finally {
        close();
      }
    },
  );
});
