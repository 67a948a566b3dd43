import { readFileSync } from "node:fs";
import {
  BatchNorm,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  Linear,
  loadModel,
  noGrad,
  ReLU,
  type Reparametrized,
  Sequential,
  Sgd,
  SpectralNorm,
  saveModel,
  scope,
  seed,
  type Tensor,
  tensor,
  type Weighted,
  WeightNorm,
  WeightStandardization,
  zeros,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { expectGradient, input } from "../../support/gradient.js";
import { messageOf } from "../../support/message-of.js";
import { normal } from "../../support/seeded.js";
import type { Stored } from "../../support/stored.js";

interface Case {
  readonly kind: keyof typeof kinds;
  readonly layer: keyof typeof layers;
  readonly arguments: never[];
  readonly layerOptions: object;
  readonly options: object;
  readonly state: Record<string, Stored>;
  readonly inputs: Stored[];
  readonly cotangent: Stored;
  readonly output: Stored;
  readonly gradients: Record<string, Stored>;
  readonly after: Record<string, Stored>;
  readonly evaluated: Stored;
}

const kinds = { WeightNorm, SpectralNorm, WeightStandardization };
const layers = { Linear, Conv1d, Conv2d, ConvTranspose2d };

const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(new URL("../../fixtures/reparametrized.json", import.meta.url), "utf8"),
);

function load({ values, shape }: Stored, requiresGrad = false): Tensor {
  return tensor(values, shape, { requiresGrad });
}

function loadAll(stored: Record<string, Stored>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(stored).map(([name, one]) => [name, load(one)]));
}

function expectMatch(actual: Record<string, Tensor | null>, expected: Record<string, Stored>): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, { shape, values }] of Object.entries(expected)) {
    expect(actual[name]?.shape).toEqual(shape);
    expectClose(actual[name]?.dataSync() ?? [], values, 2e-6);
  }
}

function wrap(name: keyof typeof kinds, layer: Weighted): Reparametrized {
  return new kinds[name](layer);
}

const small = (): Weighted[] => [
  new Linear(3, 2),
  new Conv1d(2, 4, 3, { groups: 2 }),
  new Conv2d(2, 3, 2, { bias: false }),
  new ConvTranspose2d(4, 2, 2, { groups: 2, stride: 2 }),
];
const shapes = [
  [2, 3],
  [2, 2, 5],
  [1, 2, 3, 4],
  [2, 4, 2, 2],
];

describeEachBackend("computed weights", () => {
  test.each(cases)("PyTorch agrees with $kind of $layer $layerOptions $options", (expected) => {
    const plain: Weighted = Reflect.construct(layers[expected.layer], [...expected.arguments, expected.layerOptions]);
    const module: Reparametrized = Reflect.construct(kinds[expected.kind], [plain, expected.options]);
    module.loadStateDict(loadAll(expected.state));
    const inputs = expected.inputs.map((one) => load(one, true));
    for (const x of inputs.slice(0, -1)) module.forward(x);
    const x = inputs[inputs.length - 1];
    const y = module.forward(x);
    y.backward(Float32Array.from(expected.cotangent.values));
    expectMatch({ y }, { y: expected.output });
    expectMatch(
      { x: x.grad, ...Object.fromEntries(module.namedParameters().map(([name, p]) => [name, p.grad])) },
      expected.gradients,
    );
    expectMatch(module.stateDict(), expected.after);
    expectMatch({ y: module.eval().forward(x) }, { y: expected.evaluated });
  });

  test.each(Object.keys(kinds) as (keyof typeof kinds)[])("%s: gradients match finite differences", (kind) => {
    small().forEach((layer, k) => {
      const module = wrap(kind, layer).eval();
      expectGradient((x) => module.forward(x), [input(shapes[k], k)]);
      // For its parameters: y as a function of each is y as a function of what it is moved by.
      for (const [name, parameter] of module.namedParameters()) {
        const state = module.stateDict();
        const x = normal(shapes[k], 7);
        const values = parameter.dataSync();
        parameter.grad = null;
        const y = module.forward(x);
        const cotangent = normal(y.shape, 8).dataSync();
        y.backward(cotangent);
        const direction = normal(parameter.shape, 9).dataSync();
        const along = (h: number): number => {
          const moved = values.map((v, i) => v + h * direction[i]);
          module.loadStateDict({ ...state, [name]: tensor(moved, parameter.shape) });
          return scope(() => module.forward(x).dataSync()).reduce((sum, v, i) => sum + v * cotangent[i], 0);
        };
        const h = 5e-3;
        const numeric = ((4 * (along(h / 2) - along(-h / 2))) / h - (along(h) - along(-h)) / (2 * h)) / 3;
        module.loadStateDict(state);
        const exact =
          (parameter.grad as Tensor | null)?.dataSync().reduce((sum, g, i) => sum + g * direction[i], 0) ?? 0;
        expect(Math.abs(numeric - exact)).toBeLessThan(5e-3 * Math.max(1, Math.abs(exact)));
      }
    });
  });

  test.each(Object.keys(kinds) as (keyof typeof kinds)[])("%s becomes a plain layer of the same outputs", (kind) => {
    small().forEach((layer, k) => {
      const module = wrap(kind, layer);
      const x = normal(shapes[k], k);
      noGrad(() => module.forward(x));
      const expected = module.eval().forward(x).dataSync();
      const plain = module.toPlain();
      expect(plain).toBe(layer);
      expectClose(plain.forward(x).dataSync(), expected, 1e-6);
      expect(plain.parameters().every((p) => p.requiresGrad)).toBe(true);
      expect(Object.keys(plain.stateDict())[0]).toBe("weight");
    });
  });

  test("are saved and loaded with their options and state", () => {
    seed(5);
    const model = new Sequential(
      new WeightStandardization(new Conv2d(2, 4, 3, { padding: 1, bias: false }), { eps: 1e-6 }),
      new BatchNorm(4),
      new ReLU(),
      new SpectralNorm(new ConvTranspose2d(4, 2, 2, { stride: 2 }), { powerIterations: 2, eps: 1e-9 }),
      new WeightNorm(new Conv2d(2, 3, 1), { axis: 1 }),
    );
    const x = normal([8, 2, 4, 4], 1);
    noGrad(() => model.forward(x));
    const { model: loaded } = loadModel(saveModel(model));
    expect(String(loaded)).toBe(
      "Sequential(WeightStandardization(Conv2d(2, 4, 3)), BatchNorm(4), ReLU(), SpectralNorm(ConvTranspose2d(4, 2, 2)), WeightNorm(Conv2d(2, 3, 1)))",
    );
    expect(loaded.eval().forward(x).dataSync()).toEqual(model.eval().forward(x).dataSync());
    expect(Object.keys(loaded.stateDict())).toEqual(Object.keys(model.stateDict()));
    expect((loaded as Sequential).layers).toMatchObject([
      { eps: 1e-6 },
      {},
      {},
      { powerIterations: 2, eps: 1e-9 },
      { axis: 1 },
    ]);
  });

  test("train", () => {
    for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
      seed(2);
      const model = new Sequential(wrap(kind, new Linear(3, 8)), new ReLU(), new Linear(8, 1));
      const sgd = new Sgd(model.parameters(), { lr: 0.05 });
      const [x, target] = [normal([32, 3], 1), normal([32, 1], 2)];
      const losses = Array.from({ length: 30 }, () =>
        scope(() => {
          sgd.zeroGrad();
          const d = model.forward(x).sub(target);
          const loss = d.mul(d).mean();
          loss.backward();
          sgd.step();
          return loss.item();
        }),
      );
      expect(losses[29]).toBeLessThan(0.95 * losses[0]);
    }
  });
});

