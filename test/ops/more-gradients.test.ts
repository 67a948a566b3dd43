import {
  abs,
  broadcastTo,
  chunk,
  clamp,
  cos,
  cumSum,
  erf,
  expm1,
  flip,
  gather,
  glu,
  hardSigmoid,
  hardTanh,
  indexSelect,
  less,
  log1p,
  logSumExp,
  maximum,
  minimum,
  mish,
  norm,
  pad,
  pixelShuffle,
  reciprocal,
  repeat,
  rsqrt,
  sin,
  split,
  square,
  stack,
  type Tensor,
  takeAlongAxis,
  tensor,
  tile,
  topK,
  upsample,
  where,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectGradient, type Input, input } from "../support/gradient.js";

const lengths = [1, 2, 3, 5, 7, 15, 17, 33, 129];
const positive = (value: number): number => 0.7 + Math.abs(value);
/** Keeps values away from a kink, which a finite difference would step over. */
const awayFrom =
  (...kinks: readonly number[]) =>
  (value: number): number => {
    const near = kinks.find((kink) => Math.abs(value - kink) < 0.3);
    return near === undefined ? value : near + (value < near ? -0.4 : 0.4);
  };
/** All values different by more than a step. */
function spread(shape: readonly number[], seed: number): Input {
  const { values } = input(shape, seed);
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  const ranked = new Float32Array(values.length);
  order.forEach((at, rank) => {
    ranked[at] = (rank - values.length / 2 + 0.25) * 0.37;
  });
  return { shape, values: ranked };
}

