import {
  Adam,
  arrayDataset,
  BatchNorm,
  batches,
  binaryCrossEntropy,
  Conv1d,
  Conv2d,
  crossEntropy,
  diagnose,
  EvenkeelError,
  evaluate,
  fit,
  GlobalAvgPool2d,
  Linear,
  type Module,
  mlp,
  mse,
  type NormName,
  predict,
  ReLU,
  recalibrate,
  Sequential,
  type Tensor,
  tensor,
  zeros,
} from "evenkeel";
import { expect, test } from "vitest";

// What a caller without types, or one who comes from another library, does first.
const array = [[1, 2]] as unknown as Tensor;
const dataset = arrayDataset({
  inputs: Float32Array.from({ length: 40 }, (_, k) => Math.sin(k)),
  shape: [2],
  labels: Int32Array.from({ length: 20 }, (_, k) => k % 2),
});
const data = batches(dataset, { batchSize: 10 });
const uncut = dataset as unknown as typeof data;
const network = () => new Sequential(new Linear(2, 4), new BatchNorm(4), new ReLU(), new Linear(4, 2));

async function saidBy(failing: (() => unknown)[]): Promise<string[]> {
  const said: string[] = [];
  for (const fail of failing) {
    try {
      await fail();
      said.push("nothing");
    } catch (error) {
      expect(error).toBeInstanceOf(EvenkeelError);
      said.push(String(error));
    }
  }
  return said;
}

test("arrays where tensors belong are told", async () => {
  expect(
    await saidBy([
      () => network().forward(array),
      () => new Linear(2, 2).forward(new Float32Array(2) as unknown as Tensor),
      () => new Conv1d(1, 1, 1).forward(array),
      () => new Conv2d(1, 1, 1).forward(array),
      () => new GlobalAvgPool2d().forward(array),
      () => new BatchNorm(2).forward(undefined as unknown as Tensor),
      () => predict(network(), array),
      () => mse(tensor([1]), array),
      () => binaryCrossEntropy(tensor([1]), array),
      () => crossEntropy(array, [0]),
    ]),
  ).toMatchInlineSnapshot(`
    [
      "ArgumentError: Sequential(Linear(2, 4), BatchNorm(4), ReLU(), Linear(4, 2)).forward(x): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: Linear(2, 2).forward(x): expected a tensor, got Float32Array. Make one with tensor(values, shape).",
      "ArgumentError: Conv1d(1, 1, 1).forward(x): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: Conv2d(1, 1, 1).forward(x): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: globalAvgPool2d(x): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: BatchNorm(2).forward(x): expected a tensor, got undefined. Make one with tensor(values, shape).",
      "ArgumentError: predict(model, x): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: mse(a, b): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: binaryCrossEntropy(logits, targets): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: crossEntropy(logits, labels): expected a tensor, got Array. Make one with tensor(values, shape).",
    ]
  `);
});

test("a tensor of class numbers is told", async () => {
  const labels = zeros([2]) as unknown as number[];
  expect(await saidBy([() => crossEntropy(zeros([2, 2]), labels)])).toMatchInlineSnapshot(`
    [
      "ShapeError: crossEntropy(logits, labels): expected probabilities of the shape of logits (N, classes, …), or an array of labels, got a tensor of shape 2 for logits of shape 2×2. Pass a probability for each class, or labels as an array such as [2, 0, 1].",
    ]
  `);
});

