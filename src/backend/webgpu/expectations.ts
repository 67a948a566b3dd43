import type { Check, Expectations, Offence } from "../expectations.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";
import { kernels } from "./shaders.generated.js";

/** Checks whose outcome fits into the block of findings; more are fetched without being asked for. */
const slots = 256;
const slotBytes = 16;

/** Numbers of checks in expect.wgsl. */
const checks: Readonly<Record<Check["is"], number>> = {
  ...{ zeroOrOne: 0, notZero: 1, someNotZero: 2, between: 3, whole: 4, moments: 5 },
};

type Fault = (offence: Offence) => Error | null;

/** Checks that the device has done or will do, of which the next read tells. */
export class Findings {
  readonly #recorder: Recorder;
  readonly #found: GpuBlock;
  #faults: Fault[] = [];
  /** Fetches findings where nobody reads. */
  onFull: () => void = () => {};

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
    this.#found = recorder.memory.take(slots * slotBytes);
  }

  expect(check: Check, x: GpuBlock, count: number, fault: Fault): void {
    if (this.#faults.length === slots) this.onFull();
    const {
      low = 0,
      high = 0,
      some = false,
      several = false,
      varied = false,
    } = check as Partial<{
      low: number;
      high: number;
      some: boolean;
      several: boolean;
      varied: boolean;
    }>;
    this.#recorder.run(
      kernels.expect,
      1,
      { x, found: this.#found },
      {
        ...{ count, slot: this.#faults.length, low, high },
        ...{ some: Number(some), several: Number(several), varied: Number(varied) },
      },
      { CHECK: checks[check.is], LX: 1, LY: 256 },
    );
    this.#faults.push(fault);
  }

  /** Pending checks: the block of findings, its bytes, and what makes an error of them; null where there are none. */
  take(): { block: GpuBlock; bytes: number; tell: (bytes: ArrayBuffer) => Error | null } | null {
    const faults = this.#faults;
    if (faults.length === 0) return null;
    this.#faults = [];
    return { block: this.#found, bytes: faults.length * slotBytes, tell: (bytes) => firstError(faults, bytes) };
  }
}

/** Calls the fault of each check that found something; the first error counts. */
function firstError(faults: readonly Fault[], bytes: ArrayBuffer): Error | null {
  const words = new Uint32Array(bytes);
  const values = new Float32Array(bytes);
  let first: Error | null = null;
  faults.forEach((fault, i) => {
    const place = words[4 * i];
    if (place === 0) return;
    const error = fault({ place: place - 1, count: words[4 * i + 1], value: values[4 * i + 2] });
    first ??= error;
  });
  return first;
}

/** Checks of values that the next read tells of. */
export function expectations(findings: Findings): Expectations<GpuBlock> {
  return { expect: (check, block, count, fault) => findings.expect(check, block, count, fault) };
}
