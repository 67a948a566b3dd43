import {
  BatchNorm,
  FilterResponseNorm,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  type LayerTraits,
  Linear,
  type Module,
  Norm,
  ReLU,
  RmsNorm,
  relu,
  Sequential,
  type Shape,
  scope,
  seed,
  type Tensor,
  tensor,
  threads,
  zeros,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend, onGpu } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { expectGradient, input } from "../support/gradient.js";
import { normal, normalValues } from "../support/seeded.js";

const half = { momentum: 0.5 };

/** Norms of every pattern, with sizes beside multiples of 4 and 8, and scales at which f32 would not do. */
const cases: [name: string, make: () => Norm, shape: Shape, scale?: number][] = [
  ["BatchNorm of planes", () => new BatchNorm(5, half), [9, 5, 7, 3]],
  ["BatchNorm of planes without weight and bias", () => new BatchNorm(3, { affine: false }), [8, 3, 4, 8]],
  ["BatchNorm of planes of 10³⁵", () => new BatchNorm(3, half), [8, 3, 5], 1e35],
  ["BatchNorm of rows", () => new BatchNorm(13, half), [131, 13]],
  ["BatchNorm of rows of 10⁻³⁵", () => new BatchNorm(6, { eps: 0 }), [16, 6], 1e-35],
  ["frozen BatchNorm", () => new BatchNorm(5, half).freeze(), [9, 5, 6]],
  ["InstanceNorm", () => new InstanceNorm(3), [4, 3, 5, 5]],
  ["GroupNorm", () => new GroupNorm(2, 6), [5, 6, 3, 3]],
  ["LayerNorm", () => new LayerNorm([3, 7]), [11, 3, 7]],
  ["LayerNorm of 10³⁵", () => new LayerNorm(9), [6, 9], 1e35],
  ["LayerNorm without weight and bias", () => new LayerNorm(8, { affine: false }), [5, 8]],
  ["FilterResponseNorm", () => new FilterResponseNorm(4, { thresholded: false }), [5, 4, 6]],
  ["RmsNorm", () => new RmsNorm(17), [20, 17]],
  ["RmsNorm, channels first", () => new RmsNorm(4, { channelsFirst: true }), [5, 4, 6]],
];

/** The output, every gradient and the running statistics after a pass of `apply`, with parameters away from 1 and 0. */
function run(norm: Norm, shape: Shape, scale: number, apply: (x: Tensor) => Tensor): Float32Array[] {
  return scope(() => {
    const parameters = norm.namedParameters();
    const values = parameters.map(([name, t], k) => [name, tensor(normalValues(t.size, 2 + k, 0.3, 0.5), t.shape)]);
    norm.loadStateDict(Object.fromEntries(values), { strict: false });
    const x = tensor(
      normalValues(sizeOf(shape), 1).map((v) => v * scale),
      shape,
      { requiresGrad: true },
    );
    const y = apply(x);
    y.backward(normalValues(y.size, 4));
    const gradients = [x, ...norm.parameters()].map((t) => t.grad);
    return [y, ...gradients, ...Object.values(norm.stateDict())].map((t) => t?.dataSync() ?? new Float32Array(0));
  });
}

const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** The op that made a tensor, as the error about its end names it. */
function opOf(t: Tensor): string {
  t.dispose();
  try {
    t.dataSync();
  } catch (error) {
    return String(error);
  }
  throw new Error("a freed tensor was read");
}

