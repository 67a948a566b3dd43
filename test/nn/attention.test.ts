import { readFileSync } from "node:fs";
import {
  type AttentionOptions,
  loadModel,
  MultiHeadAttention,
  memoryInUse,
  Sequential,
  saveModel,
  scaledDotProductAttention,
  scope,
  setBackend,
  type Tensor,
  tensor,
  threads,
  trace,
  zeros,
} from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose, relativeError } from "../support/close.js";
import { expectGradient, input } from "../support/gradient.js";
import { messageOf } from "../support/message-of.js";
import { runOnnx } from "../support/onnx-runtime.js";
import { normal } from "../support/seeded.js";
import type { Stored } from "../support/stored.js";

interface AttentionCase {
  readonly name: string;
  readonly options: AttentionOptions;
  readonly mask: Stored | null;
  readonly inputs: readonly Stored[];
  readonly cotangent: Stored;
  readonly output: Stored;
  readonly gradients: readonly Stored[];
}

interface HeadsCase {
  readonly name: string;
  readonly arguments: ConstructorParameters<typeof MultiHeadAttention>;
  readonly state: Readonly<Record<string, Stored>>;
  readonly x: Stored;
  readonly key: Stored | null;
  readonly keyMask: Stored | null;
  readonly cotangent: Stored;
  readonly output: Stored;
  readonly dx: Stored;
  readonly gradients: Readonly<Record<string, Stored>>;
}

const { attentions, heads }: { attentions: AttentionCase[]; heads: HeadsCase[] } = JSON.parse(
  readFileSync(new URL("../fixtures/sequences.json", import.meta.url), "utf8"),
);

const made = ({ values, shape }: Stored, requiresGrad = false): Tensor => tensor(values, shape, { requiresGrad });
const tolerance = 2e-6;

function expectLike(actual: Tensor | null | undefined, expected: Stored): void {
  expect(actual?.shape).toEqual(expected.shape);
  expect(relativeError(actual?.dataSync() ?? [], expected.values)).toBeLessThanOrEqual(tolerance);
}

describeEachBackend("attention", () => {
  test.each(attentions)("is PyTorch's: $name", ({ options, mask, inputs, cotangent, output, gradients }) => {
    const [q, k, v, bias = null] = inputs.map((one) => made(one, true));
    const y = scaledDotProductAttention(q, k, v, { ...options, bias, mask: mask && made(mask) });
    expectLike(y, output);
    y.backward(Float32Array.from(cotangent.values));
    for (const [n, t] of [q, k, v, ...(bias === null ? [] : [bias])].entries()) expectLike(t.grad, gradients[n]);
  });

  test.each(heads)("of several heads is PyTorch's: $name", (one) => {
    const layer = new MultiHeadAttention(...one.arguments);
    layer.loadStateDict(Object.fromEntries(Object.entries(one.state).map(([name, t]) => [name, made(t)])));
    const x = made(one.x, true);
    const key = one.key === null ? {} : { key: made(one.key) };
    const y = layer.forward(x, { ...key, keyMask: one.keyMask && made(one.keyMask) });
    expectLike(y, one.output);
    y.backward(Float32Array.from(one.cotangent.values));
    expectLike(x.grad, one.dx);
    const own = new Map(layer.namedParameters());
    // The bias of keys moves all scores of a query alike, so that its slope is what rounding leaves.
    for (const [name, t] of Object.entries(one.gradients)) {
      const [grad, slopes] = [own.get(name)?.grad?.dataSync() ?? [], t.values];
      const largest = Math.max(...slopes.map(Math.abs));
      expectClose(grad, slopes, tolerance * Math.max(1, largest));
    }
  });

  test("gradients match finite differences, also in blocks of rows", () => {
    expectGradient(
      (q, k, v, bias) => scaledDotProductAttention(q, k, v, { causal: true, bias }),
      [input([2, 3, 5], 1), input([2, 4, 5], 2), input([2, 4, 1], 3), input([3, 1], 4)],
    );
    expectGradient(
      (q, k, v) => scaledDotProductAttention(q, k, v),
      [input([0, 3, 5], 1), input([2, 5], 2), input([2, 1], 3)],
    );
    expectGradient((q) => scaledDotProductAttention(q, q, q, { scale: 0.7 }), [input([1, 1], 1)]);
  });

  test("a query that sees no key has output 0 and no gradient", () => {
    const [q, k, v] = [normal([2, 3], 1), normal([4, 3], 2), normal([4, 2], 3)];
    for (const t of [q, k, v]) t.requiresGrad = true;
    const mask = tensor([
      [0, 0, 0, 0],
      [1, 0, 0, 0],
    ]);
    const y = scaledDotProductAttention(q, k, v, { mask });
    expect([...y.dataSync()]).toEqual([0, 0, ...v.dataSync().slice(0, 2)]);
    y.backward(normal([2, 2], 4).dataSync());
    expect([...(q.grad?.dataSync().slice(0, 3) ?? [])]).toEqual([0, 0, 0]);
    expect([q, k, v].every((t) => t.grad?.dataSync().every(Number.isFinite))).toBe(true);
  });

  test("empty axes: no keys give 0, no queries nothing", () => {
    const y = scaledDotProductAttention(zeros([2, 3, 4]), zeros([2, 0, 4]), zeros([2, 0, 5]));
    expect([y.shape, [...new Set(y.dataSync())]]).toEqual([[2, 3, 5], [0]]);
    expect(scaledDotProductAttention(zeros([2, 0, 4]), zeros([2, 3, 4]), zeros([2, 3, 5])).shape).toEqual([2, 0, 5]);
    expect(
      scaledDotProductAttention(zeros([0, 2, 4]), zeros([0, 3, 4]), zeros([0, 3, 5]), { causal: true }).shape,
    ).toEqual([0, 2, 5]);
    expect([...scaledDotProductAttention(zeros([2, 0]), zeros([2, 0]), tensor([[1], [3]])).dataSync()]).toEqual([2, 2]);
  });

  test("layers come back from a file and a trace as they were, with norms of queries and keys", () => {
    for (const qkNorm of [null, "rms", "layer"] as const) {
      const layer = new MultiHeadAttention(8, 2, { causal: true, qkNorm, bias: qkNorm !== "rms" });
      const x = normal([2, 5, 8], 1);
      const expected = layer.forward(x).dataSync();
      expect(
        loadModel(saveModel(new Sequential(layer)))
          .model.forward(x)
          .dataSync(),
      ).toEqual(expected);
      const graph = trace(new Sequential(layer), x);
      expect((graph.forward(x) as Tensor).dataSync()).toEqual(expected);
      expect(Object.keys(graph.stateDict())).toEqual(Object.keys(layer.stateDict()).map((key) => `0.${key}`));
      const loaded = loadModel(saveModel(graph)).model;
      expect((loaded.forward(normal([3, 5, 8], 2)) as Tensor).dataSync()).toEqual(
        layer.forward(normal([3, 5, 8], 2)).dataSync(),
      );
    }
  });

  test("what passes inside a layer is freed", () => {
    const layer = new MultiHeadAttention(8, 2);
    const x = normal([2, 5, 8], 1);
    const before = memoryInUse();
    layer.forward(x).dispose();
    expect(memoryInUse()).toBe(before);
  });
});

