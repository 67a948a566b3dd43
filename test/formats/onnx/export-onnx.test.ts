import { fromBinary } from "@bufbuild/protobuf";
import {
  avgPool2d,
  BatchNorm,
  Conv2d,
  concat,
  conv1d,
  conv2d,
  convTranspose2d,
  customOp,
  Dropout,
  dropout,
  Embedding,
  elu,
  Flatten,
  full,
  gelu,
  globalAvgPool2d,
  LayerNorm,
  Linear,
  leakyRelu,
  linear,
  loadModel,
  logSoftmax,
  MaxPool2d,
  Module,
  maxPool2d,
  ones,
  onWarning,
  predict,
  ReLU,
  Residual,
  relu,
  relu6,
  resnet,
  Sequential,
  type Shape,
  saveModel,
  seed,
  sigmoid,
  silu,
  softmax,
  type Tensor,
  tanh,
  tensor,
  trace,
  zeros,
} from "evenkeel";
import {
  type ExportOnnxOptions,
  exportOnnx,
  foldOnnx,
  inspectOnnx,
  type OnnxValue,
  type OnnxWriter,
} from "evenkeel/onnx";
import fc from "fast-check";
import { ModelProtoSchema } from "onnx-buf";
import * as ort from "onnxruntime-web/wasm";
import { beforeEach, describe, expect, test } from "vitest";
import { expectClose, relativeError } from "../../support/close.js";
import { runOnnx } from "../../support/onnx-runtime.js";
import { Shared, SqueezeExcite, TwoInputs, UNet } from "../../support/own-networks.js";
import { randomNetwork, scramble } from "../../support/random-network.js";
import { normal } from "../../support/seeded.js";

beforeEach(() => {
  seed(1);
});

const graphOf = (bytes: Uint8Array) => fromBinary(ModelProtoSchema, bytes).graph;

/** What onnxruntime makes of the export of a model, and what the model makes of the same input. */
async function both(
  model: Module,
  inputShape: Shape,
  { batch = 3, ...options }: Partial<ExportOnnxOptions> & { batch?: number } = {},
): Promise<{ actual: Float64Array; dims: readonly number[]; expected: Float32Array; shape: Shape }> {
  const x = normal([batch, ...inputShape], 7);
  const bytes = await exportOnnx(model, { inputShape, ...options });
  const { output } = await runOnnx(bytes, { input: { shape: x.shape, values: [...x.dataSync()] } });
  const y = await predict(model, x);
  return { actual: output.values, dims: output.dims, expected: y.dataSync(), shape: y.shape };
}

/** One of each op that stands between layers. */
class EveryOp extends Module {
  readonly table = tensor([[1, 2, 3, 4, 5, 6]], { requiresGrad: true });
  readonly kernel = normal([2, 3, 2, 2], 4);
  readonly signal = normal([2, 3, 3], 5);
  readonly up = normal([2, 3, 2, 2], 6);
  readonly matrix = normal([6, 5], 7);

  override forward(x: Tensor): Tensor {
    const rows = x.shape[0];
    const parts = [
      elu(gelu(silu(relu6(leakyRelu(x, 0.2)))), 0.5).flatten(1),
      x.mul(x).add(1).sqrt().log().exp().neg().sub(0.5).div(3).pow(2).add(this.table).flatten(1),
      softmax(x, 1)
        .add(logSoftmax(x, 2))
        .add(sigmoid(tanh(x)))
        .transpose([0, 3, 1, 2])
        .flatten(1),
      x
        .matmul(this.matrix)
        .slice(1, -1, 2)
        .sum([1, 2])
        .add(x.mean([1, 2], { keepDims: true }).max(-1).reshape([rows, 1])),
      convTranspose2d(conv2d(x, this.kernel, null, { stride: 2, padding: 1 }), this.up, null, { stride: 2 }).flatten(1),
      conv1d(x.reshape([rows, 3, 24]), this.signal, null, { padding: 1 }).flatten(1),
      avgPool2d(maxPool2d(x, 2, { stride: 1, padding: 1 }), 2, { padding: 1 }).flatten(1),
      globalAvgPool2d(x)
        .add(ones([rows, 3]))
        .add(full([3], 2))
        .add(zeros([1, 3]).detach()),
      linear(x, normal([2, 6], 9), normal([2], 10))
        .reshape([-1, 24])
        .slice(0, rows)
        .flatten(1),
    ];
    return concat(parts, 1);
  }
}

