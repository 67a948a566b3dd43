import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { createServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scenes } from "../../playground/src/scenes.js";
import { initialSettings } from "../../playground/src/settings.js";
import { Contest } from "../../playground/src/training/contest.js";
import { type ExportedRun, exportRun, readData } from "../../playground/src/training/export-run.js";
import { hasChromium, isolating, type Server, serve, type Visit, visit } from "../support/chromium.js";
import { builtPlayground, foreignOf, playgroundConfig, stepsOf } from "../support/playground.js";

const { root, built } = builtPlayground("under/some/path");
/** Servers of the built page: one that isolates it, and a plain one. */
let [isolated, plain]: Server[] = [];

beforeAll(async () => {
  // The policy as a header binds workers too, which a page's own words do not.
  isolated = await serve(root, { ...isolating, "Content-Security-Policy": policyOf(built) });
  plain = await serve(root);
});

afterAll(() => {
  for (const server of [isolated, plain]) server?.close();
});

/** What a built page says that it may do. */
function policyOf(folder: string): string {
  const page = readFileSync(join(folder, "index.html"), "utf8").replaceAll("&#39;", "'");
  return /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? "none";
}

/** Opens the page, at a place of its settings, and expects that nothing goes wrong and no other origin is asked. */
async function open<T>(server: Server, hash: string, body: (visit: Visit) => Promise<T>): Promise<T> {
  return visit(`${server.url}under/some/path/${hash}`, async (opened) => {
    await opened.page.waitForSelector(".arena canvas");
    const result = await body(opened);
    expect(opened.errors).toEqual([]);
    expect(foreignOf(opened.requests, server.url)).toEqual([]);
    return result;
  });
}

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

async function waitForSteps(page: Page, steps: number): Promise<void> {
  await expect.poll(() => stepsOf(page), { timeout: 60_000, interval: 50 }).toBeGreaterThanOrEqual(steps);
}

/** The run as the page saves it. */
async function savedRun(page: Page): Promise<ExportedRun> {
  const [download] = await Promise.all([page.waitForEvent("download"), button(page, "Save the run as JSON").click()]);
  expect(download.suggestedFilename()).toBe("evenkeel-run.json");
  return JSON.parse(readFileSync(await download.path(), "utf8"));
}

/** With its data as they were before they were packed, for which engines have their own ways. */
async function unpacked(run: ExportedRun): Promise<object> {
  return { ...run, data: await readData(run) };
}

/** The same run, made in Node from what the file says. */
async function replay(run: ExportedRun): Promise<ExportedRun> {
  const contest = new Contest(run.experiment, await readData(run));
  const steps = Math.max(...run.networks.map((network) => network.steps));
  for (let step = 0; step < steps; step++) await contest.step();
  return JSON.parse(JSON.stringify(await exportRun(contest)));
}

