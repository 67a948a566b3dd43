import { readdirSync, readFileSync } from "node:fs";
import { OutOfMemoryError, setBackend, tensor, zeros } from "evenkeel";
import { webgpu } from "evenkeel/webgpu";
import { afterAll, describe, expect, test } from "vitest";
import type { Backend } from "../../../src/backend/backend.js";
import type { KernelSource } from "../../../src/backend/webgpu/pipelines.js";
import { describeWebgpu, started } from "../../support/gpu.js";
import { normalValues } from "../../support/seeded.js";

/** A kernel of the test's own. */
function kernelOf(name: string, code: string): KernelSource {
  const binding = (of: string, writes: boolean) => ({ name: of, type: "f32", writes, optional: false });
  return {
    ...{ name, code, ints: [], floats: [], constants: [], uses: [] },
    bindings: [binding("x", false), binding("y", true)],
  };
}

describeWebgpu("traps of WebGPU", (twins) => {
  test("a sum is not reassociated where rounding errors are taken from it", async () => {
    const t = twins();
    const [x, y] = [t.of(Float32Array.of(1, 1e-9)), t.of(new Float32Array(2))];
    const code = `fn run(group: u32, lane: u32) {
      if (lane == 0u) { let s = two_sum(x[0], x[1]); y[0] = s.y; let q = two_product(x[0] / 3.0, x[0] / 3.0); y[1] = q.y; }
    }`;
    t.webgpu.recorder.run(kernelOf("errors", code), 1, { x: x.gpu, y: y.gpu } as never, {}, {});
    const { actual } = await t.results(y);
    expect(actual[0]).toBe(Math.fround(1e-9));
    const third = Math.fround(1 / 3);
    expect(actual[1]).toBe(Math.fround(third * third - Math.fround(third * third)));
  });

  test("a write waits for what was recorded before it", async () => {
    const t = twins();
    const [x, y] = [t.of(Float32Array.of(1, 2, 3, 4)), t.output(4)];
    t.call((backend, block) => {
      backend.unary("neg", block(x), block(y), 4, 0);
      backend.write(block(x), Float32Array.of(9, 9, 9, 9));
    });
    await t.expectEqual(y);
    await t.expectEqual(x);
  });

  test("a read gives what stood there when it was asked for", async () => {
    const backend = twins().webgpu.backend as Backend;
    const block = backend.allocate(8);
    backend.write(block, Float32Array.of(1, 2));
    const first = backend.read(block, 8);
    backend.write(block, Float32Array.of(3, 4));
    const second = backend.read(block, 8);
    backend.free(block, 8);
    const other = backend.allocate(8);
    backend.fill(other, 2, 7);
    expect([...new Float32Array(await first), ...new Float32Array(await second)]).toEqual([1, 2, 3, 4]);
    backend.free(other, 8);
  });

  test("more workgroups than an axis has", async () => {
    const t = twins();
    const length = 65_536 * 64 + 3;
    const backend = t.webgpu.backend as Backend;
    const { recorder } = t.webgpu;
    const [x, y] = [backend.allocate(4 * length), backend.allocate(4 * length)];
    backend.fill(x, length, 3);
    const code =
      "fn run(group: u32, lane: u32) { let i = group * SIZE + lane; if (i < arrayLength(&y)) { y[i] = x[i] + 1.0; } }";
    recorder.run(kernelOf("far", code), Math.ceil(length / 64), { x, y } as never, {}, { SIZE: 64 });
    const values = new Float32Array(await backend.read(y, 4 * length));
    expect([values[0], values[65_535 * 64 + 1], values[length - 1]]).toEqual([4, 4, 4]);
    backend.free(x, 4 * length);
    backend.free(y, 4 * length);
    recorder.sweep();
  });

  test("an invalid kernel is an error, not an old output", async () => {
    const t = twins();
    const [x, y] = [t.of(Float32Array.of(1)), t.of(Float32Array.of(2))];
    t.webgpu.recorder.run(
      kernelOf("broken", "fn run(group: u32, lane: u32) { y[0] = z; }"),
      1,
      { x: x.gpu, y: y.gpu } as never,
      {},
      {},
    );
    await expect((t.webgpu.backend as Backend).read(y.gpu, 4)).rejects.toThrow(/unresolved value 'z'/);
  });

  test("a block beyond the limits is refused at once", () => {
    const { recorder, backend } = twins().webgpu;
    expect(() => backend.allocate(recorder.memory.largest + 16)).toThrow(RangeError);
  });

  test("freed memory is used again", async () => {
    const { backend, recorder } = twins().webgpu as { backend: Backend; recorder: { counts: { buffers: number } } };
    const before = backend.bytesInUse();
    const round = async () => {
      const blocks = [1000, 5000, 300].map((bytes) => [backend.allocate(bytes), bytes] as const);
      for (const [block, bytes] of blocks) backend.fill(block, bytes / 4, 1);
      for (const [block, bytes] of blocks) backend.free(block, bytes);
    };
    await round();
    const { buffers } = recorder.counts;
    for (let k = 0; k < 100; k++) await round();
    expect(recorder.counts.buffers).toBe(buffers);
    expect(backend.bytesInUse()).toBe(before);
  });

  test("the same bits in every run", async () => {
    const t = twins();
    const runs: number[][] = [];
    for (let k = 0; k < 3; k++) {
      const [a, b, c, sum] = [
        t.of(normalValues(35 * 700, 1)),
        t.of(normalValues(700 * 9, 2)),
        t.output(35 * 9),
        t.output(1),
      ];
      t.call((backend, block) => {
        const product = { m: 35, n: 9, k: 700, transposeA: false, transposeB: false };
        backend.gemm(block(a), block(b), null, block(c), product);
        backend.sum(block(a), block(sum), 1, 35 * 700, 1);
      });
      runs.push([...(await t.results(c)).actual, ...(await t.results(sum)).actual]);
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).toEqual(runs[0]);
  });
});

