import {
  avgPool2d,
  Conv1d,
  concat,
  conv1d,
  conv2d,
  convTranspose2d,
  embedding,
  globalAvgPool2d,
  linear,
  maxPool2d,
  memoryInUse,
  OutOfMemoryError,
  scope,
  setBackend,
  type Tensor,
  zeros,
} from "evenkeel";
import { beforeAll, expect, test } from "vitest";
import { normal } from "../support/seeded.js";

beforeAll(() => {
  // As on a machine that reserves no more address space than the library asks for at least.
  class ScarceMemory extends WebAssembly.Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      if ((descriptor.maximum ?? 0) > 4096) throw new RangeError("could not allocate memory");
      super(descriptor);
    }
  }
  Object.assign(WebAssembly, { Memory: ScarceMemory });
  setBackend("wasm");
  expect(normal([1], 1).backend.bytesAtMost()).toBeLessThan(256 << 20);
});

/** Class, place and size of the error where memory does not suffice. */
function refusal(body: () => Tensor): string {
  const before = memoryInUse();
  try {
    scope(() => void body());
    return "nothing was thrown";
  } catch (error) {
    expect(memoryInUse()).toBe(before);
    return error instanceof OutOfMemoryError ? `${error.where}: ${error.bytes}` : String(error);
  }
}

test("without room for the working memory of a kernel the layer and the size are named, and nothing is lost", () => {
  const before = memoryInUse();
  const layer = new Conv1d(1, 1, 2, { dilation: 2 ** 27, padding: 2 ** 26, bias: false });
  const x = normal([1, 1, 8], 1);
  expect(() => scope(() => layer.forward(x))).toThrowErrorMatchingInlineSnapshot(
    `[OutOfMemoryError: Conv1d(1, 1, 2).forward(x), the working memory of a kernel: expected room for 512 MiB on the wasm backend, got a refusal with 384 bytes in use. Use a smaller batch, or open a scope() around each step.]`,
  );
  layer.weight.dispose();
  x.dispose();
  expect(memoryInUse()).toBe(before);
});

test("results that no memory holds are refused with their size, whatever 32 bits make of it", () => {
  const tall = [65_536, 1];
  const wide = [1, 65_536];
  const image = [1, 1, 3, 3];
  const bodies = [
    () => zeros([2 ** 31, 2]),
    () => zeros([2 ** 30]),
    () => zeros([2 ** 26, 2 ** 26]),
    () => zeros(tall).add(zeros(wide)),
    () => zeros([2048, 2048, 1, 1, 1]).mul(zeros([1, 1, 1, 2048, 2048])),
    () => zeros(tall).matmul(zeros(wide)),
    () => zeros([300, 1, 300, 1]).matmul(zeros([300, 1, 300])),
    () => zeros([2 ** 32, 0]).matmul(zeros([0, 2 ** 32])),
    () => linear(zeros(tall), zeros(tall), null),
    () => embedding(new Int32Array(65_536), zeros([1, 65_536])),
    () => conv2d(zeros(image), zeros([1, 1, 1, 1]), null, { padding: 40_000 }),
    () => conv2d(zeros(image), zeros([1, 1, 1, 1]), null, { padding: 1e9 }),
    () => conv2d(zeros([1, 0, 3, 3]), zeros([1, 0, 1, 1]), null, { padding: 1e9 }),
    () => conv1d(zeros([1, 1, 3]), zeros([1, 1, 1]), null, { padding: 1e9 }),
    () => convTranspose2d(zeros(image), zeros([1, 1, 1, 1]), null, { stride: 1e9 }),
    () => maxPool2d(zeros(image), 1e5, { padding: 99_999, stride: 1 }),
    () => avgPool2d(zeros([1, 1, 0, 3]), 1e9 + 1, { padding: 1e9, stride: 1 }),
    () => globalAvgPool2d(zeros([2 ** 20, 2 ** 20, 0, 1])),
    () => zeros([2 ** 40, 0]).sum(1),
    () => {
      const half = zeros([2 ** 25]);
      return concat([half, half]);
    },
  ];
  expect(bodies.map(refusal)).toMatchInlineSnapshot(`
    [
      "full: 17179869184",
      "full: 4294967296",
      "full: 18014398509481984",
      "add: 17179869184",
      "mul: 70368744177664",
      "matmul: 17179869184",
      "matmul: 32400000000",
      "matmul: 73786976294838210000",
      "linear: 17179869184",
      "embedding: 17179869184",
      "conv2d: 25601920036",
      "conv2d: 16000000048000000000",
      "conv2d: 16000000048000000000",
      "conv2d: 8000000012",
      "convTranspose2d: 16000000016000000000",
      "maxPool2d: 40001600016",
      "avgPool2d: 4000000012000000000",
      "sum: 4398046511104",
      "sum: 4398046511104",
      "concat: 268435456",
    ]
  `);
});
