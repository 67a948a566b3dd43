import { type SelfTestRow, selfTest } from "evenkeel/webgpu";
import { describe, expect, test } from "vitest";
import { create } from "webgpu";
import { startOn } from "../../../src/backend/webgpu/start.js";
import { started } from "../../support/gpu.js";

describe.skipIf(typeof started === "string")("the self-test", () => {
  test("finds every member as promised", async () => {
    const told: SelfTestRow[] = [];
    const report = await selfTest({}, (row) => told.push(row));
    expect(report.rows.filter(({ isGood }) => !isGood)).toEqual([]);
    expect(report.isGood).toBe(true);
    expect(told).toEqual(report.rows);
    expect(report.rows.length).toBeGreaterThan(60);
    // A software device's speed says nothing.
    expect(report.isSoftware ? report.speed : []).toEqual([]);
    expect(report.hasClock).toBe(
      typeof started !== "string" && started.recorder.device.features.has("timestamp-query"),
    );
  });

  test("times by the device's own clock, in nanoseconds, and not at all where it has none", async () => {
    const gpu = create([]);
    // An adapter gives one device.
    const adapterOf = async () => (await gpu.requestAdapter()) as GPUAdapter;
    const timeOn = async (features: GPUFeatureName[]): Promise<(number | null)[]> => {
      const device = await (await adapterOf()).requestDevice({ requiredFeatures: features });
      const { backend, recorder } = await startOn("a test", { device });
      const length = 1 << 16;
      const [x, y] = [backend.allocate(4 * length), backend.allocate(4 * length)];
      backend.fill(x, length, 0.5);
      const once = () => backend.unary("tanh", x, y, length, 0);
      await recorder.time(once);
      const begin = performance.now();
      const time = await recorder.time(once);
      const most = (performance.now() - begin) * 1e6;
      expect(recorder.hasClock).toBe(features.length > 0);
      recorder.device.destroy();
      return [time, most];
    };
    expect((await timeOn([]))[0]).toBeNull();
    if (!(await adapterOf()).features.has("timestamp-query")) return;
    const [time, most] = await timeOn(["timestamp-query"]);
    expect(time).toBeGreaterThan(0);
    expect(time).toBeLessThan(most ?? 0);
  });
});
