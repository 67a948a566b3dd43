import * as ev from "evenkeel";
import {
  AvgPool2d,
  avgPool2d,
  BatchNorm,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  concat,
  conv1d,
  conv2d,
  convTranspose2d,
  customOp,
  ELU,
  Embedding,
  elu,
  embedding,
  FilterResponseNorm,
  Flatten,
  full,
  GELU,
  GroupNorm,
  gelu,
  HardSwish,
  InstanceNorm,
  LayerNorm,
  Linear,
  leakyRelu,
  linear,
  MaxPool2d,
  Module,
  maxPool2d,
  ones,
  onWarning,
  PReLU,
  ReLU,
  Residual,
  RmsNorm,
  relu,
  relu6,
  resnet,
  Sequential,
  type Shape,
  SiLU,
  Softmax,
  Softplus,
  seed,
  setBackend,
  sigmoid,
  silu,
  softmax,
  type Tensor,
  tanh,
  tensor,
  trace,
  zeros,
} from "evenkeel";
import { vitTiny } from "evenkeel/networks";
import { exportOnnx, verifyOnnxExport } from "evenkeel/onnx";
import { exportTfjs, foldTfjs, inspectTfjs, type TfjsValue, type TfjsWriter, verifyTfjsExport } from "evenkeel/tfjs";
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Shared, SqueezeExcite, TwoInputs, UNet } from "../support/own-networks.js";
import { randomNetwork, scramble } from "../support/random-network.js";
import { normal } from "../support/seeded.js";
import { type Builders, hasPeers, tensorFlow } from "../support/tfjs-peers.js";

