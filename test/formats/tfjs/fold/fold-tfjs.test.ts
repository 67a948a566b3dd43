import { MissingPackageError } from "evenkeel";
import { type FoldTfjsOptions, foldTfjs, type TfjsFiles, toTfjsArtifacts } from "evenkeel/tfjs";
import { describe, expect, test } from "vitest";
import {
  calledWith,
  functional,
  type LayerSketch,
  layer,
  layersOf,
  norm,
  sequential,
  sequentialJson,
  tfjsModel,
  weightsOf,
} from "../../../support/tfjs-models.js";

// What TF.js computes with the folded models is compared in test/slow/tfjs.test.ts; here every number is exact.
const fold = (files: TfjsFiles, options: FoldTfjsOptions = {}) => foldTfjs(files, { verify: false, ...options });

const vector = { batch_input_shape: [null, 2] };
const image = { batch_input_shape: [null, 4, 4, 2] };
const matrix = (...shape: number[]) => ({ shape: [...shape, 2, 2], values: [1, 2, 3, 4] });
const dense = (name = "f", more: object = {}, weights: object = {}) =>
  layer("Dense", name, { units: 2, use_bias: false, ...more }, { kernel: matrix(), ...weights });
const conv = (name = "c", more: object = {}, weights: object = {}) =>
  layer("Conv2D", name, { use_bias: false, ...more }, { kernel: matrix(1, 1), ...weights });

