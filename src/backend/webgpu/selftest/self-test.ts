import { version } from "../../../version.js";
import type { Backend } from "../../backend.js";
import type { WebgpuOptions } from "../device.js";
import { startOn, type WebgpuBackend } from "../start.js";
import { Bench } from "./bench.js";
import { cases } from "./cases.js";

/** What became of one group of members. */
export interface SelfTestRow {
  /** The member, and on what it was tried. */
  readonly name: string;
  /** The largest difference from float64 on the host, in units of the largest value; null: the device refused. */
  readonly error: number | null;
  /** The error that is promised. */
  readonly most: number;
  /** Whether the error is at most the promised one. */
  readonly isGood: boolean;
  /** What the device said, where it refused. */
  readonly message: string | null;
}

/** How fast something was, by the device's own clock. */
export interface SelfTestSpeed {
  /** What was timed. */
  readonly name: string;
  /** The shortest of several runs. */
  readonly milliseconds: number;
  /** Billions of floating-point operations per second; null where bytes matter. */
  readonly gflops: number | null;
  /** Billions of bytes per second, read and written; null where operations matter. */
  readonly gigabytes: number | null;
}

/** What {@link selfTest} found. */
export interface SelfTestReport {
  /** The version of Evenkeel. */
  readonly version: string;
  /** What the device calls itself. */
  readonly device: string;
  /** Whether it is a program on the processor, whose speed says nothing of GPUs. */
  readonly isSoftware: boolean;
  /** Whether every row is good. */
  readonly isGood: boolean;
  /** One for each group of members. */
  readonly rows: readonly SelfTestRow[];
  /** Whether the device tells its own time (`timestamp-query`), by which speed is measured. */
  readonly hasClock: boolean;
  /** Empty where the device has no clock, or is software, whose speed says nothing. */
  readonly speed: readonly SelfTestSpeed[];
}

/**
 * Runs the kernels of every member on a device of its own, and compares what they give with plain loops in float64: the
 * only honest answer to whether a driver keeps what this backend promises. Takes seconds on a GPU, a minute on a
 * software one.
 *
 * @param options - as for {@link webgpu}
 * @param onRow - called with each group as it is done
 * @throws BackendError if there is no GPU that WebGPU can use
 */
export async function selfTest(
  options: WebgpuOptions = {},
  onRow: (row: SelfTestRow) => void = () => {},
): Promise<SelfTestReport> {
  const started = await startOn("selfTest(options)", options);
  const { name: device, isSoftware } = started.description;
  const bench = new Bench(started);
  const rows: SelfTestRow[] = [];
  for (const { name, most, run } of cases) {
    let error: number | null = 0;
    let message: string | null = null;
    try {
      for (const output of run(bench)) error = Math.max(error ?? 0, await bench.errorOf(output));
    } catch (cause) {
      error = null;
      message = cause instanceof Error ? cause.message : String(cause);
    }
    bench.free();
    const row = { name, error, most, isGood: error !== null && error <= most, message };
    rows.push(row);
    onRow(row);
  }
  const { hasClock } = started.recorder;
  const speed = isSoftware || !hasClock ? [] : await measure(started);
  if (options.device === undefined) started.recorder.device.destroy();
  return { version, device, isSoftware, isGood: rows.every(({ isGood }) => isGood), rows, hasClock, speed };
}

/** Times of a few members at sizes that fill a GPU: the least of five. */
async function measure({ backend, recorder }: WebgpuBackend): Promise<SelfTestSpeed[]> {
  const members = backend as Backend;
  const side = 2048;
  const bytes = 4 * side * side;
  const [a, b, c] = [members.allocate(bytes), members.allocate(bytes), members.allocate(bytes)];
  const moments = members.allocate(24 * 64);
  members.fill(a, side * side, 0.5);
  members.fill(b, side * side, 0.25);
  const view = { outer: 64, kept: 64, inner: 1024, repeat: 1024, period: 64 };
  const map = { weight: null, bias: null, eps: 1e-5, rectifies: false };
  const flat = { extents: [side * side], aStrides: [1], bStrides: [1] };
  const product = { m: side, n: side, k: side, transposeA: false, transposeB: false };
  const works: readonly { name: string; flops: number; bytes: number; run: () => void }[] = [
    { name: "add", flops: 0, bytes: 3 * bytes, run: () => members.binary("add", a, b, c, flat) },
    {
      ...{ name: "batch norm 64×64×32×32, forward", flops: 0, bytes: 3 * bytes },
      run: () => {
        members.moments(a, view, null, moments);
        members.standardize(a, moments, view, map, c);
      },
    },
    { name: `gemm ${side}³`, flops: 2 * side ** 3, bytes: 0, run: () => members.gemm(a, b, null, c, product) },
  ];
  const speeds: SelfTestSpeed[] = [];
  for (const { name, flops, bytes: moved, run } of works) {
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 6; round++) {
      const time = await recorder.time(run);
      // The first one compiles.
      if (time !== null && round > 0) least = Math.min(least, time);
    }
    if (!Number.isFinite(least) || least <= 0) continue;
    const per = (amount: number) => (amount === 0 ? null : amount / least);
    speeds.push({ name, milliseconds: least / 1e6, gflops: per(flops), gigabytes: per(moved) });
  }
  for (const block of [a, b, c]) members.free(block, bytes);
  members.free(moments, 24 * 64);
  return speeds;
}
