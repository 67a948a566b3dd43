import {
  BatchNorm,
  Conv2d,
  Dropout,
  DropPath,
  foldBatchNorm,
  GroupNorm,
  Linear,
  loadModel,
  type Module,
  type NetworkOptions,
  Norm,
  predict,
  saveModel,
  seed,
  setBackend,
  trace,
} from "evenkeel";
import {
  convnextTiny,
  defaultNorm,
  densenet121,
  efficientnetB0,
  mobilenetV2,
  mobilenetV3Small,
  namedNetworks,
  nfnet,
  resnet18,
  unet,
  vitTiny,
} from "evenkeel/networks";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectClose } from "../support/close.js";
import { messageOf } from "../support/message-of.js";
import { normal } from "../support/seeded.js";

beforeAll(() => setBackend("wasm"));
beforeEach(() => {
  seed(3);
});

function layers<Layer>(model: Module, layerClass: abstract new (...given: never[]) => Layer): Layer[] {
  return model.namedModules().flatMap(([, module]) => (module instanceof layerClass ? [module] : []));
}

/** As `toEqual` says, which takes seconds for a million values. */
function sameBits(a: Float32Array, b: Float32Array): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength));
}

/** Mean and standard deviation. */
function momentsOf(values: Float32Array): [mean: number, deviation: number] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return [mean, Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)];
}

const small: NetworkOptions = { inputShape: [1, 16, 16], classes: 3 };

describe("norms", () => {
  test.each(["layer", "instance", "group", "rms", "none"] as const)(
    "with %s norm a sample has the same output in any batch, and every parameter a gradient",
    (norm) => {
      // Instance norm needs planes of two pixels: images are halved five times.
      const model = mobilenetV3Small({ inputShape: [1, 48, 48], classes: 3, norm, dropout: 0 });
      const x = normal([2, 1, 48, 48], 1);
      const y = model.forward(x);
      expectClose(model.forward(x.slice(0, 1)).dataSync(), y.dataSync().slice(0, 3), 1e-5);
      y.backward(normal([2, 3], 2));
      expect(model.namedParameters().filter(([, { grad }]) => grad === null)).toEqual([]);
      expect(layers(model, Norm).length).toBe(norm === "none" ? 0 : 34);
      // Without a norm convolutions have biases; what else there is keeps its name.
      const biases = layers(model, Conv2d).filter(({ bias }) => bias !== null);
      expect(biases.length).toBe(norm === "none" ? 52 : 18);
      expect(Object.keys(model.stateDict())).toContain("features.12.0.weight");
    },
  );

  test("settings reach every norm, and eps of MobileNetV3's batch norm is torchvision's", () => {
    const eps = (model: Module): number[] => [...new Set(layers(model, Norm).map((norm) => norm.eps))];
    expect(eps(mobilenetV3Small(small))).toEqual([1e-3]);
    expect(eps(mobilenetV3Small({ ...small, norm: "group" }))).toEqual([1e-5]);
    expect(eps(mobilenetV3Small({ ...small, normEps: 1e-4 }))).toEqual([1e-4]);
    expect(eps(mobilenetV2(small))).toEqual([1e-5]);
    const grouped = mobilenetV2({ ...small, norm: "group", groups: 4, normEps: 1e-3 });
    expect(layers(grouped, GroupNorm).every(({ numGroups, eps }) => numGroups === 4 && eps === 1e-3)).toBe(true);
    const momenta = layers(mobilenetV2({ ...small, normMomentum: 0.9 }), BatchNorm).map(({ momentum }) => momentum);
    expect([momenta.length, ...new Set(momenta)]).toEqual([52, 0.9]);
  });

  test("vitTiny has norms of tokens, nfnet none, and both refuse the others", () => {
    const [rms, none] = (["rms", "none"] as const).map((norm) => vitTiny({ ...small, norm }));
    expect([layers(rms, Norm).map(String)[0], layers(none, Norm).length]).toEqual(["RmsNorm(192)", 0]);
    expect(rms.forward(normal([2, 1, 16, 16], 1)).shape).toEqual([2, 3]);
    expect(none.forward(normal([2, 1, 16, 16], 1)).shape).toEqual([2, 3]);
    expect(layers(nfnet(small), Norm)).toEqual([]);
    expect(Object.keys(namedNetworks).map((name) => defaultNorm(name))).toEqual([
      ...Array(7).fill("batch"),
      ...["layer", "layer", "none", "batch"],
    ]);
    expect([defaultNorm("cnn"), defaultNorm("./net.js")]).toEqual(["batch", "batch"]);
  });
});

