import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  AvgPool2d,
  alone,
  BatchNorm,
  BatchRenorm,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  Dropout,
  Flatten,
  foldBatchNorm,
  full,
  GlobalAvgPool2d,
  InstanceNorm,
  type LayerTraits,
  Linear,
  MaxPool2d,
  Module,
  noGrad,
  PReLU,
  ReLU,
  Reparametrized,
  Residual,
  type RunningNorm,
  resnet,
  Sequential,
  type Shape,
  SpectralNorm,
  saveModel,
  scope,
  type Tensor,
  tensor,
  trace,
  WeightNorm,
  WeightStandardization,
} from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { changeValues } from "../../support/change-values.js";
import { expectClose, relativeError } from "../../support/close.js";
import { normal, normalValues } from "../../support/seeded.js";

/** Gives a norm statistics and parameters as training leaves them: weights of either sign. */
function trained<N extends RunningNorm>(norm: N, seed: number): N {
  const values = (k: number): number[] => [...normalValues(norm.numFeatures, 10 * seed + k)];
  const state = norm.stateDict();
  const set = (name: string, given: number[]): void => {
    if (Object.hasOwn(state, name)) state[name] = tensor(given, [given.length]);
  };
  set("running_mean", values(1));
  set(
    "running_var",
    values(2).map((v) => 0.2 + v * v),
  );
  set(
    "weight",
    values(3).map((v) => v + Math.sign(v) * 0.1),
  );
  set("bias", values(4));
  norm.loadStateDict(state);
  return norm.eval();
}

const outputs = (model: Module, x: Tensor): Float32Array => scope(() => noGrad(() => model.forward(x).dataSync()));

/** Folds a model and expects that nothing else has changed. */
function fold(model: Module, x: Tensor, tolerance = 1e-5): { folded: string[]; left: string[]; model: Module } {
  model.eval();
  const before = outputs(model, x);
  const bytes = saveModel(model, {}, { probe: x });
  const result = foldBatchNorm(model, { probe: x });
  const after = outputs(result.model, x);
  expect(relativeError(after, before)).toBeLessThanOrEqual(tolerance);
  expect(result.maxDifference).toBe(after.reduce((most, v, i) => Math.max(most, Math.abs(v - before[i])), 0));
  expect(saveModel(model, {}, { probe: x })).toEqual(bytes);
  return {
    model: result.model as Module,
    folded: result.folded.map(({ norm, into }) => `${norm} into ${into}`),
    left: result.left.map(({ norm, reason }) => `${norm}: ${reason}`),
  };
}