describe("foldTfjs makes a batch norm part of", () => {
  const depthwise = { depthwise_kernel: { shape: [1, 1, 2, 1], values: [1, 2] } };
  const cases: [string, LayerSketch[], string, Record<string, number[]>][] = [
    [
      "a Dense without bias before it, which gets one",
      [dense("f", vector), norm("n"), layer("ReLU", "r")],
      "Dense f",
      { "f/kernel": [2, 2, 6, 4], "f/bias": [1, -3] },
    ],
    [
      "a Dense with bias",
      [dense("f", { ...vector, use_bias: true }, { bias: [1, 1] }), norm("n"), layer("ReLU", "r")],
      "Dense f",
      { "f/kernel": [2, 2, 6, 4], "f/bias": [3, -2] },
    ],
    ["a Conv2D", [conv("c", image), norm("n")], "Conv2D c", { "c/kernel": [2, 2, 6, 4], "c/bias": [1, -3] }],
    [
      "a Conv1D",
      [layer("Conv1D", "c", { batch_input_shape: [null, 4, 2], use_bias: false }, { kernel: matrix(1) }), norm("n")],
      "Conv1D c",
      { "c/kernel": [2, 2, 6, 4], "c/bias": [1, -3] },
    ],
    [
      "a Conv3D",
      [
        layer("Conv3D", "c", { batch_input_shape: [null, 2, 2, 2, 2], use_bias: false }, { kernel: matrix(1, 1, 1) }),
        norm("n"),
      ],
      "Conv3D c",
      { "c/kernel": [2, 2, 6, 4], "c/bias": [1, -3] },
    ],
    [
      "a Conv3D, through an average of volumes",
      [
        layer("Conv3D", "c", { batch_input_shape: [null, 2, 2, 2, 2], use_bias: false }, { kernel: matrix(1, 1, 1) }),
        layer("AveragePooling3D", "a", { pool_size: [2, 2, 2] }),
        norm("n"),
      ],
      "Conv3D c",
      { "c/kernel": [2, 2, 6, 4], "c/bias": [1, -3] },
    ],
    [
      "a Conv2DTranspose, whose outputs are its kernel's third axis",
      [layer("Conv2DTranspose", "t", { ...image, use_bias: false }, { kernel: matrix(1, 1) }), norm("n")],
      "Conv2DTranspose t",
      { "t/kernel": [2, 4, 3, 4], "t/bias": [1, -3] },
    ],
    [
      "a DepthwiseConv2D of two inputs",
      [layer("DepthwiseConv2D", "d", { ...image, use_bias: false }, depthwise), norm("n")],
      "DepthwiseConv2D d",
      { "d/depthwise_kernel": [2, 2], "d/bias": [1, -3] },
    ],
    [
      "a DepthwiseConv2D with two outputs for one input",
      [
        layer(
          "DepthwiseConv2D",
          "d",
          { batch_input_shape: [null, 4, 4, 1], depth_multiplier: 2 },
          { depthwise_kernel: { shape: [1, 1, 1, 2], values: [5, 6] }, bias: [1, 1] },
        ),
        norm("n"),
      ],
      "DepthwiseConv2D d",
      { "d/depthwise_kernel": [10, 6], "d/bias": [3, -2] },
    ],
    [
      "the pointwise kernel of a SeparableConv2D",
      [
        layer("SeparableConv2D", "s", { ...image, use_bias: false }, { ...depthwise, pointwise_kernel: matrix(1, 1) }),
        norm("n"),
      ],
      "SeparableConv2D s",
      { "s/depthwise_kernel": [1, 2], "s/pointwise_kernel": [2, 2, 6, 4], "s/bias": [1, -3] },
    ],
    [
      "a Dense after it, where nothing stands before",
      [norm("n", { config: vector }), dense()],
      "Dense f",
      { "f/kernel": [2, 4, 3, 4], "f/bias": [-8, -10] },
    ],
    [
      "a Conv2D after it that pads nothing",
      [norm("n", { config: image }), conv("c", { padding: "valid", activation: "relu" })],
      "Conv2D c",
      { "c/kernel": [2, 4, 3, 4], "c/bias": [-8, -10] },
    ],
    [
      "a SeparableConv2D after it: what it shifts goes through both kernels",
      [
        norm("n", { config: image }),
        layer("SeparableConv2D", "s", { use_bias: false }, { ...depthwise, pointwise_kernel: matrix(1, 1) }),
      ],
      "SeparableConv2D s",
      // 1·1 and 2·(−3) behind the depthwise kernel.
      { "s/depthwise_kernel": [2, 2], "s/pointwise_kernel": [1, 2, 3, 4], "s/bias": [1 - 18, 2 - 24] },
    ],
    [
      "a Dense behind a Flatten: two positions of two channels",
      [
        norm("n", { config: { batch_input_shape: [null, 1, 2, 2] } }),
        layer("Flatten", "x"),
        layer("Dense", "f", { units: 1 }, { kernel: { shape: [4, 1], values: [1, 2, 3, 4] }, bias: [10] }),
      ],
      "Dense f",
      { "f/kernel": [2, 2, 6, 4], "f/bias": [10 - 14] },
    ],
    [
      "a Conv2D behind dropout and an average of positions",
      [conv("c", image), layer("Dropout", "o", { rate: 0.5 }), layer("GlobalAveragePooling2D", "g"), norm("n")],
      "Conv2D c",
      { "c/kernel": [2, 2, 6, 4], "c/bias": [1, -3] },
    ],
    [
      "a Dense, without gamma and beta of its own",
      [
        dense("f", vector),
        norm("n", {
          config: { scale: false, center: false },
          weights: { moving_mean: [1, 2], moving_variance: [0.25, 4] },
        }),
      ],
      "Dense f",
      { "f/kernel": [2, 1, 6, 2], "f/bias": [-2, -1] },
    ],
  ];

  test.each(cases)("%s", async (_, layers, into, weights) => {
    const files = sequential(...layers);
    const before = structuredClone(files);
    const { folded, left, files: result, verification } = await fold(files);
    expect({ folded, left, verification }).toEqual({ folded: [{ norm: "n", into }], left: [], verification: null });
    expect(weightsOf(result)).toEqual(weights);
    expect(files).toEqual(before);
  });

  test("whatever is left of a chain of norms", async () => {
    const { folded, files } = await fold(sequential(dense("f", vector), norm("n"), norm("m"), layer("ReLU", "r")));
    expect(folded).toEqual([
      { norm: "n", into: "Dense f" },
      { norm: "m", into: "Dense f" },
    ]);
    expect(weightsOf(files)).toEqual({ "f/kernel": [4, 2, 12, 4], "f/bias": [3, -6] });
    expect(layersOf(files)).toEqual(["Dense f", "ReLU r"]);
  });

  test("another norm, where neither has a layer for it", async () => {
    const { folded, left, files } = await fold(
      sequential(norm("n", { config: vector }), norm("m"), layer("ReLU", "r")),
    );
    expect(folded).toEqual([{ norm: "m", into: "BatchNormalization n" }]);
    expect(left).toEqual([{ norm: "n", reason: "nothing stands before it; ReLU r stands after it" }]);
    // y = 2(2x + 1) + 1 and (x − 3) − 3, as gamma and beta over the same mean and variance.
    expect(weightsOf(files)).toEqual({
      "n/gamma": [2, 2],
      "n/beta": [7, -4],
      "n/moving_mean": [1, 2],
      "n/moving_variance": [0.25, 4],
    });
  });
});

