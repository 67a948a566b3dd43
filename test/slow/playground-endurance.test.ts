import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { hasChromium, visit } from "../support/chromium.js";
import { handlerTimes } from "../support/main-thread.js";
import { pageMemory } from "../support/page-memory.js";
import { servedPlayground, stepsOf } from "../support/playground.js";

const server = servedPlayground();

/**
 * Lets both networks train, and calls `body` when they have made more steps than histories have rows, after which rows
 * are thinned.
 */
async function training(body: (page: Page) => Promise<void>): Promise<void> {
  // Small networks make many steps.
  await visit(`${server.url}#a.width=8&a.batchSize=16`, async ({ page, errors }) => {
    await page.waitForSelector(".arena canvas");
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await expect.poll(() => stepsOf(page), { timeout: 180_000 }).toBeGreaterThan(1700);
    const before = await stepsOf(page);
    await body(page);
    expect(await stepsOf(page)).toBeGreaterThan(before);
    expect(errors).toEqual([]);
  });
}

/** Looks at the parts that draw while networks train, for so many ms at each. */
async function lookAround(page: Page, each = 10_000): Promise<void> {
  for (const part of ["side-by-side", "activations", "train-and-test"]) {
    await page.locator(`#${part}`).scrollIntoViewIfNeeded();
    await page.waitForTimeout(each);
  }
}

describe.skipIf(!hasChromium)("while both networks train (skipped without chromium)", { concurrent: true }, () => {
  test("nothing that the page does takes 50 ms, for 30 s", async () => {
    await training(async (page) => {
      const times = await handlerTimes(page, () => lookAround(page));
      expect(times.length).toBeGreaterThan(100);
      // One in a hundred may wait for other work of the machine.
      const sorted = times.toSorted((a, b) => a - b);
      expect(sorted[Math.floor(0.99 * (sorted.length - 1))]).toBeLessThan(50);
      expect(Math.max(...times)).toBeLessThan(250);
    });
  });

  test("memory is constant, for a minute", async () => {
    await training(async (page) => {
      const memory = await pageMemory(page);
      // What is seen for the first time is built then.
      await lookAround(page, 4000);
      const before = await memory();
      await lookAround(page);
      await lookAround(page);
      const after = await memory();
      expect(after.wasm).toBe(before.wasm);
      // Code that is compiled late and the rows of histories are some megabytes; snapshots that stayed would be a
      // hundred.
      expect(after.heap - before.heap).toBeLessThan(10e6);
    });
  });
});
