import {
  BatchNorm,
  Conv2d,
  clamp,
  customOp,
  Dropout,
  embedding,
  Flatten,
  gather,
  Linear,
  less,
  MaxPool2d,
  Module,
  pad,
  ReLU,
  Residual,
  Sequential,
  type Shape,
  scaledDotProductAttention,
  seed,
  sin,
  type Tensor,
  tensor,
  upsample,
} from "evenkeel";
import {
  type ExportTfjsOptions,
  exportTfjs,
  inspectTfjs,
  type TfjsFiles,
  type TfjsValue,
  type TfjsWriter,
  toTfjsArtifacts,
} from "evenkeel/tfjs";
import { beforeEach, describe, expect, test } from "vitest";
import { weightsOf } from "../../../support/tfjs-models.js";

// What TF.js computes with what is exported is compared in test/slow/export-tfjs.test.ts.
beforeEach(() => {
  seed(1);
});

/** A layer as model.json has it. */
interface WrittenLayer {
  readonly class_name: string;
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly inbound_nodes: readonly (readonly [name: string])[][];
}

/** Layers, their inputs and settings, in their order. */
function layersOf({ model }: TfjsFiles): string[] {
  const layers: WrittenLayer[] = JSON.parse(new TextDecoder().decode(model)).modelTopology.config.layers;
  return layers.map(({ class_name, name, config: { name: _, ...own }, inbound_nodes: [inputs = []] }) => {
    return `${class_name} ${name}(${inputs.map(([from]) => from)}) ${JSON.stringify(own)}`;
  });
}

