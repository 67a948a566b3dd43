import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  BatchNorm,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  foldBatchNorm,
  globalMaxPool2d,
  loadModel,
  MaxPool1d,
  MaxPool3d,
  type Module,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  Sequential,
  saveModel,
  setBackend,
  type Tensor,
  tensor,
  threads,
  trace,
  zeros,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { expectGradient, type Input, input } from "../support/gradient.js";
import { messageOf } from "../support/message-of.js";
import { normal } from "../support/seeded.js";

/** All values different by more than a step. */
function spread(shape: readonly number[], seed: number): Input {
  const { values } = input(shape, seed);
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  const ranked = new Float32Array(values.length);
  for (const [rank, at] of order.entries()) ranked[at] = (rank - values.length / 2 + 0.25) * 0.37;
  return { shape, values: ranked };
}

describeEachBackend("windows", () => {
  test("gradients of pools match finite differences, over odd, single and empty axes", () => {
    const volumes: readonly number[][] = [
      [2, 1, 3, 5, 4],
      [1, 2, 1, 3, 1],
      [0, 1, 2, 3, 3],
    ];
    for (const shape of volumes) {
      const [batch, channels, depth, height, width] = shape;
      const plane = [batch, channels, height, width];
      const signal = [batch, channels, height];
      for (const options of [
        { padding: 1, stride: 1 },
        { padding: "same", stride: 2 },
        { ceilMode: true, stride: 2, padding: 1 },
      ] as const) {
        expectGradient((x) => maxPool1d(x, 2, options), [spread(signal, 1)]);
        expectGradient((x) => maxPool2d(x, 2, options), [spread(plane, 2)]);
        expectGradient((x) => maxPool3d(x, 2, options), [spread([batch, channels, depth, height, width], 3)]);
        for (const countIncludePad of [false, true]) {
          expectGradient((x) => avgPool1d(x, 2, { ...options, countIncludePad }), [input(signal, 4)]);
          expectGradient((x) => avgPool2d(x, 2, { ...options, countIncludePad }), [input(plane, 5)]);
          expectGradient((x) => avgPool3d(x, 2, { ...options, countIncludePad }), [input(shape, 6)]);
        }
      }
      expectGradient((x) => avgPool2d(x, 3, { padding: [[0, 2], [2, 0]], countIncludePad: true }), [input(plane, 7)]); // biome-ignore format: pairs
      expectGradient((x) => adaptiveAvgPool1d(x, 2), [input(signal, 8)]);
      expectGradient((x) => adaptiveAvgPool2d(x, [2, 3]), [input(plane, 9)]);
      expectGradient((x) => adaptiveAvgPool3d(x, 2), [input(shape, 10)]);
      expectGradient((x) => globalMaxPool2d(x), [spread(plane, 11)]);
    }
  });

  test("gradients of convolutions match finite differences", () => {
    const bias = input([4], 3);
    const uneven = [[0, 2], [3, 1]] as const; // biome-ignore format: pairs
    for (const padding of ["same", uneven] as const) {
      expectGradient(
        (x, w, b) => conv2d(x, w, b, { padding, stride: 2, groups: 2 }),
        [input([2, 4, 5, 3], 1), input([4, 2, 3, 2], 2), bias],
      );
    }
    expectGradient((x, w) => conv1d(x, w, null, { padding: [2, 0] }), [input([2, 4, 1], 4), input([3, 4, 3], 5)]);
    expectGradient(
      (x, w, b) => conv3d(x, w, b, { padding: "same", stride: [2, 1, 1], dilation: [1, 2, 1], groups: 2 }),
      [input([2, 2, 3, 3, 2], 6), input([4, 1, 2, 2, 3], 7), bias],
    );
    expectGradient(
      (x, w, b) => conv3d(x, w, b, { padding: 1 }),
      [input([1, 3, 1, 1, 1], 8), input([4, 3, 3, 3, 3], 9), bias],
    );
    expectGradient(
      (x, w, b) => convTranspose1d(x, w, b, { stride: 3, padding: 1, outputPadding: 2, groups: 2 }),
      [input([2, 4, 3], 10), input([4, 2, 4], 11), bias],
    );
    expectGradient((x, w) => convTranspose1d(x, w), [input([2, 1, 1], 12), input([1, 1, 1], 13)]);
  });

  test("a NaN or infinity stays in the windows that it lies in", () => {
    const x = tensor([[[1, Number.POSITIVE_INFINITY, 3, 4, Number.NaN, 6, 7]]]);
    expect([...adaptiveAvgPool1d(x, 3).dataSync()].map(String)).toEqual(["Infinity", "NaN", "NaN"]);
    expect([...adaptiveAvgPool1d(x, 4).dataSync()].map(String)).toEqual(["Infinity", "Infinity", "NaN", "6.5"]);
    expect([...maxPool1d(x, 2, { padding: "same", stride: 1 }).dataSync()].map(String)).toEqual(
      ["Infinity", "Infinity", "4", "NaN", "NaN", "7", "7"], // biome-ignore format: a row
    );
  });

  test("layers come back from a file and a trace as they were", () => {
    const cases: readonly [Module, number[]][] = [
      [new MaxPool1d(3, { padding: [0, 1], ceilMode: true }), [2, 3, 8]],
      [new MaxPool3d([2, 1, 3], { padding: "same" }), [2, 3, 3, 4, 5]],
      [new AvgPool2d(3, { padding: [[1, 2], [0, 0]], countIncludePad: true }), [2, 3, 4, 5]], // biome-ignore format: pairs
      [new AdaptiveAvgPool2d([3, 2]), [2, 3, 7, 5]],
      [new Conv3d(3, 4, 2, { padding: [[0, 1], [1, 0], [1, 1]], stride: 2, bias: false }), [2, 3, 3, 4, 5]], // biome-ignore format: pairs
      [new ConvTranspose1d(3, 4, 3, { stride: 2, padding: 1, outputPadding: 1 }), [2, 3, 5]],
      [new Conv2d(3, 4, 3, { padding: "same", stride: 2 }), [2, 3, 6, 7]],
    ];
    for (const [layer, shape] of cases) {
      const x = normal(shape, 1);
      const expected = layer.forward(x).dataSync();
      const { model } = loadModel(saveModel(new Sequential(layer)));
      expect(model.forward(x).dataSync()).toEqual(expected);
      expect((trace(layer, x).forward(x) as Tensor).dataSync()).toEqual(expected);
    }
  });

  test("a norm is folded behind any padding, and before a convolution only where it has none", () => {
    const folds = (layer: Conv2d | Conv3d, shape: number[], isBefore: boolean): number => {
      const channels = isBefore ? shape[1] : layer.weight.shape[0];
      const norm = new BatchNorm(channels);
      norm.loadStateDict({ running_mean: normal([channels], 1), bias: normal([channels], 2) }, { strict: false });
      const model = new Sequential(...(isBefore ? [norm, layer] : [layer, norm])).eval();
      const { model: folded, folded: norms } = foldBatchNorm(model);
      const x = normal(shape, 3);
      expectClose((folded.forward(x) as Tensor).dataSync(), model.forward(x).dataSync(), 1e-5);
      return norms.length;
    };
    const sides = [[0, 1], [0, 0]] as const; // biome-ignore format: pairs
    expect(folds(new Conv2d(3, 4, 3, { padding: "same" }), [2, 3, 5, 5], false)).toBe(1);
    expect(folds(new Conv2d(3, 4, 3, { padding: "same" }), [2, 3, 5, 5], true)).toBe(0);
    expect(folds(new Conv2d(3, 4, 1, { padding: "same" }), [2, 3, 5, 5], true)).toBe(1);
    expect(folds(new Conv2d(3, 4, 2, { padding: sides }), [2, 3, 5, 5], true)).toBe(0);
    expect(folds(new Conv3d(3, 4, 2), [2, 3, 3, 3, 3], true)).toBe(1);
    expect(folds(new Conv3d(3, 4, 2, { padding: [1, 0, 0] }), [2, 3, 3, 3, 3], true)).toBe(0);
  });
});

