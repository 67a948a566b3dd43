import { expect, test } from "vitest";
import { type Compiled, type Kernel, listArguments } from "../../../src/backend/wasm/kernel.js";
import { kernelBytes } from "../../../src/backend/wasm/kernels.generated.js";
import * as signatures from "../../../src/backend/wasm/signatures.generated.js";

const memory = new WebAssembly.Memory({ initial: 16, maximum: 65536, shared: true });
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(kernelBytes, "hex")), {
  env: { memory },
});
const compiled = Object.values(exports) as Compiled[];

/** Any argument is asked for by name, and is the count of those before it. */
function counting(): { readonly args: Record<string, number>; readonly names: string[] } {
  const names: string[] = [];
  const args = new Proxy<Record<string, number>>({}, { get: (_, name) => names.push(String(name)) - 1 });
  return { args, names };
}

const described = Object.values<unknown>(signatures).filter(
  (value): value is Kernel<Record<string, number>> => typeof value === "object" && value !== null && "scratch" in value,
);

test("every kernel is described at its place among the exports, with as many arguments as it was compiled with", () => {
  expect(described.length).toBeGreaterThan(80);
  for (const { name, index, call, scratch } of described) {
    const { args, names } = counting();
    let passed: number[] = [];
    call(
      (...values) => {
        passed = values;
        return 0;
      },
      args,
      -1,
      -2,
      -3,
    );
    const inOrder = [...names.keys(), -1, -2, ...(scratch === null ? [] : [-3])];
    expect([name, compiled[index], ...passed]).toEqual([name, exports[name], ...inOrder]);
    expect([name, compiled[index].length]).toEqual([name, passed.length]);
  }
});

test("the arguments that threads are told are the kernel's own, without the range and the working memory", () => {
  const { gather, sumColumns } = signatures;
  expect(listArguments(gather, { width: 4, y: 3, table: 1, indices: 2 })).toEqual([1, 2, 3, 4]);
  const columns = { x: 1, partial: 2, y: 3, rows: 4, width: 5, lastWidth: 6, piece: 7 };
  expect(listArguments(sumColumns, columns)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  const softmax = { x: 1, y: 2, logarithm: true, count: 3, inner: 4 };
  expect(listArguments(signatures.softmaxColumns, softmax)).toEqual([1, 2, 1, 3, 4]);
});

test("working memory is told in whole bytes, also where it is more than there can be", () => {
  for (const { name, scratch } of described) {
    if (scratch === null || name.startsWith("conv") || name.startsWith("winograd")) continue;
    const bytes = (value: number): number => {
      const args = new Proxy<Record<string, number>>({}, { get: () => value });
      return scratch.call(compiled[scratch.index], args);
    };
    for (const value of [0, 1, 7, 1000]) expect([name, bytes(value) >= 0, bytes(value) % 1]).toEqual([name, true, 0]);
  }
  const { scratch } = signatures.maskedMoments;
  const whole = scratch?.call(compiled[scratch.index], {
    ...{ x: 0, mask: 0, outer: 2 ** 20, kept: 1, inner: 2 ** 20, centred: true, moments: 0 },
  });
  expect(whole).toBe(2 ** 42);
});

test("the compiler refuses a missing, a strange and a mistyped argument", () => {
  const { gather, walkSegment } = signatures;
  // @ts-expect-error: without width
  expect(listArguments(gather, { table: 0, indices: 0, y: 0 })).toHaveLength(4);
  // @ts-expect-error: no kernel has this one
  expect(listArguments(gather, { table: 0, indices: 0, y: 0, width: 1, height: 1 })).toEqual([0, 0, 0, 1]);
  // @ts-expect-error: a flag is no number
  listArguments(signatures.softmaxColumns, { x: 0, y: 0, logarithm: 1, count: 1, inner: 1 });
  // @ts-expect-error: no such kernel
  expect(signatures.gatherRows).toBeUndefined();
  expect(walkSegment).toBeGreaterThan(0);
});
