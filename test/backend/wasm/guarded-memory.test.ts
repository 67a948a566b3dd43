import { expect, test } from "vitest";
import { GuardedMemory } from "../../../src/backend/wasm/guarded-memory.js";
import { WasmMemory } from "../../../src/backend/wasm/memory.js";
import { Runtime } from "../../../src/backend/wasm/runtime.js";

test("the tests run on guarded memory, and programs on plain memory", () => {
  expect(new Runtime().memory).toBeInstanceOf(GuardedMemory);
  const { EVENKEEL_GUARDS } = process.env;
  delete process.env["EVENKEEL_GUARDS"];
  expect(new Runtime().memory).not.toBeInstanceOf(GuardedMemory);
  process.env["EVENKEEL_GUARDS"] = EVENKEEL_GUARDS;
});

test("fresh memory is NaN in float32 and in float64, also where a block was before", () => {
  const memory = new GuardedMemory();
  for (let turn = 0; turn < 2; turn++) {
    const block = memory.allocate(100);
    expect(block % 64).toBe(0);
    expect(new Float32Array(memory.memory.buffer, block, 25).every(Number.isNaN)).toBe(true);
    expect(new Float64Array(memory.memory.buffer, block, 12).every(Number.isNaN)).toBe(true);
    new Float32Array(memory.memory.buffer, block, 25).fill(1);
    memory.free(block, 100);
    expect(new Float32Array(memory.memory.buffer, block, 25).every(Number.isNaN)).toBe(true);
  }
});

test("what is in use is counted as by plain memory", () => {
  const [plain, guarded] = [new WasmMemory(), new GuardedMemory()];
  const used = [plain, guarded].map((memory) => {
    const block = memory.allocate(100);
    const several = memory.allocate(65, 3);
    const before = memory.inUse;
    memory.free(block, 100);
    memory.free(several, 65, 3);
    return [before, memory.inUse];
  });
  expect(used).toEqual([
    [512, 0],
    [512, 0],
  ]);
});

test.each([
  ["before a block", -4],
  ["behind the cache line of its last value", 128],
  ["two rows of 32 values behind", 124 + 256],
])("a write %s is found, at the next check and when it is freed", (_, offset) => {
  const memory = new GuardedMemory();
  const block = memory.allocate(100);
  memory.check();
  new Int32Array(memory.memory.buffer)[(block + offset) / 4] = 0;
  expect(() => memory.check()).toThrow("a kernel wrote beside its memory");
  expect(() => memory.free(block, 100)).toThrow(`${offset} bytes from the start of 1·100 bytes`);
});

test("a write between the working memories of two threads is found", () => {
  const memory = new GuardedMemory();
  const first = memory.allocate(100, 2);
  new Int32Array(memory.memory.buffer)[(first + memory.stepOf(100) - 4) / 4] = 0;
  expect(() => memory.free(first, 100, 2)).toThrow("a kernel wrote beside its memory");
});

test("freeing what is no block is an error", () => {
  const memory = new GuardedMemory();
  const block = memory.allocate(100);
  expect(() => memory.free(block, 96)).toThrowErrorMatchingInlineSnapshot(
    `[Error: internal: 1·96 bytes at 1048832 are freed, which are no block]`,
  );
  memory.free(block, 100);
  expect(() => memory.free(block, 100)).toThrow("which are no block");
});
