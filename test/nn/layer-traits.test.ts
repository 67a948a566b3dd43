import * as evenkeel from "evenkeel";
import {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  BatchInstanceNorm,
  BatchNorm,
  BatchRenorm,
  Concat,
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  Dropout,
  Dropout2d,
  DropPath,
  DynamicTanh,
  ELU,
  Embedding,
  EvalNorm,
  EvoNorm,
  FilterResponseNorm,
  Flatten,
  GELU,
  GLU,
  GlobalAvgPool2d,
  GlobalMaxPool2d,
  GRU,
  GroupNorm,
  HardSigmoid,
  HardSwish,
  HardTanh,
  Identity,
  InstanceNorm,
  LayerNorm,
  LayerScale,
  type LayerTraits,
  LeakyReLU,
  Linear,
  LocalResponseNorm,
  LSTM,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  Mish,
  Module,
  MultiHeadAttention,
  memoryInUse,
  Pad,
  PixelNorm,
  PixelShuffle,
  PReLU,
  ReLU,
  ReLU6,
  Residual,
  RmsNorm,
  relu,
  ScaledWeightStandardization,
  ScaleNorm,
  Sequential,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  SpectralNorm,
  SplitBatchNorm,
  SwitchableNorm,
  Tanh,
  type Tensor,
  tensor,
  Upsample,
  WeightNorm,
  WeightStandardization,
  WhiteningBatchNorm,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { expectClose } from "../support/close.js";
import { normal } from "../support/seeded.js";

/** A layer of each class, and the shape of an input. */
const layers: readonly [layer: () => Module, shape: number[]][] = [
  [() => new Linear(4, 3, { bias: false }), [2, 4]],
  [() => new Linear(4, 3), [2, 5, 4]],
  [() => new Conv1d(4, 6, 3, { groups: 2 }), [2, 4, 8]],
  [() => new Conv2d(4, 6, [3, 2], { stride: [1, 2] }), [2, 4, 8, 8]],
  [() => new ConvTranspose2d(4, 6, 3, { groups: 2, stride: 2, outputPadding: 1 }), [2, 4, 5, 5]],
  [() => new BatchNorm(4, { momentum: 0.9 }), [9, 4, 3]],
  [() => new BatchRenorm(4), [9, 4]],
  [() => new InstanceNorm(4, { trackRunningStats: true }), [2, 4, 3, 3]],
  [() => new GroupNorm(2, 4), [2, 4, 3]],
  [() => new FilterResponseNorm(4, { eps: 1e-4 }), [2, 4, 3, 3]],
  [() => new FilterResponseNorm(4, { thresholded: false }), [2, 4, 3]],
  [() => new LayerNorm([3, 4], { bias: false }), [2, 5, 3, 4]],
  [() => new RmsNorm(4), [2, 3, 4]],
  [() => new RmsNorm(4, { channelsFirst: true }), [2, 4, 3]],
  [() => new LocalResponseNorm(3, { alpha: 1 }), [2, 4, 3, 3]],
  [() => new PixelNorm({ eps: 1e-4 }), [2, 4, 3]],
  [() => new ScaleNorm(4), [2, 3, 4]],
  [() => new DynamicTanh([3, 4]), [2, 5, 3, 4]],
  [() => new DynamicTanh(4, { alpha: 2, channelsFirst: true }), [2, 4, 3]],
  [() => new EvalNorm(new BatchNorm(4), { alpha: 0.5, beta: 0.5 }), [9, 4, 3]],
  [() => new EvoNorm(4), [9, 4, 3]],
  [() => new EvoNorm(4, { variant: "S0", groups: 2 }), [2, 4, 3, 3]],
  [() => new BatchInstanceNorm(4, { momentum: 0.9 }), [9, 4, 3]],
  [() => new SwitchableNorm(4), [9, 4, 3]],
  [() => new WhiteningBatchNorm(4, { groups: 2 }), [9, 4, 3]],
  [() => new SplitBatchNorm(4, 2), [9, 4, 3]],
  [() => new WeightNorm(new Conv2d(2, 4, 1)), [2, 2, 3, 3]],
  [() => new SpectralNorm(new Linear(4, 2)), [2, 4]],
  [() => new WeightStandardization(new ConvTranspose2d(2, 4, 2)), [2, 2, 3, 3]],
  [() => new ScaledWeightStandardization(new Conv2d(2, 4, 2), { gamma: 1.7 }), [2, 2, 3, 3]],
  [() => new MaxPool2d(2), [2, 4, 6, 6]],
  [() => new AvgPool2d(2), [2, 4, 6, 6]],
  [() => new MaxPool1d(2, { padding: "same" }), [2, 4, 7]],
  [() => new MaxPool3d([1, 2, 2], { ceilMode: true }), [2, 4, 3, 5, 5]],
  [() => new AvgPool1d(3, { padding: [1, 0] }), [2, 4, 7]],
  [() => new AvgPool3d(2, { stride: 1, padding: 1, countIncludePad: true }), [2, 4, 3, 5, 5]],
  [() => new AdaptiveAvgPool1d(3), [2, 4, 7]],
  [() => new AdaptiveAvgPool2d([3, 2]), [2, 4, 7, 5]],
  [() => new AdaptiveAvgPool3d(2), [2, 4, 3, 5, 5]],
  [() => new GlobalAvgPool2d(), [2, 4, 6, 6]],
  [() => new GlobalMaxPool2d(), [2, 4, 3, 2]],
  [() => new Conv1d(4, 6, 3, { padding: "same", stride: 2 }), [2, 4, 8]],
  [() => new Conv2d(4, 6, 3, { padding: [[0, 1], [2, 0]] }), [2, 4, 5, 6]], // biome-ignore format: pairs
  [() => new Conv3d(4, 6, [1, 2, 3], { groups: 2, padding: "same" }), [2, 4, 3, 5, 5]],
  [() => new ConvTranspose1d(4, 6, 3, { groups: 2, stride: 2, outputPadding: 1 }), [2, 4, 5]],
  [() => new MultiHeadAttention(4, 2, { qkNorm: "layer", bias: false }), [2, 3, 4]],
  [() => new LSTM(4, 3, { numLayers: 2 }), [2, 5, 4]],
  [() => new GRU(4, 3, { bidirectional: true, bias: false }), [2, 5, 4]],
  [() => new LSTM(4, 3, { norm: "layer" }), [2, 5, 4]],
  [() => new GRU(4, 3, { norm: "batch", maxSteps: 3 }), [9, 5, 4]],
  [() => new Dropout(0.25), [2, 4]],
  [() => new Dropout2d(0.25), [2, 4, 3]],
  [() => new DropPath(0.25), [2, 4]],
  [() => new LayerScale(4, { init: 0.5 }), [2, 3, 4]],
  [() => new LayerScale(4, { channelsFirst: true }), [2, 4, 3, 3]],
  [() => new Concat(1, new Conv2d(2, 3, 1), new Conv2d(2, 4, 1)), [2, 2, 3, 3]],
  [() => new Concat(-1, new Linear(4, 2), new Linear(4, 3)), [2, 3, 4]],
  [() => new Flatten(), [2, 4, 3]],
  [() => new ReLU(), [2, 4]],
  [() => new ReLU6(), [2, 4, 3]],
  [() => new LeakyReLU(0.2), [2, 4]],
  [() => new PReLU(), [2, 4, 3]],
  [() => new PReLU(4, { init: 0.1 }), [2, 4, 3, 3]],
  [() => new ELU(0.5), [2, 4]],
  [() => new GELU(), [2, 4]],
  [() => new SiLU(), [2, 4]],
  [() => new Softplus(), [2, 4]],
  [() => new HardSwish(), [2, 4]],
  [() => new HardSigmoid(), [2, 4]],
  [() => new HardTanh(-0.5, 2), [2, 4, 3]],
  [() => new Mish(), [2, 4]],
  [() => new GLU(1), [2, 4, 3]],
  [() => new GLU(), [2, 3, 4]],
  [() => new Identity(), [2, 4]],
  [
    () =>
      new Pad([
        [1, 2],
        [0, 1],
      ]),
    [2, 4, 3, 3],
  ],
  [() => new Pad([[1, 2]], { mode: "reflect" }), [2, 4, 3]],
  [() => new Upsample(2), [2, 4, 3, 3]],
  [() => new Upsample(null, { size: [5, 2], mode: "bilinear" }), [2, 4, 3, 3]],
  [() => new PixelShuffle(2), [2, 4, 3, 3]],
  [() => new Sigmoid(), [2, 4]],
  [() => new Tanh(), [2, 4]],
  [() => new Softmax(1), [2, 4]],
  [() => new Sequential(new Conv2d(2, 4, 1), new BatchNorm(4), new ReLU(), new GlobalAvgPool2d()), [9, 2, 3, 3]],
  [() => new Residual(new Conv2d(3, 3, 1)), [2, 3, 4, 4]],
  [() => new Residual(new Linear(3, 4), new Linear(3, 4)), [2, 3]],
];

class Pointwise extends Conv2d {
  constructor(inChannels: number, outChannels: number) {
    super(inChannels, outChannels, 1);
  }
  override toString(): string {
    return "Pointwise()";
  }
  rename(): void {}
}

class Doubled extends Conv2d {
  override forward(x: Tensor): Tensor {
    return super.forward(x).mul(2);
  }
}

/** A layer of one's own that states what it is. */
class Square extends Module {
  readonly #factor: number;
  constructor(factor: number) {
    super();
    this.#factor = factor;
  }
  override forward(x: Tensor): Tensor {
    return x.mul(x).mul(this.#factor);
  }
  protected override traits(): LayerTraits {
    return { constructorArguments: [this.#factor], isElementwise: true };
  }
}

function channelsOf(layer: Module, { shape }: Tensor): number | undefined {
  return layer.channelAxis === "last" ? shape[shape.length - 1] : shape[1];
}

describe("what a layer states of itself", () => {
  test.each(layers.map(([make, shape]) => [String(make()), make, shape] as const))(
    "%s says which rank and how many channels its output has",
    (_, make, shape) => {
      const layer = make().eval();
      const x = normal(shape, 1);
      const y = layer.forward(x);
      expect(layer.rankAfter(x.rank)).toBe(y.rank);
      const channels = layer.channelsAfter(channelsOf(layer, x) ?? null);
      // Which axis these change depends on the rank.
      const isOpen = layer.is(Pad) || (layer.is(GLU) && layer.axis !== 1);
      if (layer.is(Flatten) || isOpen) expect(channels).toBeNull();
      else expect(channels).toBe(channelsOf(layer, y));
    },
  );

  test.each(layers.map(([make, shape]) => [String(make()), make, shape] as const))(
    "%s keeps nothing, so that what stands before and behind it in a Sequential is freed at once",
    (_, make, shape) => {
      const model = new Sequential(new Tanh(), make(), new Tanh());
      const x = normal(shape, 1);
      for (const requiresGrad of [false, true]) {
        x.requiresGrad = requiresGrad;
        const before = memoryInUse();
        model.forward(x).dispose();
        expect(memoryInUse()).toBe(before);
      }
    },
  );

  test.each(layers.map(([make, shape]) => [String(make()), make, shape] as const))(
    "%s says truly whether it works value by value",
    (_, make, shape) => {
      const layer = make().eval();
      const values = normal(shape, 2).dataSync();
      const before = layer.forward(tensor(values, shape)).dataSync();
      const moved = values.slice();
      moved[1] += 0.5;
      const after = layer.forward(tensor(moved, shape)).dataSync();
      const changed = [...after.keys()].filter((k) => after[k] !== before[k]);
      if (layer.isElementwise) {
        expect(changed.every((k) => k === 1)).toBe(true);
        expect(after.length).toBe(values.length);
      }
      const isKnown =
        layer.is(Dropout) ||
        layer.is(Dropout2d) ||
        layer.is(LayerScale) ||
        layer.is(DynamicTanh) ||
        layer.is(BatchInstanceNorm) ||
        layer.is(SplitBatchNorm) ||
        layer.is(WhiteningBatchNorm) ||
        layer.is(DropPath) ||
        layer.is(Flatten) ||
        layer.is(GLU) ||
        layer.channelMap() !== null;
      if (!layer.isElementwise && !isKnown) expect(changed).not.toEqual([1]);
    },
  );

  test.each(layers.map(([make]) => [String(make()), make] as const))(
    "%s is built again by what it says that its constructor takes",
    (_, make) => {
      const layer = make();
      const again: Module = Reflect.construct(layer.constructor, layer.constructorArguments() ?? []);
      expect(String(again)).toBe(String(layer));
      expect(again.constructorArguments()).toEqual(layer.constructorArguments());
      expect(shapesOf(again)).toEqual(shapesOf(layer));
    },
  );

  test.each(
    layers
      .filter(([make]) => make().asOp() !== null)
      .map(([make, shape]) => [String(make()), make().asOp()?.[0] ?? "", make, shape] as const),
  )("%s is the op %s of what follows x", (_, op, make, shape) => {
    const layer = make();
    const x = normal(shape, 1);
    const [, ...settings] = layer.asOp() ?? [""];
    // A function, or a method of tensors.
    const run: unknown = Object.entries(evenkeel).find(([name]) => name === op)?.[1];
    const y: Tensor =
      typeof run === "function" ? Reflect.apply(run, undefined, [x, ...settings]) : x.flatten(Number(settings[0]));
    expect(y.dataSync()).toEqual(layer.forward(x).dataSync());
  });

  test.each([new BatchNorm(3), new BatchRenorm(3), new InstanceNorm(3, { trackRunningStats: true })])(
    "%s is at inference the map per channel that it says",
    (norm) => {
      norm.forward(normal([9, 3, 5], 1).mul(3).add(2));
      norm.loadStateDict({ weight: normal([3], 2), bias: normal([3], 3) }, { strict: false });
      expect(norm.channelMap()).toBeNull();
      norm.eval();
      const map = norm.channelMap();
      const x = normal([2, 3, 4], 4);
      const expected = x.dataSync().map((value, i) => {
        const c = Math.floor(i / 4) % 3;
        return value * (map?.scale[c] ?? 0) + (map?.shift[c] ?? 0);
      });
      expectClose(norm.forward(x).dataSync(), expected);
      norm.normalizeWith = "batch";
      expect(norm.channelMap()).toBeNull();
    },
  );

  test("norms without running statistics, and other layers, are no fixed map", () => {
    const untracked = new BatchNorm(3, { trackRunningStats: false }).eval();
    expect([untracked, new LayerNorm(3), new Linear(2, 2)].map((layer) => layer.channelMap())).toEqual([
      null,
      null,
      null,
    ]);
  });

  test("a subclass is its class where it overrides nothing but its constructor and name", () => {
    const plain = new Pointwise(2, 4);
    expect(plain.is(Conv2d)).toBe(true);
    expect(plain.is(Module)).toBe(false);
    expect(plain.channelsAfter(2)).toBe(4);
    expect(plain.constructorArguments()?.slice(0, 3)).toEqual([2, 4, [1, 1]]);
    const doubled = new Doubled(2, 4, 1);
    expect(doubled.is(Conv2d)).toBe(false);
    expect(doubled.is(Doubled)).toBe(true);
    expect([doubled.constructorArguments(), doubled.channelsAfter(2), doubled.rankAfter(4)]).toEqual([
      null,
      null,
      null,
    ]);
    expect(new ReLU().is(ReLU6)).toBe(false);
  });

  test("an object with a forward of its own is no longer its class, and with listeners it still is", () => {
    const layer = new ReLU();
    const stop = layer.onForward(() => {});
    expect([layer.is(ReLU), layer.isElementwise]).toEqual([true, true]);
    stop();
    layer.forward = (x) => relu(x).mean(0);
    expect([layer.is(ReLU), layer.isElementwise]).toEqual([false, false]);
  });

  test("a class of one's own may state what it is; others state nothing", () => {
    const square = new Square(3);
    expect(square.constructorArguments()).toEqual([3]);
    expect([square.isElementwise, square.channelsAfter(5), square.rankAfter(3)]).toEqual([true, 5, 3]);
    class Silent extends Module {
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const silent = new Silent();
    expect([silent.constructorArguments(), silent.isElementwise, silent.channelsAfter(5), silent.channelAxis]).toEqual([
      null,
      false,
      null,
      null,
    ]);
  });
});

function shapesOf(layer: Module): [string, readonly number[]][] {
  return Object.entries(layer.stateDict()).map(([name, { shape }]) => [name, shape]);
}

test("an embedding says that its rows are the last axis of one more", () => {
  const table = new Embedding(5, 2, { paddingIdx: 0 });
  const y = table.forward([[1, 0, 3]]);
  expect([table.rankAfter(2), table.channelsAfter(null), table.channelAxis]).toEqual([y.rank, y.shape[2], "last"]);
  expect(table.rankAfter(null)).toBeNull();
  expect(table.constructorArguments()).toEqual([5, 2, { paddingIdx: 0 }]);
});