describe.skipIf(!hasPeers)("exportTfjs (skipped without npm ci --prefix test/peers)", () => {
  let tf: Builders;
  beforeAll(async () => {
    setBackend("wasm");
    tf = await tensorFlow();
  });
  beforeEach(() => {
    seed(1);
    onWarning(() => {});
  });

  /** The largest relative difference between a model and its export in TF.js. */
  async function differenceOf(
    model: Module,
    inputShape: Shape,
    more: { fold?: boolean; channelsLast?: boolean } = {},
  ): Promise<number> {
    scramble(model);
    model.eval();
    const files = await exportTfjs(model, { inputShape, ...more });
    const { fold: _, ...layout } = more;
    return (await verifyTfjsExport(files, model, { inputShape, tf, tolerance: 1, ...layout })).maxRelative;
  }

  const image: Shape = [4, 7, 6];
  test.each<[string, () => Module[], Shape]>([
    ["a convolution, padded as TF.js does", () => [new Conv2d(4, 5, 3, { padding: 1 })], image],
    [
      "one padded otherwise, with strides",
      () => [new Conv2d(4, 5, [3, 2], { padding: [2, 0], stride: [2, 1] })],
      image,
    ],
    ["one with strides and distances", () => [new Conv2d(4, 5, 2, { stride: 2, dilation: 2, padding: 1 })], image],
    ["one with distances", () => [new Conv2d(4, 5, 2, { dilation: [2, 3] })], image],
    ["one in groups", () => [new Conv2d(4, 6, 3, { groups: 2, bias: false })], image],
    ["depthwise, one output for each", () => [new Conv2d(4, 4, 3, { groups: 4, padding: 1 })], image],
    ["depthwise, three outputs for each", () => [new Conv2d(4, 12, 3, { groups: 4, dilation: 2 })], image],
    ["one in one dimension", () => [new Conv1d(4, 6, 3, { padding: 1 })], [4, 9]],
    ["one in one dimension, in groups", () => [new Conv1d(4, 6, 2, { groups: 2, stride: 2, dilation: 2 })], [4, 9]],
    ["one in one dimension, padded", () => [new Conv1d(4, 6, 2, { padding: 2 })], [4, 9]],
    ["a transposed convolution", () => [new ConvTranspose2d(4, 5, 3)], image],
    [
      "one cut and grown at its end",
      () => [new ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 })],
      image,
    ],
    ["one grown beyond", () => [new ConvTranspose2d(4, 2, 2, { stride: 3, outputPadding: [2, 1] })], image],
    ["one with distances", () => [new ConvTranspose2d(4, 2, 2, { dilation: 2, padding: 1 })], image],
    [
      "one padded the same",
      () => [new Conv2d(4, 5, [3, 2], { stride: [2, 1], padding: "same", dilation: [1, 2] })],
      image,
    ],
    ["one padded on two sides", () => [new Conv2d(4, 5, 3, { padding: [[2, 0], [0, 1]] })], image], // biome-ignore format: pairs
    ["depthwise, padded the same", () => [new Conv2d(4, 4, 3, { groups: 4, stride: 2, padding: "same" })], image],
    ["one in one dimension, padded on one side", () => [new Conv1d(4, 6, 2, { padding: [0, 1] })], [4, 9]],
    ["one in one dimension, padded the same", () => [new Conv1d(4, 6, 4, { stride: 2, padding: "same" })], [4, 9]],
    ["one in three dimensions", () => [new ev.Conv3d(2, 4, [2, 3, 2], { groups: 2, stride: [1, 2, 1] })], [2, 4, 6, 5]],
    ["one in three dimensions, padded the same", () => [new ev.Conv3d(2, 4, 3, { padding: "same" })], [2, 4, 6, 5]],
    [
      "a transposed one in one dimension",
      () => [new ev.ConvTranspose1d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2, dilation: 2 })],
      [4, 5],
    ],
    ["an LSTM", () => [new ev.LSTM(3, 4), new Linear(4, 2)], [5, 3]],
    ["two LSTMs without biases", () => [new ev.LSTM(3, 4, { numLayers: 2, bias: false })], [5, 3]],
    ["a pool", () => [new MaxPool2d(2)], image],
    ["a pool that leaves values out", () => [new MaxPool2d(2, { stride: 3 })], image],
    ["a padded pool", () => [new MaxPool2d(3, { stride: 2, padding: 1 })], [4, 8, 6]],
    ["a padded pool behind a ReLU", () => [new ReLU(), new MaxPool2d(3, { stride: 2, padding: 1 })], [4, 8, 6]],
    ["an average", () => [new AvgPool2d(2, { padding: 1 })], image],
    ["an average padded as TF.js does", () => [new AvgPool2d(3, { stride: 1, padding: 1 })], image],
    ["an average padded otherwise", () => [new AvgPool2d(3, { stride: 2, padding: [1, 0] })], [4, 8, 7]],
    ["group norm", () => [new GroupNorm(2, 4)], image],
    ["group norm of rows", () => [new GroupNorm(2, 4)], [4]],
    ["instance norm", () => [new InstanceNorm(4)], image],
    ["layer norm over the last axis", () => [new LayerNorm(6)], image],
    ["layer norm over planes", () => [new LayerNorm([7, 6])], image],
    ["layer norm over all", () => [new LayerNorm([4, 7, 6])], image],
    ["layer norm of what was flattened", () => [new Flatten(), new LayerNorm(168), new Linear(168, 3)], image],
    ["batch norm of what was flattened", () => [new Flatten(), new BatchNorm(168), new Linear(168, 3)], image],
    ["RMS norm over planes", () => [new RmsNorm([7, 6])], image],
    ["RMS norm of channels first", () => [new RmsNorm(4, { channelsFirst: true })], image],
    ["RMS norm of tokens", () => [new RmsNorm(5), new Linear(5, 3)], [6, 5]],
    ["filter response norm", () => [new FilterResponseNorm(4)], image],
    ["one without threshold, of signals", () => [new FilterResponseNorm(4, { thresholded: false })], [4, 9]],
    ["pixel norm", () => [new ev.PixelNorm()], image],
    ["pixel norm of rows", () => [new ev.PixelNorm()], [5]],
    ["scale norm", () => [new ev.ScaleNorm(5)], [6, 5]],
    ["dynamic tanh of tokens", () => [new ev.DynamicTanh(5)], [6, 5]],
    ["dynamic tanh of channels", () => [new ev.DynamicTanh(4, { channelsFirst: true })], image],
    ["batch-instance norm", () => [new ev.BatchInstanceNorm(4)], image],
    ["whitening batch norm", () => [new ev.WhiteningBatchNorm(4, { groups: 2 })], image],
    ["split batch norm", () => [new ev.SplitBatchNorm(4, 2)], image],
    ["scaled weight standardisation", () => [new ev.ScaledWeightStandardization(new Conv2d(4, 3, 3))], image],
    ["an ELU of another slope", () => [new ELU(0.3)], image],
    ["softmax along each axis", () => [new Softmax(1), new Softmax(2), new Softmax(3)], image],
    ["activations", () => [new SiLU(), new GELU(), new HardSwish(), new Softplus(), new PReLU()], image],
    ["a slope for each channel of images and of rows", () => [new PReLU(4), new Flatten(), new PReLU(168)], image],
    ["a linear layer over the last axis of images", () => [new Linear(6, 3)], image],
    ["what was flattened, and comes out", () => [new Flatten()], image],
    ["nothing at all", () => [], image],
    ["a table of rows", () => [new Embedding(3, 4) as unknown as Module, new LayerNorm(4), new Linear(4, 2)], [5]],
    [
      "branches in different orders",
      () => [new Residual(new Sequential(new Linear(6, 6), new ReLU()), new Conv2d(4, 4, 1))],
      image,
    ],
  ])("TF.js gives the same for %s", async (_, build, shape) => {
    const model = new Sequential(...build());
    for (const channelsLast of [true, false]) {
      expect(await differenceOf(model, shape, { channelsLast })).toBeLessThan(1e-5);
    }
  });

  test("norms that TF.js has no layers for are refused by name", async () => {
    const norms = [
      new ev.LocalResponseNorm(3),
      new ev.EvoNorm(4),
      new ev.EvoNorm(4, { variant: "S0" }),
      new ev.SwitchableNorm(4),
    ];
    for (const norm of norms) {
      const refused = exportTfjs(new Sequential(norm).eval(), { inputShape: image });
      await expect(refused).rejects.toThrow(/^exportTfjs\(model\): expected (ops|powers) .* at 0\. /);
    }
  });

  test.each<[string, Shape, (x: Tensor, rows: number) => Tensor]>([
    ["numbers", image, (x) => x.mul(3).add(1).sub(0.5).div(7).neg()],
    ["powers", image, (x) => x.pow(2).add(x.pow(3)).sub(x.pow(1))],
    ["a number for each channel", image, (x) => x.mul(normal([1, 4, 1, 1], 1)).sub(normal([4, 1, 1], 2))],
    ["a number for each row", image, (x) => x.div(normal([7, 1], 1).exp()).add(normal([1, 1, 7, 1], 2))],
    ["a number for each column", image, (x) => x.mul(normal([6], 1)).add(normal([1, 6], 2))],
    ["a number for each row of a channel", image, (x) => x.mul(normal([4, 7, 1], 1))],
    ["a number for each place of planes", image, (x) => x.add(normal([7, 6], 1))],
    ["a number for each channel and column", image, (x) => x.mul(normal([4, 1, 6], 1))],
    ["a number for each value", image, (x) => x.mul(normal([4, 7, 6], 1)).add(normal([1, 4, 7, 6], 2))],
    [
      "numbers for what was flattened",
      image,
      (x) =>
        x
          .flatten(1)
          .mul(normal([168], 1))
          .add(normal([1, 168], 2)),
    ],
    ["a number that is a tensor", image, (x) => tensor(3).sub(x.mul(normal([1], 1)))],
    [
      "what is computed of parameters alone",
      image,
      (x) =>
        x.mul(
          ones([2, 2])
            .add(full([2], 2))
            .reshape([4, 1, 1]),
        ),
    ],
    ["two values", image, (x) => relu(x).mul(x).sub(sigmoid(x))],
    [
      "values repeated along planes",
      image,
      (x) => x.mul(x.mean([2, 3], { keepDims: true })).sub(x.max(1, { keepDims: true })),
    ],
    [
      "values of fewer axes",
      image,
      (x, n) =>
        x
          .sum(1)
          .reshape([n, 1, 7, 6])
          .add(x)
          .mul(x.max([2, 3]).reshape([n, 4, 1, 1])),
    ],
    ["parts that are joined", image, (x) => concat([x, relu(x), x.mul(2)], 1)],
    ["parts that are joined along columns", image, (x) => concat([x, x.neg()], -1)],
    ["rows that are joined", image, (x) => concat([x.flatten(1), x.sum([2, 3]), x.mean(1).flatten(1)], 1)],
    [
      "parts",
      image,
      (x) =>
        concat([x.slice(1, 3, 1), x.slice(-2, undefined, 1)], 1)
          .slice(0, -1, 2)
          .slice(2, 5, 3),
    ],
    ["means over channels", image, (x) => x.mean(1)],
    ["means over rows", image, (x) => x.mean(2, { keepDims: true })],
    ["means over channels and columns", image, (x) => x.mean([1, -1])],
    ["the largest of a sample", image, (x) => x.max([1, 2, 3], { keepDims: true })],
    ["sums of rows", [5], (x) => x.sum(1, { keepDims: true }).sub(x)],
    ["sums of tokens", [5, 3], (x) => concat([x.sum(2), x.mean(1), x.max(1)], 1)],
    [
      "one number for each sample",
      image,
      (x) =>
        x
          .sum([1, 2, 3])
          .mul(2)
          .add(tensor([1])),
    ],
    ["other sizes", image, (x, n) => x.reshape([n, 7, 24]).reshape([n, -1, 4, 2]).flatten(2)],
    ["other orders", image, (x) => x.transpose([0, 2, 3, 1]).add(1).transpose([0, 2, 1, 3]).transpose([0, 3, 1, 2])],
    [
      "orders back and forth",
      image,
      (x) =>
        relu(x.transpose([0, 2, 3, 1]))
          .transpose([0, 3, 1, 2])
          .flatten(1),
    ],
    ["a matrix of its own", image, (x) => x.matmul(normal([6, 5], 1)).detach()],
    ["a matrix of its own for rows", [6], (x) => x.matmul(normal([6, 5], 1))],
    ["a matrix of its own before tokens", [5, 3], (x) => normal([4, 5], 1).matmul(x)],
    ["attention", [5, 4], (x) => softmax(x.matmul(x.transpose([0, 2, 1])).div(2), -1).matmul(x)],
    ["a linear function", image, (x) => linear(x, normal([2, 6], 1), normal([2], 2))],
    ["a convolution", image, (x) => conv2d(x, normal([6, 2, 2, 3], 1), normal([6], 2), { padding: [1, 0], groups: 2 })],
    ["a convolution of signals", [4, 9], (x) => conv1d(x, normal([3, 4, 2], 1), null, { stride: 2, padding: 1 })],
    [
      "a transposed convolution",
      image,
      (x) => convTranspose2d(x, normal([4, 3, 2, 2], 1), null, { stride: 2, padding: 1 }),
    ],
    ["pools", image, (x) => avgPool2d(maxPool2d(x, 2, { stride: 1, padding: 1 }), 2)],
    ["pools, same", image, (x) => avgPool2d(maxPool2d(x, 3, { stride: 2, padding: "same" }), 2, { padding: "same" })],
    [
      "pools, rounded up",
      image,
      (x) => avgPool2d(maxPool2d(x, 3, { stride: 2, ceilMode: true }), 2, { ceilMode: true }),
    ],
    ["pools of sides", image, (x) => avgPool2d(maxPool2d(x, 3, { padding: [[0, 2], [1, 0]] }), 2, { padding: [[1, 0], [0, 1]] })], // biome-ignore format: pairs
    ["pools whose padding counts", image, (x) => avgPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: true })], // biome-ignore format: one call
    ["pools of signals", [3, 9], (x) => ev.avgPool1d(ev.maxPool1d(x, 2, { stride: 1, padding: 1 }), 3, { padding: [0, 2] })], // biome-ignore format: one call
    ["pools of volumes", [2, 6, 5, 4], (x) => ev.avgPool3d(ev.maxPool3d(x, 3, { stride: 1, padding: "same" }), 2)],
    ["adaptive pools", image, (x) => ev.adaptiveAvgPool2d(x, [7, 3])],
    ["the largest of planes", image, (x) => ev.globalMaxPool2d(x)],
    ["activations", image, (x) => gelu(silu(relu6(leakyRelu(elu(tanh(x), 0.4), 0.2))))],
  ])("TF.js gives the same for ops: %s", async (_, inputShape, compute) => {
    class Own extends Module {
      override forward(x: Tensor): Tensor {
        return compute(x, x.shape[0]);
      }
    }
    for (const channelsLast of [true, false]) {
      expect(await differenceOf(new Own(), inputShape, { channelsLast })).toBeLessThan(1e-5);
    }
  });

  const ops: readonly (readonly [name: string, f: (x: Tensor) => Tensor, sample?: number[]])[] = [
    ["abs", ev.abs],
    ["square", ev.square],
    ["mish", ev.mish],
    ["hardSigmoid", (x) => ev.hardSigmoid(x.mul(3))],
    ["hardTanh", (x) => ev.hardTanh(x, -0.5, 0.75)],
    ["clamp", (x) => ev.clamp(x, 0, 0.5)],
    ["clamp from above", (x) => ev.clamp(x, null, 0.5)],
    ["minimum", (x) => ev.minimum(x, x.neg())],
    ["maximum with a number", (x) => ev.maximum(0.25, x)],
    ["glu of channels", (x) => ev.glu(x, 1), [4, 3, 5]],
    ["glu", (x) => ev.glu(x), [3, 6]],
    ["min", (x) => x.min([2, 3])],
    ["min of rows", (x) => x.min(-1), [3, 6]],
    ["min of all", (x) => x.min(1).unsqueeze(1), [7]],
    ["squeeze and unsqueeze", (x) => x.unsqueeze(2).squeeze(2).unsqueeze(-1), [3, 6]],
    ["stack", (x) => ev.stack([x, x.neg()], 1), [3, 6]],
    ["stack behind", (x) => ev.stack([x, x.neg()], -1), [3, 6]],
    ["pixelShuffle", (x) => ev.pixelShuffle(x, 2), [8, 3, 2]],
    ["upsample", (x) => ev.upsample(x, [2, 3])],
    ["permute", (x) => x.permute([0, 2, 3, 1])],
    ["split", (x) => ev.split(x, [1, 2], 1)[1]],
    [
      "a constant for every sample",
      (x) => concat([ev.broadcastTo(normal([1, 4], 1), [x.shape[0], 1, 4]), x], 1),
      [5, 4],
    ],
    ["broadcastTo", (x) => ev.broadcastTo(x.mean(1, { keepDims: true }), x.shape).add(x)],
    ["attention of heads", (x) => ev.scaledDotProductAttention(x, x.mul(0.5), x.neg()), [3, 5, 4]],
    ["causal attention", (x) => ev.scaledDotProductAttention(x, x, x, { causal: true, scale: 0.7 }), [5, 4]],
    [
      "attention with a bias of each head, and a mask",
      (x) => {
        const mask = tensor([1, 0, 1, 1, 1, 1, 1, 1, 0], [3, 3]);
        return ev.scaledDotProductAttention(x, x, x, { bias: normal([2, 3, 3], 3), mask, causal: true });
      },
      [2, 3, 4],
    ],
  ];

  test("a vision transformer predicts the same", async () => {
    const model = vitTiny({ inputShape: [3, 32, 32], classes: 4 }).eval();
    expect(await differenceOf(model, [3, 32, 32])).toBeLessThan(1e-5);
  });

  const conditioned: readonly (readonly [norm: Module<[Tensor, Tensor]>, sample: number[], condition: number[]])[] = [
    [new ev.ConditionalBatchNorm(4, 3), [4, 5, 6], [3]],
    [new ev.Film(4, 3), [4, 5, 6], [3]],
    [new ev.AdaptiveInstanceNorm(4, 3), [4, 5, 6], [3]],
    [new ev.AdaptiveLayerNorm(4, 3), [5, 4], [3]],
    [new ev.SpatiallyAdaptiveNorm(4, 3, { hidden: 2 }), [4, 5, 6], [3, 5, 6]],
  ];
  test.each(conditioned.map((one) => [one[0].constructor.name, ...one] as const))(
    "%s, with its condition, is what TF.js computes",
    async (_, norm, sample, condition) => {
      const graph = trace(norm.eval(), normal([2, ...sample], 1), normal([2, ...condition], 2));
      const { maxRelative } = await verifyTfjsExport(await exportTfjs(graph), graph, { tf, tolerance: 1 });
      expect(maxRelative).toBeLessThan(1e-5);
    },
  );

  for (const [name, f, sample = [3, 4, 5]] of ops) {
    test(`${name} is what TF.js computes`, async () => {
      class Net extends Module {
        override forward(x: Tensor): Tensor {
          return f(x);
        }
      }
      const files = await exportTfjs(new Net(), { inputShape: sample });
      const { maxRelative } = await verifyTfjsExport(files, new Net(), { inputShape: sample, tf, tolerance: 1 });
      expect(maxRelative).toBeLessThan(1e-5);
    });
  }

  test("classes with a forward of their own give the same, plain and folded", async () => {
    const networks: [model: Module, inputShape: Shape][] = [
      [new UNet(), [1, 8, 8]],
      [new SqueezeExcite(), [1, 5, 5]],
      [new Shared(), [4]],
      [new Sequential(new UNet(), new Flatten(), new Linear(128, 3)), [1, 8, 8]],
    ];
    for (const [model, inputShape] of networks) {
      expect(await differenceOf(model, inputShape)).toBeLessThan(1e-5);
      expect(await differenceOf(trace(model, normal([2, ...inputShape], 1)), inputShape, { fold: true })).toBeLessThan(
        1e-5,
      );
    }
  });

  test("several inputs and outputs come in their order; a table takes whole numbers", async () => {
    class Heads extends Module<[a: Tensor, b: Tensor, rows: Tensor], { sum: Tensor; same: Tensor[] }> {
      table = new Embedding(2, 3);
      own = normal([2, 3], 9);
      override forward(a: Tensor, b: Tensor, rows: Tensor): { sum: Tensor; same: Tensor[] } {
        const found = this.table.forward(rows).add(embedding(rows, this.own));
        return { sum: found.sum(1).add(b), same: [a, a, relu(a), b] };
      }
    }
    const pair = trace(new TwoInputs().eval(), normal([2, 3], 1), normal([2, 5], 2));
    const heads = trace(new Heads(), normal([2, 3, 4, 2], 1), normal([2, 3], 2), zeros([2, 5]));
    for (const graph of [pair, heads]) {
      const { maxRelative } = await verifyTfjsExport(await exportTfjs(graph), graph, { tf });
      expect(maxRelative).toBeLessThan(1e-5);
      expect((await verifyOnnxExport(await exportOnnx(graph), graph)).maxRelative).toBeLessThan(1e-5);
    }
  });

  test("a custom op is what it says itself", async () => {
    const softsign = customOp({
      name: "softsign",
      forward: (x) => x.div(x.mul(x).sqrt().add(1)),
      backward: (dy) => [dy],
      toTfjs: (inputs: readonly TfjsValue[], graph: TfjsWriter) =>
        graph.layer("Activation", inputs, { activation: "softsign" }),
    });
    class Own extends Module {
      override forward(x: Tensor): Tensor {
        return softsign(x).mul(2);
      }
    }
    expect(await differenceOf(new Own(), image)).toBeLessThan(1e-5);
  });

  test("random networks predict the same, plain and folded", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom([3, 7, 6], [4, 9], [6], [2, 8, 8]),
        fc.array(fc.noBias(fc.nat()), { minLength: 1, maxLength: 9 }),
        fc.boolean(),
        async (inputShape, choices, fold) => {
          const model = randomNetwork(inputShape, choices);
          const without = model.namedModules().some(([, one]) => one instanceof BatchNorm && one.runningMean === null);
          fc.pre(!without);
          const files = await exportTfjs(model, { inputShape, fold });
          const { maxRelative } = await verifyTfjsExport(files, model, { inputShape, tf, tolerance: 1 });
          expect(maxRelative, String(model)).toBeLessThan(1e-5);
        },
      ),
      { numRuns: 100, seed: 7 },
    );
  });

  test("a layer in several places is one layer of TF.js, and gives what the network gives in each", async () => {
    const [conv, norm] = [new Conv2d(4, 4, 3, { padding: 1 }), new BatchNorm(4)];
    const [last, other] = [new Conv2d(4, 4, 1), new Conv2d(4, 4, 1)];
    const nested = new Residual(new Sequential(conv, norm, new ReLU(), conv, norm, last), last);
    const models: [Module, weights: number][] = [
      [new Sequential(conv, norm, new ReLU(), conv, norm), 6],
      [new Residual(new Sequential(conv, norm), new Sequential(norm, conv)), 6],
      // Where TF.js would take one call for another, all is written twice.
      [nested, 2 * 6 + 2 * 2],
      [new Sequential(conv, new AvgPool2d(2), conv, new Residual(new Sequential(conv, other), other)), 4],
    ];
    for (const [model, weights] of models) {
      expect(await differenceOf(model, image)).toBeLessThan(1e-5);
      const { model: json } = await exportTfjs(model.eval(), { inputShape: image });
      expect(JSON.parse(new TextDecoder().decode(json)).weightsManifest[0].weights).toHaveLength(weights);
    }
  });

  test("a residual network is folded by export as foldTfjs folds its export", async () => {
    const inputShape = [3, 8, 8];
    const model = resnet({ inputShape, classes: 5, blocks: 1 });
    scramble(model);
    model.eval();
    const plain = await exportTfjs(model, { inputShape });
    expect(inspectTfjs(plain).norms.every(({ foldsInto }) => foldsInto !== null)).toBe(true);
    const { files, left } = await foldTfjs(plain, { tf });
    expect(left).toEqual([]);
    for (const one of [files, await exportTfjs(model, { inputShape, fold: true })]) {
      expect(inspectTfjs(one).norms).toEqual([]);
      const { maxRelative, backend } = await verifyTfjsExport(one, model, { inputShape, tf });
      expect(maxRelative).toBeLessThan(1e-5);
      expect(backend).toBe("wasm");
    }
  });

  test("verifyTfjsExport finds what differs, and frees what it made", async () => {
    const model = new Sequential(new Conv2d(3, 4, 3), new Flatten(), new Linear(64, 2));
    const inputShape = [3, 6, 6];
    const files = await exportTfjs(model, { inputShape });
    const other = new Sequential(new Conv2d(3, 4, 3), new Flatten(), new Linear(64, 2));
    const before = tf.memory().numTensors;
    await verifyTfjsExport(files, model, { inputShape, tf });
    await expect(verifyTfjsExport(files, other, { inputShape, tf })).rejects.toThrow(
      /^verifyTfjsExport\(files, model\): expected TF\.js to give what the network gives, to a relative difference of 0\.0001, got \S+ \(absolute \S+\)\. Do not use the files; raise the tolerance if that is acceptable\.$/,
    );
    expect(tf.memory().numTensors).toBe(before);
  });
});