describe("attention over many keys", () => {
  const sizes = [2, 900, 8] as const;

  test("is computed in blocks, whose sums are those of all rows at once", () => {
    setBackend("wasm");
    const run = (t: (seed: number) => Tensor, options: AttentionOptions): Float32Array[] => {
      const inputs = [1, 2, 3].map(t);
      for (const one of inputs) one.requiresGrad = true;
      const y = scaledDotProductAttention(inputs[0], inputs[1], inputs[2], options);
      y.backward(normal(y.shape, 4).dataSync());
      return [y, ...inputs.map(({ grad }) => grad)].map((one) => one?.dataSync() ?? new Float32Array());
    };
    const mask = normal([1, 900, 900], 5)
      .dataSync()
      .map((v) => (v > -1 ? 1 : 0));
    for (const options of [{}, { causal: true }, { mask: tensor(mask, [1, 900, 900]) }]) {
      // Fourteen copies are in blocks, one of them is not.
      const many = run((seed) => broadcast(normal(sizes, seed)), options);
      const few = run((seed) => normal(sizes, seed), options);
      for (const [n, values] of few.entries()) {
        expectClose(many[n].subarray(0, values.length), values, n === 0 ? 1e-6 : 1e-5);
      }
    }
    function broadcast(t: Tensor): Tensor {
      const own = t.dataSync();
      return tensor(
        Float32Array.from({ length: 4 * t.size }, (_, i) => own[i % t.size]),
        [8, 900, 8],
      );
    }
  });

  test("holds far less than all scores, and gives the same bits on as many threads as there are", async () => {
    setBackend("wasm");
    const run = (): { y: Float32Array; dq: Float32Array; most: number } =>
      scope(() => {
        const q = normal([1, 5000, 16], 1);
        q.requiresGrad = true;
        const before = memoryInUse();
        const y = scaledDotProductAttention(q, q, q, { causal: true });
        const most = memoryInUse() - before;
        y.backward(normal(y.shape, 2).dataSync());
        return { y: y.dataSync(), dq: q.grad?.dataSync() ?? new Float32Array(), most };
      });
    const one = run();
    expect(one.most).toBeLessThan(2 ** 22);
    await threads(3);
    const several = run();
    await threads(1);
    expect(several).toEqual(one);
  });
});