describe.skipIf(typeof started === "string")("a device of its own", () => {
  afterAll(() => setBackend("wasm"));

  test("values are awaited", async () => {
    await webgpu();
    setBackend("webgpu");
    const x = tensor([1, 2, 3]);
    expect(() => x.dataSync()).toThrowErrorMatchingInlineSnapshot(
      `[BackendError: Tensor(3).dataSync(): expected a backend that answers at once, got webgpu. Await data() instead; for work on a whole model, take its copy: await copyTo(model, "wasm").]`,
    );
    expect(Array.from(await x.mul(2).data())).toEqual([2, 4, 6]);
  });

  test("a tensor beyond the limits", async () => {
    await webgpu();
    setBackend("webgpu");
    expect(() => zeros([2 ** 29])).toThrow(OutOfMemoryError);
  });

  test("a lost device rejects reads, and the next one can be had at once", async () => {
    const device = await webgpu();
    setBackend("webgpu");
    const x = tensor([1, 2, 3]);
    expect(Array.from(await x.data())).toEqual([1, 2, 3]);
    device.destroy();
    await expect(x.data()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DeviceLostError: the webgpu backend: expected its device, got a lost one (device was destroyed). Call webgpu() again, build the model, and go on from the last checkpoint.]`,
    );
    expect(() => setBackend("webgpu")).toThrowErrorMatchingInlineSnapshot(
      `[BackendError: setBackend(name): expected a backend that has been started, got "webgpu" before its device was there. Import { webgpu } from "evenkeel/webgpu" and await webgpu() first.]`,
    );
    await webgpu();
    setBackend("webgpu");
    expect(Array.from(await tensor([4]).data())).toEqual([4]);
    expect(() => x.add(tensor([1, 2, 3]))).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: add: expected every tensor on the webgpu backend, got one on another device. Call setBackend() once, before the model and the data are made.]`,
    );
  });
});

test("kernels take no built-in function that is poor or hides NaN", () => {
  const own = new Set(["bits.wgsl", "elementary.wgsl"]);
  const faults: string[] = [];
  for (const file of readdirSync("wgsl").filter((name) => !own.has(name))) {
    const source = readFileSync(`wgsl/${file}`, "utf8").replaceAll(/\/\/.*$/gm, "");
    for (const [call] of source.matchAll(/\b(?:exp2?|log2?|tanh|sinh?|cosh?|pow|clamp|inverseSqrt|fma|sign)\(/g)) {
      faults.push(`${file}: ${call}`);
    }
    // max and min are for whole numbers.
    for (const [call] of source.matchAll(/\b(?:max|min)\([^;]*\d\.\d[^;]*;/g)) faults.push(`${file}: ${call}`);
    for (const [, a, b] of source.matchAll(/(\b[\w.]+) [!=]= ([\w.]+\b)/g)) {
      if (a === b) faults.push(`${file}: ${a} compared with itself`);
    }
  }
  expect(faults).toEqual([]);
});
