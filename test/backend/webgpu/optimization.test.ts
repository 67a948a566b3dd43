import { expect, test } from "vitest";
import type { Check } from "../../../src/backend/backend.js";
import { cpu } from "../../../src/backend/cpu/index.js";
import { describeWebgpu, type Twin, type Twins } from "../../support/gpu.js";
import { normalValues } from "../../support/seeded.js";

const lengths = [3, 1500, 0, 64, 2049];

interface Parameter {
  readonly length: number;
  readonly parameter: Twin;
  readonly gradient: Twin;
  readonly first: Twin;
  readonly second: Twin;
}

function parametersOf(t: Twins): Parameter[] {
  return lengths.map((length, i) => ({
    length,
    parameter: t.of(normalValues(length, 10 + i)),
    gradient: t.of(normalValues(length, 20 + i)),
    first: t.of(new Float32Array(length)),
    second: t.of(new Float32Array(length)),
  }));
}

describeWebgpu("optimisers", (twins) => {
  test.each([
    ["plain", 0, false],
    ["momentum", 0.9, false],
    ["Nesterov", 0.9, true],
  ] as const)("SGD, %s", async (_name, momentum, nesterov) => {
    const t = twins();
    const list = parametersOf(t);
    const gate = t.wide(Float64Array.of(1, 0.5));
    for (const first of [true, false]) {
      t.call((backend, block) => {
        const updates = list.map(({ parameter, gradient, first: velocity, length }, i) => ({
          ...{ parameter: block(parameter), gradient: block(gradient), length, weightDecay: i % 2 === 0 ? 0.01 : 0 },
          velocity: momentum === 0 ? null : block(velocity),
        }));
        backend.sgdStep(updates, { lr: 0.1, momentum, nesterov, first, gradientScale: 2, gate: block(gate) });
      });
    }
    for (const { parameter } of list) await t.expectClose(parameter, 3e-7);
  });

  test.each([false, true])("Adam, decoupled: %s", async (decoupled) => {
    const t = twins();
    const list = parametersOf(t);
    for (const step of [1, 2]) {
      t.call((backend, block) => {
        const updates = list.map(({ parameter, gradient, first, second, length }) => ({
          ...{ parameter: block(parameter), gradient: block(gradient), length, weightDecay: 0.1 },
          ...{ first: block(first), second: block(second) },
        }));
        backend.adamStep(updates, {
          ...{ lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, decoupled, gradientScale: 1, gate: null },
          ...{ correction1: 1 - 0.9 ** step, correction2: 1 - 0.999 ** step },
        });
      });
    }
    for (const { parameter, first, second } of list) {
      for (const twin of [parameter, first, second]) await t.expectClose(twin, 3e-7);
    }
  });

  test("parameters live on in slabs: kernels read, write and free them", async () => {
    const t = twins();
    const list = parametersOf(t);
    const [a, b] = [list[1].parameter, list[4].parameter];
    const step = { lr: 0.1, momentum: 0, nesterov: false, first: true, gradientScale: 1, gate: null };
    const update = (backend: typeof cpu, block: (twin: Twin) => unknown, some: readonly Parameter[]) =>
      backend.sgdStep(
        some.map(({ parameter, gradient, length }) => ({
          ...{ parameter: block(parameter) as ArrayBuffer, gradient: block(gradient) as ArrayBuffer, length },
          ...{ weightDecay: 0, velocity: null },
        })),
        step,
      );
    t.call((backend, block) => {
      update(backend as typeof cpu, block, list);
      // One slice is read and another written.
      const view = { extents: [1500], xStrides: [1], xOffset: 0, yStrides: [1], yOffset: 0 };
      backend.copy(block(a), block(b), view);
      backend.write(block(a), Float32Array.of(5, 6, 7), 8);
      update(backend as typeof cpu, block, list);
      update(backend as typeof cpu, block, list.slice(1));
    });
    for (const { parameter } of list) await t.expectClose(parameter, 3e-7);
  });

  test("the norm of gradients, clipping and the gate", async () => {
    const t = twins();
    const list = parametersOf(t);
    const [total, gate, loss] = [t.wide(Float64Array.of(0)), t.wide(Float64Array.of(1, 1)), t.of(Float32Array.of(2))];
    const limits = { lr: 0.1, clipNorm: 3, largestStep: 1e30, largestGradient: 1e30 };
    t.call((backend, block) => {
      const values = list.map(({ gradient, length }) => ({ block: block(gradient), length }));
      backend.sumSquares(values, block(total));
      backend.openGate(block(loss), block(total), block(gate), limits);
      backend.clipToNorm(values, block(total), 3);
    });
    const squares = await t.wideResults(total);
    expect(squares.actual[0] / squares.expected[0]).toBeCloseTo(1, 6);
    const opened = await t.wideResults(gate);
    expect(opened.actual[0]).toBe(1);
    expect(opened.actual[1] / opened.expected[1]).toBeCloseTo(1, 6);
    for (const { gradient } of list) await t.expectClose(gradient, 3e-7);
  });

  test.each([
    ["a loss that is not finite", Number.NaN, 4, 0.1],
    ["an infinite norm", 1, Number.POSITIVE_INFINITY, 0.1],
    ["too large a step", 1, 1e20, 1e25],
  ] as const)("the gate stays shut after %s", async (_name, badLoss, squares, lr) => {
    const t = twins();
    const [loss, total, gate] = [
      t.of(Float32Array.of(badLoss)),
      t.wide(Float64Array.of(squares)),
      t.wide(Float64Array.of(1, 1)),
    ];
    const [fine, small, p] = [t.of(Float32Array.of(1)), t.wide(Float64Array.of(4)), t.of(normalValues(5, 1))];
    const limits = { lr, clipNorm: Number.POSITIVE_INFINITY, largestStep: 1e30, largestGradient: 1e30 };
    t.call((backend, block) => {
      backend.openGate(block(loss), block(total), block(gate), limits);
      backend.openGate(block(fine), block(small), block(gate), { ...limits, lr: 0.1 });
      const update = { parameter: block(p), gradient: block(p), length: 5, weightDecay: 0, velocity: null };
      const step = { lr: 0.1, momentum: 0, nesterov: false, first: true, gradientScale: 1, gate: block(gate) };
      backend.sgdStep([update], step);
    });
    const { actual } = await t.wideResults(gate);
    expect(Array.from(actual)).toEqual([0, 1]);
    await t.expectEqual(p);
  });
});

