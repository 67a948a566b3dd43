import { Generator } from "../../../random.js";
import type { Backend } from "../../backend.js";
import { cpu } from "../../cpu/index.js";
import type { WebgpuBackend } from "../start.js";

/** One block of the oracle and its twin on the device. */
export interface Twin {
  readonly oracle: ArrayBuffer;
  readonly device: unknown;
  readonly bytes: number;
  readonly isWide: boolean;
}

/** Calls a member with blocks of one backend. */
export type Call = (backend: Backend, block: (twin: Twin) => unknown) => void;

/** A NaN that no kernel makes: what stays unwritten shows. */
const poison = 0x7fc0dead;

/** Calls members on the device and on the oracle, and compares what they give. */
export class Bench {
  readonly #backend: Backend;
  #twins: Twin[] = [];

  constructor({ backend }: WebgpuBackend) {
    this.#backend = backend as Backend;
  }

  /** Normal deviates. */
  normal(length: number, seed: number, mean = 0, deviation = 1): Twin {
    const generator = new Generator(seed);
    return this.values(Float32Array.from({ length }, () => generator.normal(mean, deviation)));
  }

  values(values: Float32Array | Int32Array): Twin {
    const twin = this.#twin(values.byteLength, false);
    cpu.write(twin.oracle, values);
    this.#backend.write(twin.device, values);
    return twin;
  }

  wide(values: Float64Array): Twin {
    const twin = this.#twin(values.byteLength, true);
    cpu.writeWide(twin.oracle, values);
    this.#backend.writeWide(twin.device, values);
    return twin;
  }

  output(length: number): Twin {
    return this.values(new Int32Array(length).fill(poison));
  }

  wideOutput(length: number): Twin {
    return this.wide(new Float64Array(length).fill(Number.NaN));
  }

  call(member: Call): void {
    member(cpu as Backend, (twin) => twin.oracle);
    member(this.#backend, (twin) => twin.device);
  }

  /** The largest difference of an output in units of its largest value; infinite where kinds of numbers differ. */
  async errorOf({ oracle, device, bytes, isWide }: Twin): Promise<number> {
    const [actual, expected] = isWide
      ? [await this.#backend.readWide(device, bytes / 8), new Float64Array(oracle, 0, bytes / 8)]
      : [new Float32Array(await this.#backend.read(device, bytes)), new Float32Array(oracle, 0, bytes / 4)];
    let size = 1e-30;
    for (const value of expected) if (Number.isFinite(value)) size = Math.max(size, Math.abs(value));
    let worst = 0;
    for (let i = 0; i < expected.length; i++) {
      if (Object.is(actual[i], expected[i])) continue;
      const error = Math.abs(actual[i] - expected[i]) / size;
      worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
    }
    return worst;
  }

  free(): void {
    for (const { device, bytes } of this.#twins) this.#backend.free(device, bytes);
    this.#twins = [];
  }

  #twin(bytes: number, isWide: boolean): Twin {
    const twin = { oracle: cpu.allocate(bytes) as ArrayBuffer, device: this.#backend.allocate(bytes), bytes, isWide };
    this.#twins.push(twin);
    return twin;
  }
}