describe("sizes", () => {
  test("heads for one class and images of another form, in evaluation and training", () => {
    const model = mobilenetV2({ inputShape: [2, 20, 33], classes: 1 });
    expect(model.forward(normal([8, 2, 20, 33], 1)).shape).toEqual([8, 1]);
    expect(model.eval().forward(normal([1, 2, 5, 64], 1)).shape).toEqual([1, 1]);
    // The smallest that it takes.
    expect(
      mobilenetV3Small({ ...small, inputShape: [1, 1, 1] })
        .eval()
        .forward(normal([2, 1, 1, 1], 1)).shape,
    ).toEqual([2, 3]);
  });

  test("vitTiny has a place for each patch of its images, and loads weights for others without their places", () => {
    const model = vitTiny({ inputShape: [3, 32, 48], classes: 5 });
    expect(model.stateDict()["pos_embed"].shape).toEqual([1, 7, 192]);
    const y = model.forward(normal([2, 3, 32, 48], 1));
    expect(y.shape).toEqual([2, 5]);
    const other = vitTiny({ inputShape: [3, 16, 32], classes: 3 });
    const { skipped } = other.loadStateDict(model.stateDict(), { skip: ["pos_embed", "head"] });
    expect(skipped).toEqual(["pos_embed", "head.weight", "head.bias"]);
    expect(() => model.forward(normal([2, 3, 16, 32], 1))).toThrow();
  });

  test("unet gives a score of each class for each pixel, at any width", async () => {
    const model = unet({ inputShape: [2, 16, 32], classes: 3, width: 4, norm: "group" });
    const x = normal([2, 2, 32, 16], 1);
    const y = model.forward(x);
    expect(y.shape).toEqual([2, 3, 32, 16]);
    y.backward(normal(y.shape, 2));
    expect(model.namedParameters().filter(([, { grad }]) => grad === null)).toEqual([]);
    const { model: loaded } = loadModel(saveModel(model, { inputShape: [2, 32, 16] }));
    expect((await predict(loaded, x)).dataSync()).toEqual((await predict(model, x)).dataSync());
  });
});

test("a head of another size is skipped by name, and the rest is loaded", () => {
  const pretrained = mobilenetV3Small({ inputShape: [3, 16, 16], classes: 9 });
  const model = mobilenetV3Small({ inputShape: [3, 16, 16], classes: 2 });
  const head = model.stateDict()["classifier.3.weight"].dataSync();
  expect(() => model.loadStateDict(pretrained.stateDict())).toThrow('{ skip: "classifier.3" }');
  expect(model.loadStateDict(pretrained.stateDict(), { skip: "classifier.3" })).toEqual({
    missing: [],
    unexpected: [],
    skipped: ["classifier.3.weight", "classifier.3.bias"],
  });
  const [loaded, given] = [model.stateDict(), pretrained.stateDict()];
  expect(loaded["classifier.3.weight"].dataSync()).toEqual(head);
  for (const key of Object.keys(given).filter((key) => !key.startsWith("classifier.3"))) {
    expect(sameBits(loaded[key].dataSync(), given[key].dataSync())).toBe(true);
  }
});

