import { freezeNorms, Graph, loadModel, predict, type Sequential, Sgd, saveModel, tensor } from "evenkeel";
import { exportTfjs, importTfjs, type TfjsFiles } from "evenkeel/tfjs";
import { describe, expect, test } from "vitest";
import {
  calledWith,
  functional,
  type LayerSketch,
  layer,
  norm,
  sequential,
  sequentialJson,
  tfjsModel,
} from "../../../support/tfjs-models.js";

const dense = (name: string, units = 2, more: object = {}): LayerSketch =>
  layer(
    "Dense",
    name,
    { units, ...more },
    {
      kernel: { shape: [2, units], values: Array.from({ length: 2 * units }, (_, k) => k + 1) },
      bias: new Array<number>(units).fill(1),
    },
  );
const first = (one: LayerSketch, shape: readonly (number | null)[]): LayerSketch => ({
  ...one,
  config: { ...one.config, batch_input_shape: shape },
});
const refusal = (files: TfjsFiles): Promise<string> => importTfjs(files).then(() => "nothing thrown", String);

describe("importTfjs", () => {
  test("a row of layers is a Sequential, with a Residual where branches meet, and knows the layers of the file", async () => {
    const row = await importTfjs(sequential(first(dense("d"), [null, 2]), norm("bn"), layer("ReLU", "r")));
    expect(String(row.model)).toMatchInlineSnapshot(`"Sequential(Linear(2, 2), BatchNorm(2), ReLU())"`);
    expect(row.nodes).toMatchInlineSnapshot(`
      {
        "0": "d",
        "1": "bn",
        "2": "r",
      }
    `);
    expect(row.meta).toEqual({ inputShape: [2] });
    const skip = await importTfjs(
      functional(
        [{ ...dense("d"), calls: [["x"]] }, norm("bn", { calls: [["d"]] }), layer("Add", "sum", {}, {}, ["x", "bn"])],
        ["sum"],
      ),
    );
    expect(String(skip.model)).toMatchInlineSnapshot(`"Sequential(Residual())"`);
  });

  test("a layer that is called twice is one layer, and two outputs are named", async () => {
    const shared = { ...dense("d"), calls: [["x"], ["d"]] };
    const { model } = await importTfjs(functional([shared, layer("ReLU", "r", {}, {}, ["d:1"])], ["r", "d"]));
    expect(model).toBeInstanceOf(Graph);
    const outputs = (model as unknown as { forward(x: unknown): Record<string, { shape: number[] }> }).forward(
      tensor([[1, 2]]),
    );
    expect(Object.keys(outputs)).toEqual(["r", "d"]);
    expect(model.parameters()).toHaveLength(2);
  });

  test("an imported network trains with frozen norms, is saved, converted and exported", async () => {
    const { model } = await importTfjs(
      sequential(first(dense("d"), [null, 2]), norm("bn", { config: { epsilon: 1e-3 } }), dense("e", 1)),
    );
    const x = tensor([
      [1, 2],
      [3, -1],
      [0, 4],
    ]);
    model.eval();
    const before = (await predict(model as Sequential, x)).dataSync();
    const loaded = loadModel(saveModel(model)).model as Sequential;
    expect([...loaded.eval().forward(x).dataSync()]).toEqual([...before]);
    model.train();
    freezeNorms(model);
    const optimizer = new Sgd(model.parameters(), { lr: 0.01 });
    const state = model.stateDict();
    (model as Sequential).forward(x).mean().backward();
    optimizer.step();
    const after = model.stateDict();
    expect(after["1.running_mean"].dataSync()).toEqual(state["1.running_mean"].dataSync());
    expect(after["0.weight"].dataSync()).not.toEqual(state["0.weight"].dataSync());
    expect((await exportTfjs(model.eval(), { inputShape: [2] })).model.length).toBeGreaterThan(100);
  });

  test("names every layer that it does not take, at once", async () => {
    const files = sequential(
      first(layer("Lambda", "l"), [null, 2]),
      layer("STFTSpectrogram", "g"),
      dense("d", 2, { activation: "sine" }),
      layer("ConvLSTM2D", "c"),
    );
    expect(await refusal(files)).toMatchInlineSnapshot(
      `"FormatError: importTfjs(files): expected what layers and ops of Evenkeel do, got Lambda l: a class that no layer or op here is; STFTSpectrogram g: a class that no layer or op here is; ConvLSTM2D c: a class that no layer or op here is. Leave these layers out of the model, or build the network by hand and load its weights."`,
    );
  });

  const faults = [
    ["a class", sequential(first(layer("Lambda", "scale"), [null, 2]))],
    ["an activation", sequential(first(dense("d", 2, { activation: "sine" }), [null, 2]))],
    ["a kernel for other features", sequential(first(dense("d"), [null, 3]))],
    ["a missing weight", sequential(first(layer("Dense", "d", { units: 2 }), [null, 2]))],
    ["a mask", functional([layer("Masking", "m", {}, {}, ["x"]), layer("Add", "sum", {}, {}, ["m", "m"])], ["sum"])],
    [
      "a GRU that remembers",
      sequential(first(layer("GRU", "g", { units: 1, recurrent_activation: "sigmoid", stateful: true }), [null, 3, 2])),
    ],
    [
      "an LSTM of another gate",
      sequential(first(layer("LSTM", "l", { units: 1, recurrent_activation: "relu" }), [null, 3, 2])),
    ],
    [
      "padding of unknown name",
      sequential(
        first(
          layer(
            "Conv2D",
            "c",
            { padding: "full" },
            { kernel: { shape: [1, 1, 2, 2], values: [1, 2, 3, 4] }, bias: [0, 0] },
          ),
          [null, 4, 4, 2],
        ),
      ),
    ],
    [
      "bilinear upsampling",
      sequential(first(layer("UpSampling2D", "u", { interpolation: "bilinear" }), [null, 4, 4, 2])),
    ],
    ["momentum beyond 1", sequential(first(norm("bn", { config: { momentum: 2 } }), [null, 2]))],
    [
      "shapes that do not merge",
      functional([{ ...dense("d", 3), calls: [["x"]] }, layer("Add", "sum", {}, {}, ["x", "d"])], ["sum"]),
    ],
    ["texts", sequential(first({ ...dense("d"), config: { units: 2, dtype: "string" } }, [null, 2]))],
    ["no shape", sequential(dense("d"))],
    ["a Reshape that does not fit", sequential(first(layer("Reshape", "r", { target_shape: [5] }), [null, 2, 2]))],
  ] as const;
  test("refuses what it cannot make by name", async () => {
    const refusals: Record<string, string> = {};
    for (const [name, files] of faults) refusals[name] = await refusal(files);
    expect(refusals).toMatchInlineSnapshot(`
      {
        "a GRU that remembers": "FormatError: importTfjs(files), GRU g: expected what a layer or op of Evenkeel does, got stateful. Leave this layer out of the model, or build the network by hand and load its weights.",
        "a Reshape that does not fit": "FormatError: importTfjs(files), Reshape r: expected what a layer or op of Evenkeel does, got target_shape [5] for 4 values. Leave this layer out of the model, or build the network by hand and load its weights.",
        "a class": "FormatError: importTfjs(files), Lambda scale: expected what a layer or op of Evenkeel does, got a class that no layer or op here is. Leave this layer out of the model, or build the network by hand and load its weights.",
        "a kernel for other features": "FormatError: importTfjs(files), Dense d: expected what a layer or op of Evenkeel does, got an input of 3 features with weights for 2. Leave this layer out of the model, or build the network by hand and load its weights.",
        "a mask": "FormatError: importTfjs(files), Add sum: expected what a layer or op of Evenkeel does, got steps that are hidden by a Masking or mask_zero before it. Leave this layer out of the model, or build the network by hand and load its weights.",
        "a missing weight": "FormatError: importTfjs(files), Dense d: expected what a layer or op of Evenkeel does, got a weight kernel which the file lacks. Leave this layer out of the model, or build the network by hand and load its weights.",
        "an LSTM of another gate": "FormatError: importTfjs(files), LSTM l: expected what a layer or op of Evenkeel does, got recurrent_activation relu. Leave this layer out of the model, or build the network by hand and load its weights.",
        "an activation": "FormatError: importTfjs(files), Dense d: expected what a layer or op of Evenkeel does, got the activation sine. Leave this layer out of the model, or build the network by hand and load its weights.",
        "bilinear upsampling": "FormatError: importTfjs(files), UpSampling2D u: expected what a layer or op of Evenkeel does, got interpolation bilinear, of which TF.js lays the corners of pixels upon each other, not their centres. Leave this layer out of the model, or build the network by hand and load its weights.",
        "momentum beyond 1": "FormatError: importTfjs(files), BatchNormalization bn: expected what a layer or op of Evenkeel does, got what the layer refuses (BatchNorm(2).momentum: expected a number from 0 up to, not including, 1, or "cumulative", got 2. It weighs the old running value: pass e.g. 0.99). Leave this layer out of the model, or build the network by hand and load its weights.",
        "no shape": "FormatError: importTfjs(files): expected a shape of the input d_input, got none. Export the model with the shapes of what it takes.",
        "padding of unknown name": "FormatError: importTfjs(files), Conv2D c: expected what a layer or op of Evenkeel does, got padding full. Leave this layer out of the model, or build the network by hand and load its weights.",
        "shapes that do not merge": "FormatError: importTfjs(files), Add sum: expected what a layer or op of Evenkeel does, got inputs of shapes that do not broadcast. Leave this layer out of the model, or build the network by hand and load its weights.",
        "texts": "FormatError: importTfjs(files): expected numbers in the input d_input, got string. Export the part of the model behind what reads it.",
      }
    `);
  });

  test("refuses calls that say what nothing here heeds", async () => {
    const row = functional(
      [
        layer("Dropout", "d", { rate: 0.5 }, {}, ["x"]),
        norm("bn", { calls: [["d"]] }),
        layer("ReLU", "r", {}, {}, ["bn"]),
      ],
      ["r"],
    );
    const answers = [
      await refusal(calledWith(row, "d", { training: true })),
      await refusal(calledWith(row, "bn", { mask: ["x", 0, 0], training: false })),
      await refusal(calledWith(row, "r", { training: false, mask: null })),
    ];
    expect(answers).toMatchInlineSnapshot(`
      [
        "FormatError: importTfjs(files), Dropout d: expected what a layer or op of Evenkeel does, got a call with training: true. Leave this layer out of the model, or build the network by hand and load its weights.",
        "FormatError: importTfjs(files), BatchNormalization bn: expected what a layer or op of Evenkeel does, got a call with mask. Leave this layer out of the model, or build the network by hand and load its weights.",
        "nothing thrown",
      ]
    `);
  });

  test("what is called with training: false works as at inference in training, also all that a network has inside", async () => {
    const parts = [first(norm("bn"), [null, 2]), layer("Dropout", "d", { rate: 0.5 })];
    const { config } = sequentialJson("base", parts) as { config: object };
    const outside = (sketch: LayerSketch): LayerSketch[] => [sketch, layer("ReLU", "r", {}, {}, [sketch.name])];
    const weights = Object.fromEntries(
      Object.entries(parts[0].weights ?? {}).map(([role, all]) => [`bn/${role}`, all]),
    );
    const base = outside({ className: "Sequential", name: "base", config, weights, calls: [["x"]] });
    const own = outside(norm("bn", { calls: [["x"]] }));
    const x = tensor(
      Array.from({ length: 16 }, (_, k) => k % 7),
      [8, 2],
    );
    for (const [sketches, name] of [
      [own, "bn"],
      [base, "base"],
    ] as const) {
      const plain = functional(sketches, ["r"]);
      for (const isInference of [false, true]) {
        const { model } = await importTfjs(isInference ? calledWith(plain, name, { training: false }) : plain);
        const expected = await predict(model, x);
        model.train();
        const before = await Promise.all(Object.values(model.stateDict()).map((one) => one.data()));
        const trained = await (model as Graph).forward(x).data();
        const after = await Promise.all(Object.values(model.stateDict()).map((one) => one.data()));
        if (isInference) {
          expect(trained).toEqual(await expected.data());
          expect(after).toEqual(before);
          expect(model.parameters().every(({ requiresGrad }) => requiresGrad)).toBe(true);
        } else {
          expect(trained).not.toEqual(await expected.data());
          expect(after).not.toEqual(before);
        }
      }
    }
    const twice = functional([norm("bn", { calls: [["x"], ["bn"]] })], ["bn:1"]);
    expect(await refusal(calledWith(twice, "bn", { training: false }))).toMatchInlineSnapshot(
      `"FormatError: importTfjs(files), BatchNormalization bn: expected what a layer or op of Evenkeel does, got calls with training: false and without. Leave this layer out of the model, or build the network by hand and load its weights."`,
    );
  });

  test("names every operator of a graph that it does not take", async () => {
    const node = (op: string, name: string, input: string[] = [], attr: object = {}) => ({ name, op, input, attr });
    const placeholder = node("Placeholder", "x", [], {
      dtype: { type: "DT_FLOAT" },
      shape: { shape: { dim: [{ size: "-1" }, { size: "2" }] } },
    });
    const graph = (...nodes: object[]) => tfjsModel({ node: [placeholder, ...nodes] }, [], { format: "graph-model" });
    expect(
      await refusal(graph(node("TopKV2", "t", ["x"]), node("LRN", "l", ["x"]), node("Relu", "r", ["l"]))),
    ).toMatchInlineSnapshot(
      `"FormatError: importTfjs(files): expected what layers and ops of Evenkeel do, got TopKV2 t: an operator that no layer or op here is; LRN l: an operator that no layer or op here is. Leave these nodes out of the model, or build the network by hand and load its weights."`,
    );
    expect(await refusal(graph(node("FusedBatchNormV3", "n", ["x"])))).toMatchInlineSnapshot(
      `"FormatError: importTfjs(files), FusedBatchNormV3 n: expected what a layer or op of Evenkeel does, got no input 1. Leave this node out of the model, or build the network by hand and load its weights."`,
    );
    expect(await refusal(graph(node("NoOp", "n")))).toMatchInlineSnapshot(
      `"FormatError: importTfjs(files): expected outputs that the model computes of its inputs, got none. Check that the file is complete, or take out this output."`,
    );
  });
});
