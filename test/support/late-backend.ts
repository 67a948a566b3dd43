import type { Backend, Check } from "../../src/backend/backend.js";
import { backendOf, registerBackend } from "../../src/backend/index.js";
import { BackendError } from "../../src/errors.js";

/** What a {@link LateBackend} counts. */
export interface LateCounts {
  /** Reads that were asked for. */
  reads: number;
  /** Uploads of host values. */
  writes: number;
  /** Optimiser steps that were recorded. */
  steps: number;
}

/** A backend behind a queue, as a GPU is: it answers reads later, and nothing at once. */
export interface LateBackend extends Backend {
  readonly counts: LateCounts;
  /** Told when a read is asked for; the read is answered when what it returns is. */
  whenRead: () => Promise<void>;
}

function refuse(member: string): never {
  throw new BackendError({ where: member, expected: "a read that waits", received: "one at once", cure: "Await it." });
}

/**
 * One over the members of another, registered as "webgpu". Freed blocks are filled with NaN, and reads are answered in
 * a later turn of the event loop, with what the blocks held when they were asked for.
 */
export function lateBackend(name: "cpu" | "wasm"): LateBackend {
  const base = backendOf(name, "lateBackend(name)");
  const counts: LateCounts = { reads: 0, writes: 0, steps: 0 };
  /** Faults that no read has told yet. */
  const offences: (() => Error | null)[] = [];
  let error: Error | null = null;
  /** Calls each fault once; the first error stays until a read has thrown it. */
  const faultNow = (): Error | null => {
    for (const tell of offences.splice(0)) {
      const told = tell();
      error ??= told;
    }
    return error;
  };
  const answer = async <T>(values: T): Promise<T> => {
    counts.reads++;
    const fault = { pending: offences.length > 0 || error !== null };
    await late.whenRead();
    if (!fault.pending) return values;
    const told = faultNow();
    if (told === null) return values;
    // Reads that were asked for meanwhile reject too; later ones do not.
    setTimeout(() => {
      if (error === told) error = null;
    }, 0);
    throw told;
  };
  const late: LateBackend = {
    ...base,
    name: "webgpu",
    answersAtOnce: false,
    counts,
    whenRead: () => new Promise((resolve) => setImmediate(resolve)),
    free(block, bytes) {
      base.fill(block, Math.floor(bytes / 4), Number.NaN);
      base.free(block, bytes);
    },
    write(block, values, offset) {
      counts.writes++;
      base.write(block, values, offset);
    },
    read: (block, bytes) => answer(base.readSync(block, bytes)),
    readWide: (block, count) => answer(new Float64Array(base.readSync(block, 8 * count))),
    readSync: () => refuse("readSync"),
    readInto: () => refuse("readInto"),
    expect(check: Check, block, count, fault) {
      base.expect(check, block, count, (offence) => {
        offences.push(() => fault(offence));
        return null;
      });
    },
    sgdStep(updates, step) {
      counts.steps++;
      base.sgdStep(updates, step);
    },
    adamStep(updates, step) {
      counts.steps++;
      base.adamStep(updates, step);
    },
  };
  registerBackend(late);
  return late;
}