describe("exportOnnx", () => {
  test.each([13, 17, 18, 21])("random networks predict the same in onnxruntime, opset %i", async (opset) => {
    onWarning(() => {});
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom([3, 7, 6], [4, 9], [6], [2, 8, 8]),
        fc.array(fc.noBias(fc.nat()), { minLength: 1, maxLength: 9 }),
        fc.boolean(),
        async (inputShape, choices, fold) => {
          const model = randomNetwork(inputShape, choices);
          const { actual, dims, expected, shape } = await both(model, inputShape, { batch: 8, opset, fold });
          expect(dims, String(model)).toEqual(shape);
          expect(relativeError(actual, expected), String(model)).toBeLessThan(1e-5);
        },
      ),
      { numRuns: 40, seed: opset },
    );
  });

  test("a residual network predicts the same, plain and folded, and is folded as foldOnnx folds it", async () => {
    const model = resnet({ inputShape: [3, 8, 8], classes: 5, blocks: 1 });
    scramble(model);
    for (const fold of [false, true]) {
      const { actual, expected } = await both(model, [3, 8, 8], { fold });
      expectClose(actual, expected, 1e-5);
    }
    const plain = await exportOnnx(model, { inputShape: [3, 8, 8] });
    const folded = await exportOnnx(model, { inputShape: [3, 8, 8], fold: true });
    const operators = (bytes: Uint8Array) => graphOf(bytes)?.node.map(({ opType }) => opType);
    expect(operators(folded)).toEqual(operators((await foldOnnx(plain)).bytes));
    expect(operators(folded)).not.toContain("BatchNormalization");
    expect(operators(plain)).toContain("BatchNormalization");
  });

  test("names nodes and constants by paths, and gives every value its shape with an open batch axis", async () => {
    const model = new Sequential(
      new Conv2d(1, 2, 3, { bias: false }),
      new Residual(new Sequential(new BatchNorm(2), new ReLU())),
      new MaxPool2d(2),
      new Dropout(),
      new Flatten(),
      new Linear(8, 3),
    );
    const graph = graphOf(await exportOnnx(model, { inputShape: [1, 6, 6] }));
    const shapes = (values = graph?.valueInfo) =>
      values?.map(({ name, type }) => {
        const value = type?.value;
        const dims = value?.case === "tensorType" ? value.value.shape?.dim : undefined;
        return `${name} ${dims?.map((dim) => dim.value.value).join("×")}`;
      });
    expect(
      graph?.node.map(({ name, opType, input }) => `${opType} ${name}(${input.join(", ")})`),
    ).toMatchInlineSnapshot(`
      [
        "Conv 0/Conv(input, 0.weight)",
        "BatchNormalization 1.body.0/BatchNormalization(0/Conv, 1.body.0.weight, 1.body.0.bias, 1.body.0.running_mean, 1.body.0.running_var)",
        "Relu 1.body.1/Relu(1.body.0/BatchNormalization)",
        "Add 1/Add(1.body.1/Relu, 0/Conv)",
        "MaxPool 2/MaxPool(1/Add)",
        "Flatten 4/Flatten(2/MaxPool)",
        "Gemm 5/Gemm(4/Flatten, 5.weight, 5.bias)",
      ]
    `);
    expect([shapes(graph?.input), shapes(), shapes(graph?.output)]).toMatchInlineSnapshot(`
      [
        [
          "input N×1×6×6",
        ],
        [
          "0/Conv N×2×4×4",
          "1.body.0/BatchNormalization N×2×4×4",
          "1.body.1/Relu N×2×4×4",
          "1/Add N×2×4×4",
          "2/MaxPool N×2×2×2",
          "4/Flatten N×8",
        ],
        [
          "output N×3",
        ],
      ]
    `);
    expect(graph?.initializer.map(({ name }) => name)).toMatchInlineSnapshot(`
      [
        "0.weight",
        "1.body.0.weight",
        "1.body.0.bias",
        "1.body.0.running_mean",
        "1.body.0.running_var",
        "5.weight",
        "5.bias",
      ]
    `);
  });

  test("the file carries what is said besides, and inspectOnnx finds its norms", async () => {
    const model = new Sequential(new Linear(2, 3), new BatchNorm(3, { momentum: 0.9, eps: 1e-3 }));
    const meta = { classes: ["a", "b", "c"], preprocessing: { mean: [0.5] }, other: undefined };
    const bytes = await exportOnnx(model, { inputShape: [2], meta });
    const { metadataProps, producerName, irVersion } = fromBinary(ModelProtoSchema, bytes);
    expect(Object.fromEntries(metadataProps.map(({ key, value }) => [key, value]))).toEqual({
      classes: '["a","b","c"]',
      preprocessing: '{"mean":[0.5]}',
    });
    expect([producerName, irVersion]).toEqual(["evenkeel", 8n]);
    const { norms } = await inspectOnnx(bytes);
    expect(norms).toMatchObject([{ place: "1/BatchNormalization", channels: 3, eps: 1e-3, foldsInto: "Gemm 0/Gemm" }]);
  });

  test("a table of rows takes int64 where it comes first, and casts where it does not", async () => {
    const values = [0, 3, 2, 1, 1, 0];
    const rows = tensor(Float32Array.from(values), [2, 3]);
    const run = async (model: Module, type: "int64" | "float32") => {
      const session = await ort.InferenceSession.create(await exportOnnx(model, { inputShape: [3] }));
      const data = type === "int64" ? BigInt64Array.from(values, BigInt) : Float32Array.from(values);
      const { output } = await session.run({ input: new ort.Tensor(type, data as Float32Array, [2, 3]) });
      expectClose(output.data as Float32Array, (await predict(model, rows)).dataSync(), 1e-6);
      expect(output.dims).toEqual([2, 3, 5]);
      await session.release();
    };
    const table = new Embedding(4, 5) as unknown as Module;
    await run(new Sequential(table, new LayerNorm(5)), "int64");
    await run(new Sequential(new ReLU(), table), "float32");
  });

  test("a layer in two places is written once and applied twice; no layer at all is the identity", async () => {
    const shared = new Linear(4, 4);
    const model = new Sequential(shared, new ReLU(), shared);
    const { actual, expected } = await both(model, [4]);
    expectClose(actual, expected, 1e-6);
    expect(graphOf(await exportOnnx(model, { inputShape: [4] }))?.initializer).toHaveLength(2);
    const nothing = await both(new Sequential(new Dropout()), [4]);
    expectClose(nothing.actual, nothing.expected, 0);
  });

  test("classes of one's own take part by toOnnx; those that only have a constructor are what they extend", async () => {
    class Perceptron extends Sequential {
      constructor(width: number) {
        super(new Linear(4, width), new BatchNorm(width), new ReLU());
      }
    }
    class Gate extends Module {
      hidden = new Perceptron(6);
      out = new Linear(6, 4);
      override forward(x: Tensor): Tensor {
        return relu(this.out.forward(this.hidden.forward(x))).mul(x);
      }
      toOnnx(x: OnnxValue, graph: OnnxWriter): OnnxValue {
        const gate = graph.apply(this.out, graph.apply(this.hidden, x));
        return graph.node("Mul", [graph.node("Relu", [gate]), x]);
      }
    }
    const model = new Sequential(new Gate(), new Linear(4, 2));
    scramble(model);
    const { actual, expected } = await both(model, [4]);
    expectClose(actual, expected, 1e-5);
    const names = graphOf(await exportOnnx(model, { inputShape: [4] }))?.node.map(({ name }) => name);
    expect(names).toEqual([
      "0.hidden.0/Gemm",
      "0.hidden.1/BatchNormalization",
      "0.hidden.2/Relu",
      "0.out/Gemm",
      "0/Relu",
      "0/Mul",
      "1/Gemm",
    ]);
  });

  test("classes with a forward of their own are traced, op by op", async () => {
    onWarning(() => {});
    const networks: [model: Module, inputShape: Shape][] = [
      [new UNet(), [1, 8, 8]],
      [new SqueezeExcite(), [1, 5, 5]],
      [new Shared(), [4]],
      [new Sequential(new UNet(), new Flatten(), new Linear(128, 3)), [1, 8, 8]],
      [new EveryOp(), [3, 4, 6]],
    ];
    for (const [model, inputShape] of networks) {
      scramble(model);
      for (const opset of [13, 18]) {
        const { actual, dims, expected, shape } = await both(model, inputShape, { batch: 5, opset });
        expect(dims).toEqual(shape);
        expectClose(actual, expected, 1e-4);
      }
    }
  });

  test("folded as a whole, where their norms fold", async () => {
    onWarning(() => {});
    const model = new UNet();
    scramble(model);
    const { actual, expected } = await both(model, [1, 8, 8], { fold: true });
    expectClose(actual, expected, 1e-4);
    const types = graphOf(await exportOnnx(model, { inputShape: [1, 8, 8], fold: true }))?.node.map((n) => n.opType);
    expect(types).not.toContain("BatchNormalization");
  });

  test("a traced network keeps its inputs and outputs", async () => {
    const graph = trace(new TwoInputs().eval(), normal([2, 3], 1), normal([2, 5], 2));
    const [a, b] = [normal([4, 3], 3), normal([4, 5], 4)];
    const array = (t: Tensor) => ({ shape: t.shape, values: [...t.dataSync()] });
    const { output } = await runOnnx(await exportOnnx(graph), { input: array(a), input_1: array(b) });
    expectClose(output.values, graph.eval().forward(a, b).dataSync(), 1e-5);
    class Heads extends Module<[x: Tensor], { sum: Tensor; same: Tensor[] }> {
      override forward(x: Tensor): { sum: Tensor; same: Tensor[] } {
        return { sum: x.sum(1), same: [x, x.mul(2)] };
      }
    }
    const outputs = await runOnnx(await exportOnnx(trace(new Heads(), a)), { input: array(a) });
    expect(Object.keys(outputs)).toEqual(["output_sum", "output_same", "output_same_1"]);
    expectClose(outputs.output_same_1.values, a.mul(2).dataSync(), 1e-6);
  });

  test("a custom op is what it says itself, traced and loaded", async () => {
    const rounded = customOp({
      name: "rounded",
      forward: (x, y) => tensor(x.dataSync().map(Math.round), x.shape).mul(y),
      backward: (dy) => [dy, null],
      toOnnx: ([x, y]: readonly OnnxValue[], graph: OnnxWriter) => graph.node("Mul", [graph.node("Round", [x]), y]),
    });
    class Own extends Module {
      readonly scale = tensor([2, 3, 4], { requiresGrad: true });
      override forward(x: Tensor): Tensor {
        return rounded(x.mul(5), this.scale).add(1);
      }
    }
    const model = new Own();
    const x = normal([4, 3], 3);
    const { model: loaded } = loadModel(saveModel(trace(model, x)), { ops: { rounded } });
    for (const one of [model, trace(model, x), loaded]) {
      const { actual, expected } = await both(one, [3]);
      expectClose(actual, expected, 1e-6);
    }
    const name = "plain";
    const plain = customOp({ name, forward: (y) => y, backward: (dy) => [dy] });
    const silent = customOp({ name, forward: (y) => y, backward: (dy) => [dy], toOnnx: () => undefined });
    const failure = (op: typeof plain): Promise<string> => {
      class Failing extends Module {
        override forward(y: Tensor): Tensor {
          return op(y);
        }
      }
      return exportOnnx(new Sequential(new Failing()), { inputShape: [3] }).then(
        () => "exported",
        (error: Error) => `${error.name}: ${error.message}`,
      );
    };
    expect([await failure(plain), await failure(silent)]).toMatchInlineSnapshot(`
      [
        "ArgumentError: exportOnnx(model): expected ops that the format has, got custom.plain at 0. Give it one: customOp({ …, toOnnx(inputs, graph) { … } }), which adds its nodes.",
        "ArgumentError: exportOnnx(model): expected toOnnx(inputs, graph) of custom.plain at 0 to return its output, got undefined. Return what graph.node(…) or graph.apply(…) returns.",
      ]
    `);
  });

  test("a graph of several inputs, or of sizes that vary, says which shapes it needs", async () => {
    const failure = (promise: Promise<unknown>): Promise<string> =>
      promise.then(
        () => "exported",
        (error: Error) => `${error.name}: ${error.message}`,
      );
    const pair = trace(new TwoInputs().eval(), normal([2, 3], 1), normal([2, 5], 2));
    const free = trace(new Sequential(new Conv2d(1, 2, 3), new ReLU()), zeros([2, 1, 8, 8]), { freeAxes: { 2: 1 } });
    expect([
      await failure(exportOnnx(pair, { inputShape: [3] })),
      await failure(exportOnnx(free)),
    ]).toMatchInlineSnapshot(`
      [
        "ArgumentError: exportOnnx(model, { inputShape }): expected the shapes of 2 inputs, which a traced graph knows, got one inputShape. Leave it out; trace the graph with example inputs first if it came from a file: trace(graph, a, b).",
        "ArgumentError: exportOnnx(model, { inputShape }): expected inputShape where sizes of the graph's input vary, got none for N×1×H×8. Pass the sizes of one sample that the file shall take.",
      ]
    `);
    const { actual, expected } = await both(free, [1, 9, 8]);
    expectClose(actual, expected, 1e-6);
  });

  test("leaves the model as it was: mode, statistics, weights, listeners", async () => {
    const norm = new BatchNorm(2);
    const model = new Sequential(new Linear(2, 2), norm);
    let heard = 0;
    norm.onForward(() => heard++);
    const before = norm.runningMean?.dataSync();
    await exportOnnx(model, { inputShape: [2] });
    expect([model.training, norm.updateRunning, norm.normalizeWith, heard]).toEqual([true, true, "batch", 0]);
    model.eval();
    norm.train();
    await exportOnnx(model, { inputShape: [2] });
    expect(norm.runningMean?.dataSync()).toEqual(before);
    expect(norm.updateRunning).toBe(true);
  });

  test("says what cannot be written, and what does not fit", async () => {
    class Mystery extends Module {
      override forward(x: Tensor): Tensor {
        return x.sum().item() > 0 ? x : x.neg();
      }
    }
    class Silent extends Mystery {
      toOnnx(): undefined {
        return undefined;
      }
    }
    class Odd extends BatchNorm {
      override forward(x: Tensor): Tensor {
        return dropout(super.forward(x), 0.5);
      }
    }
    const failure = (model: Module, options: Partial<ExportOnnxOptions> = {}): Promise<string> =>
      exportOnnx(model, { inputShape: [3], ...options }).then(
        () => "exported",
        (error: Error) => `${error.name}: ${error.message}`,
      );
    expect(await failure(new ReLU(), { inputShape: [1e6, 1e6, 1e6] })).toMatch(/^OutOfMemoryError: /);
    const misfit = new Sequential(new Linear(3, 4), new BatchNorm(5));
    expect([
      await failure(new Sequential(new ReLU(), new Sequential(new Mystery()))),
      await failure(new Mystery()),
      await failure(new Sequential(new Odd(3))),
      await failure(misfit),
      await failure(new Residual(new Linear(3, 4))),
      await failure(new ReLU(), { opset: 12 }),
      await failure(new ReLU(), { opset: 17.5 }),
      await failure(new ReLU(), { inputShape: [-1] }),
      await failure(new Silent()),
      await failure(new Sequential(new Silent(), new ReLU())),
      await failure({} as Module),
      await failure(new ReLU(), { inputShape: undefined as never }),
    ]).toMatchInlineSnapshot(`
      [
        "TraceError: trace(Sequential), dataSync() in 1.0: expected a network whose steps do not depend on values, got a look at the values of sum, shape scalar. Compute with tensors instead of numbers, or put that part into a customOp or after the network.",
        "TraceError: trace(Mystery), dataSync(): expected a network whose steps do not depend on values, got a look at the values of sum, shape scalar. Compute with tensors instead of numbers, or put that part into a customOp or after the network.",
        "TraceError: trace(Sequential), the super.forward(x) of a norm in 0: expected ops that a graph can hold, got the super.forward(x) of a norm. Hold the norm as a property and call its forward, instead of extending its class.",
        "ShapeError: BatchNorm(5).forward(x): expected 5 channels in axis 1, got 4 (shape 1×4). Build the layer with 4 channels, or reshape x.",
        "ShapeError: add in the network: expected shapes that broadcast (aligned at the last axis, sizes equal or 1), got 4 and 3. Reshape one of them.",
        "ArgumentError: exportOnnx(model, { opset }): expected a whole number from 13 to 21, got 12. Leave it out, unless what runs the model needs another.",
        "ArgumentError: exportOnnx(model, { opset }): expected a whole number from 13 to 21, got 17.5. Leave it out, unless what runs the model needs another.",
        "ShapeError: exportOnnx(model, { inputShape }): expected an array of at most 5 sizes, each a whole number of at least 0, got [-1]. Correct the shape, an array such as [2, 3].",
        "ArgumentError: exportOnnx(model): expected toOnnx(x, graph) of Silent to return its output, got undefined. Return what graph.node(…) or graph.apply(…) returns.",
        "ArgumentError: exportOnnx(model): expected toOnnx(x, graph) of Silent at 0 to return its output, got undefined. Return what graph.node(…) or graph.apply(…) returns.",
        "ArgumentError: exportOnnx(model): expected a module, got Object. Pass a network of Evenkeel, such as a Sequential.",
        "ShapeError: exportOnnx(model, { inputShape }): expected an array of at most 5 sizes, each a whole number of at least 0, got undefined. Correct the shape, an array such as [2, 3].",
      ]
    `);
  });

  test("an output for no sample has no sample either", async () => {
    const bytes = await exportOnnx(new Sequential(new Linear(3, 2), new ReLU()), { inputShape: [3] });
    const { output } = await runOnnx(bytes, { input: { shape: [0, 3], values: [] } });
    expect(output.dims).toEqual((await predict(new Linear(3, 2), zeros([0, 3]))).shape);
  });
});

test("layers in whose input the batch is not the first axis are written for any batch", async () => {
  class StepsFirst extends Module {
    norm = new LayerNorm(3);
    linear = new Linear(3, 2);
    override forward(x: Tensor): Tensor {
      return relu(this.linear.forward(this.norm.forward(x.transpose([1, 0, 2])))).transpose([1, 0, 2]);
    }
  }
  const model = new StepsFirst();
  const bytes = await exportOnnx(model, { inputShape: [5, 3] });
  for (const batch of [1, 3, 4]) {
    const x = normal([batch, 5, 3], 1);
    const { output } = await runOnnx(bytes, { input: { shape: [batch, 5, 3], values: [...x.dataSync()] } });
    expectClose(output.values, model.forward(x).dataSync(), 1e-5);
  }
});