describeEachBackend("gradients", () => {
  test.each<[string, (x: Tensor) => Tensor, (value: number) => number]>([
    ["abs", abs, awayFrom(0)],
    ["square", square, (v) => v],
    ["reciprocal", reciprocal, positive],
    ["rsqrt", rsqrt, positive],
    ["sin", sin, (v) => 3 * v],
    ["cos", cos, (v) => 3 * v],
    ["erf", erf, (v) => v],
    ["log1p", log1p, (v) => Math.abs(v) - 0.5],
    ["expm1", expm1, (v) => v],
    ["mish", mish, (v) => 2 * v],
    ["hardSigmoid", hardSigmoid, (v) => awayFrom(-3, 3)(3 * v)],
    ["hardTanh", hardTanh, (v) => awayFrom(-1, 1)(2 * v)],
    ["clamp", (x) => clamp(x, -1, 1), (v) => awayFrom(-1, 1)(2 * v)],
    ["norm", (x) => norm(x), positive],
    ["logSumExp", (x) => logSumExp(x), (v) => v],
    ["prod", (x) => x.prod(), (v) => 1 + v / 20],
    ["variance", (x) => x.variance(), (v) => v],
    ["cumSum", (x) => cumSum(x), (v) => v],
    ["flip", (x) => flip(x), (v) => v],
    ["repeat", (x) => repeat(x, 3), (v) => v],
    ["tile", (x) => tile(x, [2]), (v) => v],
    ["pad", (x) => pad(x, [[2, 3]]), (v) => v],
    ["replicated pad", (x) => pad(x, [[2, 3]], { mode: "replicate" }), (v) => v],
    ["unsqueeze", (x) => x.unsqueeze(0), (v) => v],
    ["squeeze", (x) => x.reshape([1, -1, 1]).squeeze(0), (v) => v],
    ["stack", (x) => stack([x, x], 1), (v) => v],
    ["split", (x) => split(x, 4).at(-1) as Tensor, (v) => v],
    ["chunk", (x) => chunk(x, 3)[0], (v) => v],
    ["broadcastTo", (x) => broadcastTo(x, [2, x.size]), (v) => v],
    ["gather", (x) => gather(x, [[0, -1], [0, 0]]), (v) => v], // biome-ignore format: a matrix
  ])("%s of odd and even lengths", (_, f, map) => {
    for (const length of lengths) expectGradient(f, [input([length], length, map)], { tolerance: 3e-3 });
  });

  test("minimum, maximum, clamp and where over broadcast shapes", () => {
    const shapes: [number[], number[]][] = [
      [[5], [5]],
      [[2, 3], [3]],
      [[3], [2, 3]],
      [[2, 1, 4], [1, 3, 1]], // biome-ignore format: pairs
      [[], [2, 2]],
      [[0, 3], [1, 3]], // biome-ignore format: pairs
    ];
    for (const [a, b] of shapes) {
      const far = input(b, 2, (v) => v + Math.sign(v) * 4);
      const near = input(a, 1, (v) => Math.tanh(v));
      const condition = input(a, 3, awayFrom(0));
      expectGradient(minimum, [near, far]);
      expectGradient(maximum, [near, far]);
      expectGradient((x, low) => clamp(x, low, 100), [near, far]);
      expectGradient((x, high) => clamp(x, -100, high), [near, far]);
      const mask = tensor(condition.values, condition.shape);
      expectGradient((x, y) => where(less(mask, 0), x, y), [near, far]);
    }
    expectGradient((x) => where(less(x.detach(), 0), x, 0), [input([7], 3, awayFrom(0))]);
    expectGradient((x) => minimum(0.5, x), [input([7], 3, awayFrom(0.5))]);
  });

  test("reductions over every choice of axes", () => {
    for (const axis of [undefined, 0, 1, 2, -1, [0, 1], [0, 2], [1, 2], [0, 1, 2]]) {
      expectGradient((x) => x.min(axis), [spread([3, 4, 5], 7)]);
      expectGradient((x) => x.variance(axis, { keepDims: true }), [input([3, 4, 5], 5)]);
      expectGradient((x) => x.std(axis, { unbiased: axis !== 1 }), [input([3, 2, 7], 6)]);
      expectGradient((x) => x.prod(axis), [input([3, 4, 2], 5, (v) => 1 + v / 8)]);
      expectGradient((x) => logSumExp(x, axis), [input([3, 1, 7], 6)]);
      expectGradient((x) => norm(x, axis), [input([3, 4, 5], 5, positive)]);
      expectGradient((x) => norm(x, axis, { p: 1 }), [input([3, 4, 5], 5, awayFrom(0))]);
      expectGradient((x) => norm(x, axis, { p: Infinity }), [spread([3, 4, 5], 5)]);
    }
    for (const axis of [0, 1, 2]) {
      expectGradient((x) => cumSum(x, axis), [input([3, 17, 5], 5)]);
      expectGradient((x) => topK(x, 2, { axis }).values, [spread([3, 4, 5], 5)]);
      expectGradient((x) => topK(x, 2, { axis, largest: false }).values, [spread([3, 4, 5], 5)]);
      expectGradient((x) => glu(x, axis), [input([2, 4, 6], 5)]);
    }
  });

  test("slices of one value, apart and overlapping, beside other uses of it", () => {
    const uses: readonly ((y: Tensor) => Tensor)[] = [
      (y) => y.slice(0, 2).sum().add(y.slice(1, 3).square().sum()),
      (y) => y.sum().add(y.slice(1, 2, 1).square().sum()),
      (y) =>
        y
          .slice(2, 3)
          .square()
          .sum()
          .add(y.square().sum())
          .add(y.slice(0, 1, 1).sum()),
      (y) => y.add(y.slice(0, 1)).add(y.slice(2, 3)).square().sum().add(y.sum()),
      (y) =>
        y
          .reshape([-1])
          .slice(3, 3)
          .sum()
          .add(y.slice(0, 0, 1).sum()),
    ];
    for (const use of uses) {
      expectGradient((x) => use(x), [input([3, 4], 1)]);
      expectGradient((x) => use(x.mul(2)), [input([3, 4], 2)]);
      expectGradient((x) => use(x.neg().add(0)), [input([3, 4], 3)]);
    }
  });

  test("shapes: stack, flip, permute, tile, repeat, pad, split", () => {
    for (const axis of [0, 1, 2, -1]) {
      expectGradient((a, b) => stack([a, b, a], axis), [input([3, 5], 1), input([3, 5], 2)]);
      expectGradient((x) => repeat(x, 2, axis === 2 ? 1 : axis), [input([3, 5], 1)]);
      expectGradient((x) => flip(x, axis), [input([3, 5, 7], 1)]);
    }
    expectGradient((x) => flip(x, [0, 2]), [input([5, 4, 9], 1)]);
    expectGradient((x) => flip(x).transpose(), [input([5, 4, 9], 1)]);
    expectGradient((x) => x.permute([2, 0, 1]), [input([3, 4, 5], 1)]);
    expectGradient((x) => tile(x, [2, 1, 3]), [input([3, 5], 1)]);
    expectGradient((x) => pad(x, [[1, 0], [2, 3]]), [input([2, 3, 5], 1)]); // biome-ignore format: pairs
    expectGradient((x) => pad(x, [[1, 0], [2, 3]], { mode: "reflect" }), [input([2, 3, 5], 1)]); // biome-ignore format: pairs
    expectGradient((x) => pad(x, [[1, 0], [2, 3]], { mode: "replicate" }), [input([2, 1, 1], 1)]); // biome-ignore format: pairs
    expectGradient((x) => split(x, [1, 0, 4], 1)[2], [input([3, 5, 2], 1)]);
    expectGradient((x) => pixelShuffle(x, 2), [input([2, 8, 3, 1], 1)]);
  });

  test("gather, indexSelect and takeAlongAxis add what is taken several times", () => {
    for (const axis of [0, 1, 2]) {
      expectGradient((x) => gather(x, [[0, -1, 1], [1, 1, 0]], axis), [input([3, 5, 2], 1)]); // biome-ignore format: a matrix
      expectGradient((x) => gather(x, 1, axis), [input([3, 5, 2], 1)]);
      expectGradient((x) => indexSelect(x, [1, 0, 1, 1], axis), [input([3, 5, 2], 1)]);
      expectGradient((x) => indexSelect(x, [], axis), [input([3, 5, 2], 1)]);
    }
    expectGradient((x) => takeAlongAxis(x, [[0, 2, 2], [1, 1, 0]], 1), [input([2, 3], 1)]); // biome-ignore format: a matrix
    expectGradient((x) => takeAlongAxis(x, [[0], [1]], 1), [input([1, 3], 1)]);
    expectGradient((x) => takeAlongAxis(x, [[0, 2]], 1), [input([4, 3], 1)]);
  });

  test("upsample to larger and smaller planes, aligned either way", () => {
    for (const size of [
      [1, 1],
      [2, 7],
      [9, 3],
      [5, 4],
    ] as const) {
      // biome-ignore format: sizes
      for (const mode of ["nearest", "bilinear"] as const) {
        expectGradient((x) => upsample(x, null, { size, mode }), [input([2, 3, 5, 4], 1)]);
        expectGradient((x) => upsample(x, null, { size, mode, alignCorners: true }), [input([1, 2, 1, 3], 1)]);
      }
    }
    expectGradient((x) => upsample(x, 2), [input([2, 1, 17, 33], 1)]);
  });

  test("none at all where the function has steps", () => {
    const x = tensor([1.5, -2], { requiresGrad: true });
    const passing = [less(x, 0), x.round(), x.argmax(), topK(x, 1).indices].filter((y) => y.requiresGrad);
    expect(passing).toEqual([]);
  });

  test("0, and not NaN, where a deviation or a length is 0", () => {
    const x = tensor([2, 2, 2], { requiresGrad: true });
    x.std().backward();
    expect([...(x.grad?.dataSync() ?? [])]).toEqual([0, 0, 0]);
    const y = tensor([0, 0], { requiresGrad: true });
    norm(y).backward();
    expect([...(y.grad?.dataSync() ?? [])]).toEqual([0, 0]);
  });
});
