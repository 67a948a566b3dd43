import {
  BatchNorm,
  customOp,
  dropout,
  Graph,
  Linear,
  loadModel,
  Module,
  onWarning,
  predict,
  readSafetensors,
  relu,
  Sequential,
  saveModel,
  type Tensor,
  tensor,
  trace,
  writeSafetensors,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { allowFreshStatistics } from "../../support/fresh-statistics.js";
import { Shared, SqueezeExcite, TwoInputs, UNet } from "../../support/own-networks.js";
import { normal } from "../../support/seeded.js";

/** Warnings of what `run` does. */
function warningsOf(run: () => void): string[] {
  const warnings: string[] = [];
  onWarning((message) => warnings.push(message));
  run();
  return warnings;
}

describeEachBackend("a network of one's own", () => {
  const networks: [name: string, make: () => Module, inputShape: number[]][] = [
    ["U-Net", () => new UNet(), [1, 8, 8]],
    ["squeeze and excite", () => new SqueezeExcite(), [1, 5, 5]],
    ["a shared layer", () => new Shared(), [4]],
  ];

  test.each(networks)("%s loads without its class and predicts the same bits", async (_, make, inputShape) => {
    allowFreshStatistics();
    const model = make();
    const x = normal([7, ...inputShape], 3);
    for (const meta of [{ inputShape }, {}]) {
      const bytes = saveModel(model, meta, meta.inputShape === undefined ? { probe: x } : {});
      const loaded = loadModel(bytes).model;
      expect(loaded).toBeInstanceOf(Graph);
      expect(await (await predict(loaded, x)).data()).toEqual(await (await predict(model, x)).data());
      expect(Object.keys(loaded.stateDict())).toEqual(Object.keys(model.stateDict()));
      expect(saveModel(loaded, meta)).toEqual(bytes);
    }
  });

  test("tied weights and shared layers are stored once and load shared", () => {
    allowFreshStatistics();
    const model = new Shared();
    const bytes = saveModel(model, { inputShape: [4] });
    const loaded = loadModel(bytes).model;
    expect(loaded.namedParameters().map(([name]) => name)).toEqual(model.namedParameters().map(([name]) => name));
    const tied = new Sequential(new Linear(3, 3), new Linear(3, 3));
    Reflect.set(tied.layers[1], "weight", (tied.layers[0] as Linear).weight);
    expect(loadModel(saveModel(tied)).model.parameters().length).toBe(3);
  });

  test("with two inputs is saved as its trace, with buffers and parameters of its own", () => {
    allowFreshStatistics();
    const model = new TwoInputs().eval();
    const inputs = [normal([6, 3], 1), normal([6, 5], 2)] as const;
    const loaded = loadModel(saveModel(trace(model, ...inputs))).model.eval() as unknown as TwoInputs;
    expect(loaded.forward(...inputs).dataSync()).toEqual(model.forward(...inputs).dataSync());
  });

  test("with a custom op needs that op, by its name", () => {
    allowFreshStatistics();
    const square = customOp({ name: "square", forward: (x) => x.mul(x), backward: (dy, [x]) => [dy.mul(x).mul(2)] });
    class Net extends Module {
      readonly norm = new BatchNorm(2);
      override forward(x: Tensor): Tensor {
        return square(this.norm.forward(x)).add(tensor([1, -1]));
      }
    }
    const model = new Net().eval();
    const x = normal([3, 2], 1);
    const bytes = saveModel(model, { inputShape: [2] });
    expect(() => loadModel(bytes)).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: loadModel(bytes): expected a function for each custom op, got none for "square". Pass it: loadModel(bytes, { ops: { square } }).]`,
    );
    expect(loadModel(bytes, { ops: { square } }).model.eval().forward(x).dataSync()).toEqual(
      model.forward(x).dataSync(),
    );
    expect(loadModel(bytes, new Net()).model).toBeInstanceOf(Net);
  });

  test("what differs in training is stored as it evaluates, what cannot be traced without the network", () => {
    class Drops extends Module {
      override forward(x: Tensor): Tensor {
        return this.training ? dropout(x, 0.5) : relu(x);
      }
    }
    class Branches extends Module {
      override forward(x: Tensor): Tensor {
        return x.sum().item() > 0 ? x : relu(x);
      }
    }
    let bytes: Uint8Array = new Uint8Array();
    expect(
      warningsOf(() => {
        bytes = saveModel(new Drops(), { inputShape: [2] });
      }),
    ).toMatchInlineSnapshot(`
      [
        "saveModel(Drops): the file holds the network as it evaluates, and refuses to train. trace(Drops, …inputs): expected the same steps in training and in evaluation, got dropout and relu as step 1. Use layers that know the mode, such as Dropout; or trace it with { mode: "eval" }.",
      ]
    `);
    const x = normal([3, 2], 1);
    expect(loadModel(bytes).model.forward(x).dataSync()).toEqual(relu(x).dataSync());
    expect(() => loadModel(bytes).model.train()).toThrowErrorMatchingInlineSnapshot(
      `[GraphError: Graph.train(): expected a graph of both modes, got one traced in evaluation mode. Train the network it was traced from, or trace it without { mode: "eval" }.]`,
    );
    expect(warningsOf(() => saveModel(new Branches(), { inputShape: [2] }))).toMatchInlineSnapshot(`
      [
        "saveModel(Branches): the file holds parameters alone, and loads into a network of the same classes. trace(Branches), dataSync(): expected a network whose steps do not depend on values, got a look at the values of sum, shape scalar. Compute with tensors instead of numbers, or put that part into a customOp or after the network.",
      ]
    `);
  });
});

test("damaged graphs are told, whatever is wrong with them", () => {
  allowFreshStatistics();
  const bytes = saveModel(new SqueezeExcite(), { inputShape: [1, 5, 5] });
  const { tensors, metadata } = readSafetensors(bytes);
  const header = JSON.parse(metadata["evenkeel"]);
  const messages = (
    [
      { nodes: 3 },
      { nodes: [3] },
      { nodes: [{ name: "a", path: "", op: "mystery", args: [], shape: null }] },
      { nodes: [{ name: "a", path: "", op: "relu", args: [{ $value: [9] }], shape: null }] },
      { nodes: [{ name: "a", path: "", op: "relu", args: [{ $state: "nothing" }], shape: null }] },
      { nodes: [{ name: "a", path: "", op: "relu", args: [{ $odd: 1 }], shape: null }] },
      { nodes: [{ name: "a", path: "", layer: "nothing", args: [], shape: null }] },
      { nodes: [{ name: "a", path: "", op: "relu", args: 4, shape: null }] },
      { nodes: [{ name: "a", path: "", op: "relu", args: [], shape: ["x"] }] },
      { names: [{ layer: "b", alias: "a" }] },
      { names: [{ parameter: "b" }] },
      { names: [{ parameter: "b", alias: "a" }] },
      { constants: 2 },
      { output: { $value: [99] } },
    ] as Record<string, unknown>[]
  ).map((fault) => {
    const graph = { ...header.graph, ...fault };
    const damaged = writeSafetensors(tensors, { evenkeel: JSON.stringify({ ...header, graph }) });
    try {
      loadModel(damaged);
    } catch (error) {
      return `${JSON.stringify(fault)} ${error}`;
    }
    return `${JSON.stringify(fault)} loads`;
  });
  expect(messages).toMatchInlineSnapshot(`
    [
      "{"nodes":3} FormatError: loadModel(bytes): expected a graph of inputs, nodes and names, got object. Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"nodes":[3]} FormatError: loadModel(bytes): expected a graph of inputs, nodes and names, got object. Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"nodes":[{"name":"a","path":"","op":"mystery","args":[],"shape":null}]} FormatError: loadModel(bytes): expected ops of this version, got "mystery". Load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"nodes":[{"name":"a","path":"","op":"relu","args":[{"$value":[9]}],"shape":null}]} FormatError: loadModel(bytes): expected references to what stands before, got {"$value":[9]}. Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"nodes":[{"name":"a","path":"","op":"relu","args":[{"$state":"nothing"}],"shape":null}]} FormatError: loadModel(bytes): expected references to what stands before, got {"$state":"nothing"}. Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"nodes":[{"name":"a","path":"","op":"relu","args":[{"$odd":1}],"shape":null}]} FormatError: loadModel(bytes): expected a reference to a value, a tensor or a size, got {"$odd":1}. Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"nodes":[{"name":"a","path":"","layer":"nothing","args":[],"shape":null}]} FormatError: loadModel(bytes): expected a layer of the file, got "nothing". Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"nodes":[{"name":"a","path":"","op":"relu","args":4,"shape":null}]} FormatError: loadModel(bytes): expected a list, got number. Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"nodes":[{"name":"a","path":"","op":"relu","args":[],"shape":["x"]}]} FormatError: loadModel(bytes): expected a shape, got ["x"]. Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"names":[{"layer":"b","alias":"a"}]} FormatError: loadModel(bytes): expected a layer before its alias, got "b". Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"names":[{"parameter":"b"}]} FormatError: loadModel(bytes): expected a tensor "b", got none. Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"names":[{"parameter":"b","alias":"a"}]} FormatError: loadModel(bytes): expected a tensor before its alias, got "b". Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"constants":2} FormatError: loadModel(bytes): expected a tensor "$constant.0", got none. Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
      "{"output":{"$value":[99]}} FormatError: loadModel(bytes): expected references to what stands before, got {"$value":[99]}. Check that the file is complete; load it with the version of Evenkeel that wrote it, or a newer one.",
    ]
  `);
});
