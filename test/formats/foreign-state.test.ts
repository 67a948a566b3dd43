import {
  BatchNorm,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  Embedding,
  Flatten,
  full,
  GlobalAvgPool2d,
  LayerNorm,
  Linear,
  loadFlaxState,
  loadKerasState,
  MaxPool2d,
  Module,
  noGrad,
  ReLU,
  Residual,
  Sequential,
  type Shape,
  type Tensor,
  tensor,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { normalValues } from "../support/seeded.js";

// The oracle computes as Keras and Flax do: channels last, from their kernels, in plain loops of float64.

interface Image {
  readonly shape: readonly [height: number, width: number, channels: number];
  readonly at: (h: number, w: number, c: number) => number;
}

function image(shape: Image["shape"], at: Image["at"]): Image {
  const [height, width, channels] = shape;
  const values = new Map<number, number>();
  for (let h = 0; h < height; h++)
    for (let w = 0; w < width; w++)
      for (let c = 0; c < channels; c++) values.set((h * width + w) * channels + c, at(h, w, c));
  return { shape, at: (h, w, c) => values.get((h * width + w) * channels + c) ?? 0 };
}

const flat = ({ shape: [height, width, channels], at }: Image): number[] =>
  Array.from({ length: height * width * channels }, (_, i) =>
    at(Math.floor(i / channels / width), Math.floor(i / channels) % width, i % channels),
  );

/** Values of a shape, read by their indices. */
function kernel(shape: Shape, seed: number): { t: Tensor; at: (...index: number[]) => number } {
  const values = normalValues(
    shape.reduce((a, b) => a * b, 1),
    seed,
  );
  return { t: tensor(values, shape), at: (...index) => values[index.reduce((i, k, axis) => i * shape[axis] + k, 0)] };
}

const sum = (length: number, term: (k: number) => number): number =>
  Array.from({ length }, (_, k) => term(k)).reduce((a, b) => a + b, 0);

/** A convolution without padding, kernel (H, W, I / groups, O). */
function convolve(x: Image, k: (...index: number[]) => number, [kh, kw, ki, ko]: Shape): Image {
  const [height, width] = x.shape;
  const groups = x.shape[2] / ki;
  return image([height - kh + 1, width - kw + 1, ko], (h, w, o) => {
    const first = Math.floor(o / (ko / groups)) * ki;
    return sum(kh, (a) => sum(kw, (b) => sum(ki, (i) => x.at(h + a, w + b, first + i) * k(a, b, i, o))));
  });
}

const sample: Image = ((values) => image([5, 4, 2], (h, w, c) => values[(h * 4 + w) * 2 + c]))(normalValues(40, 1));
/** The sample as our networks take it. */
const input = (): Tensor =>
  tensor(
    Array.from({ length: 40 }, (_, i) => sample.at(Math.floor(i / 4) % 5, i % 4, Math.floor(i / 20))),
    [1, 2, 5, 4],
  );
const run = (model: Module): Float32Array => noGrad(() => model.eval().forward(input()).dataSync());

/** One value per channel of a norm, positive. */
const vector = (length: number, seed: number): { t: Tensor; at: (...index: number[]) => number } => {
  const values = normalValues(length, seed).map((v) => Math.abs(v) + 0.1);
  return { t: tensor(values, [length]), at: (k) => values[k] };
};

describeEachBackend("loadKerasState", () => {
  test("a network with norm and Flatten computes what it did with channels last", () => {
    const conv = kernel([2, 2, 2, 3], 2);
    const [gamma, beta, mean, variance] = [3, 4, 5, 6].map((seed) => vector(3, seed));
    const dense = kernel([36, 2], 7);
    const model = new Sequential(
      ...[new Conv2d(2, 3, 2), new BatchNorm(3, { eps: 1e-3 }), new ReLU(), new Flatten(), new Linear(36, 2)],
    );
    const result = loadKerasState(model, {
      "conv2d/kernel:0": conv.t,
      "conv2d/bias:0": tensor([0, 0, 0]),
      "batch_normalization/gamma:0": gamma.t,
      "batch_normalization/beta:0": beta.t,
      "batch_normalization/moving_mean:0": mean.t,
      "batch_normalization/moving_variance:0": variance.t,
      "dense/kernel:0": dense.t,
      "dense/bias:0": tensor([0.5, -0.5]),
    });
    expect(result).toEqual({ missing: [], unexpected: [] });
    const features = convolve(sample, conv.at, [2, 2, 2, 3]);
    const active = flat(
      image(features.shape, (h, w, c) =>
        Math.max(
          0,
          ((features.at(h, w, c) - mean.at(c)) / Math.sqrt(variance.at(c) + 1e-3)) * gamma.at(c) + beta.at(c),
        ),
      ),
    );
    expectClose(
      run(model),
      [0, 1].map((o) => sum(36, (i) => active[i] * dense.at(i, o)) + [0.5, -0.5][o]),
      1e-6,
    );
  });

  test("depthwise, grouped and transposed convolutions", () => {
    const depthwise = kernel([2, 2, 2, 3], 2);
    const first = new Sequential(new Conv2d(2, 6, 2, { groups: 2, bias: false }), new Flatten());
    loadKerasState(first, { "depthwise_conv2d/depthwise_kernel": depthwise.t });
    // Output i·M + m is channel i under kernel (i, m).
    const outputs = image([4, 3, 6], (h, w, o) =>
      sum(2, (a) =>
        sum(2, (b) => sample.at(h + a, w + b, Math.floor(o / 3)) * depthwise.at(a, b, Math.floor(o / 3), o % 3)),
      ),
    );
    const planes = (x: Image): number[] =>
      Array.from({ length: x.shape[2] }, (_, c) =>
        flat(image([x.shape[0], x.shape[1], 1], (h, w) => x.at(h, w, c))),
      ).flat();
    expectClose(run(first), planes(outputs), 1e-6);

    const grouped = kernel([2, 2, 1, 4], 3);
    const second = new Sequential(new Conv2d(2, 4, 2, { groups: 2, bias: false }), new Flatten());
    loadKerasState(second, { "conv2d/kernel": grouped.t });
    expectClose(run(second), planes(convolve(sample, grouped.at, [2, 2, 1, 4])), 1e-6);

    // (H, W, O, I): what the convolution of that kernel takes together, its transpose spreads.
    const transposed = kernel([2, 2, 3, 2], 4);
    const third = new Sequential(new ConvTranspose2d(2, 3, 2, { bias: false }), new Flatten());
    loadKerasState(third, { "conv2d_transpose/kernel": transposed.t });
    const inside = (h: number, w: number, c: number): number =>
      h < 0 || w < 0 || h > 4 || w > 3 ? 0 : sample.at(h, w, c);
    const spread = image([6, 5, 3], (h, w, o) =>
      sum(2, (a) => sum(2, (b) => sum(2, (i) => inside(h - a, w - b, i) * transposed.at(a, b, o, i)))),
    );
    expectClose(run(third), planes(spread), 1e-6);
  });

  test("layers are matched by kind and order, or by name", () => {
    const model = (): Sequential =>
      new Sequential(new Linear(2, 2, { bias: false }), new Linear(2, 2, { bias: false }));
    const [a, b] = [kernel([2, 2], 1), kernel([2, 2], 2)];
    const weights = { "out/kernel": a.t, "hidden/kernel": b.t };
    const [byOrder, byName] = [model(), model()];
    loadKerasState(byOrder, weights);
    loadKerasState(byName, weights, { layers: { "1": "out", "0": "hidden" } });
    const first = (net: Sequential): number => (net.layers[0] as Linear).weight.dataSync()[1];
    expect([first(byOrder), first(byName)]).toEqual([a.at(1, 0), b.at(1, 0)]);
  });

  test("norms behind a Flatten, residual blocks, 1-D convolutions and embeddings", () => {
    const norm = new Sequential(new Conv2d(2, 3, 2), new Flatten(), new LayerNorm(36));
    const gamma = vector(36, 1);
    const gammas = {
      "n/gamma": gamma.t,
      "n/beta": gamma.t,
      "c/kernel": kernel([2, 2, 2, 3], 1).t,
      "c/bias": vector(3, 1).t,
    };
    loadKerasState(norm, gammas);
    // Channel 2, position 5.
    expect((norm.layers[2] as LayerNorm).weight?.dataSync()[2 * 12 + 5]).toBe(gamma.at(5 * 3 + 2));

    const dense = kernel([8, 1], 2);
    const block = new Sequential(
      ...[new Residual(new Sequential(new Conv2d(2, 2, 1, { bias: false }))), new MaxPool2d(2), new Flatten()],
      new Linear(8, 1, { bias: false }),
    );
    loadKerasState(block, { "c/kernel": kernel([1, 1, 2, 2], 3).t, "d/kernel": dense.t });
    expect((block.layers[3] as Linear).weight.dataSync()[1 * 4 + 3]).toBe(dense.at(3 * 2 + 1, 0));

    const signal = kernel([3, 2, 4], 3);
    const table = kernel([5, 2], 4);
    class Net extends Module {
      readonly embedding = new Embedding(5, 2);
      readonly conv = new Conv1d(2, 4, 3, { bias: false });
      override forward(x: Tensor): Tensor {
        return this.conv.forward(x);
      }
    }
    const net = new Net();
    loadKerasState(net, { "conv1d/kernel": signal.t, "embedding/embeddings": table.t });
    expect(net.conv.weight.dataSync()[3 * 6 + 1 * 3 + 2]).toBe(signal.at(2, 1, 3));
    expect(net.embedding.weight.dataSync()).toEqual(table.t.dataSync());
  });

  test("a norm of scale: false has weight 1 here, one of center: false bias 0", () => {
    const model = new Sequential(
      new Linear(2, 3, { bias: false }),
      new BatchNorm(3),
      new BatchNorm(3),
      new LayerNorm(3),
    );
    const other = Object.keys(model.stateDict()).map((name) => [name, full(model.stateDict()[name].shape, 7)]);
    model.loadStateDict(Object.fromEntries(other));
    const result = loadKerasState(model, {
      "dense/kernel": kernel([2, 3], 1).t,
      "bn/beta": tensor([1, 2, 3]),
      "bn/moving_mean": tensor([4, 5, 6]),
      "bn/moving_variance": tensor([1, 1, 1]),
      "bn_1/moving_mean": tensor([4, 5, 6]),
      "bn_1/moving_variance": tensor([1, 1, 1]),
      "ln/gamma": tensor([1, 2, 3]),
    });
    expect(result).toEqual({ missing: [], unexpected: [] });
    const state = model.stateDict();
    const values = ["1.weight", "1.bias", "2.weight", "2.bias", "3.weight", "3.bias"].map((name) => [
      ...state[name].dataSync(),
    ]);
    expect(values).toEqual([
      [1, 1, 1],
      [1, 2, 3],
      [1, 1, 1],
      [0, 0, 0],
      [1, 2, 3],
      [0, 0, 0],
    ]);
  });

  test("says what is missing, left over and mis-shaped, and then changes nothing", () => {
    const model = new Sequential(new Linear(2, 3), new BatchNorm(3), new Linear(3, 2));
    const before = model.stateDict();
    const weights = {
      "dense/kernel:0": kernel([2, 3], 1).t,
      "dense/bias:0": tensor([1, 2, 3]),
      "dense_1/kernel:0": kernel([4, 2], 1).t,
      "bn/gamma:0": tensor([1, 2, 3]),
      "bn/beta:0": tensor([1, 2, 3]),
      "lstm/recurrent_kernel:0": tensor([1]),
    };
    expect(() => loadKerasState(model, weights)).toThrowErrorMatchingInlineSnapshot(
      `[StateDictError: loadKerasState(model, weights): expected the entries and shapes of this module's own stateDict(), got missing 1.running_mean, 1.running_var, 2.bias; unexpected lstm/recurrent_kernel:0; mis-shaped 2.weight (expected 2×3, got 2×4 from dense_1/kernel:0). Build the module with the sizes it was saved with.]`,
    );
    for (const [name, t] of Object.entries(model.stateDict())) expect(t.dataSync()).toEqual(before[name].dataSync());
    const { "dense_1/kernel:0": _, ...fitting } = weights;
    expect(loadKerasState(model, fitting, { strict: false })).toMatchInlineSnapshot(`
      {
        "missing": [
          "1.running_mean",
          "1.running_var",
          "2.weight",
          "2.bias",
        ],
        "unexpected": [
          "lstm/recurrent_kernel:0",
        ],
      }
    `);
    expect((model.layers[0] as Linear).bias?.dataSync()).toEqual(Float32Array.of(1, 2, 3));
    expect(() => loadKerasState(model, weights, { layers: { "0": "Dense" } })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: loadKerasState(model, weights), layers: expected one of the layers dense, dense_1, bn, got "Dense". Name a layer of the state.]`,
    );
    expect(() => loadKerasState(model, weights, { layers: { fc: "dense" } })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: loadKerasState(model, weights), layers: expected paths of layers of the model, got "fc". Take them from model.namedModules().]`,
    );
  });

  test("asks for the channels that a Flatten hides", () => {
    const model = new Sequential(new Flatten(), new Linear(40, 1, { bias: false }));
    const dense = kernel([40, 1], 1);
    expect(() => loadKerasState(model, { "d/kernel": dense.t })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: loadKerasState(model, weights): expected how many channels the 40 flattened features of 1 are of, since channels come last there and first here, got no such option. Pass { flattened: { "1": channels } }.]`,
    );
    loadKerasState(model, { "d/kernel": dense.t }, { flattened: { "1": 2 } });
    const values = flat(sample);
    expectClose(run(model), [sum(40, (i) => values[i] * dense.at(i, 0))], 1e-6);
    expect(() =>
      loadKerasState(model, { "d/kernel": dense.t }, { flattened: { "1": 3 } }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: loadKerasState(model, weights): expected how many channels the 40 flattened features of 1 are of, since channels come last there and first here, got 3, which does not divide them. Pass { flattened: { "1": channels } }.]`,
    );
    const pooled = new Sequential(new GlobalAvgPool2d(), new Flatten(), new Linear(2, 1, { bias: false }));
    loadKerasState(pooled, { "d/kernel": kernel([2, 1], 1).t }, { flattened: { "2": 2 } });
  });
});

