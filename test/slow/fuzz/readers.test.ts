import { EvenkeelError, memoryInUse, OutOfMemoryError, onWarning } from "evenkeel";
import { beforeEach, describe, expect, test } from "vitest";
import { csv, idxFiles, npyFile, npz } from "../../support/fuzz/data-files.js";
import { Draw } from "../../support/fuzz/draw.js";
import { kerasArchive, kerasH5, tfjsGraphImport, tfjsImport } from "../../support/fuzz/imports.js";
import { flaxState, kerasState, nested } from "../../support/fuzz/in-memory.js";
import { studyFolder } from "../../support/fuzz/lines.js";
import { onnx } from "../../support/fuzz/onnx.js";
import { runExport } from "../../support/fuzz/run-export.js";
import { runHistory } from "../../support/fuzz/run-history.js";
import { checkpoint, modelFile, safetensors } from "../../support/fuzz/safetensors.js";
import type { FuzzTarget } from "../../support/fuzz/target.js";
import { tfjsGraph, tfjsLayers } from "../../support/fuzz/tfjs.js";
import { torchFile } from "../../support/fuzz/torch.js";

/** Of each reader. */
const cases = Number(process.env["FUZZ_CASES"] ?? 2000);
/**
 * Where the seeds begin: each case has its own, so that FUZZ_SEED=N FUZZ_CASES=1 gives one again. The slow tests try
 * the same cases in every run, `npm run fuzz` others each time.
 */
const firstSeed = Number(process.env["FUZZ_SEED"] ?? (process.env["FUZZ_CASES"] === undefined ? 1 : Date.now() % 1e9));
const mostSeconds = 1;
const mostBytes = 200e6;

/** What no input may cause; null if all is well. */
async function faultOf(
  { make, read, sizeOf }: FuzzTarget,
  draw: Draw | null,
): Promise<{ fault: string | null; refused: boolean }> {
  const input = make(draw);
  const allowed = sizeOf(input) + mostBytes;
  const resident = process.memoryUsage.rss();
  const peak = process.resourceUsage().maxRSS;
  const wasm = memoryInUse();
  // Time of this process alone: other work on the machine must not fail a case.
  const time = process.cpuUsage();
  let refusal: unknown = null;
  try {
    await read(input);
  } catch (error) {
    refusal = error;
  }
  const { user, system } = process.cpuUsage(time);
  const seconds = (user + system) / 1e6;
  const { maxRSS } = process.resourceUsage();
  const taken = Math.max(maxRSS > peak ? maxRSS * 1024 - resident : 0, memoryInUse() - wasm);
  const isOwn = refusal === null || (refusal instanceof EvenkeelError && !(refusal instanceof OutOfMemoryError));
  const fault = !isOwn
    ? ((refusal as Error).stack ?? String(refusal))
    : seconds > mostSeconds
      ? `${seconds} s`
      : taken > allowed
        ? `${Math.round(taken / 1e6)} MB for ${sizeOf(input)} bytes`
        : null;
  return { fault, refused: refusal !== null };
}

beforeEach(() => {
  onWarning(() => {});
});

describe.each([
  safetensors,
  modelFile,
  checkpoint,
  runExport,
  csv,
  npyFile,
  npz,
  torchFile,
  idxFiles,
  onnx,
  tfjsLayers,
  tfjsGraph,
  tfjsImport,
  tfjsGraphImport,
  kerasArchive,
  kerasH5,
  kerasState,
  flaxState,
  nested,
  studyFolder,
  runHistory,
])("$name", (target) => {
  test("damaged input is refused in the library's own words, within a second and 200 MB beyond its size", async () => {
    // One of each kind: where it arose tells kinds apart.
    const faults = new Map<string, string>();
    let refused = 0;
    // Compiles what it runs, which takes longer than a case.
    expect(await faultOf(target, null)).toMatchObject({ refused: false });
    const count = Math.ceil(cases * (target.share ?? 1));
    for (let k = 0; k < count && faults.size < 10; k++) {
      const one = await faultOf(target, new Draw(firstSeed + k));
      const kind = one.fault?.split("\n    at ")[1] ?? one.fault?.replaceAll(/\d+/g, "");
      if (kind !== undefined && !faults.has(kind)) faults.set(kind, `FUZZ_SEED=${firstSeed + k}: ${one.fault}`);
      if (one.refused) refused++;
      // The garbage collector's messages arrive between turns of the event loop.
      if (k % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    }
    process.stdout.write(`${target.name}: ${count} cases from seed ${firstSeed}, ${refused} refused\n`);
    expect([...faults.values()].join("\n\n")).toBe("");
    // A fuzzer whose inputs are all refused at the door, or all read, tests nothing.
    if (count >= 1000) expect(Math.min(refused, count - refused)).toBeGreaterThan(count / 50);
  });
});
