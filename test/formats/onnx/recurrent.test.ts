import { GRU, Linear, LSTM, Sequential, type Tensor, tensor } from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import { exportTfjs } from "evenkeel/tfjs";
import { describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import { type Attributes, deviates, onnxModel } from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";
import { normal } from "../../support/seeded.js";

describe.each([13, 21])("recurrent layers at opset %i", (opset) => {
  test.each([
    ["LSTM", LSTM],
    ["GRU", GRU],
  ] as const)("%s is what onnxruntime computes, and is imported again", async (_, kind) => {
    for (const options of [{}, { numLayers: 2, bidirectional: true }, { bias: false }]) {
      const width = options.bidirectional ? 8 : 4;
      const model = new Sequential(new kind(3, 4, options), new Linear(width, 2));
      const x = normal([2, 5, 3], 1);
      const expected = model.forward(x).dataSync();
      const bytes = await exportOnnx(model, { inputShape: [5, 3], opset });
      const { output } = await runOnnx(bytes, { input: { shape: [2, 5, 3], values: [...x.dataSync()] } });
      expectClose(output.values, expected, 1e-5);
      const { model: imported } = await importOnnx(bytes);
      expectClose((imported.forward(x) as Tensor).dataSync(), expected, 1e-5);
    }
  });
});

/** A node over (T, N, 3) of 4 units, with random weights. */
function nodeOf(
  opType: "LSTM" | "GRU" | "RNN",
  attributes: Attributes = {},
  more: readonly string[] = [],
  outputs: readonly string[] = ["y", "h"],
): Uint8Array {
  const directions = attributes["direction"] === "bidirectional" ? 2 : 1;
  const gates = { LSTM: 16, GRU: 12, RNN: 4 }[opType];
  const reset = opType === "GRU" ? { linear_before_reset: 1 } : {};
  return onnxModel({
    inputs: { x: [5, "N", 3] },
    outputs,
    nodes: [[opType, ["x", "w", "r", "b", ...more], outputs, { hidden_size: 4, ...reset, ...attributes }]],
    constants: {
      w: { shape: [directions, gates, 3] },
      r: { shape: [directions, gates, 4] },
      b: { shape: [directions, 2 * gates] },
      zero: { shape: [directions, 2, 4], values: new Array(directions * 8).fill(0) },
      one: { shape: [directions, 2, 4], values: new Array(directions * 8).fill(1) },
      first: { shape: [directions, 2, 4] },
      lengths: { shape: [2], values: [5, 3], type: "int32" },
      p: { shape: [directions, 12] },
    },
  });
}

test.each(["LSTM", "GRU"] as const)(
  "importOnnx takes %s in each direction, its steps and its last state",
  async (opType) => {
    for (const direction of ["forward", "reverse", "bidirectional"]) {
      for (const more of [[], ["", "zero"]]) {
        const bytes = nodeOf(opType, { direction }, more);
        const values = deviates(30, 3);
        const results = await runOnnx(bytes, { x: { shape: [5, 2, 3], values } });
        const { model } = await importOnnx(bytes);
        const own = model.forward(tensor(values, [5, 2, 3])) as unknown as Record<"y" | "h", Tensor>;
        for (const name of ["y", "h"] as const) {
          expect(own[name].shape).toEqual(results[name].dims);
          expectClose(own[name].dataSync(), results[name].values, 1e-5);
        }
      }
    }
  },
);

test.each(["LSTM", "GRU"] as const)(
  "importOnnx takes %s with first states and lengths, and its last cells",
  async (opType) => {
    for (const direction of ["forward", "reverse", "bidirectional"]) {
      for (const more of [
        ["lengths"],
        ["", "one"],
        ["lengths", "one"],
        ...(opType === "LSTM" ? [["lengths", "one", "first"]] : []),
      ]) {
        const names = opType === "LSTM" ? ["y", "h", "c"] : ["y", "h"];
        const bytes = nodeOf(opType, { direction }, more, names);
        const values = deviates(30, 3);
        const results = await runOnnx(bytes, { x: { shape: [5, 2, 3], values } });
        const { model } = await importOnnx(bytes);
        const x = tensor(values, [5, 2, 3], { requiresGrad: true });
        const own = model.forward(x) as unknown as Record<string, Tensor>;
        for (const name of names) {
          expect(own[name].shape).toEqual(results[name].dims);
          expectClose(own[name].dataSync(), results[name].values, 1e-5);
        }
        own["h"].sum().backward();
        for (const [key, { grad }] of model.namedParameters())
          expect([key, grad?.dataSync().some((one) => one !== 0)]).toEqual([key, true]);
      }
    }
  },
);

test.each(["LSTM", "GRU"] as const)(
  "an imported %s with first states, lengths and its last cells is exported again, step by step",
  async (opType) => {
    const gates = { LSTM: 16, GRU: 12 }[opType];
    const names = opType === "LSTM" ? ["y", "h", "c"] : ["y", "h"];
    for (const direction of ["forward", "reverse", "bidirectional"]) {
      const directions = direction === "bidirectional" ? 2 : 1;
      const bias = direction === "reverse" ? "" : "b";
      for (const lengths of ["", "lengths"]) {
        const states = opType === "LSTM" ? ["first", "first"] : ["first"];
        const attributes = { hidden_size: 4, direction, ...(opType === "GRU" ? { linear_before_reset: 1 } : {}) };
        const bytes = onnxModel({
          inputs: { x: ["N", 5, 3] },
          outputs: names,
          nodes: [
            ["Transpose", ["x"], ["turned"], { perm: [1, 0, 2] }],
            // 2 or 4 steps, and a first state, of each sample's own.
            ["ReduceMax", ["x"], ["most"], { axes: [1, 2], keepdims: 0 }],
            ["Greater", ["most", "limit"], ["is"]],
            ["Where", ["is", "four", "two"], ["lengths"]],
            ["Gather", ["x", "place"], ["row"], { axis: 1 }],
            ["MatMul", ["row", "m"], ["state"]],
            ["Unsqueeze", ["state", "axes"], ["one"]],
            ["Concat", new Array(directions).fill("one"), ["first"], { axis: 0 }],
            [opType, ["turned", "w", "r", bias, lengths, ...states], names, attributes],
          ],
          constants: {
            w: { shape: [directions, gates, 3] },
            r: { shape: [directions, gates, 4] },
            b: { shape: [directions, 2 * gates] },
            m: { shape: [3, 4] },
            limit: { shape: [], values: [1.5] },
            four: { shape: [], values: [4], type: "int32" },
            two: { shape: [], values: [2], type: "int32" },
            place: { shape: [], values: [0], type: "int64" },
            axes: { shape: [1], values: [0], type: "int64" },
          },
        });
        const x = { shape: [3, 5, 3], values: deviates(45, 4) };
        const results = await runOnnx(bytes, { x });
        const { model } = await importOnnx(bytes);
        const again = await exportOnnx(model.eval(), { inputShape: [5, 3] });
        const written = await runOnnx(again, { input: x });
        expect(Object.values(written).map(({ dims }) => dims)).toEqual(names.map((name) => results[name].dims));
        for (const [k, name] of names.entries()) {
          expectClose(Object.values(written)[k].values, results[name].values, 1e-5);
        }
      }
    }
  },
);

test("of such a recurrence more than 128 steps are not exported", async () => {
  const bytes = onnxModel({
    inputs: { x: ["N", 129, 3] },
    outputs: ["c"],
    nodes: [
      ["Transpose", ["x"], ["turned"], { perm: [1, 0, 2] }],
      ["LSTM", ["turned", "w", "r"], ["y", "h", "c"], { hidden_size: 4 }],
    ],
    constants: { w: { shape: [1, 16, 3] }, r: { shape: [1, 16, 4] } },
  });
  const { model } = await importOnnx(bytes);
  await expect(exportOnnx(model.eval(), { inputShape: [129, 3] })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ArgumentError: exportOnnx(model): expected sequences of 1 to 128 steps, since lstmSequence is written step by step, got 129. Take an LSTM or GRU without first states and masks, which is one node.]`,
  );
});

test("importOnnx takes a plain RNN, a GRU that resets before the product, and peepholes, step by step", async () => {
  const kinds = [
    ["RNN", {}, "y h", ["lengths", "one"]],
    ["RNN", { activations: ["Relu", "Sigmoid"] }, "y h", ["", "first"]],
    ["GRU", { linear_before_reset: 0 }, "y h", ["lengths", "one"]],
    ["LSTM", {}, "y h c", ["", "", "", "p"]],
    ["LSTM", {}, "y h c", ["lengths", "one", "first", "p"]],
  ] as const;
  for (const [opType, attributes, names, more] of kinds) {
    for (const direction of ["forward", "reverse", "bidirectional"]) {
      const given = { ...attributes, direction };
      const one = "activations" in given && direction !== "bidirectional" ? { activations: ["Relu"] } : {};
      const outputs = names.split(" ");
      const bytes = nodeOf(opType, { ...given, ...one } as Attributes, more, outputs);
      const values = deviates(30, 3);
      const results = await runOnnx(bytes, { x: { shape: [5, 2, 3], values } });
      const { model } = await importOnnx(bytes);
      const own = model.forward(tensor(values, [5, 2, 3])) as unknown as Record<string, Tensor>;
      for (const name of outputs) expectClose(own[name].dataSync(), results[name].values, 1e-5);
      own["h"].sum().backward();
      for (const [key, { grad }] of model.namedParameters())
        expect([key, grad?.dataSync().some((value) => value !== 0)]).toEqual([key, true]);
    }
  }
});

test("what no layer here does is refused by name", async () => {
  const refusal = (bytes: Uint8Array): Promise<string> =>
    importOnnx(bytes).then(
      () => "imported",
      ({ message }: Error) => message.replace(/ Leave this.*/, ""),
    );
  expect([
    await refusal(nodeOf("RNN", { activations: ["Elu"] })),
    await refusal(nodeOf("LSTM", { input_forget: 1 })),
    await refusal(nodeOf("LSTM", { clip: { f: 3 } })),
    await exportOnnx(new GRU(3, 4, { norm: "layer" }), { inputShape: [5, 3] }).then(
      String,
      ({ message }: Error) => message,
    ),
    await exportTfjs(new LSTM(3, 4, { norm: "layer" }), { inputShape: [5, 3] }).then(
      String,
      ({ message }: Error) => message,
    ),
    await exportTfjs(new GRU(3, 4), { inputShape: [5, 3] }).then(String, ({ message }: Error) => message),
    await exportTfjs(new LSTM(3, 4, { bidirectional: true }), { inputShape: [5, 3] }).then(
      String,
      ({ message }: Error) => message,
    ),
  ]).toMatchInlineSnapshot(`
    [
      "importOnnx(bytes), RNN RNN_y: expected what a layer or op of Evenkeel does, got activations Elu.",
      "importOnnx(bytes), LSTM LSTM_y: expected what a layer or op of Evenkeel does, got input_forget 1.",
      "importOnnx(bytes), LSTM LSTM_y: expected what a layer or op of Evenkeel does, got clip.",
      "exportOnnx(model): expected recurrent layers without norms inside, as ONNX has them, got GRU(3, 4), norm layer. Train it without, or give a class of your own toOnnx(x, graph).",
      "exportTfjs(model): expected an LSTM in one direction and without norms inside, as this format is written with, got LSTM(3, 4), norm layer. Use such a layer, or give a class of your own toTfjs(x, graph).",
      "exportTfjs(model): expected layers that the format has, got GRU(3, 4). Use another layer, or give a class of your own toTfjs(x, graph), which adds its layers.",
      "exportTfjs(model): expected an LSTM in one direction and without norms inside, as this format is written with, got LSTM(3, 4), bidirectional. Use such a layer, or give a class of your own toTfjs(x, graph).",
    ]
  `);
});