describe("attention in other formats", () => {
  test.each([13, 18])("is what onnxruntime computes at opset %i, and is imported again", async (opset) => {
    for (const options of [{}, { causal: true }, { qkNorm: "rms", bias: false }] as const) {
      const model = new Sequential(new MultiHeadAttention(8, 2, options));
      const x = normal([3, 5, 8], 1);
      const expected = model.forward(x).dataSync();
      const bytes = await exportOnnx(model, { inputShape: [5, 8], opset });
      const { output } = await runOnnx(bytes, { input: { shape: [3, 5, 8], values: [...x.dataSync()] } });
      expectClose(output.values, expected, 1e-5);
      const { model: imported } = await importOnnx(bytes);
      expectClose((imported.forward(x) as Tensor).dataSync(), expected, 1e-5);
    }
  });
});

test("refusals name the cure", () => {
  const [q, k, v] = [zeros([2, 3, 4]), zeros([2, 5, 4]), zeros([2, 5, 6])];
  const layer = new MultiHeadAttention(4, 2);
  expect([
    messageOf(() => scaledDotProductAttention(q, zeros([2, 5, 3]), v)),
    messageOf(() => scaledDotProductAttention(q, k, q)),
    messageOf(() => scaledDotProductAttention(q, zeros([3, 5, 4]), v)),
    messageOf(() => scaledDotProductAttention(q, k, v, { mask: zeros([3, 4]) })),
    messageOf(() => scaledDotProductAttention(q, k, v, { mask: tensor([0.5]) })),
    messageOf(() => scaledDotProductAttention(q, k, v, { bias: zeros([4, 5]) })),
    messageOf(() => scaledDotProductAttention(q, k, v, { scale: Number.NaN })),
    messageOf(() => scaledDotProductAttention(q, k, [1] as never)),
    messageOf(() => new MultiHeadAttention(6, 4)),
    messageOf(() => new MultiHeadAttention(6, 2, { qkNorm: "batch" as never })),
    messageOf(() => layer.forward(zeros([3, 4]))),
    messageOf(() => layer.forward(zeros([2, 3, 5]))),
    messageOf(() => layer.forward(zeros([2, 3, 4]), { keyMask: zeros([3, 2]) })),
  ]).toMatchInlineSnapshot(`
    [
      "ShapeError: scaledDotProductAttention(q, k, v): expected queries (…, L, E), keys (…, S, E) and values (…, S, V), got 2×3×4, 2×5×3, 2×5×6. Give queries and keys the same last size, and keys and values as many rows.",
      "ShapeError: scaledDotProductAttention(q, k, v): expected queries (…, L, E), keys (…, S, E) and values (…, S, V), got 2×3×4, 2×5×4, 2×3×4. Give queries and keys the same last size, and keys and values as many rows.",
      "ShapeError: scaledDotProductAttention(q, k, v), axes before the last two: expected shapes that broadcast (aligned at the last axis, sizes equal or 1), got 2 and 3. Reshape one of them.",
      "ShapeError: scaledDotProductAttention(q, k, v, options): expected a mask that broadcasts to 2×3×5, got 3×4. Give the mask the sizes of queries and keys in its last two axes, or 1.",
      "ArgumentError: scaledDotProductAttention(q, k, v, options): expected a mask of ones (keys that a query sees) and zeros, got 0.5 at place 0. Mark each key by 1 or 0; numbers that are added to the scores are { bias }.",
      "ShapeError: scaledDotProductAttention(q, k, v, options): expected a bias that broadcasts to 2×3×5, got 4×5. Give the bias the sizes of queries and keys in its last two axes, or 1.",
      "ArgumentError: scaledDotProductAttention(q, k, v, options): expected scale to be a number, got NaN. Leave scale out for 1/√E, or pass a number.",
      "ArgumentError: scaledDotProductAttention(q, k, v): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: new MultiHeadAttention(embedDim, numHeads): expected numHeads to divide embedDim, got 4 heads for 6 features. Choose a divisor of embedDim.",
      "ArgumentError: new MultiHeadAttention(embedDim, numHeads): expected qkNorm to be "layer", "rms" or null, got "batch". Choose one of them.",
      "ShapeError: MultiHeadAttention(4, 2).forward(x): expected 4 features in axis 2, got no such axis (shape 3×4). Build the layer with as many features, or reshape x.",
      "ShapeError: MultiHeadAttention(4, 2).forward(x): expected 4 features in axis 2, got 5 (shape 2×3×5). Build the layer with 5 features, or reshape x.",
      "ShapeError: MultiHeadAttention(4, 2).forward(x, { keyMask }): expected a mask of 2×3 keys, got 3×2. Give it one value for each key of each sample; { mask } takes other shapes.",
    ]
  `);
});
