import { expect, test } from "vitest";
import { Pool } from "../../../src/backend/wasm/pool.js";

/**
 * (module (memory shared) (func (export "hang") (param i32 i32) (i32.store offset=8192 (i32.const 0) (i32.const 1))
 * (loop (br 0))))
 */
const hang = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 6, 1, 0x60, 2, 0x7f, 0x7f, 0],
  ...[2, 18, 1, 3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 3, 1, 0x80, 0x80, 4],
  ...[3, 2, 1, 0],
  ...[7, 8, 1, 4, 0x68, 0x61, 0x6e, 0x67, 0, 0],
  ...[10, 17, 1, 15, 0, 0x41, 0, 0x41, 1, 0x36, 2, 0x80, 0x40, 3, 0x40, 0x0c, 0, 0x0b, 0x0b],
);

test("a worker that never finishes is an error and not a hang, and its pool goes on alone", async () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const pool = new Pool(new WebAssembly.Module(hang), memory, 200);
  pool.start(2);
  await pool.ready();
  expect(pool.count).toBe(2);
  const entered = new Int32Array(memory.buffer, 8192, 1);
  // The owner's share of the work waits until the worker hangs in its own.
  const untilEntered = (): void => {
    while (Atomics.load(entered, 0) === 0);
  };
  const run = (call: () => void) => pool.run({ name: "hang", index: 0, call }, 8, 1e6, [], { at: 0, bytes: 0 });
  expect(() => run(untilEntered)).toThrowErrorMatchingInlineSnapshot(
    `[WorkerLostError: the kernel hang: expected every thread to finish its share within 0.2 s, got silence from one of them. Go back to the last checkpoint; from here on one thread does all the work.]`,
  );
  expect([pool.count, pool.reason]).toEqual([1, "a worker was lost"]);
  let calls = 0;
  run(() => void calls++);
  expect(calls).toBe(4);
});
