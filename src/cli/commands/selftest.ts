import type { Command } from "commander";
import type { SelfTestReport, SelfTestRow } from "../../backend/webgpu/index.js";
import { selfTest } from "../../backend/webgpu/index.js";
import { command, type FlagsOf, flag, withDefault } from "../flags/flag.js";
import { json } from "../flags/output-flags.js";
import { oneOf } from "../flags/parsers.js";

const flags = [
  withDefault(
    flag("--backend <name>", {
      group: "Model",
      help: "backend to test: webgpu",
      parse: oneOf<"webgpu">(["webgpu"]),
    }),
    "webgpu",
  ),
  { ...json, help: "print the report as JSON, to be attached to an issue" },
] as const;

/** `evenkeel selftest` */
export function selftestCommand(): Command {
  return command("selftest", {
    flags,
    examples: ["evenkeel selftest --backend webgpu", "evenkeel selftest --backend webgpu --json > report.json"],
  }).action((given: FlagsOf<typeof flags>) => run(given.json === true));
}

async function run(asJson: boolean): Promise<void> {
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
