import type { BinaryOp, ConvGeometry, PoolGeometry, StatisticsView, UnaryGradientOp, UnaryOp } from "../../backend.js";
import { binaryFunctions, unaryFunctions } from "../../cpu/elementwise.js";
import type { Bench, Twin } from "./bench.js";

/** One member: what it is called with, and its outputs. */
export interface Case {
  readonly name: string;
  /** The largest error that is promised, in units of the largest value. */
  readonly most: number;
  readonly run: (bench: Bench) => readonly Twin[];
}

const unaryOps = Object.keys(unaryFunctions) as UnaryOp[];
/** Slopes of `pow` and `prelu` are no functions that ops compute by themselves. */
const onlySlopes = new Set(["powBase", "powExponent", "preluSlope"]);
const binaryOps = (Object.keys(binaryFunctions) as BinaryOp[]).filter((op) => !onlySlopes.has(op));

const length = 1001;

function elementwiseCases(): Case[] {
  const unary = unaryOps.map((op) => ({
    name: `unary ${op}`,
    most: 4e-7,
    run: (bench: Bench) => {
      const values = Float32Array.from({ length }, (_, i) => (i - 300) / 60);
      values.set([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0]);
      const [x, y] = [bench.values(values), bench.output(length)];
      bench.call((backend, block) => backend.unary(op, block(x), block(y), length, 0.25));
      return [y];
    },
  }));
  const slopes = unaryOps
    .filter((op): op is UnaryGradientOp => "slope" in unaryFunctions[op])
    .map((op) => ({
      name: `unaryGradient ${op}`,
      most: 1e-6,
      run: (bench: Bench) => {
        const saved = bench.values(Float32Array.from({ length }, (_, i) => (i + 1) / 200));
        const [dy, dx] = [bench.normal(length, 2), bench.output(length)];
        bench.call((backend, block) => backend.unaryGradient(op, block(dy), block(saved), block(dx), length, 0.25));
        return [dx];
      },
    }));
  const binary = binaryOps.map((op) => ({
    name: `binary ${op}`,
    most: 1e-6,
    run: (bench: Bench) => {
      const a = bench.values(Float32Array.from({ length }, (_, i) => (op === "pow" ? i + 1 : i - 500) / 100));
      const [b, y, repeated] = [bench.normal(length, 3), bench.output(length), bench.output(6)];
      bench.call((backend, block) => {
        backend.binary(op, block(a), block(b), block(y), { extents: [length], aStrides: [1], bStrides: [1] });
        backend.binary(op, block(a), block(b), block(repeated), {
          extents: [2, 3],
          aStrides: [0, 1],
          bStrides: [1, 0],
        });
      });
      return [y, repeated];
    },
  }));
  return [...unary, ...slopes, ...binary];
}

function reductionCases(): Case[] {
  return [
    [3, 500, 1],
    [1, 20000, 1],
    [2, 70, 9],
  ].map(([outer, count, inner]) => ({
    name: `reductions of ${outer}×${count}×${inner}`,
    most: 1e-6,
    run: (bench: Bench) => {
      const [size, lines] = [outer * count * inner, outer * inner];
      const [x, dy, dLines] = [bench.normal(size, 1, 0, 3), bench.normal(size, 2), bench.normal(lines, 3)];
      const [sum, max] = [bench.output(lines), bench.output(lines)];
      const all = Array.from({ length: 6 }, () => bench.output(size));
      const [dMax, running, soft, dSoft, logSoft, dLogSoft] = all;
      bench.call((backend, block) => {
        backend.sum(block(x), block(sum), outer, count, inner);
        backend.max(block(x), block(max), outer, count, inner);
        backend.maxGradient(block(dLines), block(x), block(dMax), outer, count, inner);
        backend.cumSum(block(x), block(running), outer, count, inner, false);
        backend.softmax(block(x), block(soft), outer, count, inner);
        backend.softmaxGradient(block(dy), block(soft), block(dSoft), outer, count, inner);
        backend.logSoftmax(block(x), block(logSoft), outer, count, inner);
        backend.logSoftmaxGradient(block(dy), block(logSoft), block(dLogSoft), outer, count, inner);
      });
      return [sum, max, ...all];
    },
  }));
}