describe("spectral norm", () => {
  const stretch = (plain: Linear): number => {
    // The largest singular value, by many steps in float64.
    const [rows, columns] = plain.weight.shape;
    const w = plain.weight.dataSync();
    let v = Array.from({ length: columns }, (_, j) => 1 + j / 7);
    let sigma = 0;
    for (let k = 0; k < 2000; k++) {
      const u = Array.from({ length: rows }, (_, i) =>
        v.reduce((sum, value, j) => sum + w[i * columns + j] * value, 0),
      );
      sigma = Math.hypot(...u) / Math.hypot(...v);
      v = v.map((_, j) => u.reduce((sum, value, i) => sum + w[i * columns + j] * value, 0) / sigma);
    }
    return sigma;
  };

  test("leaves a largest singular value of 1 after enough steps, and close to it from the start", () => {
    seed(3);
    const norm = new SpectralNorm(new Linear(20, 10));
    expect(Math.abs(stretch(norm.toPlain()) - 1)).toBeLessThan(0.1);
    for (let k = 0; k < 200; k++) noGrad(() => norm.forward(zeros([1, 20])));
    expect(Math.abs(stretch(norm.toPlain()) - 1)).toBeLessThan(1e-5);
  });

  test("moves its vectors in training only, and two passes before one backward() are no error", () => {
    const norm = new SpectralNorm(new Linear(4, 3));
    norm.loadStateDict({ ...norm.stateDict(), weight_orig: normal([3, 4], 5) });
    const before = norm.stateDict()["weight_u"].dataSync();
    norm.eval().forward(normal([2, 4], 1));
    expect(norm.stateDict()["weight_u"].dataSync()).toEqual(before);
    norm.train();
    const [real, fake] = [norm.forward(normal([2, 4], 1)), norm.forward(normal([2, 4], 2))];
    expect(norm.stateDict()["weight_u"].dataSync()).not.toEqual(before);
    real.sum().sub(fake.sum()).backward();
    expect(norm.weight_orig.grad?.dataSync().every(Number.isFinite)).toBe(true);
  });
});