describeEachBackend("relu in the pass of a norm", () => {
  const promised = cases.filter(([, , , scale = 1]) => !onGpu || scale === 1);
  test.each(promised)(
    "%s: values and gradients are those of two layers, to the bit",
    (_name, make, shape, scale = 1) => {
      const norm = make();
      const fused = run(norm, shape, scale, (x) => norm.forward(x, { activation: "relu" }));
      const other = make();
      const apart = run(other, shape, scale, (x) => relu(other.forward(x)));
      if (onGpu) for (const [k, values] of fused.entries()) expectClose(values, apart[k], 1e-6);
      else expect(fused.map((values) => Array.from(values))).toEqual(apart.map((values) => Array.from(values)));
      expect(fused[0].some((y) => y === 0) && fused[0].some((y) => y > 0)).toBe(true);
      expect(fused[1].some((dx) => dx !== 0)).toBe(true);
    },
  );

  test("its gradient matches finite differences where no value is near the bend", () => {
    const norm = new GroupNorm(2, 4);
    const shape = [3, 4, 5];
    // A bias that puts channels wholly on one side of it or the other.
    const bias = { shape: [4], values: Float32Array.from([6, -6, 6, 6]) };
    expectGradient(
      (x, shift) => {
        Object.assign(norm, { bias: shift });
        return norm.forward(x, { activation: "relu" });
      },
      [input(shape, 1), bias],
    );
  });

  test("no value but NaN stays NaN, and its gradient passes, as in PyTorch", () => {
    const norm = new LayerNorm(2);
    const x = tensor(
      [
        [Number.NaN, 1],
        [1, 3],
      ],
      [2, 2],
      { requiresGrad: true },
    );
    const y = norm.forward(x, { activation: "relu" });
    expect(Array.from(y.dataSync())).toEqual([Number.NaN, Number.NaN, 0, expect.closeTo(1, 4)]);
    y.backward(new Float32Array(4).fill(1));
    expect(Array.from(norm.bias?.grad?.dataSync() ?? [])).toEqual([1, 2]);
  });

  test.each(["zero", "input"] as const)(
    "a mask with %s where it is 0 gives what relu behind the layer gives",
    (maskedOutput) => {
      const mask = tensor(
        Float32Array.from({ length: 32 }, (_, k) => Number(k % 4 !== 3)),
        [8, 1, 4],
      );
      const [first, second] = [new BatchNorm(2, half), new BatchNorm(2, half)];
      const fused = run(first, [8, 2, 4], 1, (x) => first.forward(x, { mask, maskedOutput, activation: "relu" }));
      const apart = run(second, [8, 2, 4], 1, (x) => relu(second.forward(x, { mask, maskedOutput })));
      expect(fused.map((values) => Array.from(values))).toEqual(apart.map((values) => Array.from(values)));
    },
  );

  test("an empty batch gives an empty output", () => {
    const norm = new BatchNorm(3).eval();
    expect(norm.forward(zeros([0, 3, 2]), { activation: "relu" }).shape).toEqual([0, 3, 2]);
  });

  test("Sequential does it by itself, with the gradients and state of two layers", () => {
    const make = () => new Sequential(new Linear(6, 8), new BatchNorm(8, half), new ReLU(), new Linear(8, 2));
    seed(3);
    const [plain, listened] = [make(), make()];
    listened.loadStateDict(plain.stateDict());
    const seen: string[] = [];
    for (const layer of listened.layers) layer.onForward((module) => seen.push(String(module)));
    const results = [plain, listened].map((model) => {
      const y = model.forward(normal([32, 6], 1));
      y.backward(normalValues(y.size, 2));
      const gradients = model.parameters().map((t) => Array.from(t.grad?.dataSync() ?? []));
      return [Array.from(y.dataSync()), ...gradients, Array.from(model.stateDict()["1.running_var"].dataSync())];
    });
    expect(results[0]).toEqual(results[1]);
    expect(seen).toEqual(["Linear(6, 8)", "BatchNorm(8)", "ReLU()", "Linear(8, 2)"]);
  });

  test("Sequential leaves a listener's layers and a subclass's own forward alone", () => {
    class Doubled extends LayerNorm {
      override forward(x: Tensor): Tensor {
        return super.forward(x).mul(2);
      }
    }
    class Halved extends Norm {
      override forward(input: Tensor): Tensor {
        return input.mul(0.5);
      }
      protected override traits(): LayerTraits {
        return { constructorArguments: [] };
      }
    }
    class Squared extends ReLU {
      override forward(x: Tensor): Tensor {
        return super.forward(x).pow(2);
      }
    }
    const x = normal([3, 4], 1);
    const made = (...layers: Module[]) => opOf(new Sequential(...layers).forward(x));
    const listened = new LayerNorm(4);
    const stop = listened.onForward(() => {});
    expect(made(new LayerNorm(4), new ReLU())).toContain("standardize");
    expect(made(listened, new ReLU())).toContain("relu");
    expect(made(new Doubled(4), new ReLU())).toContain("relu");
    expect(made(new Halved(), new ReLU())).toContain("relu");
    expect(made(new LayerNorm(4), new Squared())).toContain("pow");
    stop();
    expect(made(listened, new ReLU())).toContain("standardize");
  });

  test("an unknown activation is refused", () => {
    const activation = "gelu" as never;
    expect(() => new LayerNorm(4).forward(zeros([2, 4]), { activation })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: LayerNorm(4).forward(x, { activation }): expected "relu" or none, got "gelu". Apply other activations to the output.]`,
    );
  });
});

test("any number of threads gives the same bits of the fused pass", async () => {
  for (const [shape, make] of [
    [[16, 12, 20, 20], () => new BatchNorm(12, half)],
    [[515, 130], () => new BatchNorm(130, half)],
    [[515, 130], () => new LayerNorm(130)],
    [[40, 12, 17, 11], () => new GroupNorm(3, 12)],
  ] as [Shape, () => Norm][]) {
    const results: string[] = [];
    for (const count of [1, 2, 3]) {
      await threads(count);
      const norm = make();
      const values = run(norm, shape, 1, (x) => norm.forward(x, { activation: "relu" }));
      results.push(values.map((one) => Buffer.from(one.buffer).toString("base64")).join());
    }
    expect(results[1] === results[0] && results[2] === results[0]).toBe(true);
  }
  await threads(1);
});
