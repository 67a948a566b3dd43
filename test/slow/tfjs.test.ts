import { foldTfjs, inspectTfjs, toTfjsArtifacts } from "evenkeel/tfjs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type Builders, type BuiltModel, filesOf, hasPeers, nsfwModel, tensorFlow } from "../support/tfjs-peers.js";

describe.skipIf(!hasPeers)("TF.js (skipped without npm ci --prefix test/peers)", () => {
  let tf: Builders;
  beforeAll(async () => {
    tf = await tensorFlow();
  });

  /** Gives every weight values that nothing cancels; variances are positive. */
  function fill(model: BuiltModel): BuiltModel {
    let seed = 1;
    for (const layer of model.layers) {
      const values = layer.weights.map(({ shape, name }) => {
        const size = shape.reduce((product, extent) => product * extent, 1);
        const isVariance = name.includes("variance");
        const list = Float32Array.from({ length: size }, () => {
          seed = (seed * 48271) % 2147483647;
          return isVariance ? 0.3 + seed / 2147483647 : seed / 2147483647 - 0.4;
        });
        return tf.tensor(list, [...shape], "float32");
      });
      if (values.length > 0) layer.setWeights(values);
    }
    return model;
  }

  const image = { inputShape: [8, 8, 3] };
  const stack = (...list: ((l: Builders["layers"]) => unknown)[]) => {
    return fill(tf.sequential({ layers: list.map((make) => make(tf.layers)) }));
  };

  test.each<[string, () => BuiltModel, string[]]>([
    [
      "a convolution without bias, padded, and with strides",
      () =>
        stack(
          (l) =>
            l.conv2d({ ...image, name: "c", filters: 5, kernelSize: 3, strides: 2, padding: "same", useBias: false }),
          (l) => l.batchNormalization({ name: "n" }),
          (l) => l.reLU({ name: "r" }),
        ),
      ["Conv2D c"],
    ],
    [
      "volumes, whose batch norms TF.js itself does not run",
      () =>
        stack(
          (l) => l.conv3d({ inputShape: [4, 4, 4, 2], name: "c", filters: 3, kernelSize: 2, useBias: false }),
          (l) => l.batchNormalization({ name: "n", scale: false }),
          (l) => l.reLU({ name: "r" }),
          (l) => l.conv3d({ name: "t", filters: 2, kernelSize: 2 }),
          (l) => l.batchNormalization({ name: "m", center: false }),
        ),
      ["Conv3D c", "Conv3D t"],
    ],
    [
      "depthwise, separable, and a norm at the end whose name stays",
      () =>
        stack(
          (l) => l.depthwiseConv2d({ ...image, name: "d", kernelSize: 3, useBias: false }),
          (l) => l.batchNormalization({ name: "n", scale: false }),
          (l) => l.activation({ name: "r", activation: "relu" }),
          (l) => l.separableConv2d({ name: "s", filters: 4, kernelSize: 3, useBias: true }),
          (l) => l.dropout({ name: "o", rate: 0.5 }),
          (l) => l.batchNormalization({ name: "m", center: false }),
        ),
      ["DepthwiseConv2D d", "SeparableConv2D s"],
    ],
    [
      "a transposed convolution, dense layers, averages between",
      () =>
        stack(
          (l) => l.conv2dTranspose({ ...image, name: "t", filters: 4, kernelSize: 3, strides: 2, padding: "same" }),
          (l) => l.averagePooling2d({ name: "a", poolSize: 2 }),
          (l) => l.batchNormalization({ name: "n", axis: 3 }),
          (l) => l.globalAveragePooling2d({ name: "g" }),
          (l) => l.dense({ name: "f", units: 6, useBias: false }),
          (l) => l.batchNormalization({ name: "m", axis: 1, epsilon: 0.1 }),
        ),
      ["Conv2DTranspose t", "Dense f"],
    ],
    [
      "one-dimensional convolutions with norms before them, where nothing is padded",
      () =>
        stack(
          (l) => l.batchNormalization({ name: "n", inputShape: [10, 3] }),
          (l) => l.conv1d({ name: "c", filters: 4, kernelSize: 3, activation: "relu" }),
          (l) => l.batchNormalization({ name: "m" }),
          (l) => l.flatten({ name: "x" }),
          (l) => l.dense({ name: "f", units: 3, activation: "sigmoid" }),
        ),
      ["Conv1D c", "Dense f"],
    ],
    [
      "norms before depthwise and separable convolutions",
      () =>
        stack(
          (l) => l.batchNormalization({ ...image, name: "n" }),
          (l) => l.separableConv2d({ name: "s", filters: 4, kernelSize: 3, activation: "relu" }),
          (l) => l.batchNormalization({ name: "m" }),
          (l) => l.depthwiseConv2d({ name: "d", kernelSize: 3, activation: "relu" }),
        ),
      ["SeparableConv2D s", "DepthwiseConv2D d"],
    ],
    [
      "two norms in a row, behind a convolution and at the beginning",
      () =>
        stack(
          (l) => l.batchNormalization({ ...image, name: "n" }),
          (l) => l.batchNormalization({ name: "m" }),
          (l) => l.reLU({ name: "r" }),
          (l) => l.conv2d({ name: "c", filters: 5, kernelSize: 3 }),
          (l) => l.batchNormalization({ name: "p" }),
          (l) => l.batchNormalization({ name: "q" }),
        ),
      ["BatchNormalization n", "Conv2D c", "Conv2D c"],
    ],
  ])("folds %s", async (_, build, into) => {
    const files = await filesOf(tf, build());
    const { folded, verification } = await foldTfjs(files, { tf });
    expect(folded.map((one) => one.into)).toEqual(into);
    expect(verification?.maxRelative).toBeLessThan(1e-5);
    expect(verification?.maxAbsolute).toBeGreaterThan(0);
  });

  test("folds a residual network, and leaves what is shared, read elsewhere or behind an activation", async () => {
    const { layers: l } = tf;
    const x = tf.input({ shape: [8, 8, 4], name: "x" });
    const norm = (name: string) => l["batchNormalization"]({ name });
    const conv = (name: string, more: object = {}) =>
      l["conv2d"]({ name, filters: 4, kernelSize: 3, padding: "same", ...more });
    const a = norm("n1").apply(conv("c1").apply(x));
    const c2 = conv("c2").apply(a);
    const b = l["add"]({ name: "add" }).apply([norm("n2").apply(c2), a]);
    const acted = norm("n3").apply(conv("c3", { activation: "relu" }).apply(b));
    const shared = conv("c4");
    const twice = l["add"]({ name: "sum" }).apply([norm("n4").apply(shared.apply(acted)), shared.apply(b)]);
    const files = await filesOf(tf, fill(tf.model({ inputs: x, outputs: [norm("n5").apply(twice), c2] })));
    const { folded, left } = await foldTfjs(files, { tf });
    expect({ folded, left }).toMatchInlineSnapshot(`
      {
        "folded": [
          {
            "into": "Conv2D c1",
            "norm": "n1",
          },
        ],
        "left": [
          {
            "norm": "n2",
            "reason": "the output of Conv2D c2 is an output of the model; Add add stands after it",
          },
          {
            "norm": "n3",
            "reason": "Conv2D c3 carries its activation relu before it; Conv2D c4 stands after it",
          },
          {
            "norm": "n4",
            "reason": "Conv2D c4 is shared: it is called 2 times; Add sum stands after it",
          },
          {
            "norm": "n5",
            "reason": "Add sum stands before it; its output is an output of the model",
          },
        ],
      }
    `);
  });

  test("random stacks fold without changing a result, and every norm is accounted for", async () => {
    type Make = (l: Builders["layers"], name: string, first: object, pick: (count: number) => number) => unknown;
    const activation = (pick: (count: number) => number): string => ["linear", "linear", "relu"][pick(3)];
    const linear =
      (kind: string, filters: object): Make =>
      (l, name, first, pick) =>
        l[kind]({
          ...{ name, kernelSize: 1 + pick(3), padding: ["same", "valid"][pick(2)], useBias: pick(2) === 0 },
          ...{ activation: activation(pick), ...filters, ...first },
        });
    const norm: Make = (l, name, first, pick) =>
      l["batchNormalization"]({ name, scale: pick(2) === 0, center: pick(3) > 0, epsilon: 0.01, ...first });
    const makers: readonly Make[] = [
      linear("conv2d", { filters: 3 }),
      linear("conv2dTranspose", { filters: 2 }),
      linear("depthwiseConv2d", { depthMultiplier: 2 }),
      linear("separableConv2d", { filters: 4 }),
      ...[norm, norm, norm, norm],
      (l, name, first) => l["reLU"]({ name, ...first }),
      (l, name, first) => l["dropout"]({ name, rate: 0.3, ...first }),
      (l, name, first) => l["averagePooling2d"]({ name, poolSize: 2, strides: 1, padding: "valid", ...first }),
    ];
    const ends: readonly Make[] = [
      (l, name) => l["flatten"]({ name }),
      (l, name) => l["globalAveragePooling2d"]({ name }),
    ];
    let folded = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.noBias(fc.nat()), { minLength: 2, maxLength: 6 }), async (choices) => {
        let norms = 0;
        const layers = choices.map((choice, k) => {
          let rest = choice;
          const pick = (count: number): number => {
            const picked = rest % count;
            rest = Math.floor(rest / count);
            return picked;
          };
          const make = makers[pick(makers.length)];
          if (make === norm) norms++;
          return make(tf.layers, `l${k}`, k === 0 ? { inputShape: [14, 14, 2] } : {}, pick);
        });
        const end = ends[choices[0] % 2](tf.layers, "end", {}, () => 0);
        const head = tf.layers["dense"]({ name: "head", units: 3 });
        const model = fill(tf.sequential({ layers: [...layers, end, head] }));
        const files = await filesOf(tf, model);
        model.dispose();
        // It runs both in TF.js, and throws where they differ.
        const result = await foldTfjs(files, { tf });
        expect(result.folded.length + result.left.length).toBe(norms);
        expect(inspectTfjs(result.files).norms).toHaveLength(result.left.length);
        folded += result.folded.length;
      }),
      { numRuns: 60, seed: 5 },
    );
    expect(folded).toBeGreaterThan(20);
  });

  test("compares a Sequential on given inputs by the name that it declares", async () => {
    const model = stack(
      (l) => l.dense({ name: "f", units: 3, inputShape: [4] }),
      (l) => l.batchNormalization({ name: "n" }),
    );
    const files = await filesOf(tf, model);
    const [{ name }] = inspectTfjs(files).inputs;
    expect(name).toBe("f_input");
    const x = { shape: [2, 4], values: [1, -2, 3, 0, 5, 0.5, -1, 2] };
    const { verification } = await foldTfjs(files, { tf, inputs: [{ [name]: x }] });
    expect(verification?.shapes).toEqual({ f_input: [2, 4] });
    expect(verification?.onNoise).toBe(false);
    await expect(foldTfjs(files, { tf, inputs: [{ x }] })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DataError: foldTfjs(files): expected values for the input f_input, got none. Pass them too.]`,
    );
  });

  test("keeps training configuration, optimizer state and metadata, and frees what it made", async () => {
    const model = stack(
      (l) => l.dense({ name: "f", units: 3, inputShape: [4], useBias: false }),
      (l) => l.batchNormalization({ name: "n" }),
    );
    model.compile({ optimizer: "adam", loss: "meanSquaredError" });
    const files = await filesOf(tf, model, { includeOptimizer: true });
    const before = tf.memory().numTensors;
    const result = await foldTfjs(files, { tf });
    expect(tf.memory().numTensors).toBe(before);
    const [one, other] = [files, result.files].map((each) => JSON.parse(new TextDecoder().decode(each.model)));
    expect(other.trainingConfig).toEqual(one.trainingConfig);
    expect(toTfjsArtifacts(result.files).weightSpecs?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["f/kernel", "f/bias"]),
    );
  });

  test("a graph model that TensorFlow.js' converter wrote, which has folded its norms, is inspected", async () => {
    const files = await nsfwModel("mobilenet_v2_mid");
    expect(inspectTfjs(files)).toEqual({
      format: "graph-model",
      producer: "2.2.0, TensorFlow.js Converter v1.7.4r1",
      layers: 178,
      inputs: [{ name: "input", type: "float32", shape: ["N", 224, 224, 3] }],
      norms: [],
    });
  });

  test.each([
    ["mobilenet_v2", 52],
    ["inception_v3", 94],
  ] as const)("%s of nsfwjs: all of its %i norms fold, and it predicts the same", async (name, count) => {
    const files = await nsfwModel(name);
    const { norms } = inspectTfjs(files);
    expect(norms.map(({ kind }) => kind)).toEqual(Array(count).fill("BatchNormalization"));
    expect(norms[0].leftBecause).toContain("is quantised to uint8 with one scale for all channels");
    const { folded, left, verification, files: result } = await foldTfjs(files, { tf, dequantize: true });
    expect(left).toEqual([]);
    expect(folded).toHaveLength(count);
    expect(inspectTfjs(result).norms).toEqual([]);
    expect(verification?.maxRelative).toBeLessThan(1e-4);
  });
});
