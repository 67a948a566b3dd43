import { foldTfjs, inspectTfjs, type TfjsFiles } from "evenkeel/tfjs";
import { describe, expect, test } from "vitest";
import { layer, sequential, sequentialJson, tfjsModel } from "../../support/tfjs-models.js";

const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

describe("a graph model", () => {
  const node = (op: string, name: string, input: string[] = [], attr: object = {}) => ({ name, op, input, attr });
  const constant = (name: string) => node("Const", name);
  const floats = (values: Record<string, number>) =>
    Object.fromEntries(Object.entries(values).map(([key, f]) => [key, { f }]));
  const fused = (...ops: string[]) => ({ fused_ops: { list: { s: ops.map((op) => btoa(op)) } } });
  const statistics: Record<string, number[]> = { gamma: [1, 2], beta: [0, 1], mean: [0, 1], variance: [1, 4] };
  const four = Object.keys(statistics);
  const nodes = [
    node("Placeholder", "x"),
    ...four.map(constant),
    constant("eps"),
    constant("axes"),
    constant("kernel"),
    node("Identity", "variance/read", ["variance"]),
    node("Conv2D", "conv", ["x", "kernel"]),
    node("FusedBatchNormV3", "bn", ["conv:0", "gamma", "beta", "mean", "variance/read"], floats({ epsilon: 0.001 })),
    node("FusedBatchNorm", "training", ["bn", ...four], { ...floats({ epsilon: 0 }), is_training: { b: true } }),
    node("_FusedConv2D", "fused", ["bn", "kernel", ...four], { ...fused("FusedBatchNorm", "Relu") }),
    node("_FusedConv2D", "biased", ["bn", "kernel", "beta"], { ...fused("BiasAdd") }),
    node("BatchNormWithGlobalNormalization", "old", ["fused", "mean", "variance", "beta", "gamma"], {
      ...floats({ variance_epsilon: 0.01 }),
    }),
    node("LRN", "lrn", ["old"], floats({ bias: 2 })),
    node("Mean", "mu", ["lrn", "axes"]),
    node("SquaredDifference", "squares", ["lrn", "mu"]),
    node("Mean", "var", ["squares", "axes"]),
    node("AddV2", "raised", ["var", "eps"]),
    node("Rsqrt", "root", ["raised", "^bn"]),
    node("Square", "sq", ["lrn"]),
    node("Mean", "ms", ["sq", "axes"]),
    node("Add", "ms/eps", ["ms", "eps"]),
    node("Rsqrt", "rms", ["ms/eps"]),
    node("Rsqrt", "other", ["x"]),
  ];
  const topology = {
    node: nodes,
    library: {
      function: [
        {
          signature: { name: "body" },
          nodeDef: [node("FusedBatchNormV2", "bn", ["in", ...four], floats({ epsilon: 0.001 }))],
        },
      ],
    },
  };
  const graphModel = (json: object = topology): TfjsFiles => {
    const values = { ...statistics, eps: [1e-6], axes: [2] };
    const specs = Object.entries(values).map(([name, list]) => ({
      name,
      shape: name === "eps" ? [] : [list.length],
      dtype: name === "axes" ? "int32" : "float32",
    }));
    const bytes = Object.entries(values).flatMap(([name, list]) => [
      ...new Uint8Array((name === "axes" ? Int32Array.from(list) : Float32Array.from(list)).buffer),
    ]);
    return {
      model: text({
        format: "graph-model",
        generatedBy: "2.13.0",
        modelTopology: json,
        weightsManifest: [{ paths: ["w.bin"], weights: specs }],
      }),
      shards: { "w.bin": Uint8Array.from(bytes) },
    };
  };

  test("inspectTfjs finds batch norms alone and fused, those of functions, LRN, and norms that are computed", () => {
    const { format, layers, norms } = inspectTfjs(graphModel());
    expect([format, layers]).toEqual(["graph-model", nodes.length + 1]);
    expect(
      norms.map(({ kind, place, input, channels, eps, mode, settings, parameters, findings }) => ({
        ...{ kind, place, input, channels, eps, mode, findings },
        settings: JSON.stringify(settings),
        parameters: Object.keys(parameters).join(),
      })),
    ).toMatchInlineSnapshot(`
      [
        {
          "channels": 2,
          "eps": 0.001,
          "findings": [],
          "input": "Conv2D conv",
          "kind": "FusedBatchNormV3",
          "mode": "inference",
          "parameters": "weight,bias,mean,variance",
          "place": "bn",
          "settings": "{}",
        },
        {
          "channels": 2,
          "eps": 0,
          "findings": [
            "it normalises by the batch (training mode), which TF.js does not do",
            "eps is 0: a channel without variance gives NaN or infinity",
          ],
          "input": "FusedBatchNormV3 bn",
          "kind": "FusedBatchNorm",
          "mode": "training",
          "parameters": "weight,bias,mean,variance",
          "place": "training",
          "settings": "{}",
        },
        {
          "channels": 2,
          "eps": 0.0001,
          "findings": [],
          "input": "FusedBatchNormV3 bn",
          "kind": "FusedBatchNorm in _FusedConv2D",
          "mode": "inference",
          "parameters": "weight,bias,mean,variance",
          "place": "fused",
          "settings": "{}",
        },
        {
          "channels": 2,
          "eps": 0.01,
          "findings": [],
          "input": "_FusedConv2D fused",
          "kind": "BatchNormWithGlobalNormalization",
          "mode": "inference",
          "parameters": "weight,bias,mean,variance",
          "place": "old",
          "settings": "{}",
        },
        {
          "channels": null,
          "eps": 2,
          "findings": [],
          "input": "BatchNormWithGlobalNormalization old",
          "kind": "LRN",
          "mode": null,
          "parameters": "",
          "place": "lrn",
          "settings": "{}",
        },
        {
          "channels": null,
          "eps": 0.000001,
          "findings": [],
          "input": "LRN lrn",
          "kind": "computed norm (layer, group or instance)",
          "mode": null,
          "parameters": "",
          "place": "root",
          "settings": "{"axes":[2]}",
        },
        {
          "channels": null,
          "eps": 0.000001,
          "findings": [],
          "input": "LRN lrn",
          "kind": "computed RMS norm",
          "mode": null,
          "parameters": "",
          "place": "rms",
          "settings": "{"axes":[2]}",
        },
        {
          "channels": null,
          "eps": 0.001,
          "findings": [],
          "input": "input in",
          "kind": "FusedBatchNormV2",
          "mode": "inference",
          "parameters": "",
          "place": "body/bn",
          "settings": "{}",
        },
      ]
    `);
    expect(new Set(norms.map(({ foldsInto }) => foldsInto))).toEqual(new Set([null]));
  });

  test("foldTfjs returns it as it is, and says what to fold instead", async () => {
    const files = graphModel();
    const { files: result, folded, left, verification } = await foldTfjs(files);
    expect(result).toEqual(files);
    expect([folded, verification]).toEqual([[], null]);
    expect(left[0]).toMatchInlineSnapshot(`
      {
        "norm": "bn",
        "reason": "it is in a graph model, which is inspected only: fold the layers model it was made of",
      }
    `);
    expect(left.map(({ norm: place }) => place)).toEqual(["bn", "training", "fused", "old", "body/bn"]);
  });

  test("one that makes no sense is refused", () => {
    const failure = (json: object): string => {
      try {
        return `${inspectTfjs(graphModel(json)).norms.length} norms`;
      } catch (error) {
        return `${(error as Error).name}: ${(error as Error).message}`;
      }
    };
    expect([
      failure({ node: [{ name: "a" }] }),
      failure({ node: [constant("a"), constant("a")] }),
      failure({ node: [{ ...constant("a"), input: "x" }] }),
      failure({ node: "nodes" }),
      failure({ node: [], library: { function: [{ nodeDef: [7] }] } }),
      // What leads in a circle, or nowhere, is no constant.
      failure({
        node: [
          node("Identity", "a", ["b"]),
          node("Identity", "b", ["a"]),
          node("FusedBatchNormV3", "n", ["gone", "a", "b", "gone", "n"]),
          node("Rsqrt", "r", ["r"]),
        ],
      }),
    ]).toMatchInlineSnapshot(`
      [
        "FormatError: inspectTfjs(files): expected nodes with a name and an op, got {"name":"a"}. Check that model.json is complete and unchanged.",
        "FormatError: inspectTfjs(files): expected a name of its own for each node, got a twice. Check that model.json is complete and unchanged.",
        "FormatError: inspectTfjs(files): expected nodes with a name and an op, got {"name":"a","op":"Const","input":"x","attr":{}}. Check that model.json is complete and unchanged.",
        "FormatError: inspectTfjs(files): expected a list of nodes, got nodes. Check that model.json is complete and unchanged.",
        "FormatError: inspectTfjs(files): expected nodes with a name and an op, got 7. Check that model.json is complete and unchanged.",
        "1 norms",
      ]
    `);
  });
});

