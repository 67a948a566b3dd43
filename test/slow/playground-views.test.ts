import axe from "axe-core";
import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { hasChromium, visit } from "../support/chromium.js";
import { foreignOf, servedPlayground } from "../support/playground.js";

/** Patient, since on a busy machine seconds become minutes. */
const patience = 180_000;

/** Expects it sooner or later. */
function eventually<T>(value: () => T | Promise<T>) {
  return expect.poll(value, { timeout: patience });
}

/** Keeps requests waiting until what it returns is called. */
async function hold(page: Page, pattern: string): Promise<() => void> {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(pattern, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

/** The parts that these tests are about. */
const parts = ["digits", "train-and-test", "step-by-step"] as const;

describe.skipIf(!hasChromium)(
  "the playground's parts on arithmetic, inference and digits (skipped without chromium)",
  () => {
    const server = servedPlayground();

    /** Opens the page with settings in its address, and expects no errors and no request to anywhere else. */
    async function at(hash: string, body: (page: Page) => Promise<void>): Promise<void> {
      await visit(`${server.url}#${hash}`, async ({ page, errors, requests }) => {
        page.setDefaultTimeout(patience);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await body(page);
        expect(errors).toEqual([]);
        expect(foreignOf(requests, server.url)).toEqual([]);
      });
    }

    const addressOf = (page: Page): string => new URL(page.url()).hash;

    describe("step by step", () => {
      const tableOf = (page: Page): Locator => page.getByRole("table", { name: "The numbers of each sample" });
      const columnOf = async (page: Page, column: number): Promise<string[]> =>
        tableOf(page).locator(`tbody td:nth-of-type(${column})`).allTextContents();

      test("walks there and back by keyboard, and every number typed over changes what follows", async () => {
        await at("", async (page) => {
          const part = page.locator("#step-by-step");
          const title = part.getByRole("heading", { level: 3 });
          const next = part.getByRole("button", { name: "Next" });
          await next.focus();
          for (const expected of ["2. The mean", "3. The variance", "4. Normalise"]) {
            await page.keyboard.press("Enter");
            await eventually(() => title.textContent()).toContain(expected);
          }
          await eventually(() => columnOf(page, 3)).toEqual(["−1.5", "−0.5", "−0.5", "−0.5", "0", "0", "1", "2"]);

          // A shift and a stretch of the batch leave x̂ alone.
          await part.getByRole("button", { name: "Shift all x by 10" }).press("Enter");
          await part.getByRole("button", { name: "Stretch all x by 3" }).press("Enter");
          await eventually(() => columnOf(page, 3)).toEqual(["−1.5", "−0.5", "−0.5", "−0.5", "0", "0", "1", "2"]);
          await part.getByRole("button", { name: "As at first" }).press("Enter");

          await part.getByRole("textbox", { name: "x of sample 8" }).fill("1");
          await eventually(() => columnOf(page, 3)).not.toContain("2");
          await part.getByRole("textbox", { name: "x of sample 8" }).press("ArrowUp");
          await eventually(() => addressOf(page)).toContain("walkX=2%2C4%2C4%2C4%2C5%2C5%2C7%2C2");

          await part.getByRole("button", { name: "5 scale and shift" }).press("Enter");
          const before = await columnOf(page, 3);
          await part.getByRole("textbox", { name: "γ" }).fill("3");
          await part.getByRole("textbox", { name: "β" }).fill("-2,5");
          await eventually(() => columnOf(page, 3)).not.toEqual(before);

          await part.getByRole("button", { name: "6 remember" }).press("Enter");
          const worked = part.locator(".worked");
          const remembered = await worked.textContent();
          for (const name of ["momentum", "running mean before", "running variance before"]) {
            await part.getByRole("textbox", { name, exact: true }).fill("0.6");
          }
          await eventually(() => worked.textContent()).not.toBe(remembered);

          await part.getByRole("button", { name: "9 of x" }).press("Enter");
          const gradients = await columnOf(page, 4);
          await part.getByRole("textbox", { name: "gradient of y of sample 1" }).fill("-2");
          await eventually(() => columnOf(page, 4)).not.toEqual(gradients);
          await eventually(() => worked.textContent()).toMatch(/Σ dx = 0/);

          // What cannot be read is marked, and changes nothing.
          const box = part.getByRole("textbox", { name: "γ" });
          await box.fill("three");
          await eventually(() => box.getAttribute("aria-invalid")).toBe("true");
          await box.blur();
          await eventually(() => box.inputValue()).toBe("3");
          await part.getByRole("button", { name: "Start again" }).press("Enter");
          await eventually(() => title.textContent()).toContain("1. A mini-batch");
        });
      });

      test("comes back from its address, and shows the library's own refusal and warning", async () => {
        await at("walkStep=4&walkX=7&walkEps=0.1", async (page) => {
          const part = page.locator("#step-by-step");
          await eventually(() => part.getByRole("status").textContent()).toContain(
            "BatchNorm(1).forward(x): expected at least 2 values per channel",
          );
          await part.getByRole("button", { name: "Add a sample" }).press("Enter");
          await eventually(() => part.getByRole("status").textContent()).toContain(
            "batch statistics over 2 samples are noisy",
          );
          await eventually(() => part.getByRole("textbox", { name: "ε" }).inputValue()).toBe("0.1");
          await part.getByRole("button", { name: "Take one away" }).press("Enter");
          await part.getByRole("button", { name: "All equal" }).press("Enter");
          await part.getByRole("button", { name: "One outlier" }).press("Enter");
          const address = addressOf(page);
          await page.reload();
          expect(addressOf(page)).toBe(address);
          await eventually(() => part.getByRole("textbox", { name: "x of sample 1" }).inputValue()).toBe("40");
        });
      });
    });

    describe("train and test", () => {
      test("shows the network that trains, in both ways, with every momentum, among changing batch-mates", async () => {
        const network = "a.activation=sigmoid&a.depth=4&a.initialScale=1&a.runningMomentum=0.9&a.warmUp=no";
        await at(network, async (page) => {
          const part = page.locator("#train-and-test");
          await part.scrollIntoViewIfNeeded();
          await eventually(() => part.textContent()).toContain("the first step fills this part");
          await page.getByRole("button", { name: "Step", exact: true }).press("Enter");
          const fact = (name: string): Locator => part.locator(".facts div", { hasText: name }).locator("dd");
          await fact("mean of the output").waitFor();
          await page.getByRole("button", { name: "Train", exact: true }).press("Enter");
          await part.scrollIntoViewIfNeeded();
          await eventually(() => fact("with running statistics").textContent()).toMatch(/^([6-9]\d|100) %/);
          await page.getByRole("button", { name: "Pause", exact: true }).press("Enter");

          const deviation = await fact("its standard deviation").textContent();
          await part.getByRole("radio", { name: "running: inference" }).press("Space");
          await eventually(() => addressOf(page)).toContain("statistics=running");
          await eventually(() => fact("its standard deviation").textContent()).not.toBe(deviation);

          await part.getByRole("radio", { name: "3", exact: true }).press("Space");
          await part.getByRole("slider").focus();
          await page.keyboard.press("End");
          await eventually(() => part.textContent()).toContain("It averages over about 1000 batches");
          await page.keyboard.press("Home");
          await eventually(() => part.textContent()).toContain("Nothing is averaged");
          await eventually(() => part.getByRole("img", { name: "Mean of unit 1" }).count()).toBe(1);

          const training = part.locator(".strip p", { hasText: "in training" });
          const atTest = part.locator(".strip p", { hasText: "at inference" });
          await part.getByRole("radio", { name: "4", exact: true }).last().press("Space");
          await eventually(() => addressOf(page)).toContain("mates=4");
          await eventually(() => training.textContent()).toMatch(/\d+ % to \d+ %/);
          await eventually(() => atTest.textContent()).toContain("always");
          const moving = await training.textContent();
          await part.getByRole("button", { name: "New batches, one after another" }).press("Enter");
          await eventually(() => training.textContent()).not.toBe(moving);
          await part.getByRole("button", { name: "Stop" }).press("Enter");
          const [moved, still] = [await training.textContent(), await atTest.textContent()];
          await part.getByRole("button", { name: "One new batch" }).press("Enter");
          await eventually(() => training.textContent()).not.toBe(moved);
          expect(await atTest.textContent()).toBe(still);

          await part.getByRole("radio", { name: "1", exact: true }).last().press("Space");
          await eventually(() => part.textContent()).toContain("expected at least 2 values per channel");
        });
      });

      test("says so where neither network has anything to remember", async () => {
        await at("b.norm=layer", async (page) => {
          await eventually(() => page.locator("#train-and-test").textContent()).toContain(
            "Neither network has batch norm",
          );
        });
      });
    });

    describe("digits", () => {
      test("are fetched only when they are wanted, train in seconds, and are told from drawings by mouse and keyboard", async () => {
        await visit(server.url, async ({ page, errors, requests }) => {
          const part = page.locator("#digits");
          await part.scrollIntoViewIfNeeded();
          const fetched = (): number => requests.filter((request) => request.endsWith(".bin")).length;
          expect(fetched()).toBe(0);
          const release = await hold(page, "**/*.bin");
          await part.getByRole("button", { name: "Train them on digits" }).press("Enter");
          await part.getByRole("application", { name: "Drawing pad" }).waitFor();
          expect(addressOf(page)).toBe("#data=digits");
          // What is pressed while they are on their way is not lost.
          await page.getByRole("button", { name: "Pause", exact: true }).press("Enter");
          await page.getByRole("button", { name: "Step", exact: true }).press("Enter");
          await page.getByRole("button", { name: "Step", exact: true }).press("Enter");
          release();
          await eventually(() => page.locator(".controls output").textContent()).toBe("2");
          await page.getByRole("button", { name: "Train", exact: true }).press("Enter");
          const right = page.locator("article[aria-label='Network B'] .right");
          await eventually(() => right.textContent()).toMatch(/^[89]\d % of new digits/);
          expect(fetched()).toBe(1);
          await page.getByRole("button", { name: "Pause", exact: true }).press("Enter");

          // A seven by mouse.
          const pad = part.getByRole("application", { name: "Drawing pad" });
          await pad.scrollIntoViewIfNeeded();
          const box = await pad.locator("canvas").boundingBox();
          if (box === null) throw new Error("the pad is not on the screen");
          const to = (x: number, y: number): Promise<void> =>
            page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: 8 });
          await to(0.27, 0.22);
          await page.mouse.down();
          await to(0.7, 0.22);
          await to(0.42, 0.85);
          await page.mouse.up();
          const verdict = part.locator(".verdict .tone-b");
          await eventually(() => verdict.textContent()).toMatch(/B\s*7/);

          // A one by keyboard: down in the middle, then straight on.
          await pad.press("Delete");
          await eventually(() => verdict.textContent()).toMatch(/B\s*–/);
          await page.keyboard.press("Space");
          for (let k = 0; k < 15; k++) await page.keyboard.press("ArrowDown");
          await page.keyboard.press("Space");
          await eventually(() => verdict.textContent()).toMatch(/B\s*1/);

          await part.getByRole("button", { name: "Clear" }).press("Enter");
          await part.getByRole("button", { name: "Show a test digit" }).press("Enter");
          await eventually(() => verdict.textContent()).toMatch(/B\s*7/);
          expect(await part.getByRole("table", { name: "How sure" }).locator("tbody tr").count()).toBe(10);
          expect(errors).toEqual([]);
        });
      });
    });

    test("are readable at 400 and 1,400 pixels, light and dark: axe finds nothing, and nothing scrolls sideways", async () => {
      await at("data=digits&walkStep=9", async (page) => {
        await page.getByRole("img", { name: "48 digits" }).first().waitFor();
        await page.getByRole("button", { name: "Step", exact: true }).press("Enter");
        await page.locator("#train-and-test").scrollIntoViewIfNeeded();
        await page.locator(".facts").waitFor();
        await page.evaluate(axe.source);
        for (const width of [400, 1400]) {
          for (const colorScheme of ["light", "dark"] as const) {
            await page.setViewportSize({ width, height: 900 });
            await page.emulateMedia({ colorScheme });
            const found: string[] = [];
            for (const part of parts) {
              const run = `axe.run("#${part}").then(({ violations }) => violations.map(({ id, nodes }) => id + " " + nodes[0].target))`;
              found.push(...(await page.evaluate<string[]>(run)));
            }
            expect({ width, colorScheme, found }).toEqual({ width, colorScheme, found: [] });
            expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
          }
        }
      });
    });
  },
);
