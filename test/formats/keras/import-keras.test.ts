import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BatchNorm, Conv2d, type Graph, Pad, type Sequential, tensor } from "evenkeel";
import { importKeras, repairKeras } from "evenkeel/keras";
import { afterEach, expect, test, vi } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { expectOutputs, type StoredModel } from "../../support/tfjs-fixtures.js";
import { type LayerSketch, layer, sequentialJson, tfjsModel } from "../../support/tfjs-models.js";

const fixture = (name: string): Buffer => readFileSync(join(import.meta.dirname, "../../fixtures", name));
const cases: StoredModel[] = JSON.parse(fixture("keras.json").toString());

describeEachBackend("a Keras model", () => {
  test.each(cases.map((one) => [one.name, one] as const))(
    "predicts what its layers compute: %s",
    async (name, stored) => {
      expectOutputs(await importKeras(fixture(name)), stored);
    },
  );
});

test.each(["keras-variety.keras", "keras-functions.keras", "keras-2-functions.h5", "keras-sequences.keras"])(
  "what repairKeras makes of %s is the same network",
  async (name) => {
    const { files } = await repairKeras(fixture(name));
    expectOutputs(await importKeras(files), cases.find((one) => one.name === name) as StoredModel);
  },
);

test("layers that are not to be trained stay so, and a convolution takes the zeros that are put around its input", async () => {
  const { model } = await importKeras(fixture("keras-sequences.keras"));
  const layers = (model as Graph).layers().map(([, layer]) => layer);
  expect(layers.some((layer) => layer instanceof Pad)).toBe(false);
  const fixed = layers.filter((layer) => layer instanceof BatchNorm || layer instanceof Conv2d);
  expect(fixed.map((layer) => `${layer} ${layer.weight?.requiresGrad}`)).toEqual([
    ...["Conv2d(1, 2, 2) true", "Conv2d(2, 2, 3) false", "BatchNorm(2) false"],
  ]);
  expect(layers.flatMap((layer) => (layer instanceof BatchNorm ? [layer.frozen] : []))).toEqual([true]);
});

/** A model.json of Keras 3 with one layer over four features. */
const ofLayer = (one: LayerSketch, shape: readonly number[] = [4]) => {
  const placed = { ...one, config: { ...one.config, batch_input_shape: [null, ...shape] } };
  return tfjsModel({ keras_version: "3.9.0", model_config: sequentialJson("net", [placed]) }, []);
};

test("activations are those of Keras' formulas", async () => {
  const softplus = (x: number): number => Math.log1p(Math.exp(x));
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
  const formulas: Record<string, (x: number) => number> = {
    celu: (x) => (x > 0 ? x : Math.expm1(x)),
    hard_tanh: (x) => clamp(x, -1, 1),
    hard_shrink: (x) => (Math.abs(x) > 0.5 ? x : 0),
    soft_shrink: (x) => Math.sign(x) * Math.max(0, Math.abs(x) - 0.5),
    tanh_shrink: (x) => x - Math.tanh(x),
    log_sigmoid: (x) => -softplus(-x),
    squareplus: (x) => (x + Math.sqrt(x * x + 4)) / 2,
    sparse_plus: (x) => (x <= -1 ? 0 : x >= 1 ? x : (x + 1) ** 2 / 4),
    sparse_sigmoid: (x) => clamp((x + 1) / 2, 0, 1),
    hard_sigmoid: (x) => clamp(x / 6 + 0.5, 0, 1),
    hard_silu: (x) => x * clamp(x / 6 + 0.5, 0, 1),
    mish: (x) => x * Math.tanh(softplus(x)),
    silu: (x) => x * sigmoid(x),
    softsign: (x) => x / (1 + Math.abs(x)),
    relu6: (x) => clamp(x, 0, 6),
  };
  const values = [-7, -3.2, -1, -0.6, -0.5, -0.1, 0, 0.3, 0.5, 0.9, 1, 8.5];
  const check = async (one: LayerSketch, formula: (x: number) => number): Promise<void> => {
    const { model } = await importKeras(ofLayer(one));
    const y = (model.eval() as Sequential).forward(tensor(values, [3, 4]));
    expectClose(y.dataSync(), values.map(formula), 1e-6);
  };
  for (const [name, formula] of Object.entries(formulas)) {
    await check(layer("Activation", "a", { activation: name }), formula);
  }
  await check(layer("ThresholdedReLU", "t", { theta: 0.5 }), (x) => (x > 0.5 ? x : 0));
  const limits = { threshold: 0.5, negative_slope: 0.1, max_value: 6 };
  await check(layer("ReLU", "r", limits), (x) => (x >= 0.5 ? Math.min(x, 6) : 0.1 * (x - 0.5)));
});