describe("foldTfjs keeps", () => {
  test("the name of an output, and the shape that only the first layer says", async () => {
    const last = await fold(sequential(dense("f", vector), norm("n")));
    expect(layersOf(last.files)).toEqual(["Dense f", "Activation n"]);
    const first = await fold(sequential(norm("n", { config: { ...vector, input_dtype: "float32" } }), dense()));
    const { modelTopology } = JSON.parse(new TextDecoder().decode(first.files.model));
    expect(modelTopology.config.layers[0].config).toEqual({
      ...{ name: "f", units: 2, use_bias: true },
      ...{ batch_input_shape: [null, 2], input_dtype: "float32" },
    });
  });

  test("references of a functional network, and both sides of a branch", async () => {
    const files = functional(
      [
        { ...dense("a"), calls: [["x"]] },
        { ...norm("n"), calls: [["a"]] },
        { ...dense("b"), calls: [["n"]] },
        { ...norm("m"), calls: [["b"]] },
        layer("Add", "sum", {}, {}, ["m", "n"]),
      ],
      ["sum", "n"],
    );
    const { folded, left, files: result } = await fold(files);
    expect({ folded, left }).toEqual({
      folded: [
        { norm: "n", into: "Dense a" },
        { norm: "m", into: "Dense b" },
      ],
      left: [],
    });
    const { config } = JSON.parse(new TextDecoder().decode(result.model)).modelTopology;
    const inbound = (name: string) =>
      config.layers.find((one: { name: string }) => one.name === name).inbound_nodes[0].map(([from]: [string]) => from);
    // n is an output: its name stays, and it changes nothing any more.
    expect([inbound("n"), inbound("b"), inbound("sum")]).toEqual([["a"], ["n"], ["b", "n"]]);
    expect(config.output_layers).toEqual([
      ["sum", 0, 0],
      ["n", 0, 0],
    ]);
  });

  test("weights that others have, the order of weights, metadata and training configuration", async () => {
    const layers = [
      dense("f", vector),
      norm("n"),
      layer("Dense", "g", { units: 1 }, { kernel: matrix(), bias: [9, 9] }),
    ];
    const more = { userDefinedMetadata: { labels: ["a"] }, trainingConfig: { loss: "meanSquaredError" } };
    const { files } = await fold(tfjsModel(sequentialJson("net", layers), layers, more));
    expect(Object.keys(weightsOf(files))).toEqual(["f/kernel", "f/bias", "g/kernel", "g/bias"]);
    expect(weightsOf(files)["g/bias"]).toEqual([9, 9]);
    expect(toTfjsArtifacts(files)).toMatchObject(more);
  });

  test("every byte where nothing folds, in a copy of its own", async () => {
    const files = sequential(norm("n", { config: vector }), layer("ReLU", "r"));
    const { files: result, folded, verification } = await fold(files, { verify: true });
    expect([folded, verification]).toEqual([[], null]);
    expect(result).toEqual(files);
    expect(result.model).not.toBe(files.model);
  });

  test("float16 kernels as they are stored, and whole numbers unless it is asked to dequantise", async () => {
    const half = { shape: [2, 2], bytes: [0, 0x3c, 0, 0x40, 0, 0x42, 0, 0x44], quantization: { dtype: "float16" } };
    const halves = await fold(
      sequential(layer("Dense", "f", { ...vector, use_bias: false }, { kernel: half }), norm("n")),
    );
    const [kernel] = toTfjsArtifacts(halves.files).weightSpecs ?? [];
    expect(kernel).toEqual({ name: "f/kernel", shape: [2, 2], dtype: "float32", quantization: { dtype: "float16" } });
    expect([...new Uint8Array(toTfjsArtifacts(halves.files).weightData as ArrayBuffer, 0, 8)]).toEqual(
      // 2, 2, 6, 4
      [0, 0x40, 0, 0x40, 0, 0x46, 0, 0x44],
    );

    const byte = { shape: [2, 2], bytes: [1, 2, 3, 4], quantization: { dtype: "uint8", scale: 0.5, min: 0.5 } };
    const files = sequential(layer("Dense", "f", { ...vector, use_bias: false }, { kernel: byte }), norm("n"));
    expect((await fold(files)).left).toHaveLength(1);
    // Stored 1, 2, 3, 4 are 1, 1.5, 2, 2.5.
    expect(weightsOf((await fold(files, { dequantize: true })).files)).toEqual({
      "f/kernel": [2, 1.5, 4, 2.5],
      "f/bias": [1, -3],
    });
  });

  test("nothing of how weights were cut into files: a weight may lie in several", async () => {
    const files = sequential(dense("f", vector), norm("n"));
    const [[, bytes]] = Object.entries(files.shards);
    const document = JSON.parse(new TextDecoder().decode(files.model));
    document.weightsManifest[0].paths = ["a.bin", "sub/b.bin"];
    const model = new TextEncoder().encode(JSON.stringify(document));
    const cut = { model, shards: { "a.bin": bytes.slice(0, 7), "sub/b.bin": bytes.slice(7) } };
    const result = await fold(cut);
    expect(weightsOf(result.files)).toEqual({ "f/kernel": [2, 2, 6, 4], "f/bias": [1, -3] });
    expect(Object.keys(result.files.shards)).toEqual(["group1-shard1of1.bin"]);
  });

  test("weights named by number, as Keras 3 does, and those with a network's name before them", async () => {
    const numbered = (names: Record<string, string>, { weights = {}, ...rest }: LayerSketch): LayerSketch => ({
      ...rest,
      weights: Object.fromEntries(Object.entries(weights).map(([key, value]) => [names[key], value])),
    });
    const byNumber = { kernel: "0", bias: "1", gamma: "0", beta: "1", moving_mean: "2", moving_variance: "3" };
    const layers = [dense("f", vector), norm("n")];
    const keras3 = await fold(sequential(...layers.map((one) => numbered(byNumber, one))));
    expect(weightsOf(keras3.files)).toEqual({ "f/0": [2, 2, 6, 4], "f/1": [1, -3] });
    const within = { kernel: "deep/kernel", gamma: "n/gamma", beta: "n/beta" };
    const longer = { moving_mean: "n/moving_mean", moving_variance: "n/moving_variance" };
    const keras2 = await fold(sequential(...layers.map((one) => numbered({ ...within, ...longer }, one))));
    expect(weightsOf(keras2.files)).toEqual({ "f/deep/kernel": [2, 2, 6, 4], "f/deep/bias": [1, -3] });
  });
});