const checks: readonly [Check, number[]][] = [
  [{ is: "zeroOrOne" }, [1, 0, -0, 0.5, 1, Number.NaN]],
  [{ is: "notZero" }, [1, 0, 2, -0]],
  [{ is: "someNotZero" }, [0, -0, 0]],
  [{ is: "between", low: -1, high: 2 }, [Number.NaN, 2, -1, 2.1, -5, Number.POSITIVE_INFINITY]],
  [{ is: "whole", low: 0, high: 9 }, [3, 9, 10, 2.5, Number.NaN, Number.POSITIVE_INFINITY]],
];

describeWebgpu("expectations", (twins) => {
  test("what the oracle finds at once, the next read tells", async () => {
    const t = twins();
    const { backend } = t.webgpu;
    const told: unknown[] = [];
    const expected: unknown[] = [];
    for (const [check, values] of checks) {
      const x = t.of(Float32Array.from(values));
      const tell = (list: unknown[]) => (offence: unknown) => {
        list.push(offence);
        return null;
      };
      cpu.expect(check, x.cpu, values.length, tell(expected));
      backend.expect(check, x.gpu as never, values.length, tell(told));
      // What is as expected is not told of.
      backend.expect({ is: "between", low: -100, high: 1e9 }, x.gpu as never, 1, tell(told));
    }
    const moments = t.wide(Float64Array.from([4, 1, 2, 0, 0, 0, 1, 5, 0, 3, 1, 0]));
    for (const [some, several, varied] of [
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ]) {
      const check = { is: "moments", some, several, varied } as const;
      cpu.expect(check, moments.cpu, 4, (offence) => {
        expected.push(offence);
        return null;
      });
      backend.expect(check, moments.gpu as never, 4, (offence) => {
        told.push(offence);
        return null;
      });
    }
    expect(told).toEqual([]);
    await backend.read(moments.gpu as never, 4);
    expect(told).toEqual(expected);
    expect(told).toHaveLength(8);
  });

  test("the first error is thrown, once", async () => {
    const t = twins();
    const { backend } = t.webgpu;
    const x = t.of(new Float32Array(9));
    for (const name of ["first", "second"]) {
      backend.expect({ is: "notZero" }, x.gpu as never, 9, ({ count }) => new Error(`${name}: ${count} of 9`));
    }
    await expect(backend.read(x.gpu as never, 4)).rejects.toThrowErrorMatchingInlineSnapshot(`[Error: first: 9 of 9]`);
    await backend.read(x.gpu as never, 4);
  });
});
