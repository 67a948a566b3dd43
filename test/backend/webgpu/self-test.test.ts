import { type SelfTestRow, selfTest } from "evenkeel/webgpu";
import { describe, expect, test } from "vitest";
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
  });
});
