import {
  AvgPool2d,
  BatchNorm,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  ELU,
  Embedding,
  FilterResponseNorm,
  Flatten,
  GELU,
  GroupNorm,
  HardSwish,
  InstanceNorm,
  LayerNorm,
  Linear,
  MaxPool2d,
  type Module,
  onWarning,
  ReLU,
  Residual,
  RmsNorm,
  resnet,
  Sequential,
  type Shape,
  SiLU,
  Softmax,
  Softplus,
  seed,
  setBackend,
} from "evenkeel";
import { exportTfjs, foldTfjs, inspectTfjs, verifyTfjsExport } from "evenkeel/tfjs";
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { randomNetwork, scramble } from "../support/random-network.js";
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
  async function differenceOf(model: Module, inputShape: Shape, more: object = {}): Promise<number> {
    scramble(model);
    model.eval();
    const files = await exportTfjs(model, { inputShape, ...more });
    return (await verifyTfjsExport(files, model, { inputShape, tf, tolerance: 1, ...more })).maxRelative;
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
    ["an ELU of another slope", () => [new ELU(0.3)], image],
    ["softmax along each axis", () => [new Softmax(1), new Softmax(2), new Softmax(3)], image],
    ["activations", () => [new SiLU(), new GELU(), new HardSwish(), new Softplus()], image],
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
