import { Sequential, type Tensor, tensor } from "evenkeel";
import { type ImportOnnxOptions, importOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import { deviates, type ModelParts, onnxModel } from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

/** Two inputs, two outputs, and an activation of two nodes between. */
const parts: ModelParts = {
  inputs: { x: ["N", 3], z: ["N", 4] },
  outputs: ["y", "s"],
  nodes: [
    ["Gemm", ["x", "w"], ["h"], { transB: 1 }],
    ["Sigmoid", ["h"], ["g"]],
    ["Mul", ["h", "g"], ["a"]],
    ["Add", ["a", "z"], ["b"]],
    ["Split", ["b"], ["p", "q"], { axis: 1 }],
    ["Mul", ["p", "q"], ["y"]],
    ["Softmax", ["z"], ["s"]],
  ],
  constants: { w: { shape: [4, 3] } },
};

/** The same model whose outputs are these. */
async function expected(outputs: readonly string[]): Promise<Record<string, Float64Array>> {
  const values = { x: { shape: [2, 3], values: deviates(6, 1) }, z: { shape: [2, 4], values: deviates(8, 2) } };
  const made = await runOnnx(onnxModel({ ...parts, outputs }), values);
  return Object.fromEntries(Object.entries(made).map(([name, one]) => [name, one.values]));
}

async function run(options: ImportOnnxOptions, ...inputs: Tensor[]): Promise<unknown> {
  const { model } = await importOnnx(onnxModel(parts), options);
  return (model as unknown as { forward(...x: Tensor[]): unknown }).forward(...inputs);
}

const x = tensor(deviates(6, 1), [2, 3]);
const z = tensor(deviates(8, 2), [2, 4]);

describe("importOnnx takes a part of a model", () => {
  test("up to values of its own, with the inputs on which they depend", async () => {
    const { a } = await expected(["a"]);
    expectClose(((await run({ outputs: ["a"] }, x)) as Tensor).dataSync(), a, 1e-6);
    const { model } = await importOnnx(onnxModel(parts), { outputs: ["a"] });
    expect(String(model)).toBe("Sequential(Linear(3, 4), SiLU())");
    const { s } = await expected(["s"]);
    expectClose(((await run({ outputs: ["s"] }, z)) as Tensor).dataSync(), s, 1e-6);
  });

  test("from values of its own, in the order of their names", async () => {
    const { y, a, q, b } = await expected(["y", "a", "q", "b"]);
    const behind = await run({ inputs: ["z", "a"], outputs: ["y"] }, z, tensor([...a], [2, 4]));
    expectClose((behind as Tensor).dataSync(), y, 1e-6);
    // One of two outputs of a node is given, the other computed.
    const half = (await run(
      { inputs: ["q", "b"], outputs: ["y", "p"] },
      tensor([...q], [2, 2]),
      tensor([...b], [2, 4]),
    )) as {
      readonly y: Tensor;
    };
    expectClose(half.y.dataSync(), y, 1e-6);
  });

  test("and cuts what would be one layer where its middle is an input or an output", async () => {
    const gate = tensor([1, 0, 2, -1, 0, 1, 1, 1], [2, 4]);
    const { h, g, a } = await expected(["h", "g", "a"]);
    const made = (await run({ inputs: ["x", "g"], outputs: ["a"] }, x, gate)) as Tensor;
    expectClose(made.dataSync(), h.map((value, k) => value * gate.dataSync()[k]), 1e-6); // biome-ignore format: one line
    const both = (await run({ outputs: ["g", "a"] }, x)) as { readonly g: Tensor; readonly a: Tensor };
    expectClose(both.g.dataSync(), g, 1e-6);
    expectClose(both.a.dataSync(), a, 1e-6);
  });

  test("a model whose values have no declared shape is taken too", async () => {
    const { model } = await importOnnx(onnxModel(parts), { inputs: ["h"], outputs: ["a"] });
    expect(model).toBeInstanceOf(Sequential);
  });

  test("and refuses names that make no such part", async () => {
    const refusals: readonly ImportOnnxOptions[] = [
      { outputs: ["a", "nothing"] },
      { inputs: ["w"] },
      { inputs: ["x", "x"] },
      { outputs: [] },
      { inputs: [""] },
      { inputs: ["a"] },
    ];
    const messages = refusals.map((options) =>
      importOnnx(onnxModel(parts), options).then(
        () => "imported",
        (error: Error) => `${error.name}: ${error.message}`,
      ),
    );
    expect(await Promise.all(messages)).toMatchInlineSnapshot(`
      [
        "FormatError: importOnnx(bytes): expected outputs to be names of values that nodes make or the model takes, each once, got "nothing". Look the names up in the model, for example in Netron.",
        "FormatError: importOnnx(bytes): expected inputs to be names of values that nodes make or the model takes, each once, got "w". Look the names up in the model, for example in Netron.",
        "FormatError: importOnnx(bytes): expected inputs to be names of values that nodes make or the model takes, each once, got "x" twice. Look the names up in the model, for example in Netron.",
        "FormatError: importOnnx(bytes): expected outputs to be names of values that nodes make or the model takes, each once, got none. Look the names up in the model, for example in Netron.",
        "FormatError: importOnnx(bytes): expected inputs to be names of values that nodes make or the model takes, each once, got "". Look the names up in the model, for example in Netron.",
        "FormatError: importOnnx(bytes): expected inputs that are all that the outputs depend on, got outputs that also depend on "z". Name what they depend on among the inputs, or outputs that do not.",
      ]
    `);
  });
});