describeEachBackend("foldBatchNorm", () => {
  test("gives the weights of PyTorch's fusion", () => {
    interface Numbers {
      shape: Shape;
      values: number[];
    }
    type State = Record<string, Numbers>;
    const file = join(import.meta.dirname, "../../fixtures/fold.json");
    const cases: { name: string; eps: number; layer: State; norm: State; fused: State; x: Numbers; y: Numbers }[] =
      JSON.parse(readFileSync(file, "utf8"));
    const build: Record<string, () => Module> = {
      Linear: () => new Linear(3, 4),
      Conv1d: () => new Conv1d(2, 4, 3, { groups: 2 }),
      Conv2d: () => new Conv2d(2, 4, 3, { padding: 1, bias: false }),
      "Conv2d affine off": () => new Conv2d(2, 3, 3),
      ConvTranspose2d: () => new ConvTranspose2d(2, 3, 3, { stride: 2 }),
    };
    const read = ({ shape, values }: Numbers): Tensor => tensor(values, shape);
    const state = (given: State): Record<string, Tensor> =>
      Object.fromEntries(Object.entries(given).map(([name, t]) => [name, read(t)]));
    for (const { name, eps, layer, norm, fused, x, y } of cases) {
      const projection = build[name]();
      projection.loadStateDict(state(layer));
      const batchNorm = new BatchNorm(norm["running_mean"].shape[0], { eps, affine: "weight" in norm });
      batchNorm.loadStateDict(state(norm));
      const { model } = foldBatchNorm(new Sequential(projection, batchNorm).eval());
      for (const [key, t] of Object.entries(model.stateDict())) {
        expectClose(t.dataSync(), fused[key.replace("0.", "")].values, 1e-6);
      }
      expectClose(outputs(model, read(x)), y.values, 1e-6);
    }
  });

  test("a norm does not pass learned slopes: it goes into the layer on its own side of them", () => {
    const net = new Sequential(
      new Conv2d(2, 3, 1),
      trained(new BatchNorm(3), 1),
      new PReLU(3),
      trained(new BatchNorm(3), 2),
      new PReLU(),
      new Conv2d(3, 2, 1),
    );
    net.loadStateDict({ "2.weight": tensor([0.1, -0.5, 2], [3]) }, { strict: false });
    const { folded, left } = fold(net, normal([2, 2, 3, 3], 1));
    expect(folded).toEqual(["1 into 0"]);
    expect(left).toMatchInlineSnapshot(`
      [
        "3: before it stands PReLU(3); behind it stands PReLU(1)",
      ]
    `);
    const before = new Sequential(new PReLU(3), trained(new BatchNorm(3), 3), new Conv2d(3, 2, 1), new PReLU(2));
    expect(fold(before, normal([2, 3, 4, 4], 2)).folded).toEqual(["1 into 2"]);
  });

  test("folds a residual network whole, and leaves the one that was given as it was", () => {
    const net = resnet({ inputShape: [3, 8, 8], classes: 4, blocks: 1 });
    let seed = 0;
    for (const [, module] of net.namedModules()) if (module instanceof BatchNorm) trained(module, seed++);
    const { model, folded, left } = fold(net, normal([2, 3, 8, 8], 1));
    expect(left).toEqual([]);
    expect(folded).toMatchInlineSnapshot(`
      [
        "1 into 0",
        "3.body.1 into 3.body.0",
        "3.body.4 into 3.body.3",
        "5.body.1 into 5.body.0",
        "5.body.4 into 5.body.3",
        "5.shortcut.1 into 5.shortcut.0",
        "7.body.1 into 7.body.0",
        "7.body.4 into 7.body.3",
        "7.shortcut.1 into 7.shortcut.0",
      ]
    `);
    expect(model.namedModules().some(([, module]) => module instanceof BatchNorm)).toBe(false);
    expect(model.training).toBe(false);
  });

  test("a transposed convolution takes a norm in, with groups and without bias (pytorch#180995, LeViT#22)", () => {
    for (const bias of [true, false]) {
      const layer = new ConvTranspose2d(4, 6, 3, { stride: 2, groups: 2, outputPadding: 1, padding: 1, bias });
      const { folded, model } = fold(new Sequential(layer, trained(new BatchNorm(6), 1)), normal([2, 4, 3, 3], 1));
      expect(folded).toEqual(["1 into 0"]);
      expect(String(model)).toBe("Sequential(ConvTranspose2d(4, 6, 3))");
    }
  });

  test("depthwise convolutions with a multiplier take norms in on both sides", () => {
    const depthwise = new Conv2d(3, 6, 3, { groups: 3 });
    const net = new Sequential(trained(new BatchNorm(3), 1), depthwise, trained(new BatchNorm(6), 2), new ReLU());
    expect(fold(net, normal([2, 3, 4, 4], 1)).folded).toEqual(["0 into 1", "2 into 1"]);
  });

  test("a norm goes into the layer behind it where the one before it cannot take it", () => {
    const behind = (...layers: Module[]): Sequential =>
      new Sequential(new ReLU(), trained(new BatchNorm(4), 1), ...layers);
    for (const net of [
      behind(new Conv2d(4, 3, 3, { stride: 2, dilation: 2, bias: false })),
      behind(new Conv2d(4, 6, 2, { groups: 2 })),
      behind(new GlobalAvgPool2d(), new Dropout(), new Linear(4, 3)),
      behind(new AvgPool2d(3, { padding: 1 }), new Conv2d(4, 3, 1)),
      behind(new Flatten(), new Linear(144, 3)),
      behind(new Dropout(), new Flatten(), new Linear(144, 3, { bias: false })),
    ]) {
      expect(fold(net, normal([2, 4, 6, 6], 1)).folded).toEqual([`1 into ${net.layers.length - 1}`]);
    }
    const signals = new Sequential(trained(new BatchNorm(2), 1), new Conv1d(2, 4, 3));
    expect(fold(signals, normal([2, 2, 6], 1)).folded).toEqual(["0 into 1"]);
  });

  test("runs of norms go into one layer, or into one norm", () => {
    const run = (...layers: Module[]): Sequential =>
      new Sequential(...layers.map((layer, k) => (layer instanceof BatchNorm ? trained(layer, k) : layer)));
    const x = normal([2, 4, 5, 5], 1);
    const norm = (affine = true): BatchNorm => new BatchNorm(4, { affine });
    expect(fold(run(new Conv2d(4, 4, 1), norm(), norm(false), norm()), x).folded).toEqual([
      "1 into 0",
      "2 into 0",
      "3 into 0",
    ]);
    expect(fold(run(new ReLU(), norm(), norm(), new Conv2d(4, 2, 3)), x).folded).toEqual(["1 into 3", "2 into 3"]);
    const stuck = fold(run(new ReLU(), norm(false), norm(), norm(), new Conv2d(4, 2, 3, { padding: 1 })), x);
    expect(stuck.folded).toEqual(["2 into 1", "3 into 1"]);
    expect(stuck.left).toMatchInlineSnapshot(`
      [
        "1: before it stands ReLU(); behind it stands Conv2d(4, 2, 3), whose padding would be shifted too",
      ]
    `);
  });

  test("batch renormalisation folds as batch norm does, which it is at inference", () => {
    const model = new Sequential(new Conv2d(2, 4, 3), trained(new BatchRenorm(4), 3), new ReLU());
    const { folded, left } = fold(model, normal([3, 2, 6, 6], 4));
    expect([folded, left]).toEqual([["1 into 0"], []]);
  });

  test("instance norms with running statistics fold as batch norms do", () => {
    const norm = trained(new InstanceNorm(3, { trackRunningStats: true }), 1);
    const { folded } = fold(new Sequential(new Conv2d(2, 3, 2), norm), normal([2, 2, 4, 4], 1));
    expect(folded).toEqual(["1 into 0"]);
  });

  test("max pooling lets a norm pass whose weights are not negative, and no other", () => {
    const net = (): Sequential => new Sequential(new Conv2d(2, 3, 2), new MaxPool2d(2), trained(new BatchNorm(3), 1));
    const positive = net();
    const { weight } = positive.layers[2] as BatchNorm;
    (positive.layers[2] as BatchNorm).weight = weight?.mul(weight) ?? null;
    const x = normal([2, 2, 6, 6], 1);
    expect(fold(positive, x).folded).toEqual(["2 into 0"]);
    expect(fold(net(), x).left).toMatchInlineSnapshot(`
      [
        "2: before it stands MaxPool2d(2); nothing stands behind it",
      ]
    `);
  });

  test("what cannot be folded without changing the result is left, and says why", () => {
    const x = normal([2, 4, 5, 5], 1);
    const norm = (options = {}): BatchNorm => trained(new BatchNorm(4, options), 1);
    const left = (...layers: Module[]): string[] => {
      const result = fold(new Sequential(...layers), x);
      expect(result.folded).toEqual([]);
      return result.left;
    };
    const conv = (options = {}): Conv2d => new Conv2d(4, 4, 1, options);
    const [shared, sharedNorm] = [conv(), norm()];
    const listener = conv();
    listener.onForward(() => {});
    const listening = norm();
    listening.onForward(() => {});
    const batch = norm();
    const updating = norm();
    class Own extends BatchNorm {
      override forward(input: Tensor): Tensor {
        return super.forward(input).neg();
      }
    }
    const constant = norm({ eps: 0 });
    changeValues(constant.runningVar, (values) => values.set(Float32Array.of(1, 0, 1, 1)));
    const huge = norm({ eps: 0 });
    changeValues(huge.runningVar, (values) => values.set(Float32Array.of(1, 1e-45, 1, 1)));
    const wide = conv();
    wide.loadStateDict({ weight: wide.weight.mul(1e30), bias: normal([4], 1) });
    const [tied, other] = [conv(), conv()];
    other.weight = tied.weight;
    const modes = (): Record<string, string[]> => ({
      tied: left(tied, norm(), new ReLU(), other),
      padding: left(new ReLU(), norm(), new Conv2d(4, 2, 3, { padding: [0, 1] })),
      transposed: left(norm(), new ConvTranspose2d(4, 2, 3)),
      alone: left(norm()),
      sharedLayer: left(shared, norm(), new ReLU(), shared),
      sharedNorm: left(conv(), sharedNorm, new ReLU(), sharedNorm),
      listener: left(listener, norm()),
      listening: left(conv(), listening),
      rows: left(new Conv2d(4, 4, 1), new Linear(5, 4), norm()),
    });
    expect(modes()).toMatchInlineSnapshot(`
      {
        "alone": [
          "0: nothing stands before it; nothing stands behind it",
        ],
        "listener": [
          "1: before it stands Conv2d(4, 4, 1), but it has listeners; nothing stands behind it",
        ],
        "listening": [
          "1: it has listeners",
        ],
        "padding": [
          "1: before it stands ReLU(); behind it stands Conv2d(4, 2, 3), whose padding would be shifted too",
        ],
        "rows": [
          "2: before it stands Linear(5, 4), but its features are not axis 1 of inputs of rank 4; nothing stands behind it",
        ],
        "sharedLayer": [
          "1: before it stands Conv2d(4, 4, 1), but it stands in 2 places; behind it stands ReLU()",
        ],
        "sharedNorm": [
          "1: it stands in 2 places",
        ],
        "tied": [
          "1: before it stands Conv2d(4, 4, 1), but its weight is one tensor in 0 and 3; behind it stands ReLU()",
        ],
        "transposed": [
          "0: nothing stands before it; behind it stands ConvTranspose2d(4, 2, 3), whose outputs see different numbers of inputs",
        ],
      }
    `);
    const fixed = (layer: BatchNorm, then: (layer: BatchNorm) => void): string => {
      const net = new Sequential(conv(), layer).eval();
      then(layer);
      return foldBatchNorm(net).left[0].reason;
    };
    expect({
      untracked: fixed(new BatchNorm(4, { trackRunningStats: false }), () => {}),
      batch: fixed(batch, (layer) => {
        layer.normalizeWith = "batch";
      }),
      updating: fixed(updating, (layer) => {
        layer.updateRunning = true;
      }),
      own: fixed(new Own(4), () => {}),
      constant: fixed(constant, () => {}),
      huge: foldBatchNorm(new Sequential(wide, huge).eval()).left[0].reason,
      itself: foldBatchNorm(norm()).left[0].reason,
    }).toMatchInlineSnapshot(`
      {
        "batch": "it normalises with the statistics of each batch",
        "constant": "variance + eps is not above 0 in channel 1",
        "huge": "the weights of Conv2d(4, 4, 1) would leave the range of float32; nothing stands behind it",
        "itself": "it is the whole model",
        "own": "it has a forward pass of its own",
        "untracked": "it has no running statistics",
        "updating": "its running statistics are being updated",
      }
    `);
  });

  test("a norm stays where the bias alone would leave the range of float32", () => {
    const layer = new Linear(2, 2);
    layer.loadStateDict({ weight: full([2, 2], 1e-3), bias: tensor([1, 1e38]) });
    const last = new BatchNorm(2, { eps: 0 });
    last.loadStateDict({ ...last.stateDict(), running_var: full([2], 0.01) });
    const { model, left } = foldBatchNorm(new Sequential(layer, last).eval());
    expect(left).toEqual([
      expect.objectContaining({
        reason: "the weights of Linear(2, 2) would leave the range of float32; nothing stands behind it",
      }),
    ]);
    expect(model.namedModules().some(([, module]) => module instanceof BatchNorm)).toBe(true);
  });

  test("a frozen norm folds, and is frozen in the copy where it cannot", () => {
    const net = (behind: Module): Sequential =>
      new Sequential(new ReLU(), trained(new BatchNorm(4), 1).freeze(), behind);
    const x = normal([2, 4, 5, 5], 1);
    expect(fold(net(new Conv2d(4, 2, 3)), x).folded).toEqual(["1 into 2"]);
    const { model } = fold(net(new Conv2d(4, 2, 3, { padding: 1 })), x);
    expect(((model as Sequential).layers[1] as BatchNorm).frozen).toBe(true);
  });

  test("classes of one's own keep what they apply themselves; Sequentials in them are folded", () => {
    class Net extends Module {
      readonly features = new Sequential(new Conv2d(2, 4, 3), trained(new BatchNorm(4), 1), new ReLU());
      readonly norm = trained(new BatchNorm(4), 2);
      readonly scale = tensor([2], [1], { requiresGrad: true });
      readonly offset = this.buffer("offset", tensor([3]));
      override forward(x: Tensor): Tensor {
        return this.norm.forward(this.features.forward(x)).mul(this.scale).add(this.offset);
      }
    }
    const x = normal([2, 2, 4, 4], 1);
    const net = new Net().eval();
    const { folded, left, model } = foldBatchNorm(net);
    expect(folded).toEqual([{ norm: "features.1", into: "features.0" }]);
    expect(left).toMatchInlineSnapshot(`
      [
        {
          "norm": "norm",
          "reason": "Net applies it in an order that is not known; pass a probe, and it is traced",
        },
      ]
    `);
    expect(model).toBeInstanceOf(Net);
    expect(Object.keys(model.stateDict())).toContain("offset");
    expect(relativeError(outputs(model, x), outputs(net, x))).toBeLessThanOrEqual(1e-5);

    class Private extends Module {
      readonly #inner = 2;
      readonly block = new Sequential(new Conv2d(2, 4, 3), trained(new BatchNorm(4), 1));
      override forward(x: Tensor): Tensor {
        return this.block.forward(x).mul(this.#inner);
      }
    }
    class Acting extends Module {
      readonly block = new Sequential(new Conv2d(2, 4, 3), trained(new BatchNorm(4), 1));
      readonly act = (y: Tensor): Tensor => this.block.forward(y);
      override forward(x: Tensor): Tensor {
        return this.act(x);
      }
    }
    const hidden = new Sequential(new Private());
    expect(fold(hidden, x).folded).toEqual(["0.block.1 into 0.block.0"]);
    expect(foldBatchNorm(new Sequential(new Acting()).eval()).left).toMatchInlineSnapshot(`
      [
        {
          "norm": "0.block.1",
          "reason": "it stands inside a module that cannot be copied, since it has private fields or functions of its own; pass a probe, and it is traced",
        },
      ]
    `);

    class Stated extends Private {
      protected override traits(): LayerTraits {
        return { constructorArguments: [] };
      }
    }
    expect(fold(new Sequential(new Stated()), x).folded).toEqual(["0.block.1 into 0.block.0"]);
    expect(fold(new Sequential(new Acting()), x).folded).toEqual(["0.block.1 into 0.block.0"]);
    const traced = trace(new Stated().eval(), x).eval();
    expect(foldBatchNorm(traced).model.forward(x).shape).toEqual([2, 4, 2, 2]);
  });

  test("a norm that shares its statistics with ranks folds as any other", () => {
    const norm = trained(new BatchNorm(4, { sync: alone }), 1);
    expect(fold(new Sequential(new Conv2d(2, 4, 3), norm), normal([2, 2, 4, 4], 1)).folded).toEqual(["1 into 0"]);
  });

  test("subclasses of layers are copied with what they override and hold", () => {
    class Scaled extends Conv2d {
      readonly factor = [2];
      override forward(x: Tensor): Tensor {
        return super.forward(x).mul(this.factor[0]);
      }
    }
    class Block extends Sequential {
      constructor(channels: number) {
        super(new Conv2d(channels, channels, 1), trained(new BatchNorm(channels), 1));
      }
      override toString(): string {
        return `Block(${this.layers.length})`;
      }
    }
    const net = new Sequential(new Scaled(2, 4, 1, { bias: false }), new Block(4), new ReLU());
    const { model, folded } = fold(net, normal([2, 2, 4, 4], 1));
    expect(folded).toEqual(["1.1 into 1.0"]);
    const [scaled, block] = (model as Sequential).layers;
    expect(scaled).toBeInstanceOf(Scaled);
    expect(scaled.parameters()[0]).not.toBe(net.layers[0].parameters()[0]);
    expect([String(block), block instanceof Block]).toEqual(["Block(1)", true]);
  });

  test("layers that compute their weights are copied with their bias, which both share with the layer inside", () => {
    const layers = [
      new WeightNorm(new Linear(3, 4)),
      new SpectralNorm(new Linear(4, 4)),
      new WeightStandardization(new Linear(4, 2)),
    ];
    const net = new Sequential(...layers).eval();
    const x = normal([2, 3], 1);
    const before = outputs(net, x);
    const { model } = foldBatchNorm(net);
    expect(outputs(model, x)).toEqual(before);
    for (const [k, layer] of model.layers.entries()) {
      if (!(layer instanceof Reparametrized)) throw new Error("another class");
      expect(layer.bias).toBe(layer.layer.bias);
      expect(layer.bias).not.toBe(layers[k].bias);
    }
    const state = model.stateDict();
    model.loadStateDict({ ...state, "2.bias": tensor([10, 20]) });
    const moved = outputs(model, x);
    const by = Array.from(moved, (value, k) => value - before[k] - [10, 20][k % 2]);
    const bias = Array.from(layers[2].bias?.dataSync() ?? []);
    by.forEach((value, k) => {
      expect(value).toBeCloseTo(-bias[k % 2], 4);
    });
    expect(outputs(net, x)).toEqual(before);
  });

  test("training the copy does not change the model", () => {
    const net = new Sequential(
      new Conv2d(2, 3, 2),
      trained(new BatchNorm(3), 1),
      new ReLU(),
      new Conv2d(3, 2, 2),
    ).eval();
    const bytes = saveModel(net);
    const { model } = foldBatchNorm(net);
    model.train();
    expect(net.training).toBe(false);
    expect(model.parameters().every((parameter) => parameter.requiresGrad)).toBe(true);
    for (const parameter of model.parameters()) parameter.backend.fill(parameter.block, parameter.size, 0);
    expect(saveModel(net)).toEqual(bytes);
  });

  test("a model in training mode is refused", () => {
    expect(() => foldBatchNorm(new Sequential(new Linear(2, 2), new BatchNorm(2)))).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: foldBatchNorm(model): expected a model in evaluation mode, whose norms are fixed maps, got one in training mode, Sequential. Call model.eval() first.]`,
    );
    class Count extends Module<[Tensor], number> {
      override forward(x: Tensor): number {
        return x.size;
      }
    }
    expect(() => foldBatchNorm(new Count().eval(), { probe: tensor([1]) })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: foldBatchNorm(model, { probe }): expected a model whose output for the probe is a tensor, or arrays or objects of them, got number. Leave the probe out.]`,
    );
  });
});