function productCases(): Case[] {
  return [
    [33, 35, 17],
    [70, 65, 700],
  ].map(([m, n, k]) => ({
    name: `gemm ${m}×${n}×${k}`,
    most: 2e-6,
    run: (bench: Bench) => {
      const [a, b, bias] = [bench.normal(m * k, 1), bench.normal(k * n, 2), bench.normal(n, 3)];
      return [false, true].flatMap((transposeA) =>
        [false, true].map((transposeB) => {
          const c = bench.output(m * n);
          const product = { m, n, k, transposeA, transposeB };
          bench.call((backend, block) => backend.gemm(block(a), block(b), block(bias), block(c), product));
          return c;
        }),
      );
    },
  }));
}

function convolutionCases(): Case[] {
  const plain = { batch: 3, inChannels: 8, height: 9, width: 10, outChannels: 12, outHeight: 9, outWidth: 10 };
  const [same, one] = [[1, 1] as const, [1, 1] as const];
  const geometries: Record<string, ConvGeometry> = {
    "3×3": { ...plain, kernel: [3, 3], stride: one, padding: same, dilation: one, groups: 1 },
    "strided, in groups": {
      ...{ ...plain, outHeight: 5, outWidth: 5 },
      ...{ kernel: [3, 3], stride: [2, 2], padding: same, dilation: one, groups: 4 },
    },
    "1×1": { ...plain, kernel: one, stride: one, padding: [0, 0], dilation: one, groups: 1 },
  };
  const convolutions = Object.entries(geometries).map(([name, g]) => ({
    name: `conv2d and gradients, ${name}`,
    most: 2e-6,
    run: (bench: Bench) => {
      const [inputs, outputs] = [g.batch * g.inChannels * 90, g.batch * g.outChannels * g.outHeight * g.outWidth];
      const taps = (g.outChannels * g.inChannels * g.kernel[0] * g.kernel[1]) / g.groups;
      const [x, weight, dy] = [bench.normal(inputs, 1), bench.normal(taps, 2), bench.normal(outputs, 3)];
      const [y, dx, dweight] = [bench.output(outputs), bench.output(inputs), bench.output(taps)];
      bench.call((backend, block) => {
        backend.conv2d(block(x), block(weight), null, block(y), g);
        backend.conv2dInputGradient(block(dy), block(weight), block(dx), g);
        backend.conv2dWeightGradient(block(dy), block(x), block(dweight), g);
      });
      return [y, dx, dweight];
    },
  }));
  return [...convolutions, poolingCase];
}

