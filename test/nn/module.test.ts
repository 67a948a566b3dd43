import {
  AvgPool2d,
  BatchNorm,
  Conv2d,
  Dropout,
  Flatten,
  GlobalAvgPool2d,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Residual,
  relu,
  Sequential,
  seed,
  type Tensor,
  tensor,
  zeros,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { expectClose } from "../support/close.js";
import { messageOf } from "../support/message-of.js";
import { normal } from "../support/seeded.js";

class Net extends Module {
  readonly stem = new Linear(4, 8);
  readonly blocks = [new Residual(new Sequential(new Linear(8, 8), new BatchNorm(8), new ReLU())), new Linear(8, 8)];
  readonly scale = tensor([2], { requiresGrad: true });
  readonly constant = tensor([5]);
  readonly head = new Linear(8, 3, { bias: false });

  override forward(x: Tensor): Tensor {
    const body = this.blocks.reduce((value, block) => block.forward(value), relu(this.stem.forward(x)));
    return this.head.forward(body.mul(this.scale).add(this.constant));
  }
}

describe("Module", () => {
  test("finds parameters and sub-modules in properties and arrays, with PyTorch's names", () => {
    const net = new Net();
    expect(Object.keys(net.stateDict())).toEqual([
      "scale",
      "stem.weight",
      "stem.bias",
      "blocks.0.body.0.weight",
      "blocks.0.body.0.bias",
      "blocks.0.body.1.weight",
      "blocks.0.body.1.bias",
      "blocks.0.body.1.running_mean",
      "blocks.0.body.1.running_var",
      "blocks.0.body.1.num_batches_tracked",
      "blocks.1.weight",
      "blocks.1.bias",
      "head.weight",
    ]);
    expect(net.parameters().length).toBe(10);
    expect(net.namedModules().map(([name]) => name)).toContain("blocks.0.body.1");
  });

  test("counts a shared layer once, and lists it in both places of the state", () => {
    const shared = new Linear(2, 2);
    const net = new Sequential(shared, new ReLU(), shared);
    expect(net.parameters().length).toBe(2);
    expect(Object.keys(net.stateDict())).toEqual(["0.weight", "0.bias", "2.weight", "2.bias"]);
  });

  test("keeps a parameter whose requiresGrad is off in the state", () => {
    const layer = new Linear(2, 2);
    layer.weight.requiresGrad = false;
    expect(Object.keys(layer.stateDict())).toEqual(["weight", "bias"]);
    layer
      .forward(tensor([[1, 2]]))
      .sum()
      .backward();
    expect(layer.weight.grad).toBeNull();
    expect(layer.bias?.grad?.dataSync()).toEqual(Float32Array.of(1, 1));
  });

  test("a state dict is a snapshot, and loads back into the same tensors", () => {
    const [a, b] = [new Net(), new Net()];
    const x = normal([8, 4], 1);
    a.forward(x);
    const state = a.stateDict();
    const { weight } = b.stem;
    expect(b.loadStateDict(state)).toEqual({ missing: [], unexpected: [] });
    expect(b.stem.weight).toBe(weight);
    expectClose(b.eval().forward(x).dataSync(), a.eval().forward(x).dataSync(), 0);
  });

  test("a prefix that every name of a state has is named", () => {
    const layer = new Sequential(new Linear(2, 3), new BatchNorm(3));
    const wrapped = Object.fromEntries(Object.entries(layer.stateDict()).map(([key, t]) => [`_orig_mod.${key}`, t]));
    expect(() => layer.loadStateDict(wrapped)).toThrow(
      'Every name has the prefix "_orig_mod.": take it off each key of the state.',
    );
    expect(() => layer.loadStateDict({ ...wrapped, other: zeros([1]) })).toThrow("Load it into the module");
    const { "_orig_mod.0.bias": bias, ...rest } = wrapped;
    expect(bias.shape).toEqual([3]);
    expect(() => layer.loadStateDict(rest)).toThrow("Load it into the module it was saved from");
  });

  test("loading is all or nothing, and lists every fault at once", () => {
    const layer = new Sequential(new Linear(2, 3), new BatchNorm(3));
    const before = layer.stateDict()["0.weight"].dataSync();
    const { "0.weight": weight, "1.bias": bias, ...rest } = layer.stateDict();
    const state = { ...rest, "0.weight": weight.mul(2), "1.running_mean": zeros([4]), extra: zeros([1]) };
    expect(bias.shape).toEqual([3]);
    expect(() => layer.loadStateDict(state)).toThrowErrorMatchingInlineSnapshot(
      `[StateDictError: Sequential(Linear(2, 3), BatchNorm(3)).loadStateDict(state): expected the entries and shapes of this module's own stateDict(), got missing 1.bias; unexpected extra; mis-shaped 1.running_mean (expected 3, got 4). Build the module with the sizes it was saved with, or keep the module's own values there: { skip: "1" }.]`,
    );
    expect(() => layer.loadStateDict({ ...rest, "0.weight": weight })).toThrowErrorMatchingInlineSnapshot(
      `[StateDictError: Sequential(Linear(2, 3), BatchNorm(3)).loadStateDict(state): expected the entries and shapes of this module's own stateDict(), got missing 1.bias. Load it into the module it was saved from, or pass { strict: false } to load what fits.]`,
    );
    expect(layer.stateDict()["0.weight"].dataSync()).toEqual(before);
    const { "1.num_batches_tracked": _, ...untracked } = layer.stateDict();
    expect(layer.loadStateDict(untracked)).toEqual({ missing: [], unexpected: [] });
    expect(layer.loadStateDict({ "0.weight": weight, other: zeros([1]) }, { strict: false })).toEqual({
      missing: ["0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"],
      unexpected: ["other"],
    });
  });

  test("entries that are skipped keep their values, whatever the state has for them, and are returned", () => {
    const [pretrained, net] = [new Sequential(new Linear(2, 3), new Linear(3, 9)), new Net()];
    const model = new Sequential(new Linear(2, 3), new Linear(3, 4));
    const head = model.stateDict()["1.weight"].dataSync();
    const state = pretrained.stateDict();
    expect(model.loadStateDict(state, { skip: "1" })).toEqual({
      missing: [],
      unexpected: [],
      skipped: ["1.weight", "1.bias"],
    });
    expect(model.stateDict()["1.weight"].dataSync()).toEqual(head);
    expect(model.stateDict()["0.weight"].dataSync()).toEqual(state["0.weight"].dataSync());
    // Entries that one side alone has are left out too, and what is left is checked as ever.
    expect(new Sequential(new Linear(2, 3)).loadStateDict(state, { skip: /^1\./g }).skipped).toEqual([
      "1.weight",
      "1.bias",
    ]);
    const { "0.bias": _, ...rest } = state;
    expect(model.loadStateDict(rest, { skip: ["0.bias", "1."] }).skipped).toEqual(["0.bias", "1.weight", "1.bias"]);
    expect(() => model.loadStateDict(rest, { skip: ["1"] })).toThrow("missing 0.bias");
    expect(net.loadStateDict(net.stateDict(), { skip: [] }).skipped).toEqual([]);
    // A name is a path: "1" is not the beginning of "10".
    const many = new Sequential(...Array.from({ length: 11 }, () => new Linear(1, 1)));
    expect(many.loadStateDict(many.stateDict(), { skip: "1" }).skipped).toEqual(["1.weight", "1.bias"]);
  });

  test("running statistics that are skipped count as never loaded", () => {
    const [loaded, skipped] = [new BatchNorm(2), new BatchNorm(2)];
    const state = { ...new BatchNorm(2).stateDict(), running_mean: tensor([1, 2]) };
    loaded.loadStateDict(state);
    skipped.loadStateDict(state, { skip: /running/ });
    expect(skipped.getExtraState()).toMatchObject({ isSettled: false });
    expect(loaded.getExtraState()).toMatchObject({ isSettled: true });
  });

  test("a skip that names nothing is refused", () => {
    const layer = new Linear(2, 3);
    const skips = ["fc", /^head\./, ["weight", "weigh"], ""];
    const refusals = skips.map((skip) => messageOf(() => layer.loadStateDict(layer.stateDict(), { skip })));
    expect(refusals).toMatchInlineSnapshot(`
      [
        "ArgumentError: Linear(2, 3).loadStateDict(state, { skip }): expected the path of an entry or of a layer, or a pattern that matches one, got "fc". Object.keys(model.stateDict()) lists the entries.",
        "ArgumentError: Linear(2, 3).loadStateDict(state, { skip }): expected the path of an entry or of a layer, or a pattern that matches one, got /^head\\./. Object.keys(model.stateDict()) lists the entries.",
        "ArgumentError: Linear(2, 3).loadStateDict(state, { skip }): expected the path of an entry or of a layer, or a pattern that matches one, got "weigh". Object.keys(model.stateDict()) lists the entries.",
        "ArgumentError: Linear(2, 3).loadStateDict(state, { skip }): expected the path of an entry or of a layer, or a pattern that matches one, got "". Object.keys(model.stateDict()) lists the entries.",
      ]
    `);
  });

  test("calls listeners with input and output of each forward pass, until they are removed", () => {
    const net = new Net();
    const calls: string[] = [];
    const removals = net
      .namedModules()
      .map(([name, module]) =>
        module.onForward((_, x, y) => calls.push(`${name}: ${x.shape.join("×")} -> ${y.shape.join("×")}`)),
      );
    net.forward(normal([8, 4], 1));
    expect(calls).toEqual([
      "stem: 8×4 -> 8×8",
      "blocks.0.body.0: 8×8 -> 8×8",
      "blocks.0.body.1: 8×8 -> 8×8",
      "blocks.0.body.2: 8×8 -> 8×8",
      "blocks.0.body: 8×8 -> 8×8",
      "blocks.0: 8×8 -> 8×8",
      "blocks.1: 8×8 -> 8×8",
      "head: 8×8 -> 8×3",
      ": 8×4 -> 8×3",
    ]);
    for (const remove of removals) remove();
    net.forward(normal([8, 4], 1));
    expect(calls.length).toBe(9);
    expect(net.hooked).toBe(false);
    expect(Object.hasOwn(net, "forward")).toBe(false);
  });

  test("a residual block of something else than modules is refused", () => {
    const given: unknown = "body";
    expect(() => new Residual(given as Module)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new Residual(body, shortcut): expected body to be a module, got string. Join several layers in a Sequential, and put functions into a class that extends Module.]`,
    );
    expect(() => new Residual(new ReLU(), given as Module)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new Residual(body, shortcut): expected shortcut to be a module, got string. Join several layers in a Sequential, and put functions into a class that extends Module.]`,
    );
  });

  test("train and eval reach every layer", () => {
    const net = new Sequential(new Linear(2, 2), new Residual(new Dropout(0.9)));
    const x = tensor([[1, 2]]);
    net.eval();
    expect(net.namedModules().every(([, module]) => !module.training)).toBe(true);
    expectClose(net.forward(x).dataSync(), net.forward(x).dataSync(), 0);
    expect(net.train().training).toBe(true);
  });
});

