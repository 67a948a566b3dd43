import { readFileSync } from "node:fs";
import {
  Adam,
  crossEntropy,
  Embedding,
  GELU,
  GRU,
  type GruState,
  LayerNorm,
  Linear,
  LSTM,
  type LstmState,
  loadModel,
  Module,
  MultiHeadAttention,
  memoryInUse,
  onWarning,
  type RecurrentOptions,
  Sequential,
  saveModel,
  scope,
  seed,
  setBackend,
  type Tensor,
  tensor,
  threads,
  trace,
  zeros,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { relativeError } from "../support/close.js";
import { expectGradient, input } from "../support/gradient.js";
import { messageOf } from "../support/message-of.js";
import { normal } from "../support/seeded.js";
import type { Stored } from "../support/stored.js";

interface RecurrentCase {
  readonly kind: "LSTM" | "GRU";
  readonly name: string;
  readonly arguments: [number, number, RecurrentOptions];
  readonly state: Readonly<Record<string, Stored>>;
  readonly x: Stored;
  readonly lengths: number[] | null;
  readonly first: readonly Stored[];
  readonly cotangents: readonly Stored[];
  readonly output: Stored;
  readonly last: readonly Stored[];
  readonly dx: Stored;
  readonly dfirst: readonly Stored[];
  readonly gradients: Readonly<Record<string, Stored>>;
}

interface Training {
  readonly kind: string;
  readonly state: Readonly<Record<string, Stored>>;
  readonly x: Stored;
  readonly labels: number[];
  readonly losses: number[];
  readonly end: Readonly<Record<string, Stored>>;
}

interface NormalizedCase extends Pick<RecurrentCase, "kind" | "state" | "x" | "output" | "dx" | "gradients"> {
  readonly norm: "layer" | "batch";
  readonly lengths: number[];
  readonly cotangent: Stored;
}

interface Fixtures {
  readonly recurrent: RecurrentCase[];
  readonly trainings: Training[];
  readonly normalizeds: NormalizedCase[];
}

const { recurrent, trainings, normalizeds }: Fixtures = JSON.parse(
  readFileSync(new URL("../fixtures/sequences.json", import.meta.url), "utf8"),
);

const tolerance = 3e-6;
/** A batch norm of two rows divides by what their rounding leaves. */
const afterNorms = 2e-5;
const made = ({ values, shape }: Stored, requiresGrad = false): Tensor => tensor(values, shape, { requiresGrad });

function loaded<M extends Module<never[], unknown>>(layer: M, state: Readonly<Record<string, Stored>>): M {
  layer.loadStateDict(Object.fromEntries(Object.entries(state).map(([name, t]) => [name, made(t)])));
  return layer;
}

function expectLike(actual: Tensor | null | undefined, expected: Stored, what: string, most = tolerance): void {
  expect(actual?.shape, what).toEqual(expected.shape);
  expect(relativeError(actual?.dataSync() ?? [], expected.values), what).toBeLessThanOrEqual(most);
}

/** Ones for the first steps of each sequence. */
function maskOf(lengths: readonly number[], steps: number): Tensor {
  return tensor(lengths.map((length) => Array.from({ length: steps }, (_, k) => (k < length ? 1 : 0))));
}

class Tagger extends Module {
  readonly body: LSTM | GRU;
  readonly out = new Linear(12, 3);
  constructor(kind: string) {
    super();
    const options = { numLayers: 2, bidirectional: true };
    this.body = kind === "LSTM" ? new LSTM(4, 6, options) : new GRU(4, 6, options);
  }
  override forward(x: Tensor): Tensor {
    return this.out.forward(this.body.forward(x));
  }
}

class Block extends Module {
  readonly norm1 = new LayerNorm(8);
  readonly attention = new MultiHeadAttention(8, 2, { causal: true });
  readonly norm2 = new LayerNorm(8);
  readonly fc1 = new Linear(8, 16);
  readonly gelu = new GELU();
  readonly fc2 = new Linear(16, 8);
  readonly out = new Linear(8, 3);
  override forward(x: Tensor): Tensor {
    const y = x.add(this.attention.forward(this.norm1.forward(x)));
    return this.out.forward(y.add(this.fc2.forward(this.gelu.forward(this.fc1.forward(this.norm2.forward(y))))));
  }
}

describeEachBackend("recurrent layers", () => {
  test.each(recurrent)("are PyTorch's: $kind, $name", (one) => {
    const layer = loaded(one.kind === "LSTM" ? new LSTM(...one.arguments) : new GRU(...one.arguments), one.state);
    expect(Object.keys(layer.stateDict())).toEqual(Object.keys(one.state));
    const x = made(one.x, true);
    const first = one.first.map((t) => made(t, true));
    const kinds = one.kind === "LSTM" ? ["h", "c"] : ["h"];
    const state = first.length === 0 ? null : Object.fromEntries(kinds.map((kind, k) => [kind, first[k]]));
    const options = { state, mask: one.lengths && maskOf(one.lengths, one.x.shape[1]) };
    const result: Readonly<Record<string, Tensor>> =
      layer instanceof LSTM
        ? layer.forwardWithState(x, { ...options, state: state as LstmState | null })
        : layer.forwardWithState(x, { ...options, state: state as GruState | null });
    const { output } = result;
    expectLike(output, one.output, "output");
    for (const [k, kind] of kinds.entries()) expectLike(result[kind], one.last[k], kind);
    const sums = [output, ...kinds.map((kind) => result[kind])].map((t, k) => t.mul(made(one.cotangents[k])).sum());
    sums.reduce((a, b) => a.add(b)).backward();
    expectLike(x.grad, one.dx, "dx");
    for (const [k, t] of first.entries()) expectLike(t.grad, one.dfirst[k], `d${kinds[k]}`);
    const own = new Map(layer.namedParameters());
    for (const [name, t] of Object.entries(one.gradients)) expectLike(own.get(name)?.grad, t, name);
    const plain = (layer.forward as (x: Tensor, given: object) => Tensor).call(layer, x, options);
    expect(plain.dataSync()).toEqual(output.dataSync());
  });

  test.each(normalizeds)("with norms inside are what their papers say: $kind, $norm, lengths $lengths", (one) => {
    onWarning(() => {});
    const options = { norm: one.norm, ...(one.norm === "batch" ? { maxSteps: 5 } : {}) };
    const layer = one.kind === "LSTM" ? new LSTM(3, 4, options) : new GRU(3, 4, options);
    layer.loadStateDict(Object.fromEntries(Object.entries(one.state).map(([name, t]) => [name, made(t)])), {
      strict: false,
    });
    expect(layer.namedParameters().map(([name]) => name)).toEqual(Object.keys(one.state));
    const x = made(one.x, true);
    const y = layer.forward(x, { mask: maskOf(one.lengths, 5) });
    expectLike(y, one.output, "output", afterNorms);
    y.backward(Float32Array.from(one.cotangent.values));
    expectLike(x.grad, one.dx, "dx", afterNorms);
    const own = new Map(layer.namedParameters());
    for (const [name, t] of Object.entries(one.gradients)) expectLike(own.get(name)?.grad, t, name, afterNorms);
  });

  test("batch statistics are those of each step, and the last one's behind them", () => {
    const layer = new LSTM(3, 4, { norm: "batch", maxSteps: 3, numLayers: 2, bidirectional: true });
    for (let k = 0; k < 3; k++) layer.forward(normal([9, 5, 3], k));
    const state = layer.stateDict();
    const mean = (step: number): Float32Array => state[`norm_ih_l0.norms.${step}.running_mean`].dataSync();
    expect(mean(0)).not.toEqual(mean(1));
    expect(Object.keys(state).filter((key) => key.startsWith("norm_ih_l0.norms."))).toHaveLength(3 * 3);
    layer.eval();
    const x = normal([2, 6, 3], 9);
    const expected = layer.forward(x);
    expect(layer.forward(x.slice(0, 1)).dataSync()).toEqual(expected.slice(0, 1).dataSync());
    const { model } = loadModel(saveModel(new Sequential(layer)));
    expect(model.eval().forward(x).dataSync()).toEqual(expected.dataSync());
    expect((trace(new Sequential(layer), x, { mode: "eval" }).forward(x) as Tensor).dataSync()).toEqual(
      expected.dataSync(),
    );
  });

  test("layers with norms give the same for a state that goes on, and for no steps", () => {
    const layer = new GRU(3, 4, { norm: "layer" });
    const x = normal([2, 7, 3], 1);
    const whole = layer.forwardWithState(x);
    const { h } = layer.forwardWithState(x.slice(0, 4, 1));
    expect(layer.forwardWithState(x.slice(4, 7, 1), { state: { h } }).h.dataSync()).toEqual(whole.h.dataSync());
    expect(layer.forward(zeros([2, 0, 3])).shape).toEqual([2, 0, 4]);
    expectGradient((given) => layer.forward(given), [input([2, 3, 3], 1)]);
    const batches = new LSTM(3, 4, { norm: "batch", maxSteps: 2 });
    expectGradient((given) => batches.forward(given), [input([9, 3, 3], 1)]);
    const before = memoryInUse();
    layer.forward(x).dispose();
    expect(memoryInUse()).toBe(before);
  });

  test.each(trainings)("25 steps of training follow PyTorch: $kind", ({ kind, state, x, labels, losses, end }) => {
    const model = loaded(kind === "transformer" ? new Block() : new Tagger(kind), state);
    const optimizer = new Adam(model.parameters(), { lr: 0.02 });
    const inputs = made(x);
    for (const expected of losses) {
      const loss = scope(() => {
        const value = crossEntropy(model.forward(inputs).reshape([-1, 3]), labels);
        value.backward();
        return value.item();
      });
      optimizer.step();
      optimizer.zeroGrad();
      expect(Math.abs(loss - expected) / expected).toBeLessThan(1e-4);
    }
    const own = model.stateDict();
    for (const [name, t] of Object.entries(end)) {
      // The bias of keys has no slope but rounding's, which Adam makes steps of.
      const isFree = name === "attention.in_proj_bias";
      const values = own[name].dataSync();
      const [a, b] = isFree
        ? [
            [...values.slice(0, 8), ...values.slice(16)],
            [...t.values.slice(0, 8), ...t.values.slice(16)],
          ]
        : [values, t.values];
      expect(relativeError(a, b), name).toBeLessThan(1e-3);
    }
  });

  test("gradients match finite differences over odd, single and empty axes", () => {
    for (const [batch, steps, size, hidden] of [
      [2, 3, 3, 5],
      [1, 1, 1, 1],
      [3, 2, 2, 4],
      [0, 2, 2, 3],
      [2, 0, 2, 3],
    ]) {
      for (const kind of [LSTM, GRU]) {
        seed(1);
        const layer = new kind(size, hidden, { bidirectional: true });
        const { weightIh, weightHh, biasHh } = layer.cell(0, true);
        expectGradient((x) => layer.forward(x), [input([batch, steps, size], 1)]);
        const parameters = [weightIh, weightHh, biasHh as Tensor];
        const names = ["weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_hh_l0_reverse"];
        const x = normal([batch, steps, size], 2);
        for (const [k, t] of parameters.entries()) {
          expectGradient(
            (given) => {
              Reflect.set(layer, names[k], given);
              try {
                return layer.forward(x);
              } finally {
                Reflect.set(layer, names[k], t);
              }
            },
            [input(t.shape, 3 + k, (value) => value / 2)],
          );
        }
      }
    }
  });

  test("padding changes nothing, whatever it holds and wherever it lies", () => {
    for (const kind of [LSTM, GRU]) {
      const layer = new kind(3, 4, { numLayers: 2, bidirectional: true });
      const short = normal([1, 3, 3], 1);
      const alone = layer.forwardWithState(short);
      const values = new Float32Array(2 * 5 * 3).fill(Number.NaN);
      values.set(short.dataSync(), 0);
      values.set(short.dataSync(), 15 + 6);
      const padded = tensor(values, [2, 5, 3], { requiresGrad: true });
      const mask = tensor([
        [1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1],
      ]);
      const both = layer.forwardWithState(padded, { mask });
      const [first, second] = [0, 1].map((n) => both.output.slice(n, n + 1));
      expect(first.slice(0, 3, 1).dataSync()).toEqual(alone.output.dataSync());
      expect(second.slice(2, 5, 1).dataSync()).toEqual(alone.output.dataSync());
      expect([...first.slice(3, 5, 1).dataSync(), ...second.slice(0, 2, 1).dataSync()].every((v) => v === 0)).toBe(
        true,
      );
      for (const n of [0, 1]) expect(both.h.slice(n, n + 1, 1).dataSync()).toEqual(alone.h.dataSync());
      both.output.sum().backward();
      for (const [, t] of layer.namedParameters()) expect(t.grad?.dataSync().every(Number.isFinite)).toBe(true);
      expect([...(padded.grad?.dataSync() ?? [])].slice(9, 21).every((v) => v === 0)).toBe(true);
    }
  });

  test("a state goes on where the sequence was cut", () => {
    for (const kind of [LSTM, GRU]) {
      const layer = new kind(3, 4, { numLayers: 2 });
      const x = normal([2, 7, 3], 1);
      const whole = layer.forwardWithState(x);
      const { output, ...state } = layer.forwardWithState(x.slice(0, 4, 1));
      const rest = layer.forwardWithState(x.slice(4, 7, 1), { state: state as never });
      expect(rest.output.dataSync()).toEqual(whole.output.slice(4, 7, 1).dataSync());
      expect(rest.h.dataSync()).toEqual(whole.h.dataSync());
      expect(output.dataSync()).toEqual(whole.output.slice(0, 4, 1).dataSync());
    }
  });

  test("layers come back from a file and a trace as they were, and free what passes inside", () => {
    for (const kind of [LSTM, GRU]) {
      const options = { numLayers: 2, bidirectional: true, dropout: 0.25, bias: false };
      const model = new Sequential(new kind(3, 4, options), new Linear(8, 2)).eval();
      const x = normal([2, 5, 3], 1);
      const expected = model.forward(x).dataSync();
      expect(loadModel(saveModel(model)).model.eval().forward(x).dataSync()).toEqual(expected);
      const graph = trace(model, x);
      expect((graph.eval().forward(x) as Tensor).dataSync()).toEqual(expected);
      expect(String(graph)).toContain(`${kind.name}(3, 4)`);
      const before = memoryInUse();
      model.forward(x).dispose();
      expect(memoryInUse()).toBe(before);
    }
    const tagger = new Sequential(new Embedding(7, 3) as never, new LSTM(3, 4), new Linear(4, 2));
    expect(tagger.forward(tensor([[1, 2, 6]])).shape).toEqual([1, 3, 2]);
  });

  test("dropout between layers falls only in training", () => {
    const layer = new LSTM(3, 4, { numLayers: 2, dropout: 0.5 });
    const x = normal([2, 5, 3], 1);
    seed(1);
    const one = layer.forward(x).dataSync();
    expect(layer.forward(x).dataSync()).not.toEqual(one);
    layer.eval();
    expect(layer.forward(x).dataSync()).toEqual(layer.forward(x).dataSync());
  });
});

test("as many threads as there are give the same bits", async () => {
  setBackend("wasm");
  const run = (): Float32Array[] => {
    seed(1);
    const layer = new LSTM(32, 96, { bidirectional: true });
    const x = normal([64, 12, 32], 1);
    x.requiresGrad = true;
    const y = layer.forward(x);
    y.backward(normal(y.shape, 2).dataSync());
    return [y, x.grad, ...layer.parameters().map(({ grad }) => grad)].map((t) => t?.dataSync() ?? new Float32Array());
  };
  const one = run();
  await threads(4);
  const several = run();
  await threads(1);
  expect(several).toEqual(one);
});

test("refusals name the layer, what it got and the cure", () => {
  const layer = new LSTM(3, 4);
  const x = zeros([2, 5, 3]);
  expect([
    messageOf(() => new LSTM(0, 4)),
    messageOf(() => new GRU(3, 2.5)),
    messageOf(() => new GRU(3, 4, { dropout: 0.5 })),
    messageOf(() => new GRU(3, 4, { dropout: 2, numLayers: 2 })),
    messageOf(() => new GRU(3, 4, { norm: "batch" })),
    messageOf(() => new GRU(3, 4, { maxSteps: 4 })),
    messageOf(() => new GRU(3, 4, { norm: "group" as never })),
    messageOf(() => layer.forward(zeros([5, 3]))),
    messageOf(() => layer.forward(zeros([2, 5, 4]))),
    messageOf(() => layer.forward(x, { mask: zeros([5, 2]) })),
    messageOf(() => layer.forward(x, { mask: tensor(new Float32Array(10).fill(2), [2, 5]) })),
    messageOf(() => layer.forward(x, { state: { h: zeros([1, 2, 4]), c: zeros([2, 4]) } })),
    messageOf(() => layer.forward(x, { state: { h: zeros([1, 2, 4]) } as never })),
  ]).toMatchInlineSnapshot(`
    [
      "ArgumentError: new LSTM(inputSize, hiddenSize): expected inputSize to be a whole number of at least 1, got 0. Correct inputSize.",
      "ArgumentError: new GRU(inputSize, hiddenSize): expected hiddenSize to be a whole number of at least 1, got 2.5. Correct hiddenSize.",
      "ArgumentError: new GRU(inputSize, hiddenSize): expected dropout to be a probability from 0 to 1, above 0 only between two layers or more, got 0.5 for 1 layer. Put a Dropout behind a single layer.",
      "ArgumentError: new GRU(inputSize, hiddenSize): expected dropout to be a probability from 0 to 1, above 0 only between two layers or more, got 2 for 2 layers. Put a Dropout behind a single layer.",
      "ArgumentError: new GRU(inputSize, hiddenSize): expected maxSteps where norm is "batch", and only there, got norm batch, maxSteps null. Pass the length of the longest sequences that it is trained on.",
      "ArgumentError: new GRU(inputSize, hiddenSize): expected maxSteps where norm is "batch", and only there, got norm null, maxSteps 4. Pass the length of the longest sequences that it is trained on.",
      "ArgumentError: new GRU(inputSize, hiddenSize): expected norm to be "layer", "batch" or null, got "group". Choose one of them.",
      "ShapeError: LSTM(3, 4).forward(x): expected 3 features in axis 2, got no such axis (shape 5×3). Build the layer with as many features, or reshape x.",
      "ShapeError: LSTM(3, 4).forward(x): expected 3 features in axis 2, got 4 (shape 2×5×4). Build the layer with 4 features, or reshape x.",
      "ShapeError: LSTM(3, 4).forward(x): expected a mask of 2×5 steps, got 5×2. Give it one value for each step of each sequence.",
      "ArgumentError: LSTM(3, 4).forward(x): expected a mask of ones (steps) and zeros, got 2 at place 0. Mark each step by 1 or 0.",
      "ShapeError: LSTM(3, 4).forward(x): expected a state c of 1×2×4, got 2×4. Pass what forwardWithState() has returned.",
      "ArgumentError: LSTM(3, 4).forward(x), state.c: expected a tensor, got undefined. Make one with tensor(values, shape).",
    ]
  `);
});