describe.skipIf(!hasChromium)(
  "the playground, built and served under a path (skipped without /usr/bin/chromium)",
  () => {
    test("weighs at most 500 kB in gzip without the digits, and allows its own files and WebAssembly only", () => {
      const files = readdirSync(built, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      const code = files.filter(({ name }) => !name.endsWith(".bin"));
      const bytes = code.map(({ parentPath, name }) => gzipSync(readFileSync(join(parentPath, name))).length);
      expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(500_000);
      expect(policyOf(built)).toContain("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';");
      expect(readFileSync(join(built, "index.html"), "utf8")).not.toMatch(/<script(?![^>]*\bsrc=)/);
    });

    test("loads at most 200 kB in gzip before its first picture, the library included", () => {
      const text = (name: string): string => readFileSync(join(built, name), "utf8");
      const imported = /(?:(?:from|import)"\.\/|new URL\(`)([\w.-]+\.js)[`"]/g;
      const names = (source: string, pattern: RegExp): string[] =>
        Array.from(source.matchAll(pattern), ([, name]) => name);
      // The page's script and styles, what these import at once, and the worker that trains.
      const loaded = new Set<string>();
      const load = (name: string): void => {
        if (loaded.has(name)) return;
        loaded.add(name);
        const file = join(built, "assets", name);
        for (const one of names(readFileSync(file, "utf8"), imported)) load(one);
      };
      for (const name of names(text("index.html"), /"\.\/assets\/([^"]+)"/g)) load(name);
      expect([...loaded].join()).toMatch(/index-.*\.js.*train-worker-.*\.js.*index-.*\.css/);
      const sizes = [...loaded].map((name) => gzipSync(readFileSync(join(built, "assets", name))).length);
      expect(sizes.reduce((sum, size) => sum + size, gzipSync(text("index.html")).length)).toBeLessThanOrEqual(200_000);
    });

    test("is served on loopback while it is worked on, isolated", async () => {
      const server = await createServer({
        configFile: playgroundConfig,
        logLevel: "error",
        optimizeDeps: { noDiscovery: true },
        server: { port: 0 },
      });
      try {
        await server.listen();
        const url = server.resolvedUrls?.local[0] ?? "";
        expect(new URL(url).hostname).toBe("localhost");
        expect(server.resolvedUrls?.network).toEqual([]);
        const { status, headers } = await fetch(url);
        expect(status).toBe(200);
        for (const [name, value] of Object.entries(isolating)) expect(headers.get(name)).toBe(value);
      } finally {
        await server.close();
      }
    });

    test.each([
      ["isolated, under its policy, with shared memory", () => isolated, true],
      ["from a plain server, without it", () => plain, false],
    ])("trains, and the run that it saves is made again in Node to the same bits: %s", async (_, server, shared) => {
      const run = await open(server(), "", async ({ page }) => {
        expect(await page.evaluate("[crossOriginIsolated, typeof SharedArrayBuffer]")).toEqual([
          shared,
          shared ? "function" : "undefined",
        ]);
        await button(page, "Train").click();
        await waitForSteps(page, 60);
        await button(page, "Pause").click();
        return savedRun(page);
      });
      expect(run.networks.map(({ error }) => error)).toEqual([null, null]);
      expect(await unpacked(await replay(run))).toEqual(await unpacked(run));
      // What the recipe gives in Node is what it gave in the page.
      const { data } = await Contest.open(run.experiment);
      expect(data).toEqual(await readData(run));
    });

    test("shows at first that batch norm learns the spiral, and the same network without it does not", async () => {
      // In Node, where the bits are the same.
      const contest = await Contest.open(initialSettings.experiment);
      for (let step = 0; step < 600; step++) await contest.step();
      const [a, b] = contest.trainers.map(({ curves }) => curves.columns());
      expect(Math.max(...a.testAccuracy.slice(-40))).toBeLessThan(0.6);
      expect(Math.max(...b.testAccuracy.slice(-40))).toBeGreaterThan(0.9);
      expect(Math.min(...b.loss.slice(-40))).toBeLessThan(b.loss[0] / 2);
    });

    test("runs, pauses, steps and starts again", async () => {
      await open(plain, "", async ({ page }) => {
        expect(await stepsOf(page)).toBe(0);
        await button(page, "Step").click();
        await expect.poll(() => stepsOf(page)).toBe(1);
        await button(page, "Step").click();
        await expect.poll(() => stepsOf(page)).toBe(2);
        await button(page, "Train").click();
        await waitForSteps(page, 20);
        await button(page, "Pause").click();
        const paused = (await savedRun(page)).networks[0].steps;
        await expect.poll(() => stepsOf(page)).toBe(paused);
        await page.waitForTimeout(300);
        expect(await stepsOf(page)).toBe(paused);
        await button(page, "Reset").click();
        await expect.poll(() => stepsOf(page)).toBe(0);
        await expect.poll(() => button(page, "Train").isVisible()).toBe(true);
      });
    });

    test("keeps every setting in the address, over a reload too", async () => {
      await open(plain, "", async ({ page }) => {
        const selects = page.locator(".settings select");
        for (let k = 0; k < (await selects.count()); k++) {
          const chosen = await selects.nth(k).inputValue();
          const values: string[] = await page.evaluate(
            `[...document.querySelectorAll(".settings select")[${k}].options].map((one) => one.value)`,
          );
          // Small networks, so that the page need not compute long.
          await selects.nth(k).selectOption(values.filter((value) => value !== chosen && value !== "same").at(0) ?? "");
        }
        await page.getByText("Moons", { exact: true }).click();
        await page.getByLabel("Noise").fill("0.11");
        await page.getByLabel("Seed", { exact: true }).fill("77");
        await page.getByLabel("Seed", { exact: true }).press("Enter");
        const state = () =>
          page.evaluate(`[...document.querySelectorAll(".settings select, .data-picker input")].map((one) =>
          one.type === "radio" ? one.checked : one.value)`);
        const before = await state();
        const hash = await page.evaluate("location.hash");
        for (const key of ["data=moons", "noise=0.11", "seed=77", "a.norm=batch", "b.norm=none", "b.width=4"]) {
          expect(hash).toContain(key);
        }
        await page.reload();
        await page.waitForSelector(".settings select");
        expect(await state()).toEqual(before);
        expect(await page.evaluate("location.hash")).toBe(hash);
      });
    });

    test("starts a scene by its link, follows links to others, and makes as many steps as an address says", async () => {
      await open(plain, "#scene=linear", async ({ page }) => {
        await waitForSteps(page, 20);
        await button(page, "Pause").click();
        const part = page.locator("#linear");
        const top = (): Promise<number> => part.evaluate((element) => element.getBoundingClientRect().top);
        expect(await top()).toBeGreaterThan(900);
        await button(page, "See 7 · Linear at inference, not in training").click();
        await expect.poll(async () => Math.abs(await top())).toBeLessThan(200);
        await expect.poll(() => part.textContent()).toContain("All points lie on the diagonal");
        expect(await part.textContent()).toContain("the layer is not affine");
        await expect.poll(() => page.evaluate("location.hash")).toMatch(/^#scene=linear&step=\d+$/);
        await page.getByRole("link", { name: "One bad batch" }).click();
        await waitForSteps(page, 20);
        await button(page, "Pause").click();
        await page.getByRole("button", { name: "Feed B a batch with a NaN" }).click();
        await expect.poll(() => page.locator("#repair").textContent()).toContain("stayed as they were, to the bit");
        await page.getByRole("button", { name: "Recalibrate B" }).click();
        await expect.poll(() => page.locator("#repair").textContent()).toContain("with the new ones");
      });
      await open(plain, "#scene=parameters&step=12", async ({ page }) => {
        await waitForSteps(page, 12);
        await page.waitForTimeout(300);
        expect(await stepsOf(page)).toBe(12);
      });
    });

    test("leaves out what it does not understand in an address, and says so", async () => {
      await open(plain, "#data=square&a.depth=99&b.norm=rms&foo=1", async ({ page }) => {
        const notes = await page.locator("main > [role=status] .note").allTextContents();
        expect(notes).toMatchInlineSnapshot(`
          [
            "“square” is not a value of data, so it is spiral.",
            "“99” is not a value of a.depth, so it is 12.",
            "“foo” is not a setting, so it was left out.",
          ]
        `);
        expect(await page.getByLabel("Normalisation of B").inputValue()).toBe("rms");
      });
    });

    test("says what a batch of one will do to batch norm, and then what the library says of it", async () => {
      await open(plain, "#b.batchSize=1", async ({ page }) => {
        const messages = page.locator("[aria-label='Network B'] .messages");
        expect(await messages.textContent()).toMatchInlineSnapshot(
          `"A batch of one has no variance: each value is its own mean, so x − mean is 0 for any sample. The library will refuse to train."`,
        );
        await button(page, "Train").click();
        await expect.poll(() => messages.locator(".bad").count()).toBe(1);
        expect(await messages.locator(".bad").textContent()).toMatchInlineSnapshot(
          `"Stopped. The library says: BatchNorm(24).forward(x): expected at least 2 values per channel for batch statistics, got 1 (shape 1×24). Use a batch of 2 or more, call eval() first, or normalise with GroupNorm or LayerNorm."`,
        );
        expect(await page.locator("#train-and-test").textContent()).toContain("training stopped before its first step");
        // The other goes on.
        await waitForSteps(page, 10);
        await page.getByLabel("Batch size of B").selectOption("16");
        await expect.poll(() => messages.locator(".note").count()).toBe(0);
      });
    });

    test("says which layer failed first when training overflows", async () => {
      await open(
        plain,
        "#a.learningRate=10&a.activation=elu&a.norm=none&a.initialScale=10&b.norm=same",
        async ({ page }) => {
          const messages = page.locator("[aria-label='Network A'] .messages .bad");
          await button(page, "Train").click();
          await expect.poll(() => messages.count(), { timeout: 20_000 }).toBe(1);
          expect(await messages.textContent()).toMatch(
            /Stopped\. The library says: fit\(model, data\), step 0: expected a finite loss/,
          );
        },
      );
    });

    test("can be used with the keyboard alone", async () => {
      await open(plain, "", async ({ page }) => {
        await page.keyboard.press("Tab");
        expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the networks");
        // The links of the scenes stand between.
        for (let k = 0; k < scenes.length + 1; k++) await page.keyboard.press("Tab");
        expect(await page.evaluate("document.activeElement.textContent")).toBe("Train");
        await page.keyboard.press("Enter");
        await waitForSteps(page, 5);
        await page.keyboard.press("Space");
        await expect.poll(() => button(page, "Train").isVisible()).toBe(true);
        // Everything that can be pressed or changed is reached, and can be seen to be.
        const count: number = await page.evaluate(`(() => {
        const shown = [...document.querySelectorAll("button, select, input, summary, a[href], canvas[tabindex]")]
          .filter((one) => one.checkVisibility() && !one.disabled);
        const groups = new Set(shown.filter(({ type }) => type === "radio").map(({ name }) => name));
        return shown.filter(({ type }) => type !== "radio").length + groups.size;
      })()`);
        const reached = new Set<string>();
        await page.evaluate("document.activeElement.blur(), scrollTo(0, 0)");
        for (let k = 0; k < count + 20; k++) {
          await page.keyboard.press("Tab");
          reached.add(
            await page.evaluate(`(() => {
            const all = [...document.querySelectorAll("*")];
            const one = document.activeElement;
            return one === document.body ? "body" : String(one.type === "radio" ? one.name : all.indexOf(one));
          })()`),
          );
        }
        reached.delete("body");
        expect(reached.size).toBeGreaterThanOrEqual(count);
        await page.getByLabel("Spiral").focus();
        await page.keyboard.press("ArrowRight");
        expect(await page.evaluate("location.hash")).toContain("data=moons");
      });
    });

    test("has nothing that axe-core finds serious, and does not scroll sideways, narrow and wide, light and dark", async () => {
      await open(plain, "", async ({ page }) => {
        for (let k = 0; k < 9; k++) await button(page, "Step").click();
        await waitForSteps(page, 9);
        // The policy of the page forbids scripts that are not its own, but not those of who drives the browser.
        await page.evaluate(axe.source);
        for (const width of [400, 1400]) {
          for (const colorScheme of ["light", "dark"] as const) {
            await page.setViewportSize({ width, height: 900 });
            await page.emulateMedia({ colorScheme });
            await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
            const found: string[] = await page.evaluate(
              `axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) => id + " (" + impact + "): " + nodes.map(({ target }) => target)))`,
            );
            expect({ width, colorScheme, found }).toEqual({ width, colorScheme, found: [] });
            expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
          }
        }
      });
    });

    test("saves a picture, and copies the address", async () => {
      await open(plain, "#data=rings", async ({ page }) => {
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          button(page, "Save a picture as PNG").click(),
        ]);
        const png = readFileSync(await download.path());
        expect(png.subarray(1, 4).toString()).toBe("PNG");
        expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1200, 630]);
        await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
        await button(page, "Copy the address").click();
        await expect.poll(() => page.evaluate("navigator.clipboard.readText()")).toContain("#data=rings");
      });
    });
  },
);