describe("layers", () => {
  test("give the shapes they promise", () => {
    const x = normal([8, 3, 9, 7], 1);
    expect(new Conv2d(3, 6, [3, 1], { stride: 2, padding: [1, 0], groups: 3 }).forward(x).shape).toEqual([8, 6, 5, 4]);
    expect(new MaxPool2d(2).forward(x).shape).toEqual([8, 3, 4, 3]);
    expect(new AvgPool2d(3, { stride: 1, padding: 1 }).forward(x).shape).toEqual([8, 3, 9, 7]);
    expect(new GlobalAvgPool2d().forward(x).shape).toEqual([8, 3]);
    expect(new Flatten().forward(x).shape).toEqual([8, 189]);
    expect(new Linear(7, 2).forward(x).shape).toEqual([8, 3, 9, 2]);
  });

  test("draw equal initial values from equal seeds, within PyTorch's bound", () => {
    const draw = (): Float32Array => {
      seed(3);
      return new Conv2d(4, 8, 3).weight.dataSync();
    };
    expect(draw()).toEqual(draw());
    const bound = 1 / Math.sqrt(36);
    const largest = draw().reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest).toBeGreaterThan(0.9 * bound);
  });

  test("dropout keeps the expectation, and its gradient has the same mask", () => {
    seed(1);
    const x = tensor(new Float32Array(100_000).fill(1), [100_000], { requiresGrad: true });
    const y = new Dropout(0.3).forward(x);
    const values = y.dataSync();
    expect(y.mean().item()).toBeCloseTo(1, 2);
    y.sum().backward();
    expect(x.grad?.dataSync()).toEqual(values);
    expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.7)]));
  });

  test("refuse inputs that do not fit, naming the layer", () => {
    expect(() => new Linear(3, 2).forward(normal([2, 4], 1))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Linear(3, 2).forward(x): expected 3 features in axis 1, got 4 (shape 2×4). Build the layer with 4 features, or reshape x.]`,
    );
    expect(() => new Conv2d(3, 2, 3).forward(normal([2, 4, 5, 5], 1))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Conv2d(3, 2, 3).forward(x): expected 3 channels in axis 1, got 4 (shape 2×4×5×5). Build the layer with 4 channels, or reshape x.]`,
    );
    expect(() => new Conv2d(3, 2, 3).forward(normal([2, 3, 5], 1))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Conv2d(3, 2, 3).forward(x): expected images (N, C, H, W), got rank 3 (shape 2×3×5). Reshape to four axes.]`,
    );
    expect(() => new Conv2d(3, 2, 3).forward(normal([2, 3, 2, 5], 1))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: conv2d(x, weight, bias): expected planes of at least 3×3, got 2×5 (shape 2×3×2×5). Use larger images, a smaller kernel, or more padding.]`,
    );
    expect(() => new Conv2d(3, 4, 3, { groups: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new Conv2d(inChannels, outChannels, kernelSize): expected groups to divide both channel counts, got 2 groups for 3 and 4 channels. Choose a divisor of both.]`,
    );
    expect(() => new MaxPool2d(2, { padding: 2 }).forward(normal([1, 1, 4, 4], 1))).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: maxPool2d(x, kernel): expected padding smaller than the kernel 2×2, got 2×2. Use less padding, so that every window reaches a value.]`,
    );
    expect(() => new Conv2d(3, 4, 2.5)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new Conv2d(inChannels, outChannels, kernelSize): expected kernelSize to be a whole number of at least 1, or two of them, got 2.5. Correct kernelSize.]`,
    );
    expect(() => new Dropout(1.5)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new Dropout(p): expected a probability from 0 to 1, got 1.5. Pass the share of values to drop, e.g. 0.5.]`,
    );
  });
});