test("foldTfjs leaves what would change a result, and says why", async () => {
  const relu = layer("ReLU", "r");
  const withNorm = (weights: object, config: object = {}) =>
    sequential(dense("f", vector), norm("n", { weights: { ...norm("n").weights, ...weights }, config }));
  const inner = sequentialJson("inner", [dense("f", vector), norm("n")]) as { config: object };
  const models: Record<string, TfjsFiles> = {
    "an activation of the layer before": sequential(dense("f", { ...vector, activation: "relu" }), norm("n"), relu),
    "a layer that is not linear": sequential(layer("MaxPooling2D", "p", image), norm("n"), relu),
    "zeros padded behind it": sequential(norm("n", { config: image }), conv("c", { padding: "same" })),
    "a transposed convolution behind it": sequential(
      norm("n", { config: image }),
      layer("Conv2DTranspose", "t", { use_bias: false }, { kernel: matrix(1, 1) }),
    ),
    "a norm that is shared": functional([{ ...norm("n"), calls: [["x"], ["n"]] }], ["n:1"]),
    "a layer that is shared": functional(
      [
        { ...dense("f"), calls: [["x"], ["n"]] },
        { ...norm("n"), calls: [["f"]] },
      ],
      ["f:1"],
    ),
    "a value that is an output too": functional(
      [
        { ...dense("f"), calls: [["x"]] },
        { ...norm("n"), calls: [["f"]] },
      ],
      ["n", "f"],
    ),
    "a value that is read elsewhere": functional(
      [{ ...dense("f"), calls: [["x"]] }, { ...norm("n"), calls: [["f"]] }, layer("Add", "sum", {}, {}, ["n", "f"])],
      ["sum"],
    ),
    "a norm that nothing reads": functional([{ ...norm("n"), calls: [["x"]] }], ["x"]),
    "the network's output inside another": tfjsModel(
      {
        class_name: "Sequential",
        config: { name: "net", layers: [inner, { class_name: "Dense", config: { name: "g" } }] },
      },
      [layer("Dense", "f", {}, {}), norm("n")],
    ),
    "a kernel in whole numbers": sequential(
      layer(
        "Dense",
        "f",
        { ...vector, use_bias: false },
        { kernel: { shape: [2, 2], bytes: [1, 2, 3, 4], quantization: { dtype: "uint8", scale: 1, min: 0 } } },
      ),
      norm("n"),
    ),
    "a kernel that is missing": sequential(layer("Dense", "f", { ...vector, use_bias: false }), norm("n")),
    "a bias that is missing": sequential(dense("f", { ...vector, use_bias: true }), norm("n")),
    "a bias of another size": sequential(dense("f", { ...vector, use_bias: true }, { bias: [1, 2, 3] }), norm("n")),
    "a kernel of whole numbers": sequential(
      layer("Dense", "f", { ...vector, use_bias: false }, { kernel: { ...matrix(), dtype: "int32" } }),
      norm("n"),
    ),
    "other channels": sequential(
      layer("Dense", "f", { ...vector, use_bias: false }, { kernel: { shape: [1, 3], values: [1, 2, 3] } }),
      norm("n"),
    ),
    "channels along another axis": sequential(conv("c", { ...image, data_format: "channels_first" }), norm("n")),
    "too many layers between": sequential(
      dense("f", vector),
      ...Array.from({ length: 40 }, (_, k) => layer("Dropout", `o${k}`)),
      norm("n"),
    ),
    "an axis between": sequential(conv("c", image), norm("n", { config: { axis: 2 } })),
    "statistics that are missing": sequential(dense("f", vector), norm("n", { weights: { gamma: [1, 2] } })),
    "weights of another size": withNorm({ moving_mean: [1, 2, 3] }),
    "weights with more axes": withNorm({ gamma: { shape: [1, 2], values: [1, 2] } }),
    "a weight that is not finite": withNorm({ beta: [1, Number.NaN] }),
    "a negative variance": withNorm({ moving_variance: [0.25, -1] }),
    "a variance of 0 without eps": withNorm({ moving_variance: [0, 1] }),
    "kernels that overflow": sequential(
      layer("Dense", "f", { ...vector, use_bias: false }, { kernel: { shape: [2, 2], values: [3e38, 1, 1, 1] } }),
      norm("n"),
    ),
  };
  const reasons = await Promise.all(
    Object.entries(models).map(async ([name, files]) => {
      const { folded, left, files: result } = await fold(files);
      expect(folded, name).toEqual([]);
      expect(result, name).toEqual(files);
      return [name, left.map(({ norm: place, reason }) => `${place}: ${reason}`).join(" | ")];
    }),
  );
  expect(Object.fromEntries(reasons)).toMatchInlineSnapshot(`
    {
      "a bias of another size": "n: the bias f/bias does not hold 2 numbers; its output is an output of the model",
      "a bias that is missing": "n: the bias of Dense f is missing; its output is an output of the model",
      "a kernel in whole numbers": "n: the kernel of Dense f is quantised to uint8 with one scale for all channels, which a factor for each does not fit: fold the model before it is quantised, or dequantize; its output is an output of the model",
      "a kernel of whole numbers": "n: the kernel of Dense f is of int32 and shape 2×2; its output is an output of the model",
      "a kernel that is missing": "n: the kernel of Dense f is missing; its output is an output of the model",
      "a layer that is not linear": "n: MaxPooling2D p stands before it; ReLU r stands after it",
      "a layer that is shared": "n: Dense f is shared: it is called 2 times; Dense f stands after it",
      "a negative variance": "n: its variance of channel 1 is -1, with eps 0",
      "a norm that is shared": "n: it is shared: it is called 2 times",
      "a norm that nothing reads": "n: nothing stands before it; nothing reads its output",
      "a transposed convolution behind it": "n: nothing stands before it; Conv2DTranspose t stands after it, whose output's edge sees less of the input",
      "a value that is an output too": "n: the output of Dense f is an output of the model; its output is an output of the model",
      "a value that is read elsewhere": "n: the output of Dense f is read elsewhere too; Add sum stands after it",
      "a variance of 0 without eps": "n: its variance of channel 0 is 0, with eps 0",
      "a weight that is not finite": "n: its bias of channel 1 is NaN",
      "an activation of the layer before": "n: Dense f carries its activation relu before it; ReLU r stands after it",
      "an axis between": "n: its axis 2 is not known to be that of channels",
      "channels along another axis": "n: Conv2D c has its channels along another axis; its output is an output of the model",
      "kernels that overflow": "n: the weights of Dense f overflow; its output is an output of the model",
      "other channels": "n: Dense f has 3 channels, the norm 2; its output is an output of the model",
      "statistics that are missing": "n: its bias is missing",
      "the network's output inside another": "inner/n: the kernel of Dense inner/f is missing; its output is an output of the network inner",
      "too many layers between": "n: more than 32 layers that pass it on stand beside it; its output is an output of the model",
      "weights of another size": "n: its mean has the shape 3, where 2 values belong",
      "weights with more axes": "n: its weight has the shape 1×2, where 2 values belong",
      "zeros padded behind it": "n: nothing stands before it; Conv2D c pads with zeros, which the norm would have shifted",
    }
  `);
});

