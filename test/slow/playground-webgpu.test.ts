import { webgpu } from "evenkeel/webgpu";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { initialSettings } from "../../playground/src/settings.js";
import { Contest } from "../../playground/src/training/contest.js";
import { badBatch, renewStatistics } from "../../playground/src/training/repair.js";
import { hasChromium, type Visit, visit } from "../support/chromium.js";
import { started } from "../support/gpu.js";
import { servedPlayground, stepsOf } from "../support/playground.js";

/** A software device compiles slowly, and a busy machine is slower still. */
const patience = 240_000;

const { a } = initialSettings.experiment;
const experiment = { ...initialSettings.experiment, a: { ...a, depth: 2, width: 8, batchSize: 32 } };

describe.skipIf(typeof started === "string")("the playground's networks on a GPU", () => {
  beforeAll(async () => {
    await webgpu();
  });

  test("go the way that they go on wasm, and are measured alike", async () => {
    const contests = await Promise.all([false, true].map((onGpu) => Contest.open(experiment, { onGpu })));
    for (const contest of contests) {
      for (let step = 0; step < 12; step++) await contest.step();
      await contest.fetch();
    }
    const [onWasm, onGpu] = contests.map(({ trainers }) =>
      trainers.map((trainer) => {
        expect(trainer.error).toBeNull();
        const { loss } = trainer.curves.columns();
        const running = trainer.statistics.columns(1);
        const state = Object.values(trainer.network.model.stateDict()).flatMap((t) => Array.from(t.dataSync()));
        return [...loss, ...Object.values(running ?? {}).flatMap((one) => [...one]), ...state, trainer.test().testLoss];
      }),
    );
    for (const [k, values] of onGpu.entries()) {
      expect(values.length).toBe(onWasm[k].length);
      values.forEach((value, i) => {
        expect(Math.abs(value - onWasm[k][i])).toBeLessThan(1e-4 * (1 + Math.abs(value)));
      });
      // Rounding differs somewhere: it was not wasm that took the steps.
      expect(values).not.toEqual(onWasm[k]);
    }
  }, 300_000);

  test("take over what views change: renewed statistics, and the count of skipped batches", async () => {
    const contest = await Contest.open(experiment, { onGpu: true });
    for (let step = 0; step < 3; step++) await contest.step();
    await contest.fetch();
    expect(badBatch(contest, 1)?.skipped).toEqual([0, 1]);
    await contest.step();
    await contest.fetch();
    expect(badBatch(contest, 1)?.skipped).toEqual([1, 2]);
    const before = contest.trainers[1].network.model.stateDict()["1.running_mean"].dataSync();
    await renewStatistics(contest, 1);
    const renewed = contest.trainers[1].network.model.stateDict()["1.running_mean"].dataSync();
    expect(renewed).not.toEqual(before);
    await contest.step();
    await contest.fetch();
    const after = contest.trainers[1].network.model.stateDict()["1.running_mean"].dataSync();
    const distance = (from: Float32Array): number => Math.hypot(...after.map((value, k) => value - from[k]));
    expect(distance(renewed)).toBeLessThan(distance(before));
  }, 300_000);
});

describe.skipIf(!hasChromium)("the playground with WebGPU (skipped without chromium)", () => {
  const server = servedPlayground();

  const small = "a.depth=1&a.width=4&a.batchSize=32";
  const line = (page: Page) => page.locator(".device-line");
  const isKernels = (request: string): boolean => /\/webgpu-[^/]*\.js$/.test(request);

  /** Trains until so many steps are made. */
  async function train(page: Page, steps: number): Promise<void> {
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await expect.poll(() => stepsOf(page), { timeout: patience }).toBeGreaterThanOrEqual(steps);
    await page.getByRole("button", { name: "Pause", exact: true }).click();
  }

  /** Opens the page with settings in its address, and expects no errors. */
  async function at(
    hash: string,
    switches: readonly string[],
    body: (visit: Visit) => Promise<void>,
    host = "localhost",
  ): Promise<void> {
    await visit(
      `${server.url.replace("localhost", host)}#${hash}`,
      async (opened) => {
        opened.page.setDefaultTimeout(patience);
        await body(opened);
        expect(opened.errors.filter((error) => !error.includes("Cross-Origin-Opener-Policy"))).toEqual([]);
      },
      switches,
    );
  }

  test(
    "trains on the GPU once it is chosen, says on which, fetches its kernels only then, and keeps the choice in the address",
    async () => {
      await at(small, ["--enable-unsafe-webgpu"], async ({ page, requests }) => {
        await expect.poll(() => line(page).textContent()).toBe("Training on the CPU.");
        expect(requests.filter(isKernels)).toEqual([]);
        await page.getByLabel("Train on").selectOption("webgpu");
        await expect
          .poll(() => line(page).textContent(), { timeout: patience })
          .toMatch(/^Training on .*swiftshader.*: the CPU emulates a GPU, which is slower than WebAssembly\.$/i);
        expect(requests.filter(isKernels)).toHaveLength(1);
        await train(page, 6);
        await expect.poll(() => page.url()).toContain("device=webgpu");
        await page.reload();
        await expect.poll(() => line(page).textContent(), { timeout: patience }).toMatch(/swiftshader/i);
        expect(await page.getByLabel("Train on").inputValue()).toBe("webgpu");
        await page.getByLabel("Train on").selectOption("wasm");
        await expect.poll(() => line(page).textContent()).toBe("Training on the CPU.");
        await expect.poll(() => page.url()).not.toContain("device");
      });
    },
    2 * patience,
  );

  test.each([
    ["no adapter", "localhost"],
    // Plain http from elsewhere is no secure context.
    ["no navigator.gpu", "insecure.test"],
  ])(
    "trains on the CPU where there is %s, and says why",
    async (reason, host) => {
      const flags = [`--host-resolver-rules=MAP ${host} 127.0.0.1`];
      await at(
        `device=webgpu&${small}`,
        flags,
        async ({ page }) => {
          await expect
            .poll(() => line(page).textContent(), { timeout: patience })
            .toBe(`Training on the CPU: no GPU can be used here (${reason}).`);
          await train(page, 20);
          expect(page.url()).toContain("device=webgpu");
        },
        host,
      );
    },
    2 * patience,
  );
});
