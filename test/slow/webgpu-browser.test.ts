import { join } from "node:path";
import type { SelfTestReport } from "evenkeel/webgpu";
import { expect, test } from "vitest";
import { hasChromium, serve, visit } from "../support/chromium.js";

/** What the page does: the self-test, then a few steps of training. */
const script = `(async () => {
  const { selfTest, webgpu } = await import("/backend/webgpu/index.js");
  const { BatchNorm, Linear, ReLU, Sequential, Sgd, arrayDataset, batches, fit, seed, setBackend } = await import("/index.js");
  const report = await selfTest();
  await webgpu();
  setBackend("webgpu");
  seed(1);
  const model = new Sequential(new Linear(2, 16), new BatchNorm(16), new ReLU(), new Linear(16, 2));
  const inputs = Float32Array.from({ length: 128 }, (_, i) => Math.sin(7 * i));
  const labels = Int32Array.from({ length: 64 }, (_, i) => (inputs[2 * i] > inputs[2 * i + 1] ? 1 : 0));
  const data = batches(arrayDataset({ inputs, shape: [2], labels }), { batchSize: 32 });
  const { epochs } = await fit(model, data, { epochs: 12, optimizer: new Sgd(model.parameters(), { lr: 0.2 }) });
  return { report, losses: epochs.map(({ loss }) => loss) };
})()`;

test.skipIf(!hasChromium)(
  "Chromium: every member is as promised on its WebGPU, and fit trains there",
  async () => {
    const blank = "<!doctype html><meta charset=utf-8><title>webgpu</title><link rel=icon href=data:,>";
    const server = await serve(join(import.meta.dirname, "../../dist"), {}, { "/": blank });
    try {
      await visit(
        server.url,
        async ({ page, errors }) => {
          const found = (await page.evaluate(script)) as { report: SelfTestReport; losses: number[] };
          expect(found.report.rows.filter(({ isGood }) => !isGood)).toEqual([]);
          expect(found.report.rows.length).toBeGreaterThan(60);
          expect(found.losses.at(-1)).toBeLessThan(0.6 * found.losses[0]);
          expect(errors).toEqual([]);
        },
        ["--enable-unsafe-webgpu"],
      );
    } finally {
      server.close();
    }
  },
  300_000,
);