describe("what training draws", () => {
  test("dropout and dropPath are torchvision's where none are given, and stand where it has them", () => {
    const p = (model: Module, kind: abstract new (...given: never[]) => { readonly p: number }): number[] =>
      layers(model, kind).map(({ p }) => p);
    expect(p(mobilenetV2(small), Dropout)).toEqual([0.2]);
    expect(p(mobilenetV3Small({ ...small, dropout: 0.5 }), Dropout)).toEqual([0.5]);
    expect(p(efficientnetB0(small), Dropout)).toEqual([0.2]);
    // Blocks 3, 5, 7, 8, 10, 11, 13, 14 and 15 of 16 have a shortcut.
    const paths = [2, 4, 6, 7, 9, 10, 12, 13, 14].map((block) => (0.2 * block) / 16);
    expectClose(p(efficientnetB0(small), DropPath), paths, 1e-12);
    expect(p(efficientnetB0({ ...small, dropPath: 0 }), DropPath)).toEqual(Array(9).fill(0));
  });
});

describe("initial values", () => {
  const weightOf = (model: Module, key: string): Float32Array => model.stateDict()[key].dataSync();
  /** The deviation of a weight, in units of what it should be. */
  const ratio = (model: Module, key: string, deviation: number): number =>
    momentsOf(weightOf(model, key))[1] / deviation;

  test("have torchvision's deviations", () => {
    const [v2, v3] = [mobilenetV2(small), mobilenetV3Small(small)];
    const efficient = efficientnetB0(small);
    const ratios = [
      // √(2 / fanOut) of convolutions, whose fan-out counts all outputs of a depthwise one.
      ratio(v2, "features.18.0.weight", Math.sqrt(2 / 1280)),
      ratio(v2, "features.17.conv.1.0.weight", Math.sqrt(2 / (960 * 9))),
      ratio(v2, "classifier.1.weight", 0.01),
      ratio(v3, "classifier.0.weight", 0.01),
      ratio(v3, "features.12.0.weight", Math.sqrt(2 / 576)),
      ratio(efficient, "classifier.1.weight", 1 / Math.sqrt(3) / Math.sqrt(3)),
      ratio(vitTiny(small), "blocks.0.mlp.fc1.weight", 0.02),
      ratio(nfnet(small), "final_conv.weight", 1 / Math.sqrt(328)),
    ];
    for (const one of ratios) expect(Math.abs(one - 1)).toBeLessThan(0.05);
    expect(weightOf(v3, "classifier.0.bias").every((value) => value === 0)).toBe(true);
    expect(layers(efficient, Conv2d).every(({ bias }) => bias?.dataSync().every((value) => value === 0) ?? true)).toBe(
      true,
    );
  });

  test("are normal, and equal for equal seeds", () => {
    const draw = (): Float32Array => {
      seed(11);
      return weightOf(mobilenetV2({ ...small, norm: "none" }), "features.18.0.weight");
    };
    const values = draw();
    expect(sameBits(draw(), values)).toBe(true);
    const [mean, deviation] = momentsOf(values);
    expect(Math.abs(mean / deviation)).toBeLessThan(0.01);
    const share = (limit: number): number =>
      values.filter((value) => Math.abs(value) < limit * deviation).length / values.length;
    // Of normal values 68.27 %, 95.45 % and 99.73 %.
    for (const [limit, expected] of [
      [1, 0.6827],
      [2, 0.9545],
      [3, 0.9973],
    ] as const)
      expect(Math.abs(share(limit) - expected)).toBeLessThan(0.002);
  });

  test("let nfnet begin as its shortcuts", () => {
    const model = nfnet(small);
    expect(weightOf(model, "stages.1.0.conv3.gain").every((value) => value === 0)).toBe(true);
    expect(weightOf(model, "stages.1.0.conv2.gain").every((value) => value === 1)).toBe(true);
  });
});

test("a graph of it names its layers as the state dict does", () => {
  const model = mobilenetV3Small(small).eval();
  const table = String(trace(model, normal([2, 1, 16, 16], 1)));
  expect(table).toContain("features.1.block.1.fc1");
  const { folded, left } = foldBatchNorm(model, { probe: normal([1, 1, 16, 16], 1) });
  expect([folded.length, left.length, folded[0].into]).toEqual([34, 0, "features.0.0"]);
});

