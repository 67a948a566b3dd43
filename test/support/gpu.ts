import { afterEach, beforeAll, describe, expect } from "vitest";
import type { Backend } from "../../src/backend/backend.js";
import { cpu } from "../../src/backend/cpu/index.js";
import { startOn, type WebgpuBackend } from "../../src/backend/webgpu/start.js";
import { relativeError } from "./close.js";

/** The device of this process, or why there is none. */
async function start(): Promise<WebgpuBackend | string> {
  try {
    return await startOn("webgpu()", {});
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export const started = await start();
if (typeof started === "string" && process.env["CI"])
  throw new Error(`no WebGPU (apt-get install chromium): ${started}`);

/** One block on the cpu backend and its twin on the device. */
export interface Twin {
  readonly cpu: ArrayBuffer;
  readonly gpu: unknown;
  readonly length: number;
}

/** What both backends gave for a twin. */
export interface Results {
  readonly actual: Float32Array;
  readonly expected: Float32Array;
}

const poison = 0x7fc0dead;

/** Calls members on both backends, on blocks with the same values. */
export class Twins {
  readonly webgpu: WebgpuBackend;
  #blocks: [unknown, number][] = [];

  constructor(webgpu: WebgpuBackend) {
    this.webgpu = webgpu;
  }

  /** A block that holds these values. */
  of(values: Float32Array | Int32Array): Twin {
    const { backend } = this.webgpu as { backend: Backend };
    const twin = this.#twin(values.length, values.byteLength);
    cpu.write(twin.cpu, values);
    backend.write(twin.gpu, values);
    return twin;
  }

  /** A block that holds these wide numbers. */
  wide(values: Float64Array): Twin {
    const { backend } = this.webgpu as { backend: Backend };
    const twin = this.#twin(2 * values.length, values.byteLength);
    cpu.writeWide(twin.cpu, values);
    backend.writeWide(twin.gpu, values);
    return twin;
  }

  /** An output, full of a NaN that no kernel makes. */
  output(length: number): Twin {
    return this.of(new Int32Array(length).fill(poison));
  }

  /** Calls a member on both backends. */
  call(member: (backend: Backend, block: <T extends Twin | null>(twin: T) => unknown) => void): void {
    member(cpu as Backend, (twin) => twin?.cpu ?? null);
    member(this.webgpu.backend as Backend, (twin) => twin?.gpu ?? null);
  }

  /** What a twin holds on both backends; fails where the device left something unwritten. */
  async results(twin: Twin): Promise<Results> {
    const bytes = await (this.webgpu.backend as Backend).read(twin.gpu, 4 * twin.length);
    expect(new Uint32Array(bytes).indexOf(poison)).toBe(-1);
    return { actual: new Float32Array(bytes), expected: new Float32Array(twin.cpu, 0, twin.length) };
  }

  /** The same for wide numbers. */
  async wideResults(twin: Twin): Promise<{ actual: Float64Array; expected: Float64Array }> {
    const bytes = await (this.webgpu.backend as Backend).read(twin.gpu, 4 * twin.length);
    expect(new Uint32Array(bytes).indexOf(poison)).toBe(-1);
    const parts = new Float32Array(bytes);
    const actual = Float64Array.from({ length: twin.length / 2 }, (_, i) => parts[2 * i] + parts[2 * i + 1]);
    return { actual, expected: new Float64Array(twin.cpu, 0, twin.length / 2) };
  }

  /** Expects a twin's values within `tolerance` of the largest, and NaN and infinity where the oracle has them. */
  async expectClose(twin: Twin, tolerance: number): Promise<void> {
    const { actual, expected } = await this.results(twin);
    expectSame(actual, expected, tolerance);
  }

  /** Expects the bits of a twin to be the oracle's. */
  async expectEqual(twin: Twin): Promise<void> {
    const { actual, expected } = await this.results(twin);
    expect(Array.from(actual)).toEqual(Array.from(expected));
  }

  free(): void {
    for (const [block, bytes] of this.#blocks) (this.webgpu.backend as Backend).free(block, bytes);
    this.#blocks = [];
  }

  #twin(length: number, bytes: number): Twin {
    const gpu = (this.webgpu.backend as Backend).allocate(bytes);
    this.#blocks.push([gpu, bytes]);
    return { cpu: cpu.allocate(bytes), gpu, length };
  }
}

/** Expects equal kinds of values everywhere, and finite ones within `tolerance` of the largest. */
export function expectSame(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  const kinds = (values: ArrayLike<number>) => Array.from(values, (v) => (Number.isFinite(v) ? "finite" : String(v)));
  expect(kinds(actual)).toEqual(kinds(expected));
  const finite = Array.from(expected, (_v, i) => i).filter((i) => Number.isFinite(expected[i]));
  const error = relativeError(
    finite.map((i) => actual[i]),
    finite.map((i) => expected[i]),
  );
  expect(error).toBeLessThanOrEqual(tolerance);
}

/** Tests of the device: skipped, with the reason in their name, where there is none. */
export function describeWebgpu(name: string, body: (twins: () => Twins) => void): void {
  const title = typeof started === "string" ? `${name} (skipped: ${started})` : name;
  describe.skipIf(typeof started === "string")(title, () => {
    let twins: Twins;
    beforeAll(() => {
      twins = new Twins(started as WebgpuBackend);
    });
    // What the device refused fails the test that asked for it.
    afterEach(async () => {
      const { reader, recorder } = started as WebgpuBackend;
      await reader.read(recorder.memory.take(256), 4);
      twins.free();
    });
    body(() => twins);
  });
}
