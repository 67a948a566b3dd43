import type { Batch } from "../../data/dataset.js";
import type { Tensor } from "../../tensor.js";

/** What {@link DiagnoseOptions.onProgress} is given after each batch. */
export interface DiagnoseProgress {
  /** The pass over the data, counted from 0. */
  readonly pass: number;
  /** How many passes there will be at most. */
  readonly passes: number;
  /** Samples seen in this pass. */
  readonly samples: number;
}

/** A batch, with all inputs where a network takes several. */
export type DiagnosedBatch<Target> = Batch<Target> & { readonly all?: readonly Tensor[] };

/** Batches that are gone through several times, each time telling of it. */
export class Passes<Target> {
  readonly #batches: readonly DiagnosedBatch<Target>[];
  readonly #report: (progress: DiagnoseProgress) => void | Promise<void>;
  #pass = 0;
  #passes: number;

  constructor(
    batches: readonly DiagnosedBatch<Target>[],
    passes: number,
    report: (progress: DiagnoseProgress) => void | Promise<void>,
  ) {
    this.#batches = batches;
    this.#passes = passes;
    this.#report = report;
  }

  /** There will be so many more. */
  expect(passes: number): void {
    this.#passes = this.#pass + passes;
  }

  /** One pass. */
  async *[Symbol.asyncIterator](): AsyncGenerator<DiagnosedBatch<Target>, void> {
    let samples = 0;
    for (const batch of this.#batches) {
      yield batch;
      samples += batch.inputs.shape[0];
      await this.#report({ pass: this.#pass, passes: this.#passes, samples });
    }
    this.#pass++;
  }
}