describe("exportTfjs", () => {
  test("names the ops of arrays that TF.js has no layer for", async () => {
    const failure = async (f: (x: Tensor) => Tensor, inputShape: Shape = [3, 4, 4]): Promise<string> => {
      class Net extends Module {
        override forward(x: Tensor): Tensor {
          return f(x);
        }
      }
      const error: unknown = await exportTfjs(new Net(), { inputShape }).catch((cause: unknown) => cause);
      return error instanceof Error ? `${error.name}: ${error.message}` : "nothing was thrown";
    };
    expect([
      await failure((x) => sin(x)),
      await failure((x) => less(x, 0)),
      await failure((x) => gather(x, [0], 1)),
      await failure((x) => clamp(x, x.neg())),
      await failure((x) => clamp(x, 0, tensor([1]))),
      await failure((x) => upsample(x, 2, { mode: "bilinear" })),
      await failure((x) => upsample(x, null, { size: [3, 3] })),
      await failure((x) => pad(x, [[1, 1]], { mode: "reflect" })),
    ]).toMatchInlineSnapshot(`
      [
        "ArgumentError: exportTfjs(model): expected ops that the format has, got sin. Compute it by others, or give its class toTfjs(x, graph), which adds its layers.",
        "ArgumentError: exportTfjs(model): expected ops that the format has, got less. Compute it by others, or give its class toTfjs(x, graph), which adds its layers.",
        "ArgumentError: exportTfjs(model): expected ops that the format has, got gather. Compute it by others, or give its class toTfjs(x, graph), which adds its layers.",
        "ArgumentError: exportTfjs(model): expected clamp by numbers, since layers of TF.js have no others, got a computed value. Use minimum() and maximum() of values.",
        "ArgumentError: exportTfjs(model): expected clamp by numbers, since layers of TF.js have no others, got a parameter or constant. Use minimum() and maximum() of values.",
        "ArgumentError: exportTfjs(model): expected upsampling of whole scales to the nearest value, as TF.js has it, got bilinear by 2×2. Use such a scale, or ConvTranspose2d.",
        "ArgumentError: exportTfjs(model): expected upsampling of whole scales to the nearest value, as TF.js has it, got nearest by a size. Use such a scale, or ConvTranspose2d.",
        "ArgumentError: exportTfjs(model): expected zeros around planes, as TF.js has them, got mode reflect. Pad height and width by zeros, or give a class of your own toTfjs(x, graph).",
      ]
    `);
  });

  test("writes a layer in several places once, with a call for each, and twice where TF.js would mix its calls up", async () => {
    const [shared, norm] = [new Linear(4, 4), new BatchNorm(4)];
    const calls = async (model: Module): Promise<Record<string, string>> => {
      const { model: json } = await exportTfjs(model, { inputShape: [4] });
      const { layers, output_layers: outputs } = JSON.parse(new TextDecoder().decode(json)).modelTopology.config;
      const listed = (layers as WrittenLayer[]).map(({ name, inbound_nodes: nodes }) => [
        name,
        nodes.map((call) => call.map((from) => from.slice(0, 2).join(" ")).join(" + ")).join(", "),
      ]);
      return { ...Object.fromEntries(listed), output: outputs[0].join(" ") };
    };
    const row = new Sequential(shared, norm, new ReLU(), shared, norm);
    expect(await calls(row)).toMatchInlineSnapshot(`
      {
        "0": "input 0, 2 0",
        "1": "0 0, 0 1",
        "2": "1 0",
        "input": "",
        "output": "1 1 0",
      }
    `);
    // TF.js finds the input of the second call before that of the first.
    const mixed = new Residual(new Sequential(norm, new ReLU(), norm, shared), shared);
    expect(await calls(mixed)).toMatchInlineSnapshot(`
      {
        "Add": "body.3 0 + body.3_1 0",
        "body.0": "input 0",
        "body.0_1": "body.1 0",
        "body.1": "body.0 0",
        "body.3": "body.0_1 0",
        "body.3_1": "input 0",
        "input": "",
        "output": "Add 0 0",
      }
    `);
  });

  test("keeps layers that one module writes apart, however alike they are", async () => {
    class Twins extends Module {
      override forward(x: Tensor): Tensor {
        return x;
      }
      toTfjs(x: TfjsValue, graph: TfjsWriter): TfjsValue {
        const kernel = { shape: [2, 2], values: [1, 0, 0, 1] };
        const one = (y: TfjsValue) => graph.layer("Dense", [y], { units: 2, use_bias: false }, { weights: { kernel } });
        return one(one(x));
      }
    }
    const twins = new Twins();
    const { model } = await exportTfjs(new Sequential(twins, new ReLU(), twins), { inputShape: [2] });
    const { layers } = JSON.parse(new TextDecoder().decode(model)).modelTopology.config;
    expect((layers as WrittenLayer[]).map(({ name, inbound_nodes: calls }) => `${name}: ${calls.length}`)).toEqual([
      "input: 0",
      "0: 2",
      "0_1: 2",
      "1: 1",
    ]);
  });

  test("names layers by paths, with channels last, and nothing permuted when it runs", async () => {
    const model = new Sequential(
      new Conv2d(2, 3, 3, { bias: false, padding: [1, 0] }),
      new Residual(new Sequential(new BatchNorm(3), new ReLU())),
      new MaxPool2d(2),
      new Dropout(),
      new Flatten(),
      new Linear(18, 3),
    );
    const files = await exportTfjs(model, { inputShape: [2, 6, 6], meta: { classes: ["a", "b", "c"] } });
    expect(layersOf(files)).toMatchInlineSnapshot(`
      [
        "InputLayer input() {"batch_input_shape":[null,6,6,2],"dtype":"float32","sparse":false}",
        "ZeroPadding2D 0_pad(input) {"padding":[[1,1],[0,0]],"data_format":"channels_last"}",
        "Conv2D 0(0_pad) {"filters":3,"kernel_size":[3,3],"strides":[1,1],"padding":"valid","dilation_rate":[1,1],"data_format":"channels_last","use_bias":false,"activation":"linear"}",
        "BatchNormalization 1.body.0(0) {"axis":-1,"epsilon":0.00001,"scale":true,"center":true,"momentum":0.99}",
        "ReLU 1.body.1(1.body.0) {}",
        "Add 1(1.body.1,0) {}",
        "MaxPooling2D 2(1) {"pool_size":[2,2],"strides":[2,2],"data_format":"channels_last","padding":"valid"}",
        "Flatten 4(2) {}",
        "Dense 5(4) {"units":3,"activation":"linear","use_bias":true}",
      ]
    `);
    expect(Object.keys(weightsOf(files))).toMatchInlineSnapshot(`
      [
        "0/kernel",
        "1.body.0/gamma",
        "1.body.0/beta",
        "1.body.0/moving_mean",
        "1.body.0/moving_variance",
        "5/kernel",
        "5/bias",
      ]
    `);
    const { userDefinedMetadata, format, generatedBy } = toTfjsArtifacts(files) as Record<string, unknown>;
    expect([userDefinedMetadata, format]).toEqual([{ classes: ["a", "b", "c"] }, "layers-model"]);
    expect(generatedBy).toMatch(/^evenkeel \d/);
    expect(inspectTfjs(files).norms).toMatchObject([{ place: "1.body.0", channels: 3, eps: 1e-5, momentum: 0.99 }]);
  });

  test("moves a convolution's axes, and a linear layer's rows behind a Flatten", async () => {
    const conv = new Conv2d(2, 2, [1, 2], { bias: false });
    const linear = new Linear(4, 2, { bias: false });
    conv.loadStateDict({ weight: tensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 1, 2]) });
    linear.loadStateDict({ weight: tensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 4]) });
    const files = await exportTfjs(new Sequential(conv, new Flatten(), linear), { inputShape: [2, 1, 3] });
    expect(weightsOf(files)).toEqual({
      // (out, in, 1, across) → (1, across, in, out).
      "0/kernel": [1, 5, 3, 7, 2, 6, 4, 8],
      // Features are (channel, place) here and (place, channel) there.
      "2/kernel": [1, 5, 3, 7, 2, 6, 4, 8],
    });
  });

  test("folds by choice, and leaves the model as it was: mode, statistics, listeners", async () => {
    const norm = new BatchNorm(2);
    const model = new Sequential(new Linear(2, 2), norm);
    let heard = 0;
    norm.onForward(() => heard++);
    const before = norm.runningMean?.dataSync();
    const folded = await exportTfjs(new Sequential(new Linear(2, 2), new BatchNorm(2)), {
      inputShape: [2],
      fold: true,
    });
    expect(layersOf(folded).map((one) => one.split(" ")[0])).toEqual(["InputLayer", "Dense"]);
    await exportTfjs(model, { inputShape: [2] });
    expect([model.training, norm.updateRunning, norm.normalizeWith, heard]).toEqual([true, true, "batch", 0]);
    expect(norm.runningMean?.dataSync()).toEqual(before);
  });

  test("classes of one's own take part by toTfjs; those that only have a constructor are what they extend", async () => {
    class Perceptron extends Sequential {
      constructor(width: number) {
        super(new Linear(4, width), new ReLU());
      }
    }
    class Gate extends Module {
      hidden = new Perceptron(4);
      override forward(x: Tensor): Tensor {
        return this.hidden.forward(x).mul(x);
      }
      toTfjs(x: TfjsValue, graph: TfjsWriter): TfjsValue {
        return graph.layer("Multiply", [graph.apply(this.hidden, x), x]);
      }
    }
    const files = await exportTfjs(new Sequential(new Gate(), new Linear(4, 2)), { inputShape: [4] });
    expect(layersOf(files).map((one) => one.split(" ").slice(0, 2).join(" "))).toEqual([
      "InputLayer input()",
      "Dense 0.hidden.0(input)",
      "ReLU 0.hidden.1(0.hidden.0)",
      "Multiply 0(0.hidden.1,input)",
      "Dense 1(0)",
    ]);
  });

  test("says what cannot be written, and what does not fit", async () => {
    class Mystery extends Module {
      override forward(x: Tensor): Tensor {
        return x.sum().item() > 0 ? x : x.neg();
      }
    }
    class Silent extends Mystery {
      toTfjs(): undefined {
        return undefined;
      }
    }
    const huge = new Linear(1, 1);
    huge.loadStateDict({ weight: tensor([Number.POSITIVE_INFINITY], [1, 1]), bias: tensor([0]) });
    const failure = (model: Module, options: Partial<ExportTfjsOptions> = {}): Promise<string> =>
      exportTfjs(model, { inputShape: [3], ...options }).then(
        () => "exported",
        (error: Error) => `${error.name}: ${error.message}`,
      );
    expect([
      await failure(new Sequential(new ReLU(), new Sequential(new Mystery()))),
      await failure(new Mystery()),
      await failure(new Sequential(new BatchNorm(3, { trackRunningStats: false }))),
      await failure(new Sequential(new Linear(3, 4), new BatchNorm(5))),
      await failure(new Residual(new Linear(3, 4))),
      await failure(huge, { inputShape: [1] }),
      await failure(new BatchNorm(1), { inputShape: [1, 2, 3, 4] }),
      await failure(new ReLU(), { inputShape: [-1] }),
      await failure(new Silent()),
      await failure(new Sequential(new Silent(), new ReLU())),
    ]).toMatchInlineSnapshot(`
      [
        "TraceError: trace(Sequential), dataSync() in 1.0: expected a network whose steps do not depend on values, got a look at the values of sum, shape scalar. Compute with tensors instead of numbers, or put that part into a customOp or after the network.",
        "TraceError: trace(Mystery), dataSync(): expected a network whose steps do not depend on values, got a look at the values of sum, shape scalar. Compute with tensors instead of numbers, or put that part into a customOp or after the network.",
        "ArgumentError: exportTfjs(model): expected batch norms with running statistics, since TF.js has no layer that takes the batch's when it predicts, got BatchNorm(3) at 0 without. Build it with trackRunningStats, or make another norm of it: convertNorm(model).",
        "ShapeError: BatchNorm(5).forward(x): expected 5 channels in axis 1, got 4 (shape 1×4). Build the layer with 4 channels, or reshape x.",
        "ShapeError: add in the network: expected shapes that broadcast (aligned at the last axis, sizes equal or 1), got 4 and 3. Reshape one of them.",
        "ArgumentError: exportTfjs(model): expected finite numbers within float32 for Dense/kernel, got others. Scale them.",
        "ArgumentError: exportTfjs(model): expected norms of samples with at most three axes, as TF.js has them, got a sample of 4 axes at . Join axes before the norm.",
        "ShapeError: exportTfjs(model, { inputShape }): expected an array of at most 5 sizes, each a whole number of at least 0, got [-1]. Correct the shape, an array such as [2, 3].",
        "ArgumentError: exportTfjs(model): expected toTfjs(x, graph) of Silent to return its output, got undefined. Return what graph.layer(…) or graph.apply(…) returns.",
        "ArgumentError: exportTfjs(model): expected toTfjs(x, graph) of Silent at 0 to return its output, got undefined. Return what graph.layer(…) or graph.apply(…) returns.",
      ]
    `);
  });

  test("names the op and the place of what TF.js has no layer for, with a cure", async () => {
    const failure = (compute: (x: Tensor) => unknown, inputShape: Shape = [3]): Promise<string> => {
      class Own extends Module<[x: Tensor], unknown> {
        override forward(x: Tensor): unknown {
          return compute(x);
        }
      }
      return exportTfjs(new Sequential(new ReLU(), new Own() as unknown as Module), { inputShape }).then(
        () => "exported",
        (error: Error) => `${error.name}: ${error.message}`,
      );
    };
    const name = "odd";
    const odd = customOp({ name, forward: (x) => x, backward: (dy) => [dy] });
    const silent = customOp({ name, forward: (x) => x, backward: (dy) => [dy], toTfjs: () => undefined });
    expect([
      await failure((x) => x.exp()),
      await failure((x) => x.div(x.add(1))),
      await failure((x) => x.pow(0.5)),
      await failure((x) => tensor([2]).pow(x)),
      await failure((x) => x.sum()),
      await failure((x) => x.transpose()),
      await failure((x) => x.add(tensor([1, 2])), [1]),
      await failure((x) => x.matmul(x.transpose([0, 1, 3, 2])), [2, 3, 4]),
      await failure((x) => scaledDotProductAttention(x, x, x), [2, 2, 3, 4]),
      await failure((x) => scaledDotProductAttention(x, x, x, { bias: x.matmul(x.transpose([0, 2, 1])) }), [3, 4]),
      await failure((x) => scaledDotProductAttention(x, x.slice(0, 1, 1), x.slice(0, 1, 1)), [2, 3, 4]),
      await failure(
        (x) => scaledDotProductAttention(x, x, x, { mask: tensor([0, 0, 0, 1, 1, 1, 1, 1, 1], [3, 3]) }),
        [3, 4],
      ),
      await failure((x) => embedding(x.slice(0, 1, 1).reshape([x.shape[0]]), x)),
      await failure((x) => ({ x, fixed: tensor([[1, 2]]) })),
      await failure(odd),
      await failure(silent),
    ]).toMatchInlineSnapshot(`
      [
        "ArgumentError: exportTfjs(model): expected ops that the format has, got exp at 1. Compute it by others, or give its class toTfjs(x, graph), which adds its layers.",
        "ArgumentError: exportTfjs(model): expected div by numbers, parameters or constants, since TF.js has no layer that divides, got div by a computed value at 1. Compute it otherwise, or give its class toTfjs(x, graph).",
        "ArgumentError: exportTfjs(model): expected powers of whole numbers from 1 to 8, since TF.js has products alone, got pow(x, 0.5) at 1. Compute it otherwise, or give its class toTfjs(x, graph).",
        "ArgumentError: exportTfjs(model): expected powers of whole numbers from 1 to 8, since TF.js has products alone, got pow of a tensor at 1. Compute it otherwise, or give its class toTfjs(x, graph).",
        "ArgumentError: exportTfjs(model): expected ops that leave axis 0, the batch, as it is, and give sizes that do not vary, got sum that gives a scalar at 1. Keep the batch in axis 0, and trace the network without freeAxes.",
        "ArgumentError: exportTfjs(model): expected ops that leave axis 0, the batch, as it is, and give sizes that do not vary, got transpose that gives 3×N at 1. Keep the batch in axis 0, and trace the network without freeAxes.",
        "ArgumentError: exportTfjs(model): expected parameters and constants that are repeated along values of N×1, since TF.js repeats no values along them, got constant_0 of 2 at 1. Reshape it, or repeat the values before.",
        "ArgumentError: exportTfjs(model): expected matmul of N×m×k and N×k×n, or by one matrix of the network's own, as layers of TF.js have it, got matmul of N×2×3×4 and N×2×4×3 at 1. Join axes of the sample before, or give its class toTfjs(x, graph).",
        "ArgumentError: exportTfjs(model): expected attention of sequences, or of heads of such, got values of 5, 5, 5 axes at 1. Join axes of the sample before.",
        "ArgumentError: exportTfjs(model): expected masks and biases of the network itself, since TF.js has no layer that chooses, got a computed one at 1. Leave out the mask where sequences are whole, or give the class toTfjs(x, graph).",
        "ArgumentError: exportTfjs(model): expected as many heads of queries, keys and values, got 2, 1, 1 at 1. Repeat those that are fewer before.",
        "ArgumentError: exportTfjs(model): expected queries that see a key each, got a query that sees none at 1. Leave such queries out of the mask.",
        "ArgumentError: exportTfjs(model): expected embedding with parameters or constants, since layers of TF.js have their weights themselves, got weights that are computed from an input at 1. Compute it by mul and sum, or give its class toTfjs(x, graph).",
        "ArgumentError: exportTfjs(model): expected parameters and constants inside layers, since layers of TF.js take none as inputs, got constant_0 as the input of a layer. Use a layer instead, such as Linear or a norm, or give its class toTfjs(x, graph).",
        "ArgumentError: exportTfjs(model): expected ops that the format has, got custom.odd at 1. Give it one: customOp({ …, toTfjs(inputs, graph) { … } }), which adds its layers.",
        "ArgumentError: exportTfjs(model): expected toTfjs(inputs, graph) of custom.odd at 1 to return its output, got undefined. Return what graph.layer(…) or graph.apply(…) returns.",
      ]
    `);
  });

  test("what is computed of parameters alone is a weight of a layer, and layers are named by paths", async () => {
    class Scaled extends Module {
      readonly scale = tensor([1, 2, 4], { requiresGrad: true });
      readonly hidden = new Linear(2, 3, { bias: false });
      override forward(x: Tensor): Tensor {
        const factors = this.scale.mul(2).reshape([1, 3, 1, 1]);
        return x
          .mul(factors)
          .add(this.hidden.forward(tensor([[0, 0]])).reshape([3, 1, 1]))
          .mean([2, 3]);
      }
    }
    const files = await exportTfjs(new Sequential(new Scaled()), { inputShape: [3, 2, 2] });
    expect(layersOf(files).map((one) => one.split(" ").slice(0, 2).join(" "))).toMatchInlineSnapshot(`
      [
        "InputLayer input()",
        "BatchNormalization 0(input)",
        "BatchNormalization 0_1(0)",
        "GlobalAveragePooling2D 0_2(0_1)",
      ]
    `);
    expect(weightsOf(files)).toMatchInlineSnapshot(`
      {
        "0/gamma": [
          2,
          4,
          8,
        ],
        "0/moving_mean": [
          0,
          0,
          0,
        ],
        "0/moving_variance": [
          1,
          1,
          1,
        ],
        "0_1/beta": [
          0,
          0,
          0,
        ],
        "0_1/moving_mean": [
          0,
          0,
          0,
        ],
        "0_1/moving_variance": [
          1,
          1,
          1,
        ],
      }
    `);
  });
});
