import { BackendError, DeviceLostError } from "../../errors.js";
import type { Findings } from "./expectations.js";
import { type GpuBuffer, mapForReading, usage } from "./gpu.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";

/** Staging buffers are at least this large, so that the small reads of one turn share one. */
const stagingBytes = 64 << 10;
/** Staging buffers that are kept. */
const stagingAtMost = 4;

interface Staging {
  readonly buffer: GpuBuffer;
  readonly bytes: number;
  used: number;
  /** Reads that have not taken their values yet; the last one gives the buffer back. */
  readers: number;
  /** Resolves when the copies into it have arrived. */
  readonly arrived: Promise<void>;
}

/** Brings blocks to the host. Reads that are asked for in one turn share a buffer and its mapping. */
export class Reader {
  readonly #recorder: Recorder;
  readonly #findings: Findings;
  readonly #waiting: GpuBuffer[] = [];
  #open: Staging | null = null;
  /** Why the device is gone. */
  #loss: Error | null = null;
  /** How many reads were asked for. */
  count = 0;

  constructor(recorder: Recorder, findings: Findings) {
    this.#recorder = recorder;
    this.#findings = findings;
    findings.onFull = () => this.#drain();
    recorder.device.lost.then(({ reason, message }) => {
      this.#loss = new DeviceLostError({
        where: "the webgpu backend",
        expected: "its device",
        received: `a lost one (${message.split("\n")[0] || reason})`,
        cure: "Call webgpu() again, build the model, and go on from the last checkpoint.",
      });
    });
  }

  /**
   * A copy of the first bytes of a block, after everything recorded so far. Throws what checks before it have found.
   */
  async read(block: GpuBlock, bytes: number): Promise<ArrayBuffer> {
    if (this.#loss !== null) throw this.#loss;
    this.count++;
    const findings = this.#findings.take();
    const nothing = new ArrayBuffer(0);
    const [found, values] = await Promise.all([
      findings === null ? nothing : this.#fetch(findings.block, findings.bytes),
      this.#fetch(block, bytes),
    ]).catch((error: unknown) => {
      // Such as a lack of memory, which reached the staging buffer too.
      if (this.#loss === null) this.#recorder.throwFailure();
      throw error;
    });
    const error = findings === null ? null : findings.tell(found);
    this.#recorder.throwFailure();
    if (error !== null) throw error;
    return values;
  }

  /** Fetches what checks have found; the next read throws it. */
  #drain(): void {
    const findings = this.#findings.take();
    if (findings === null) return;
    this.#fetch(findings.block, findings.bytes).then(
      (bytes) => {
        const error = findings.tell(bytes);
        if (error !== null) this.#recorder.fail(error);
      },
      (error: Error) => this.#recorder.fail(error),
    );
  }

  async #fetch(block: GpuBlock, bytes: number): Promise<ArrayBuffer> {
    const padded = Math.ceil(bytes / 4) * 4;
    const staging = this.#stagingFor(padded);
    const offset = staging.used;
    staging.readers++;
    // Mapped ranges start at multiples of 8.
    staging.used += Math.ceil(padded / 8) * 8;
    if (padded > 0) this.#recorder.copy(block, staging.buffer, offset, padded);
    try {
      await staging.arrived;
      if (padded === 0) return new ArrayBuffer(0);
      return staging.buffer.getMappedRange(offset, padded).slice(0, bytes);
    } catch (cause) {
      // The loss is told by a promise of its own, which may come later than this.
      await Promise.resolve();
      throw this.#loss ?? this.#brokenBy(cause);
    } finally {
      if (--staging.readers === 0) this.#giveBack(staging);
    }
  }

  #brokenBy(cause: unknown): BackendError {
    return new BackendError(
      {
        where: "the webgpu backend",
        expected: "values from the device",
        received: `an error (${cause instanceof Error ? cause.message : String(cause)})`,
        cure: "Run the self-test (npx evenkeel selftest), and report what it prints.",
      },
      { cause },
    );
  }

  #stagingFor(bytes: number): Staging {
    const open = this.#open;
    if (open !== null && open.used + bytes <= open.bytes) return open;
    const made = this.#makeStaging(Math.max(stagingBytes, Math.ceil(bytes / 8) * 8));
    this.#open = made;
    return made;
  }

  #makeStaging(bytes: number): Staging {
    const kept = bytes === stagingBytes ? this.#waiting.pop() : undefined;
    const buffer = kept ?? this.#recorder.device.createBuffer({ size: bytes, usage: usage.mapRead | usage.copyTarget });
    const arrived: Promise<void> = Promise.resolve().then(() => this.#arrive(staging));
    const staging: Staging = { buffer, bytes, used: 0, readers: 0, arrived };
    return staging;
  }

  /** At the end of the turn: hands over the copies and waits for them. */
  async #arrive(staging: Staging): Promise<void> {
    if (this.#open === staging) this.#open = null;
    this.#recorder.flush();
    await staging.buffer.mapAsync(mapForReading);
  }

  #giveBack({ buffer, bytes }: Staging): void {
    if (this.#loss !== null) return;
    buffer.unmap();
    if (bytes === stagingBytes && this.#waiting.length < stagingAtMost) this.#waiting.push(buffer);
    else buffer.destroy();
  }
}
