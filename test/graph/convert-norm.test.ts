import {
  BatchNorm,
  Conv2d,
  convertNorm,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  Linear,
  loadModel,
  Module,
  ReLU,
  Residual,
  RmsNorm,
  Sequential,
  Sgd,
  saveModel,
  type Tensor,
  trace,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { allowFreshStatistics } from "../support/fresh-statistics.js";
import { Shared, SqueezeExcite, TwoInputs, UNet } from "../support/own-networks.js";
import { normal } from "../support/seeded.js";

describeEachBackend("convertNorm", () => {
  const network = (): Sequential =>
    new Sequential(
      new Conv2d(2, 4, 3),
      new BatchNorm(4),
      new Residual(new Sequential(new BatchNorm(4), new ReLU()), new BatchNorm(4, { affine: false })),
    );

  test("puts other norms in place, with the parameters of the old", () => {
    const model = network();
    const weights = model.parameters();
    const converted = convertNorm(model, (norm) => norm instanceof BatchNorm && new GroupNorm(2, norm.numFeatures));
    expect(converted.map(({ name, kept }) => [name, kept])).toEqual([
      ["1", ["weight", "bias"]],
      ["2.body.0", ["weight", "bias"]],
      ["2.shortcut", []],
    ]);
    expect(String(model)).toBe("Sequential(Conv2d(2, 4, 3), GroupNorm(2, 4), Residual())");
    expect(model.namedModules().some(([, module]) => module instanceof BatchNorm)).toBe(false);
    const own = (model.layers[1] as GroupNorm).weight;
    expect(weights).toContain(own);
    // Same input, same parameters: the result is that of a group norm built so from the start.
    const x = normal([2, 2, 6, 6], 1);
    const expected = new Sequential(
      new Conv2d(2, 4, 3),
      new GroupNorm(2, 4),
      new Residual(new Sequential(new GroupNorm(2, 4), new ReLU()), new GroupNorm(2, 4)),
    );
    expected.loadStateDict(model.stateDict());
    expect(model.forward(x).dataSync()).toEqual(expected.forward(x).dataSync());
  });

  test("an optimiser made before goes on training what went over", () => {
    const model = new Sequential(new Linear(2, 4), new BatchNorm(4));
    const optimizer = new Sgd(model.parameters(), { lr: 1 });
    convertNorm(model, () => new LayerNorm(4));
    const { weight } = model.layers[1] as LayerNorm;
    const before = weight?.dataSync();
    model
      .forward(normal([3, 2], 1))
      .pow(2)
      .sum()
      .backward();
    optimizer.step();
    expect(weight?.dataSync()).not.toEqual(before);
  });

  test("leaves what the function passes over, and parameters that do not fit", () => {
    const model = new Sequential(new Linear(2, 4), new BatchNorm(4), new BatchNorm(4), new BatchNorm(4)).eval();
    const converted = convertNorm(model, (norm, name) =>
      name === "1" ? null : name === "2" ? new RmsNorm(4) : name === "3" ? new LayerNorm([4, 1]) : norm,
    );
    expect(converted.map(({ name, kept }) => [name, kept])).toEqual([
      ["2", ["weight"]],
      ["3", []],
    ]);
    expect(converted[0].from).toBeInstanceOf(BatchNorm);
    expect(converted[0].to).toBe(model.layers[2]);
    expect(model.layers.map((layer) => layer.training)).toEqual([false, false, false, false]);
  });

  test("a norm in two places is replaced in both, and one may be wrapped", () => {
    class Twice extends Module {
      readonly norm = new InstanceNorm(2);
      readonly list = [this.norm, new BatchNorm(2)];
      override forward(x: Tensor): Tensor {
        return this.list.reduce<Tensor>((value, layer) => layer.forward(value), this.norm.forward(x));
      }
    }
    const model = new Twice();
    let calls = 0;
    convertNorm(model, (norm) => {
      calls++;
      return norm instanceof InstanceNorm ? new GroupNorm(1, 2) : new Sequential(norm, new ReLU());
    });
    expect(calls).toBe(2);
    expect(model.list[0]).toBe(model.norm);
    expect(String(model.list[1])).toBe("Sequential(BatchNorm(2), ReLU())");
  });

  test("changes a graph in its nodes and names, as it does the module", () => {
    allowFreshStatistics();
    const networks: [Module<Tensor[]>, number[][]][] = [
      [new UNet() as Module<Tensor[]>, [[1, 8, 8]]],
      [new SqueezeExcite() as Module<Tensor[]>, [[1, 5, 5]]],
      [new TwoInputs() as unknown as Module<Tensor[]>, [[3], [5]]],
      [new Shared() as Module<Tensor[]>, [[4]]],
    ];
    for (const [model, sizes] of networks) {
      const x = sizes.map((size, k) => normal([9, ...size], k + 1));
      const graph = trace(model, ...x) as unknown as Module<Tensor[]>;
      const loaded = loadModel(saveModel(graph)).model as unknown as Module<Tensor[]>;
      const toGroups = (norm: Module): GroupNorm | false =>
        norm instanceof BatchNorm && new GroupNorm(2, norm.numFeatures);
      const before = model
        .eval()
        .forward(...x)
        .dataSync();
      const converted = convertNorm(graph, toGroups);
      // The module still has its own norms, and what went over is shared.
      expect(model.forward(...x).dataSync()).toEqual(before);
      expect(graph.parameters().filter((t) => !model.parameters().includes(t))).toEqual([]);
      const others = [loaded, model].map((other) => convertNorm(other, toGroups).map(({ name, kept }) => [name, kept]));
      expect(converted.length).toBeGreaterThan(0);
      for (const names of others) expect(names).toEqual(converted.map(({ name, kept }) => [name, kept]));
      const after = model.forward(...x).dataSync();
      expect(after).not.toEqual(before);
      for (const one of [graph, loaded, loadModel(saveModel(graph)).model as unknown as Module<Tensor[]>]) {
        expect(
          one
            .eval()
            .forward(...x)
            .dataSync(),
        ).toEqual(after);
        expect(Object.keys(one.stateDict())).toEqual(Object.keys(model.stateDict()));
      }
    }
  });

  test("in a graph inside a model, and in a graph that is one norm", () => {
    const graph = trace(new SqueezeExcite(), normal([2, 1, 5, 5], 1));
    const model = new Sequential(graph as Module, new ReLU());
    expect(convertNorm(model, () => new GroupNorm(2, 6)).map(({ name }) => name)).toEqual(["0.body.1"]);
    expect(String(graph)).toContain("GroupNorm(2, 6)");
    const alone = trace(new BatchNorm(4), normal([2, 4], 1));
    convertNorm(alone, () => new LayerNorm(4));
    expect(String(alone)).toContain("LayerNorm(4)");
    expect(Object.keys(alone.stateDict())).toEqual(["weight", "bias"]);
  });

  test("refuses for a graph what it could not hold", () => {
    const graph = trace(new SqueezeExcite(), normal([2, 1, 5, 5], 1));
    const table = String(graph);
    expect(() =>
      convertNorm(graph, (norm) => new Sequential(norm as Module, new ReLU())),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: convertNorm(graph, convert): expected convert to return one of the library's layers for body.1, since a graph's nodes are such, got Sequential(BatchNorm(6), ReLU()). Convert the module that the graph was traced from, and trace it again.]`,
    );
    class Reads extends Module {
      readonly norm = new BatchNorm(4);
      override forward(x: Tensor): Tensor {
        return this.norm.forward(x).mul(this.norm.weight as Tensor);
      }
    }
    expect(() =>
      convertNorm(trace(new Reads(), normal([8, 4], 1)), () => new LayerNorm(4)),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: convertNorm(graph, convert): expected norms whose parameters nothing else reads, got norm, whose weight mul reads. Leave that norm as it is: let convert return nothing for it.]`,
    );
    expect(String(graph)).toBe(table);
  });

  test("refuses what it cannot do", () => {
    expect(() => convertNorm(new BatchNorm(2), () => new GroupNorm(1, 2))).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: convertNorm(model, convert): expected a model that holds norms, got BatchNorm(2), a norm itself. Build its replacement in its place.]`,
    );
    const model = network();
    expect(() => convertNorm(model, () => "group" as unknown as GroupNorm)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: convertNorm(model, convert): expected convert to return a module for 1, or nothing, got a string. Return the layer that shall stand there.]`,
    );
    expect(String(model)).toBe(String(network()));
    const frozen = new Residual(new BatchNorm(2));
    Object.freeze(frozen);
    expect(() => convertNorm(frozen, () => new GroupNorm(1, 2))).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: Residual().body: expected a property that can be assigned, to put another layer there, got one that cannot. Do not freeze the module.]`,
    );
  });
});