describe("foldBatchNorm on random networks", () => {
  /** A layer for (C, H, H), and what it gives. */
  type Plan = { readonly kind: string; readonly a: number; readonly b: boolean; readonly inner: readonly Plan[] };
  const node = (kinds: readonly string[], inner: fc.Arbitrary<Plan[]>): fc.Arbitrary<Plan> =>
    fc.record({ kind: fc.constantFrom(...kinds), a: fc.nat(2), b: fc.boolean(), inner });
  const layer = node(["conv", "conv", "norm", "norm", "norm", "relu", "max", "avg", "dropout", "up"], fc.constant([]));
  const block = (inside: fc.Arbitrary<Plan>): fc.Arbitrary<Plan> =>
    fc.oneof(
      { weight: 4, arbitrary: layer },
      { weight: 1, arbitrary: node(["nest", "skip"], fc.array(inside, { maxLength: 4 })) },
    );
  const plan = block(block(layer));
  let seed = 0;
  const channels = 4;
  const build = (plans: readonly Plan[], size: { value: number }): Module[] =>
    plans.flatMap(({ kind, a, b, inner }): Module[] => {
      const seeded = ++seed;
      switch (kind) {
        case "conv": {
          const kernel = Math.min(size.value, a + 1);
          const padding = b ? 1 : 0;
          size.value += 2 * padding - kernel + 1;
          return [new Conv2d(channels, channels, kernel, { padding, groups: [1, 2, 4][a], bias: b })];
        }
        case "up":
          size.value += a;
          return [new ConvTranspose2d(channels, channels, a + 1, { groups: [1, 2, 4][a], bias: b })];
        case "norm":
          return [trained(new BatchNorm(channels, { affine: b, eps: a === 0 ? 0 : 1e-3 }), seeded)];
        case "relu":
          return [new ReLU()];
        case "max":
          return [new MaxPool2d(3, { stride: 1, padding: 1 })];
        case "avg":
          return [new AvgPool2d(3, { stride: 1, padding: 1 })];
        case "dropout":
          return [new Dropout()];
        case "nest":
          return [new Sequential(...build(inner, size))];
        default: {
          const keeps = inner.filter((one) => !["conv", "up", "nest", "skip"].includes(one.kind));
          const body = new Sequential(new Conv2d(channels, channels, 1), ...build(keeps, size));
          return [new Residual(body, b ? new Sequential(...build(keeps, size)) : null)];
        }
      }
    });

  test("leaves predictions within 1e-5 relative", () => {
    let norms = 0;
    let gone = 0;
    fc.assert(
      fc.property(fc.array(plan, { minLength: 1, maxLength: 8 }), fc.boolean(), (plans, flat) => {
        seed = 0;
        const size = { value: 5 };
        const layers = build(plans, size);
        const inputs = flat ? channels * size.value ** 2 : channels;
        const net = new Sequential(
          ...layers,
          ...(flat ? [new Flatten()] : [new GlobalAvgPool2d()]),
          new Linear(inputs, 3),
          trained(new BatchNorm(3), 99),
        );
        const result = fold(net, normal([2, channels, 5, 5], 7));
        norms += result.folded.length + result.left.length;
        gone += result.folded.length;
      }),
      { numRuns: 100, seed: 4 },
    );
    // Most norms have a neighbour that takes them.
    expect(gone / norms).toBeGreaterThan(0.5);
  });
});