test("PyTorch 2's names of parametrised weights load, at any depth, and own names come first", () => {
  const [g, v] = [normal([2, 1], 1), normal([2, 2], 2)];
  const model = new Sequential(new WeightNorm(new Linear(2, 2)), new SpectralNorm(new Linear(2, 2)));
  const { "0.weight_g": _g, "0.weight_v": _v, ...others } = model.stateDict();
  const { "1.weight_orig": original, "1.weight_u": u, "1.weight_v": w, ...rest } = others;
  const names = { "1.parametrizations.weight.original": original, "1.parametrizations.weight.0._u": u };
  const state = { ...rest, ...names, "1.parametrizations.weight.0._v": w };
  const weights = { "0.parametrizations.weight.original0": g, "0.parametrizations.weight.original1": v };
  expect(model.loadStateDict({ ...state, ...weights })).toEqual({ missing: [], unexpected: [] });
  expectClose(model.stateDict()["0.weight_g"].dataSync(), g.dataSync(), 0);
  expectClose(model.stateDict()["0.weight_v"].dataSync(), v.dataSync(), 0);
  const both = { ...state, ...weights, "0.weight_g": v.slice(0, 1, 1) };
  expect(model.loadStateDict(both, { strict: false }).unexpected).toEqual(["0.parametrizations.weight.original0"]);
  expect(() => new Linear(2, 2).loadStateDict({ bias: normal([2], 1), ...names })).toThrow("missing weight");
});

test("weight norm at first changes nothing", () => {
  const layer = new Conv2d(3, 4, 3);
  const x = normal([2, 3, 5, 5], 1);
  const before = layer.forward(x).dataSync();
  expectClose(new WeightNorm(layer).forward(x).dataSync(), before, 1e-6);
});

test("a shift and a scale of the weights do not reach the output of weight standardisation", () => {
  const norm = new WeightStandardization(new Linear(4, 3));
  const x = normal([2, 4], 1);
  const before = norm.forward(x).dataSync();
  const { weight } = norm.stateDict();
  norm.loadStateDict({ ...norm.stateDict(), weight: weight.mul(3).add(0.5) });
  expectClose(norm.forward(x).dataSync(), before, 1e-5);
});

test("refusals name the wrapper and the cure", () => {
  const dead = new Linear(2, 3);
  dead.loadStateDict({
    weight: tensor([
      [1, 2],
      [0, 0],
      [3, 4],
    ]),
    bias: zeros([3]),
  });
  const blank = new Linear(2, 1);
  blank.loadStateDict({ weight: zeros([1, 2]), bias: zeros([1]) });
  expect([
    messageOf(() => Reflect.construct(WeightNorm, [new ReLU()])),
    messageOf(() => Reflect.construct(SpectralNorm, [undefined])),
    messageOf(() => Reflect.construct(WeightStandardization, [new WeightNorm(new Linear(2, 2))])),
    messageOf(() => new WeightNorm(new Linear(2, 2), { axis: 2 })),
    messageOf(() => new WeightNorm(dead)),
    messageOf(() => new SpectralNorm(new Linear(2, 2), { powerIterations: 0 })),
    messageOf(() => new SpectralNorm(new Linear(2, 2), { eps: 0 })),
    messageOf(() => new SpectralNorm(blank)),
    messageOf(() => new WeightStandardization(new Linear(2, 2), { eps: -1 })),
    messageOf(() => new WeightStandardization(new Conv2d(4, 4, 1, { groups: 4 }))),
    messageOf(() => new WeightNorm(new Linear(2, 3)).forward(zeros([1, 5]))),
  ]).toMatchInlineSnapshot(`
    [
      "ArgumentError: new WeightNorm(layer): expected Linear, Conv1d, Conv2d or ConvTranspose2d, got ReLU(). Wrap the layer whose weight it should compute.",
      "ArgumentError: new SpectralNorm(layer): expected Linear, Conv1d, Conv2d or ConvTranspose2d, got undefined. Wrap the layer whose weight it should compute.",
      "ArgumentError: new WeightStandardization(layer): expected Linear, Conv1d, Conv2d or ConvTranspose2d, got WeightNorm(Linear(2, 2)). Wrap the layer whose weight it should compute.",
      "ArgumentError: new WeightNorm(layer): expected an axis from -2 to 1, got 2. Name an axis that the tensor has.",
      "ArgumentError: new WeightNorm(layer): expected weights with a direction, got none but 0 at 1 of axis 0. Initialise the layer with other weights; g alone may be 0.",
      "ArgumentError: new SpectralNorm(layer): expected powerIterations to be a whole number of at least 1, got 0. Correct powerIterations.",
      "ArgumentError: new SpectralNorm(layer): expected eps to be a finite number above 0, got 0. Pass a small one such as 1e-12.",
      "ArgumentError: new SpectralNorm(layer): expected a weight whose largest singular value is not 0, got zeros. Initialise the layer with other weights.",
      "ArgumentError: new WeightStandardization(layer): expected eps to be a finite number above 0, got -1. Pass a small one such as 1e-10.",
      "ArgumentError: new WeightStandardization(layer): expected at least 2 weights for each output, got 1 (Conv2d(4, 4, 1)). Leave this layer as it is: of one weight only its sign would be left.",
      "ShapeError: Linear(2, 3).forward(x): expected 2 features in axis 1, got 5 (shape 1×5). Build the layer with 5 features, or reshape x.",
    ]
  `);
});