test("channels behind the positions, as in TF.js, are told with the order that cures it", async () => {
  const images = zeros([2, 8, 8, 3]);
  expect(
    await saidBy([
      () => new Conv2d(3, 4, 3).forward(images),
      () => new BatchNorm(3).forward(images),
      () => new Conv1d(3, 4, 3).forward(zeros([2, 8, 3])),
      () => new Conv2d(3, 4, 3).forward(zeros([2, 8, 8, 4])),
    ]),
  ).toMatchInlineSnapshot(`
    [
      "ShapeError: Conv2d(3, 4, 3).forward(x): expected 3 channels in axis 1, got 8 (shape 2×8×8×3). Bring channels to the front: x.transpose([0, 3, 1, 2]).",
      "ShapeError: BatchNorm(3).forward(x): expected 3 channels in axis 1, got 8 (shape 2×8×8×3). Bring channels to the front: x.transpose([0, 3, 1, 2]).",
      "ShapeError: Conv1d(3, 4, 3).forward(x): expected 3 channels in axis 1, got 8 (shape 2×8×3). Bring channels to the front: x.transpose([0, 2, 1]).",
      "ShapeError: Conv2d(3, 4, 3).forward(x): expected 3 channels in axis 1, got 8 (shape 2×8×8×4). Build the layer with 8 channels, or reshape x.",
    ]
  `);
  expect(new Conv2d(3, 4, 3).forward(images.transpose([0, 3, 1, 2])).shape).toEqual([2, 4, 6, 6]);
});

test("a dataset that nobody has cut into batches is told", async () => {
  const model = network();
  const optimizer = new Adam(model.parameters(), { lr: 0.01 });
  expect(
    await saidBy([
      () => fit(model, uncut, { epochs: 1, optimizer }),
      () => evaluate(model, uncut),
      () => recalibrate(model, uncut),
      () => diagnose(model, uncut),
      () => evaluate(model, undefined as unknown as typeof data),
    ]),
  ).toMatchInlineSnapshot(`
    [
      "ArgumentError: fit(model, data): expected batches, one after another, got a dataset. Pass batches(dataset, { batchSize: 64 }), or an array of batches.",
      "ArgumentError: evaluate(model, data): expected batches, one after another, got a dataset. Pass batches(dataset, { batchSize: 64 }), or an array of batches.",
      "ArgumentError: recalibrate(model, data): expected batches, one after another, got a dataset. Pass batches(dataset, { batchSize: 64 }), or an array of batches.",
      "ArgumentError: diagnose(model, data): expected batches, one after another, got a dataset. Pass batches(dataset, { batchSize: 64 }), or an array of batches.",
      "ArgumentError: evaluate(model, data): expected batches, one after another, got undefined. Pass batches(dataset, { batchSize: 64 }), or an array of batches.",
    ]
  `);
});

test("an optimiser that is none, or of another model, is told before it does nothing for hours", async () => {
  const other = new Adam(network().parameters(), { lr: 0.01 });
  expect(
    await saidBy([
      () => fit(network(), data, { epochs: 1, optimizer: undefined as unknown as Adam }),
      () => fit(network(), data, { epochs: 1, optimizer: other }),
    ]),
  ).toMatchInlineSnapshot(`
    [
      "ArgumentError: fit(model, data, { optimizer }): expected an optimiser, got undefined. Pass one such as new Adam(model.parameters(), { lr: 0.001 }).",
      "ArgumentError: fit(model, data, { optimizer }), step 0: expected an optimiser of parameters on which the loss depends, got 6 parameters without a gradient. Make it anew with model.parameters() of this very model.",
    ]
  `);
});

test("lists and functions given to Sequential, and norms that are none, are told", async () => {
  expect(
    await saidBy([
      () => new Sequential([new Linear(2, 2)] as unknown as Module),
      () => new Sequential(new Linear(2, 2), ((x: Tensor) => x) as unknown as Module),
      () => mlp({ inputShape: [2], classes: 2, norm: "Batch" as NormName }),
    ]),
  ).toMatchInlineSnapshot(`
    [
      "ArgumentError: new Sequential(...layers): expected modules, got an array as layer 0. Spread lists of layers (...layers), and put functions into a class that extends Module.",
      "ArgumentError: new Sequential(...layers): expected modules, got function as layer 1. Spread lists of layers (...layers), and put functions into a class that extends Module.",
      "ArgumentError: mlp({ norm }): expected batch, layer, instance, group, rms, ghost, renorm, lrn, pixel, scale, dyt, frn, evonorm-b0, evonorm-s0, switchable, batch-instance, whitening, none, got Batch. Pass one of them.",
    ]
  `);
});
