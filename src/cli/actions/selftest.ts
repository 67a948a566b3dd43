import type { SelfTestReport, SelfTestRow } from "../../backend/webgpu/index.js";
import { selfTest } from "../../backend/webgpu/index.js";
import type { SelftestFlags } from "../commands/selftest.js";

/** What `evenkeel selftest` does. */
export async function selftest({ json: asJson = false }: SelftestFlags): Promise<void> {
  const report = await selfTest({}, (row) => {
    if (!asJson) process.stdout.write(`${describeRow(row)}\n`);
  });
  if (asJson) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else process.stdout.write(describeReport(report));
  if (!report.isGood) process.exitCode = 1;
}

function describeRow({ name, error, most, isGood, message }: SelfTestRow): string {
  const found =
    error === null ? `refused: ${message}` : `error ${error.toExponential(1)}, promised ${most.toExponential(1)}`;
  return `${isGood ? "ok  " : "FAIL"} ${name}: ${found}`;
}

function describeReport({ device, isSoftware, rows, hasClock, speed }: SelfTestReport): string {
  const bad = rows.filter(({ isGood }) => !isGood).length;
  const speeds = speed.map(({ name, milliseconds, gflops, gigabytes }) => {
    const rate = gflops === null ? `${gigabytes?.toFixed(0)} GB/s` : `${gflops.toFixed(0)} GFLOPS`;
    return `${name}: ${milliseconds.toFixed(3)} ms, ${rate}\n`;
  });
  const kind = isSoftware ? ", a software device, whose speed says nothing" : "";
  const untimed = isSoftware || hasClock ? "" : "speed: not measured, since the device has no timestamp-query\n";
  return `${speeds.join("")}${untimed}${device}${kind}: ${rows.length - bad} of ${rows.length} groups as promised\n`;
}