test("foldTfjs heeds what calls say besides their inputs", async () => {
  const chain = [
    { ...dense("f"), calls: [["x"]] },
    layer("Dropout", "d", { rate: 0.5 }, {}, ["f"]),
    norm("n", { calls: [["d"]] }),
    layer("Custom", "q", {}, {}, ["n"]),
  ];
  const reasons: (string | undefined)[] = [];
  for (const [name, options] of [
    ["n", { training: true }],
    ["d", { training: true }],
    ["q", { value: ["f", 0, 0] }],
    ["q", { states: [["d", 0, 0]] }],
  ] as const) {
    const { left } = await fold(calledWith(functional(chain, ["q"]), name, options));
    reasons.push(left[0]?.reason);
  }
  expect(reasons).toMatchInlineSnapshot(`
    [
      "it is called with training: true, and normalises by the batch",
      "Dropout d stands before it; Custom q stands after it",
      "the output of Dense f is read elsewhere too; Custom q stands after it",
      "the output of Dropout d is read elsewhere too; Custom q stands after it",
    ]
  `);
  // What names the norm's output goes on to name what takes its place.
  const { files } = await fold(calledWith(functional(chain, ["q"]), "q", { value: ["n", 0, 0], training: false }));
  const { layers } = JSON.parse(new TextDecoder().decode(files.model)).modelTopology.config;
  expect(layers.at(-1).inbound_nodes).toEqual([[["d", 0, 0, { value: ["d", 0, 0], training: false }]]]);
});

test("foldTfjs needs TensorFlow.js to verify, and says how to get it", async () => {
  const folding = foldTfjs(sequential(dense("f", vector), norm("n")));
  await expect(folding).rejects.toThrow(MissingPackageError);
  await expect(folding).rejects.toThrow(/^foldTfjs\(files\): .*\. Run: npm install @tensorflow\/tfjs\.$/);
});
