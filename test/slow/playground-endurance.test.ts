import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hasChromium, isolating, type Server, serve, visit } from "../support/chromium.js";
import { handlerTimes } from "../support/main-thread.js";
import { pageMemory } from "../support/page-memory.js";
import { buildPlayground } from "../support/playground.js";

const folder = mkdtempSync(join(tmpdir(), "evenkeel-playground-"));
let server: Server;

beforeAll(async () => {
  await buildPlayground(folder);
  server = await serve(folder, isolating);
}, 120_000);

afterAll(() => {
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Parts that draw while networks train. */
const parts = ["side-by-side", "activations", "train-and-test"] as const;

test.skipIf(!hasChromium)(
  "while both networks train, nothing that the page does takes 50 ms in 30 s, and memory is constant over a minute",
  async () => {
    // Small networks make many steps, so that the histories are full soon.
    await visit(`${server.url}#a.width=8&a.batchSize=16`, async ({ page, errors }) => {
      await page.waitForSelector(".arena canvas");
      const memory = await pageMemory(page);
      const look = async (): Promise<void> => {
        for (const part of parts) {
          await page.locator(`#${part}`).scrollIntoViewIfNeeded();
          await page.waitForTimeout(10_000);
        }
      };
      await page.getByRole("button", { name: "Train", exact: true }).click();
      // More steps than histories have rows, after which they are thinned.
      const steps = async (): Promise<number> =>
        Number((await page.locator(".controls output").textContent())?.replace(/\D/g, ""));
      await expect.poll(steps, { timeout: 180_000 }).toBeGreaterThan(1700);
      const before = await memory();
      const times = await handlerTimes(page, look);
      await look();
      const after = await memory();
      expect(await steps()).toBeGreaterThan(2000);
      expect(errors).toEqual([]);
      expect(times.length).toBeGreaterThan(100);
      expect(Math.max(...times)).toBeLessThan(50);
      expect(after.wasm).toBe(before.wasm);
      // The rows of histories, of which there are 200 to 400.
      expect(after.heap - before.heap).toBeLessThan(2e6);
    });
  },
);