test("as many threads as there are give the same bits", async () => {
  setBackend("wasm");
  const run = (): Float32Array[] => {
    const x = normal([4, 16, 8, 24, 24], 1);
    const weight = normal([16, 16, 3, 3, 3], 2);
    x.requiresGrad = true;
    weight.requiresGrad = true;
    const y = maxPool3d(conv3d(x, weight, null, { padding: "same" }), 3, { stride: 2, ceilMode: true });
    y.backward(normal(y.shape, 3).dataSync());
    return [y, x.grad, weight.grad].map((t) => t?.dataSync() ?? new Float32Array());
  };
  const one = run();
  await threads(4);
  const several = run();
  await threads(1);
  expect(several).toEqual(one);
});

test("refusals name the layer, what it got and the cure", () => {
  const anything = (value: unknown): never => value as never;
  expect([
    messageOf(() => maxPool1d(zeros([2, 3]), 2)),
    messageOf(() => maxPool1d(zeros([2, 3, 4]), 5)),
    messageOf(() => maxPool1d(zeros([2, 3, 4]), anything([2]))),
    messageOf(() => avgPool3d(zeros([2, 3, 4, 4, 4]), [2, 5, 2])),
    messageOf(() => avgPool3d(zeros([2, 3, 4, 4]), 2)),
    messageOf(() => avgPool2d(zeros([2, 3, 4, 4]), 2, { padding: [[0, 2], [0, 0]] })), // biome-ignore format: pairs
    messageOf(() => avgPool2d(zeros([2, 3, 4, 4]), 2, { padding: anything("valid") })),
    messageOf(() => new MaxPool3d(2, { padding: anything([1, 1]) })),
    messageOf(() => new MaxPool1d(2, { padding: anything([[0, 1]]) })),
    messageOf(() => new AvgPool2d(2, { ceilMode: anything(1) })),
    messageOf(() => new AdaptiveAvgPool2d([2, 0])),
    messageOf(() => adaptiveAvgPool2d(zeros([2, 3, 4]), 2)),
    messageOf(() => globalMaxPool2d(zeros([2, 3, 0, 4]))),
    messageOf(() => conv2d(zeros([1, 1, 2, 2]), zeros([1, 1, 5, 5]), null, { padding: [[1, 0], [0, 1]] })), // biome-ignore format: pairs
    messageOf(() => conv3d(zeros([1, 2, 4, 4, 4]), zeros([2, 1, 3, 3, 3]))),
    messageOf(() => conv3d(zeros([1, 2, 4, 4]), zeros([2, 1, 3, 3, 3]))),
    messageOf(() => conv3d(zeros([1, 2, 4, 4, 4]), zeros([2, 2, 5, 3, 3]))),
    messageOf(() => new Conv3d(2, 2, [1, 2, 3], { stride: anything([1, 2]) })),
    messageOf(() => new Conv3d(2, 2, [1, 2, 3]).forward(zeros([1, 3, 4, 4, 4]))),
    messageOf(() => convTranspose1d(zeros([1, 2, 4]), zeros([3, 2, 3]))),
    messageOf(() => convTranspose1d(zeros([1, 2, 0]), zeros([2, 2, 3]))),
    messageOf(() => convTranspose1d(zeros([1, 2, 2]), zeros([2, 2, 1]), null, { padding: 2 })),
    messageOf(() => new ConvTranspose1d(2, 2, 3, { stride: 2, outputPadding: 2 })),
    messageOf(() => new ConvTranspose1d(2, 2, 3).forward(zeros([1, 2, 4, 4]))),
  ]).toMatchInlineSnapshot(`
    [
      "ShapeError: maxPool1d(x, kernel): expected signals (N, C, L), got rank 2 (shape 2×3). Reshape to three axes.",
      "ShapeError: maxPool1d(x, kernel): expected signals of at least 5 values, got 4 (shape 2×3×4). Use longer signals, a smaller kernel, or more padding.",
      "nothing thrown",
      "ShapeError: avgPool3d(x, kernel): expected volumes of at least 2×5×2 values, got 4×4×4 (shape 2×3×4×4×4). Use larger volumes, a smaller kernel, or more padding.",
      "ShapeError: avgPool3d(x, kernel): expected volumes (N, C, D, H, W), got rank 4 (shape 2×3×4×4). Reshape to five axes.",
      "ArgumentError: avgPool2d(x, kernel): expected padding smaller than the kernel 2×2, got (0, 2)×0. Use less padding, so that every window reaches a value.",
      "ArgumentError: avgPool2d(x, kernel): expected padding to be a whole number of at least 0, two of them, two [before, after] or "same", got "valid". Correct padding.",
      "ArgumentError: new MaxPool3d(kernel): expected padding to be a whole number of at least 0, three of them, three [before, after] or "same", got [1,1]. Correct padding.",
      "ArgumentError: new MaxPool1d(kernel): expected padding to be a whole number of at least 0, [before, after] or "same", got [[0,1]]. Correct padding.",
      "ArgumentError: new AvgPool2d(kernel): expected ceilMode to be true or false, got 1. Correct ceilMode.",
      "ArgumentError: new AdaptiveAvgPool2d(outputSize): expected outputSize to be a whole number of at least 1, or two of them, got [2,0]. Correct outputSize.",
      "ShapeError: adaptiveAvgPool2d(x, outputSize): expected images (N, C, H, W), got rank 3 (shape 2×3×4). Reshape to four axes.",
      "ShapeError: globalMaxPool2d(x): expected at least one value along axis 2, got none (shape 2×3×0×4). Pass images that have values.",
      "ShapeError: conv2d(x, weight, bias): expected planes of at least 4×4, got 2×2 (shape 1×1×2×2). Use larger images, a smaller kernel, or more padding.",
      "ShapeError: conv3d(x, weight, bias): expected a weight (out, 2, kd, kh, kw) with out divisible by groups = 1, and a bias (out) or none, got 2×1×3×3×3 and none for x 1×2×4×4×4. Match the weight's channels to those of x.",
      "ShapeError: conv3d(x, weight, bias): expected volumes (N, C, D, H, W), got rank 4 (shape 1×2×4×4). Reshape to five axes.",
      "ShapeError: conv3d(x, weight, bias): expected volumes of at least 5×3×3 values, got 4×4×4 (shape 1×2×4×4×4). Use larger volumes, a smaller kernel, or more padding.",
      "ArgumentError: new Conv3d(inChannels, outChannels, kernelSize): expected stride to be a whole number of at least 1, or three of them, got [1,2]. Correct stride.",
      "ShapeError: Conv3d(2, 2, [1, 2, 3]).forward(x): expected 2 channels in axis 1, got 3 (shape 1×3×4×4×4). Build the layer with 3 channels, or reshape x.",
      "ShapeError: convTranspose1d(x, weight, bias): expected channels divisible by groups = 1, a weight (2, out / 1, k), and a bias (out) or none, got 3×2×3 and none for x 1×2×4. Match the weight's channels to those of x.",
      "ShapeError: convTranspose1d(x, weight, bias): expected at least one value along axis 2, got none (shape 1×2×0). Pass signals that have values.",
      "ShapeError: convTranspose1d(x, weight, bias): expected signals of which something is left, got -2 values (x 1×2×2, weight 2×2×1, padding 2). Use longer signals, a longer kernel, or less padding.",
      "ArgumentError: new ConvTranspose1d(inChannels, outChannels, kernelSize): expected outputPadding smaller than the stride 2, got 2. Use a smaller outputPadding, or a larger stride.",
      "ShapeError: ConvTranspose1d(2, 2, 3).forward(x): expected signals (N, C, L), got rank 4 (shape 1×2×4×4). Reshape to three axes.",
    ]
  `);
});