test("Keras 2's `x[..., 0]` is a place of the last axis", async () => {
  const key = { function: "__operators__.getitem", slice_spec: [{ class_name: "__ellipsis__" }, 0] };
  const { model } = await importKeras(ofLayer(layer("SlicingOpLambda", "s", key), [2, 3]));
  const y = (model.eval() as Sequential).forward(tensor([1, 2, 3, 4, 5, 6], [1, 2, 3]));
  expect([y.shape, [...y.dataSync()]]).toEqual([
    [1, 2],
    [1, 4],
  ]);
});

test("refuses by name what no layer or op does", async () => {
  const inside = { layer: { class_name: "SimpleRNNCell", config: {} } };
  const refused: LayerSketch[] = [
    layer("Activation", "sparsemax", { activation: "sparsemax" }),
    layer("RNN", "cell", inside),
    layer("SpectralNormalization", "wrapped", inside),
    layer("TFOpLambda", "tf.raw_ops.Roll", { function: "roll" }),
    layer("ops.Argsort", "sorted"),
    layer("ops.Cast", "cast", { dtype: "int32" }),
    layer("ops.Mean", "mean", { axis: null, keepdims: false }),
    layer("ops.Reshape", "rows", { newshape: [-1, 2] }),
    layer("ops.Reshape", "joined", { newshape: [1, 4] }),
    layer("ops.Transpose", "turned", { axes: null }),
    layer("ops.Softmax", "both", { axis: [0, 1] }),
    layer("ops.Max", "floored", { axis: 1, keepdims: false, initial: 0 }),
    layer("ops.Squeeze", "squeezed", { axis: 0 }),
    layer("EinsumDense", "outer", { equation: "ab,b->ab", bias_axes: null }),
    layer("StringLookup", "words"),
  ];
  const messages: string[] = [];
  for (const one of refused) {
    const message = await importKeras(ofLayer(one)).then(
      () => "imported",
      (error: Error) => error.message,
    );
    messages.push(message.replace("importKeras(file), ", "").replace(/ Leave this layer out.*/, ""));
  }
  expect(messages).toMatchInlineSnapshot(`
    [
      "Activation sparsemax: expected what a layer or op of Evenkeel does, got the activation sparsemax.",
      "RNN cell: expected what a layer or op of Evenkeel does, got a class that no layer or op here is.",
      "SpectralNormalization wrapped: expected what a layer or op of Evenkeel does, got a SimpleRNNCell inside.",
      "TFOpLambda tf.raw_ops.Roll: expected what a layer or op of Evenkeel does, got the function roll.",
      "ops.Argsort sorted: expected what a layer or op of Evenkeel does, got a class that no layer or op here is.",
      "ops.Cast cast: expected what a layer or op of Evenkeel does, got a cast to int32.",
      "ops.Mean mean: expected what a layer or op of Evenkeel does, got a reduction over the batch.",
      "ops.Reshape rows: expected what a layer or op of Evenkeel does, got the shape [-1,2], which parts samples of 4 values.",
      "ops.Reshape joined: expected what a layer or op of Evenkeel does, got the shape [1,4], whose batch is 1.",
      "ops.Transpose turned: expected what a layer or op of Evenkeel does, got a transpose of all axes, the batch too.",
      "ops.Softmax both: expected what a layer or op of Evenkeel does, got axes [0,1].",
      "ops.Max floored: expected what a layer or op of Evenkeel does, got a reduction with an initial value.",
      "ops.Squeeze squeezed: expected what a layer or op of Evenkeel does, got axis 0, the batch.",
      "EinsumDense outer: expected what a layer or op of Evenkeel does, got the equation ab,b->ab.",
      "StringLookup words: expected what a layer or op of Evenkeel does, got a class that no layer or op here is.",
    ]
  `);
});

afterEach(() => {
  vi.doUnmock("h5wasm");
  vi.resetModules();
});

test("without h5wasm it says how to get it", async () => {
  vi.resetModules();
  vi.doMock("h5wasm", () => {
    throw new Error("not installed");
  });
  const fresh = await import("evenkeel/keras");
  const refusals: string[] = [];
  for (const name of ["keras-cnn.h5", "keras-cnn.keras"]) {
    refusals.push(
      await fresh.importKeras(fixture(name)).then(
        () => "imported",
        ({ message }: Error) => message.replace(/ \(\[vitest\].*\)\./s, "."),
      ),
    );
  }
  expect(refusals).toMatchInlineSnapshot(`
    [
      "importKeras(file): expected the package h5wasm to read HDF5, got one that does not load. Run: npm install h5wasm.",
      "importKeras(file): expected the package h5wasm to read HDF5, got one that does not load. Run: npm install h5wasm.",
    ]
  `);
});
