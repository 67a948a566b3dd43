import { FilterResponseNorm, onWarning, Sequential, type Shape, seed, type Tensor, tensor, zeros } from "evenkeel";
import { exportOnnx } from "evenkeel/onnx";
import { beforeEach, expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { expectGradient, input } from "../../support/gradient.js";
import { runOnnx } from "../../support/onnx-runtime.js";
import { normal } from "../../support/seeded.js";

beforeEach(() => {
  seed(1);
  onWarning(() => {});
});

/** A layer whose parameters are none of those that it begins with. */
function layerOf(channels: number, options: object = {}): FilterResponseNorm {
  const norm = new FilterResponseNorm(channels, options);
  const keys = norm.namedParameters().map(([key]) => key);
  norm.loadStateDict(Object.fromEntries(keys.map((key, k) => [key, normal([channels], 10 + k)])));
  return norm;
}

/** Equations 1 to 3 of the paper in float64; values where the mask is 0 count in nothing. */
function formula(norm: FilterResponseNorm, x: Tensor, real: (i: number) => boolean = () => true): number[] {
  const [, channels, ...positions] = x.shape;
  const size = positions.reduce((a, b) => a * b, 1);
  const values = x.dataSync();
  const [weight, bias, threshold] = [norm.weight, norm.bias, norm.threshold].map((t) => t?.dataSync());
  return Array.from(values, (value, i) => {
    const row = Math.floor(i / size);
    const c = row % channels;
    const squares = Array.from({ length: size }, (_, k) => row * size + k)
      .filter(real)
      .map((k) => values[k] ** 2);
    const square = squares.reduce((a, b) => a + b, 0) / squares.length;
    const y = ((weight?.[c] ?? 1) * value) / Math.sqrt(square + norm.eps) + (bias?.[c] ?? 0);
    return real(i) ? Math.max(y, threshold?.[c] ?? Number.NEGATIVE_INFINITY) : 0;
  });
}

const shapes: readonly Shape[] = [
  [3, 1, 2],
  [1, 5, 7],
  [2, 3, 5, 7],
  [2, 4, 1, 17],
  [1, 2, 2, 3, 3],
];

describeEachBackend("FilterResponseNorm", () => {
  test("is its formula, with a threshold and without, in training as in evaluation", () => {
    for (const shape of shapes) {
      for (const thresholded of [true, false]) {
        const norm = layerOf(shape[1], { thresholded, eps: 1e-4 });
        const x = normal(shape, 3).mul(5).add(2);
        expectClose(norm.forward(x).dataSync(), formula(norm, x));
        expectClose(norm.eval().forward(x).dataSync(), norm.train().forward(x).dataSync());
      }
    }
  });

  test("has the gradients of finite differences, for x and each parameter", () => {
    for (const shape of shapes) {
      for (const thresholded of [true, false]) {
        const norm = layerOf(shape[1], { thresholded });
        const keys = norm.namedParameters().map(([key]) => key) as ("weight" | "bias" | "threshold")[];
        const run = (x: Tensor, ...parameters: Tensor[]): Tensor => {
          keys.forEach((key, k) => {
            norm[key] = parameters[k];
          });
          return norm.forward(x);
        };
        // The threshold lies above all values of the first channel and below all others, away from the bend.
        const own = keys.map((key, k) =>
          key === "threshold"
            ? { shape: [shape[1]], values: Float32Array.from({ length: shape[1] }, (_, c) => (c === 0 ? 8 : -8)) }
            : input([shape[1]], 20 + k, (v) => 0.2 * v + (key === "weight" ? 1 : 0)),
        );
        expectGradient(run, [input(shape, 5, (v) => v + 0.4), ...own]);
      }
    }
  });

  test("where the threshold is above y, its gradient is dy and that of all others is 0", () => {
    const norm = new FilterResponseNorm(2);
    norm.loadStateDict({ ...norm.stateDict(), threshold: tensor([100, -100]) });
    const x = normal([2, 2, 3], 4);
    x.requiresGrad = true;
    norm.forward(x).backward(new Float32Array(12).fill(1));
    const gradient = (t: Tensor | null): number[] => [...(t?.grad?.dataSync() ?? [])];
    expect(gradient(norm.threshold)).toEqual([6, 0]);
    expect(gradient(norm.bias)).toEqual([0, 6]);
    expect(gradient(x).filter((_, i) => Math.floor(i / 3) % 2 === 0)).toEqual(new Array(6).fill(0));
  });

  test("values behind a mask count in nothing, even NaN", () => {
    const norm = layerOf(3);
    const x = normal([2, 3, 5], 6);
    const hidden = [3, 4];
    const mask = tensor([1, 1, 1, 0, 0, 1, 1, 1, 0, 0], [2, 1, 5]);
    const values = x.dataSync().map((value, i) => (hidden.includes(i % 5) ? Number.NaN : value));
    const actual = norm.forward(tensor(values, [2, 3, 5]), { mask });
    expectClose(
      actual.dataSync(),
      formula(norm, x, (i) => !hidden.includes(i % 5)),
    );
  });

  test("refuses what it cannot normalise", () => {
    const messages = [
      () => new FilterResponseNorm(0),
      () => new FilterResponseNorm(2, { eps: -1 }),
      () => new FilterResponseNorm(2).forward(zeros([4])),
      () => new FilterResponseNorm(2).forward(zeros([4, 2])),
      () => new FilterResponseNorm(2).forward(zeros([4, 3, 5])),
      () => new FilterResponseNorm(2, { eps: 0 }).forward(zeros([4, 2, 5])),
    ].map((run) => {
      try {
        return String(run());
      } catch (error) {
        return String(error);
      }
    });
    expect(messages).toMatchInlineSnapshot(`
      [
        "ArgumentError: new FilterResponseNorm(numFeatures): expected numFeatures to be a whole number of at least 1, got 0. Correct numFeatures.",
        "ArgumentError: FilterResponseNorm(2).eps: expected a finite number of at least 0, got -1. Pass a small one such as 1e-5.",
        "ShapeError: FilterResponseNorm(2).forward(x): expected rank 2 to 5: (N, C, …), got rank 1 (shape 4). Reshape x so that channels are axis 1.",
        "ShapeError: FilterResponseNorm(2).forward(x): expected at least 2 positions per channel, got 1 (shape 4×2). Use larger images or signals, or normalise with RmsNorm or LayerNorm.",
        "ShapeError: FilterResponseNorm(2).forward(x): expected 2 channels in axis 1, got 3 (shape 4×3×5). Build the layer with 3 channels, or reshape x.",
        "ArgumentError: FilterResponseNorm(2).forward(x): expected a value other than 0 in every channel of every sample, since eps is 0, got none in channel 0 of sample 0. Set eps to a small positive number such as 1e-6.",
      ]
    `);
  });

  test("is what onnxruntime computes of its export", async () => {
    for (const shape of shapes.slice(1, 4)) {
      for (const thresholded of [true, false]) {
        const model = new Sequential(layerOf(shape[1], { thresholded, eps: 1e-3 })).eval();
        const x = normal(shape, 8);
        for (const opset of [13, 18]) {
          const bytes = await exportOnnx(model, { inputShape: shape.slice(1), opset });
          const { output } = await runOnnx(bytes, { input: { shape, values: [...x.dataSync()] } });
          expectClose(output.values, model.forward(x).dataSync());
        }
      }
    }
  });
});