test("say what they cannot be built for", () => {
  const refusals = [
    () => resnet18({ inputShape: [13], classes: 2 }),
    () => resnet18({ inputShape: [3, 32, 32], classes: 0 }),
    () => mobilenetV2({ ...small, norm: "batsch" as "batch" }),
    () => mobilenetV3Small({ ...small, norm: "layer", normMomentum: 0.9 }),
    () => efficientnetB0({ ...small, dropPath: 2 }),
    () => efficientnetB0({ ...small, dropout: -1 }),
    () => convnextTiny({ inputShape: [3, 32, 32], classes: 2, dropPath: Number.NaN }),
    () => densenet121({ inputShape: [3, 28, 28], classes: 2 }),
    () => convnextTiny({ inputShape: [3, 31, 64], classes: 2 }),
    () => vitTiny({ inputShape: [3, 40, 32], classes: 2 }),
    () => vitTiny({ ...small, norm: "batch" }),
    () => vitTiny({ ...small, norm: "none", normEps: 1e-3 }),
    () => nfnet({ ...small, norm: "group" }),
    () => nfnet({ ...small, normEps: 1e-3 }),
    () => unet({ inputShape: [1, 16, 24], classes: 2 }),
    () => unet({ inputShape: [1, 16, 16], classes: 2, width: 1.5 }),
  ];
  expect(refusals.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: resnet18({ inputShape }): expected images (C, H, W), got 13. Use mlp, which takes any shape.",
      "ArgumentError: resnet18({ inputShape, classes }): expected classes to be a whole number of at least 1, got 0. Correct classes.",
      "ArgumentError: mobilenetV2({ norm }): expected batch, layer, instance, group, rms, ghost, renorm, lrn, pixel, scale, dyt, frn, evonorm-b0, evonorm-s0, switchable, batch-instance, whitening, none, got batsch. Pass one of them.",
      "ArgumentError: mobilenetV3Small({ normMomentum }): expected a norm that has a use for it: batch, ghost, renorm, evonorm-b0, switchable, batch-instance, whitening, got norm layer. Leave normMomentum out, or choose another norm.",
      "ArgumentError: efficientnetB0({ dropPath }): expected a probability from 0 to 1, got 2. Pass the share of samples for which the last block is left out, e.g. 0.1.",
      "ArgumentError: new Dropout(p): expected a probability from 0 to 1, got -1. Pass the share of values to drop, e.g. 0.5.",
      "ArgumentError: convnextTiny({ dropPath }): expected a probability from 0 to 1, got NaN. Pass the share of samples for which the last block is left out, e.g. 0.1.",
      "ArgumentError: densenet121({ inputShape }): expected images (C, H, W) of at least 29×29, got 3×28×28. Use larger images.",
      "ArgumentError: convnextTiny({ inputShape }): expected images (C, H, W) of at least 32×32, got 3×31×64. Use larger images.",
      "ArgumentError: vitTiny({ inputShape }): expected height and width to be multiples of 16, the size of a patch, got 3×40×32. Crop or pad the images.",
      "ArgumentError: vitTiny({ norm }): expected a norm of tokens: layer, rms, scale, dyt, none, got batch. Choose one of them: the others normalise channels of images.",
      "ArgumentError: vitTiny({ normEps }): expected a norm that has a use for it: batch, layer, instance, group, rms, ghost, renorm, pixel, scale, frn, evonorm-b0, evonorm-s0, switchable, batch-instance, whitening, got norm none. Leave normEps out, or choose another norm.",
      "ArgumentError: nfnet({ norm }): expected none, got group. Leave it out: the network is made to do without.",
      "ArgumentError: nfnet({ normEps }): expected a norm that has a use for it: batch, layer, instance, group, rms, ghost, renorm, pixel, scale, frn, evonorm-b0, evonorm-s0, switchable, batch-instance, whitening, got norm none. Leave normEps out, or choose another norm.",
      "ArgumentError: unet({ inputShape }): expected height and width to be multiples of 16, since they are halved 4 times, got 1×16×24. Pad or crop the images.",
      "ArgumentError: unet({ width }): expected width to be a whole number of at least 1, got 1.5. Correct width.",
    ]
  `);
  expect(layers(vitTiny(small), Linear).length).toBe(4 * 12 + 1);
});