const poolingCase: Case = {
  name: "pooling and gradients",
  most: 1e-6,
  run: (bench) => {
    const g: PoolGeometry = {
      ...{ planes: 3, height: 7, width: 5, outHeight: 4, outWidth: 3 },
      ...{ kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
    };
    const [x, dy] = [bench.normal(105, 1), bench.normal(36, 2)];
    const [largest, indices, dx] = [bench.output(36), bench.output(36), bench.output(105)];
    const [mean, dMean] = [bench.output(36), bench.output(105)];
    bench.call((backend, block) => {
      backend.maxPool2d(block(x), block(largest), block(indices), g);
      backend.maxPool2dGradient(block(dy), block(indices), block(dx), g);
      backend.avgPool2d(block(x), block(mean), g);
      backend.avgPool2dGradient(block(dy), block(dMean), g);
    });
    return [largest, indices, dx, mean, dMean];
  },
};

function normCases(): Case[] {
  const views: Record<string, StatisticsView> = {
    "batch norm": { outer: 4, kept: 6, inner: 900, repeat: 900, period: 6 },
    "batch norm of rows": { outer: 300, kept: 40, inner: 1, repeat: 1, period: 40 },
    "layer norm": { outer: 1, kept: 20, inner: 300, repeat: 1, period: 300 },
    "group norm": { outer: 1, kept: 8, inner: 90, repeat: 45, period: 8 },
  };
  return Object.entries(views).flatMap(([name, view]) =>
    (
      [
        [0, 1],
        [1e4, 1],
        [1e7, 1],
        [0, 1e15],
        [0, 1e-15],
      ] as const
    ).map(([mean, deviation]) => ({
      name: `${name} at mean ${mean.toExponential()}, deviation ${deviation.toExponential()}`,
      most: 3e-6,
      run: (bench: Bench) => {
        const size = view.outer * view.kept * view.inner;
        const [x, dy] = [bench.normal(size, 1, mean, deviation), bench.normal(size, 2)];
        const [weight, bias] = [bench.normal(view.period, 3), bench.normal(view.period, 4)];
        const [moments, y, dx] = [bench.wideOutput(3 * view.kept), bench.output(size), bench.output(size)];
        const [dweight, dbias] = [bench.output(view.period), bench.output(view.period)];
        bench.call((backend, block) => {
          const map = { weight: block(weight), bias: block(bias), eps: 0, rectifies: false };
          backend.moments(block(x), view, null, block(moments));
          backend.standardize(block(x), block(moments), view, map, block(y));
          const gradients = [block(dx), block(dweight), block(dbias)] as const;
          backend.standardizeGradient(block(dy), block(x), block(moments), view, map, ...gradients);
        });
        return [y, dx, dweight, dbias];
      },
    })),
  );
}

const others: Case[] = [
  {
    name: "cross-entropy and its gradient",
    most: 1e-6,
    run: (bench) => {
      const [rows, classes] = [40, 30];
      const labels = bench.values(Int32Array.from({ length: rows }, (_, i) => (7 * i) % classes));
      const [logits, dloss] = [bench.normal(rows * classes, 1, 0, 3), bench.values(Float32Array.of(1))];
      const [logP, loss, dlogits] = [bench.output(rows * classes), bench.output(1), bench.output(rows * classes)];
      const correct = bench.output(1);
      bench.call((backend, block) => {
        const given = [block(labels), null, 0.1, rows, classes] as const;
        backend.crossEntropy(block(logits), ...given, block(logP), block(loss));
        backend.crossEntropyGradient(block(dloss), block(logP), ...given, block(dlogits));
        backend.countCorrect(block(logits), block(labels), rows, classes, 1, block(correct));
      });
      return [logP, loss, dlogits, correct];
    },
  },
  {
    name: "gather and scatterAdd",
    most: 1e-6,
    run: (bench) => {
      const [rows, width, count] = [9, 20, 100];
      const indices = bench.values(Int32Array.from({ length: count }, (_, i) => (i * i) % rows));
      const [table, dy] = [bench.normal(rows * width, 1), bench.normal(count * width, 2)];
      const [y, dtable] = [bench.output(count * width), bench.output(rows * width)];
      bench.call((backend, block) => {
        backend.gather(block(table), block(indices), block(y), count, width);
        backend.scatterAdd(block(dy), block(indices), block(dtable), count, rows, width, -1);
      });
      return [y, dtable];
    },
  },
  {
    name: "Adam and SGD",
    most: 1e-6,
    run: (bench) => {
      const list = [5, 2000].map((size, i) => ({
        ...{ size, p: bench.normal(size, i), q: bench.normal(size, 3 + i), gradient: bench.normal(size, 6 + i) },
        ...{ first: bench.normal(size, 9), second: bench.values(new Float32Array(size).fill(0.5)) },
      }));
      bench.call((backend, block) => {
        const shared = { gradientScale: 0.5, gate: null };
        const adam = { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, correction1: 0.1, correction2: 0.001 };
        const updates = list.map(({ size, p, gradient, first, second }) => ({
          ...{ parameter: block(p), gradient: block(gradient), first: block(first), second: block(second) },
          ...{ length: size, weightDecay: 0.01 },
        }));
        backend.adamStep(updates, { ...shared, ...adam, decoupled: true });
        const plain = list.map(({ size, q, gradient }) => ({
          ...{ parameter: block(q), gradient: block(gradient), velocity: null, length: size, weightDecay: 0 },
        }));
        backend.sgdStep(plain, { ...shared, lr: 0.1, momentum: 0, nesterov: false, first: true });
      });
      return list.flatMap(({ p, q, first, second }) => [p, q, first, second]);
    },
  },
];

/** Every group of members, on the sizes at which kernels are cut in different ways. */
export const cases: readonly Case[] = [
  ...elementwiseCases(),
  ...reductionCases(),
  ...productCases(),
  ...convolutionCases(),
  ...normCases(),
  ...others,
];
