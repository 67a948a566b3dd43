import {
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  Linear,
  loadModel,
  ScaledWeightStandardization,
  Sequential,
  type Shape,
  saveModel,
  type Tensor,
  type Weighted,
} from "evenkeel";
import { exportOnnx } from "evenkeel/onnx";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { expectGradient, input } from "../../support/gradient.js";
import { messageOf } from "../../support/message-of.js";
import { meanOf, settle, varianceOf } from "../../support/norm-cases.js";
import { runOnnx } from "../../support/onnx-runtime.js";
import { normal } from "../../support/seeded.js";

const layers: readonly [make: () => Weighted, shape: Shape][] = [
  [() => new Linear(4, 3), [5, 4]],
  [() => new Conv1d(4, 6, 3, { groups: 2, bias: false }), [2, 4, 8]],
  [() => new Conv2d(4, 3, [2, 3]), [2, 4, 5, 5]],
  [() => new ConvTranspose2d(4, 6, 2, { groups: 2 }), [2, 4, 3, 3]],
];
const options = { gamma: 1.7, eps: 0.01 };

/** γ · gain · (W − mean) / √(fanIn · (variance + eps)) over the weights of each output, in float64. */
function formula({ layer, weight, gain, gamma, eps }: ScaledWeightStandardization): number[] {
  const { outputs, groups, outputAxis } = layer;
  const [values, gains] = [Array.from(weight.dataSync()), gain.dataSync()];
  const taps = values.length / weight.shape[0] / weight.shape[1];
  const outputOf = (i: number): number => {
    const [first, second] = [Math.floor(i / taps / weight.shape[1]), Math.floor(i / taps) % weight.shape[1]];
    if (outputAxis === 0) return first;
    return Math.floor(first / (weight.shape[0] / groups)) * weight.shape[1] + second;
  };
  const rows = Array.from({ length: outputs }, (_, o) => values.filter((__, i) => outputOf(i) === o));
  return values.map((value, i) => {
    const row = rows[outputOf(i)];
    const scale = (gamma * gains[outputOf(i)]) / Math.sqrt(row.length * (varianceOf(row) + eps));
    return scale * (value - meanOf(row));
  });
}

const parameter = (_: string, __: Shape, deviates: Float32Array): Float32Array => deviates.map((v) => 1 + v / 2);

describeEachBackend("ScaledWeightStandardization", () => {
  test.each(layers.map(([make, shape]) => [String(make()), make, shape] as const))(
    "of %s computes the weight of its formula, has its gradients, and goes into files",
    async (_, make, shape) => {
      const layer = new ScaledWeightStandardization(make(), options);
      settle(layer, { parameter });
      const x = normal(shape, 3);
      const y = layer.forward(x).dataSync();
      const { model } = loadModel(saveModel(layer));
      expect((model as typeof layer).forward(x).dataSync()).toEqual(y);
      const bytes = await exportOnnx(new Sequential(layer).eval(), { inputShape: shape.slice(1) });
      const { output } = await runOnnx(bytes, { input: { shape, values: [...x.dataSync()] } });
      expectClose(output.values, y);

      const { weight, gain } = layer;
      const run = (given: Tensor, w: Tensor, g: Tensor): Tensor => {
        Reflect.set(layer, "weight", w);
        layer.gain = g;
        return layer.forward(given);
      };
      const own = [weight, gain].map((t) => ({ shape: t.shape, values: t.dataSync() }));
      expectGradient(run, [input(shape, 5), ...own]);
      Reflect.set(layer, "weight", weight);
      layer.gain = gain;
      const expected = formula(layer);
      const plain = layer.toPlain();
      expectClose(plain.weight.dataSync(), expected);
      expectClose(plain.forward(x).dataSync(), y, 1e-6);
    },
  );
});

test("keeps the variance of a signal", () => {
  const x = normal([400, 64], 1);
  const y = new ScaledWeightStandardization(new Linear(64, 200, { bias: false })).forward(x).dataSync();
  expect(varianceOf([...y])).toBeCloseTo(1, 1);
});

test("refuses what it cannot standardise", () => {
  const refused = [
    () => new ScaledWeightStandardization(3 as unknown as Linear),
    () => new ScaledWeightStandardization(new Linear(1, 3)),
    () => new ScaledWeightStandardization(new Linear(3, 3), { gamma: 0 }),
    () => new ScaledWeightStandardization(new Linear(3, 3), { eps: 0 }),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: new ScaledWeightStandardization(layer): expected Linear, Conv1d, Conv2d or ConvTranspose2d, got number. Wrap the layer whose weight it should compute.",
      "ArgumentError: new ScaledWeightStandardization(layer): expected at least 2 weights for each output, got 1 (Linear(1, 3)). Leave this layer as it is: of one weight only its sign would be left.",
      "ArgumentError: new ScaledWeightStandardization(layer): expected gamma to be a finite number above 0, got 0. Pass 1.7128 behind ReLU, 1 behind no activation.",
      "ArgumentError: new ScaledWeightStandardization(layer): expected eps to be a finite number above 0, got 0. Pass a small one such as 1e-10.",
    ]
  `);
});