test("a topology that makes no sense is refused, in words that say where", () => {
  const model = (modelTopology: unknown): TfjsFiles => ({
    model: text({ modelTopology, weightsManifest: [] }),
    shards: {},
  });
  const network = (config: unknown, name = "Model") => model({ class_name: name, config });
  const one = (more: object) => ({ class_name: "Dense", name: "f", config: { name: "f" }, ...more });
  const ends = { input_layers: [["f", 0, 0]], output_layers: [["f", 0, 0]] };
  const hostile: Record<string, TfjsFiles> = {
    "no topology": model(null),
    "a class that is no network": network({}, "Dense"),
    "no layers": network({ name: "net" }),
    "layers that are no list": network({ layers: "many" }, "Sequential"),
    "a layer without a class": network([{ config: {} }], "Sequential"),
    "a layer without a config": network([{ class_name: "Dense" }], "Sequential"),
    "a layer that is a number": network([7], "Sequential"),
    "two names of one layer": network([one({ name: "g" })], "Sequential"),
    "a name that is a number": network([{ class_name: "Dense", name: 7, config: {} }], "Sequential"),
    "a name twice": network([one({}), one({})], "Sequential"),
    "no outputs": network({ layers: [one({})], input_layers: [] }),
    "an output that is no reference": network({ layers: [one({})], ...ends, output_layers: ["f"] }),
    "a reference to nothing": network({ layers: [one({})], ...ends, output_layers: [["g", 0, 0]] }),
    "a reference to a prototype": network({ layers: [one({})], ...ends, output_layers: [["__proto__", 0, 0]] }),
    "calls of another kind": network({ layers: [one({ inbound_nodes: [7] })], ...ends }),
    "calls that are no list": network({ layers: [one({ inbound_nodes: "f" })], ...ends }),
    "a layer that waits for itself": network({ layers: [one({ inbound_nodes: [[["f", 0, 0]]] })], ...ends }),
    "a call that does not exist": network({
      layers: [one({}), one({ name: "g", config: { name: "g" }, inbound_nodes: [[["f", 5, 0]]] })],
      ...ends,
    }),
    "a name that moves the cursor": network([{ class_name: "a\u001b[2J", name: 7, config: {} }], "Sequential"),
  };
  const said = Object.entries(hostile).map(([name, files]) => {
    try {
      inspectTfjs(files);
      return [name, "taken"];
    } catch (error) {
      expect((error as Error).name, name).toBe("FormatError");
      return [name, String((error as Error).message).replace("inspectTfjs(files): ", "")];
    }
  });
  expect(Object.fromEntries(said)).toMatchInlineSnapshot(`
    {
      "a call that does not exist": "expected layers that can be called one after another, got g, which waits for itself or for nothing. Check that model.json is complete and unchanged.",
      "a class that is no network": "expected a Sequential, Functional or graph model, got Dense. Check that model.json is complete and unchanged.",
      "a layer that is a number": "expected a class_name and a config of each layer, got 7. Check that model.json is complete and unchanged.",
      "a layer that waits for itself": "expected layers that can be called one after another, got f, which waits for itself or for nothing. Check that model.json is complete and unchanged.",
      "a layer without a class": "expected a class_name and a config of each layer, got {"config":{}}. Check that model.json is complete and unchanged.",
      "a layer without a config": "expected a class_name and a config of each layer, got {"class_name":"Dense"}. Check that model.json is complete and unchanged.",
      "a name that is a number": "expected one name of each layer, got [7,null]. Check that model.json is complete and unchanged.",
      "a name that moves the cursor": "expected one name of each layer, got [7,null]. Check that model.json is complete and unchanged.",
      "a name twice": "expected a name of its own for each layer, got f twice. Check that model.json is complete and unchanged.",
      "a reference to a prototype": "expected references to layers of the network, got __proto__. Check that model.json is complete and unchanged.",
      "a reference to nothing": "expected references to layers of the network, got g. Check that model.json is complete and unchanged.",
      "an output that is no reference": "expected references [layer, node, tensor], got f. Check that model.json is complete and unchanged.",
      "calls of another kind": "expected inbound_nodes as lists of [layer, node, tensor], as TF.js reads them, got 7. Check that model.json is complete and unchanged.",
      "calls that are no list": "expected inbound_nodes as lists of [layer, node, tensor], as TF.js reads them, got f. Check that model.json is complete and unchanged.",
      "layers that are no list": "expected a network with layers, got {"layers":"many"}. Check that model.json is complete and unchanged.",
      "no layers": "expected a network with layers, got {"name":"net"}. Check that model.json is complete and unchanged.",
      "no outputs": "expected a list output_layers, got undefined. Check that model.json is complete and unchanged.",
      "no topology": "expected a modelTopology, got null. Check that model.json is complete and unchanged.",
      "two names of one layer": "expected one name of each layer, got ["g","f"]. Check that model.json is complete and unchanged.",
    }
  `);
});

test("a long row of layers and a deep nest of networks are read", () => {
  const norms = Array.from({ length: 1000 }, (_, k) => layer("BatchNormalization", `n${k}`, { axis: 1 }));
  expect(inspectTfjs(sequential(...norms)).norms).toHaveLength(1000);
  let inner: object = sequentialJson("n", [layer("ReLU", "r")]);
  for (let k = 0; k < 20; k++) {
    inner = { class_name: "Sequential", config: { name: `n${k}`, layers: [inner] } };
  }
  expect(inspectTfjs(tfjsModel(inner, [])).layers).toBe(21);
});