describeEachBackend("loadFlaxState", () => {
  test("a network with norm and Flatten, sorted by name as Flax has it", () => {
    const conv = kernel([2, 2, 2, 3], 2);
    const [scale, bias, mean, variance] = [3, 4, 5, 6].map((seed) => vector(3, seed));
    const dense = kernel([36, 2], 7);
    const model = new Sequential(
      ...[new Conv2d(2, 3, 2, { bias: false }), new BatchNorm(3), new Flatten(), new Linear(36, 2, { bias: false })],
    );
    loadFlaxState(model, {
      "batch_stats/BatchNorm_0/mean": mean.t,
      "batch_stats/BatchNorm_0/var": variance.t,
      "params/BatchNorm_0/bias": bias.t,
      "params/BatchNorm_0/scale": scale.t,
      "params/Conv_0/kernel": conv.t,
      "params/Dense_0/kernel": dense.t,
    });
    const features = convolve(sample, conv.at, [2, 2, 2, 3]);
    const normed = flat(
      image(
        features.shape,
        (h, w, c) =>
          ((features.at(h, w, c) - mean.at(c)) / Math.sqrt(variance.at(c) + 1e-5)) * scale.at(c) + bias.at(c),
      ),
    );
    expectClose(
      run(model),
      [0, 1].map((o) => sum(36, (i) => normed[i] * dense.at(i, o))),
      1e-6,
    );
  });

  test("Dense_2 comes before Dense_10, and dots separate as well", () => {
    const model = new Sequential(...Array.from({ length: 11 }, () => new Linear(1, 1, { bias: false })));
    const names = Array.from({ length: 11 }, (_, k) => `params.Dense_${k}.kernel`).sort();
    loadFlaxState(model, Object.fromEntries(names.map((name) => [name, tensor([[Number(name.split(/[_.]/)[2])]])])));
    expect(model.parameters().map((t) => t.item())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("a transposed convolution correlates: its kernel is mirrored", () => {
    const transposed = kernel([2, 2, 2, 3], 4);
    const model = new Sequential(new ConvTranspose2d(2, 3, 2, { bias: false }));
    loadFlaxState(model, { "params/ConvTranspose_0/kernel": transposed.t });
    // Padded by one all around, the plain convolution of the kernel.
    const padded = image([7, 6, 2], (h, w, c) => (h < 1 || w < 1 || h > 5 || w > 4 ? 0 : sample.at(h - 1, w - 1, c)));
    const y = convolve(padded, transposed.at, [2, 2, 2, 3]);
    const expected = Array.from({ length: 90 }, (_, i) => y.at(Math.floor(i / 5) % 6, i % 5, Math.floor(i / 30)));
    expectClose(run(model), expected, 1e-6);
  });

  test("what is left over is told", () => {
    const model = new Sequential(new Linear(1, 1));
    expect(() => loadFlaxState(model, { "params/LSTM_0/hi": tensor([1]) })).toThrowErrorMatchingInlineSnapshot(
      `[StateDictError: loadFlaxState(model, variables): expected the entries and shapes of this module's own stateDict(), got missing 0.weight, 0.bias; unexpected params/LSTM_0/hi. Load it into the module it was saved from, or pass { strict: false } to load what fits.]`,
    );
  });
});
