import { streamBatches } from "evenkeel";
import { describe, expect, test } from "vitest";

const options = { shape: [1], batchSize: 2, prefetch: true };

/** A stream of so many samples that notes what happens to it; the one of a number fails. */
function stream(count: number, failing = -1) {
  const notes: string[] = [];
  async function* samples() {
    try {
      for (let k = 0; k < count; k++) {
        await new Promise((resolve) => setImmediate(resolve));
        if (k === failing) throw new Error(`sample ${k} cannot be read`);
        notes.push(`sample ${k}`);
        yield { input: [k], target: k };
      }
    } finally {
      notes.push("closed");
    }
  }
  return { notes, samples };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition() && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
  expect(condition()).toBe(true);
}

describe("streamBatches with prefetch", () => {
  test("gives the batches that it gives without, in each pass", async () => {
    for (const count of [1, 2, 3, 4, 5, 9]) {
      for (const last of ["keep", "drop"] as const) {
        if (last === "drop" && count === 1) continue;
        const targets = async (prefetch: boolean) => {
          const all: unknown[] = [];
          const data = streamBatches(stream(count).samples, { ...options, last, prefetch });
          for (const pass of [1, 2]) for await (const batch of data) all.push([pass, batch]);
          return all;
        };
        expect(await targets(true)).toEqual(await targets(false));
      }
    }
  });

  test("reads the next batch while one is used, and no further", async () => {
    const { notes, samples } = stream(20);
    const seen: number[] = [];
    for await (const { targets } of streamBatches(samples, options)) {
      // A batch is known to be whole when two samples stand behind it.
      const ahead = Math.min(20, targets[1] + 5);
      await until(() => notes.filter((note) => note !== "closed").length >= ahead);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(notes.filter((note) => note !== "closed")).toHaveLength(ahead);
      seen.push(...targets);
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, k) => k));
  });

  test("throws what a sample throws where its batch would come", async () => {
    const { notes, samples } = stream(9, 6);
    const seen: number[] = [];
    const all = (async () => {
      for await (const { targets } of streamBatches(samples, options)) {
        seen.push(...targets);
        // Long enough for an error that nobody waits for to end the process.
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await expect(all).rejects.toThrow("sample 6 cannot be read");
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(notes.at(-1)).toBe("closed");
  });

  test("closes the stream of a pass that is left early", async () => {
    const { notes, samples } = stream(9);
    for await (const _ of streamBatches(samples, options)) break;
    expect(notes.at(-1)).toBe("closed");
    const count = notes.length;
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(notes).toHaveLength(count);
  });
});
