import {
  alone,
  BatchNorm,
  crossEntropy,
  customOp,
  Dropout,
  dropout,
  Generator,
  Graph,
  LayerNorm,
  Linear,
  Module,
  noGrad,
  ones,
  ReLU,
  Residual,
  relu,
  Sequential,
  saveModel,
  scope,
  seed,
  type Tensor,
  tensor,
  trace,
  zeros,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { allowFreshStatistics } from "../../support/fresh-statistics.js";
import { Shared, SqueezeExcite, TwoInputs, UNet } from "../../support/own-networks.js";
import { normal } from "../../support/seeded.js";

/** A module of one `forward`. */
function moduleOf(forward: (x: Tensor) => Tensor, parts: Record<string, unknown> = {}): Module {
  class Net extends Module {
    override forward(x: Tensor): Tensor {
      return forward.call(this, x);
    }
  }
  return Object.assign(new Net(), parts);
}

/** Outputs and all gradients of a step in training, from the same random stream. */
function stepOf(model: Module<Tensor[]>, inputs: readonly Tensor[]): Float32Array[] {
  for (const p of model.parameters()) p.grad = null;
  seed(5);
  const y = model.forward(...inputs);
  y.mul(y).sum().backward();
  return [y.dataSync(), ...model.parameters().map((p) => p.grad?.dataSync() ?? new Float32Array(0))];
}

describeEachBackend("a trace", () => {
  const networks: [name: string, make: () => Module<Tensor[]>, sizes: number[][]][] = [
    ["a U-Net", () => new UNet() as Module<Tensor[]>, [[1, 8, 8]]],
    ["squeeze and excite", () => new SqueezeExcite() as Module<Tensor[]>, [[1, 5, 5]]],
    ["two inputs", () => new TwoInputs() as unknown as Module<Tensor[]>, [[3], [5]]],
    ["a shared layer and a tied weight", () => new Shared() as Module<Tensor[]>, [[4]]],
    [
      "layers in order",
      () =>
        new Sequential(
          new Linear(4, 6),
          new Residual(new Sequential(new BatchNorm(6), new ReLU())),
          new Dropout(0.5),
        ) as Module<Tensor[]>,
      [[4]],
    ],
  ];

  test.each(networks)("of %s gives what the network gives, to the bit, for any batch", (_, make, sizes) => {
    const model = make();
    const example = sizes.map((size, k) => normal([2, ...size], k + 1));
    const graph = trace(model, ...example) as Module<Tensor[]>;
    const batch = sizes.map((size, k) => normal([9, ...size], k + 10));
    expect(stepOf(graph, batch)).toEqual(stepOf(model, batch));
    expect(Object.keys(graph.stateDict())).toEqual(Object.keys(model.stateDict()));
    expect(graph.namedParameters()).toEqual(model.namedParameters());
    graph.eval();
    for (const count of [1, 2, 5]) {
      const few = sizes.map((size, k) => normal([count, ...size], k + 20));
      expect(noGrad(() => graph.forward(...few)).dataSync()).toEqual(
        noGrad(() => model.eval().forward(...few)).dataSync(),
      );
    }
  });

  test("changes nothing: modes, statistics, generators and counters are as before", () => {
    const model = new SqueezeExcite();
    const state = (): Record<string, unknown> => ({
      numbers: Object.fromEntries(Object.entries(model.stateDict()).map(([key, t]) => [key, t.dataSync()])),
      extra: model.namedModules().map(([, module]) => module.getExtraState()),
      training: model.namedModules().map(([, module]) => module.training),
    });
    model.body.eval();
    const before = state();
    seed(3);
    const next = new Generator(3).integer();
    trace(model, normal([4, 1, 5, 5], 1));
    expect(state()).toEqual(before);
    seed(3);
    trace(model, normal([4, 1, 5, 5], 1));
    const drawn = noGrad(() => dropout(ones([64]), 0.5)).dataSync();
    seed(3);
    expect(noGrad(() => dropout(ones([64]), 0.5)).dataSync()).toEqual(drawn);
    expect(next).toBe(new Generator(3).integer());
  });

  test("frees each value after its last use", () => {
    const model = new UNet().eval();
    const graph = trace(model, zeros([1, 1, 8, 8])).eval();
    const x = normal(
      [4, 1, 16, 16].map((n, k) => (k > 1 ? 8 : n)),
      2,
    );
    scope(() => noGrad(() => graph.forward(x)));
    const y = noGrad(() => graph.forward(x));
    expect(y.shape).toEqual([4, 2, 8, 8]);
  });
});

describe("a graph", () => {
  test("is a table", () => {
    seed(1);
    expect(String(trace(new SqueezeExcite(), zeros([2, 1, 5, 5])))).toMatchInlineSnapshot(`
      "node     layer or op        takes            output   parameters
      ────────────────────────────────────────────────────────────────
      input                                        N×1×5×5
      body.0   Conv2d(1, 6, 3)    input            N×6×5×5          60
      body.1   BatchNorm(6)       body.0           N×6×5×5          12
      body.2   ReLU()             body.1           N×6×5×5           0
      mean     mean               body.2           N×6               0
      squeeze  Linear(6, 3)       mean             N×3              21
      relu     relu               squeeze          N×3               0
      excite   Linear(3, 6)       relu             N×6              24
      sigmoid  sigmoid            excite           N×6               0
      reshape  reshape            sigmoid          N×6×1×1           0
      mul      mul                body.2, reshape  N×6×5×5           0
      pool     GlobalAvgPool2d()  mul              N×6               0
      dropout  Dropout(0.25)      pool             N×6               0
      head     Linear(6, 4)       dropout          N×4              28
      ────────────────────────────────────────────────────────────────
      returns head; 145 parameters"
    `);
  });

  test("returns what the network returns: lists and objects of tensors", () => {
    class Heads extends Module<[x: Tensor], { a: Tensor; rest: Tensor[] }> {
      readonly one = new Linear(2, 3);
      override forward(x: Tensor): { a: Tensor; rest: Tensor[] } {
        const y = this.one.forward(x);
        return { a: y.sum(1), rest: [y, x] };
      }
    }
    const graph = trace(new Heads(), zeros([2, 2])) as unknown as Heads;
    const { a, rest } = graph.forward(ones([3, 2]));
    expect([a.shape, ...rest.map((t) => t.shape)]).toEqual([[3], [3, 3], [3, 2]]);
  });

  test("keeps noGrad and detach, and the sizes that grow with the batch", () => {
    const model = moduleOf((x) => {
      const still = noGrad(() => x.mul(2));
      const noise = zeros([x.shape[0], 3]).add(1);
      return still
        .add(x.detach())
        .add(x.mul(noise))
        .reshape([3 * x.shape[0]])
        .slice(0, 2 * x.shape[0]);
    });
    const graph = trace(model, ones([2, 3]));
    const x = tensor(new Float32Array(12).fill(1), [4, 3], { requiresGrad: true });
    graph.forward(x).sum().backward();
    expect(x.grad?.dataSync()).toEqual(Float32Array.from([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]));
    expect(graph.forward(ones([1, 3])).shape).toEqual([2]);
  });

  test("holds custom ops, constants and layers that forward makes", () => {
    const double = customOp({ name: "double", forward: (x) => x.mul(2), backward: (dy) => [dy.mul(2)] });
    const model = moduleOf((x) => double(new ReLU().forward(x)).add(tensor([1, 2])));
    const graph = trace(model, ones([2, 2]));
    expect(graph.nodes.map(({ name }) => name)).toEqual(["ReLU", "custom.double", "add"]);
    expect(graph.forward(tensor([[-1, 3]])).dataSync()).toEqual(Float32Array.of(1, 8));
  });

  test("leaves other axes open where it is asked to", () => {
    const graph = trace(new UNet(), zeros([1, 1, 8, 8]), { freeAxes: { 2: 2, 3: 2 } }).eval();
    expect(noGrad(() => graph.forward(zeros([1, 1, 12, 16]))).shape).toEqual([1, 2, 12, 16]);
  });

  test("Dropout behind a value that is used again is not that value", () => {
    const drop = new Dropout(0.5);
    const model = moduleOf((x) => drop.forward(x).mul(0).add(x), { drop });
    const x = ones([2, 8]);
    expect(trace(model, x).forward(x).dataSync()).toEqual(x.dataSync());
  });

  test("of a graph is the same graph", () => {
    const graph = trace(new UNet(), zeros([1, 1, 8, 8]));
    expect(String(trace(graph, zeros([1, 1, 8, 8])))).toBe(String(graph));
  });

  test("is named by its class in errors", () => {
    const graph = trace(new UNet(), zeros([1, 1, 8, 8]));
    expect(() => graph.loadStateDict({})).toThrow(/^Graph\.loadStateDict\(state\): expected the entries/);
  });

  test("refuses other inputs than it was traced with", () => {
    const graph = trace(new TwoInputs(), zeros([2, 3]), zeros([2, 5]));
    expect(() => graph.forward(zeros([2, 3]))).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: Graph.forward(...inputs): expected 2 tensors, got 1. Pass what the network was traced with.]`,
    );
    expect(() => graph.forward(zeros([2, 3]), zeros([2, 4]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Graph.forward(...inputs), input 1: expected N×5, got 2×4. Pass the shape it was traced with, or trace it again with freeAxes for axes that vary.]`,
    );
    expect(() => graph.forward(zeros([2, 3]), 3 as unknown as Tensor)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: Graph.forward(...inputs): expected a tensor, got 3. Make one with tensor(values, shape).]`,
    );
  });
});

describe("what no graph can hold is told with the name of the op", () => {
  const x = ones([2, 3]);
  const errorOf = (
    model: Module,
    ...given: Parameters<typeof trace> extends [unknown, ...infer Rest] ? Rest : never
  ): string => {
    try {
      trace(model, ...given);
    } catch (error) {
      return String(error);
    }
    return "none";
  };

  test("a look at values", () => {
    expect(
      errorOf(
        moduleOf((t) => (relu(t).sum().item() > 0 ? t : t.neg())),
        x,
      ),
    ).toMatchInlineSnapshot(
      `"TraceError: trace(Net), dataSync(): expected a network whose steps do not depend on values, got a look at the values of sum, shape scalar. Compute with tensors instead of numbers, or put that part into a customOp or after the network."`,
    );
    const weight = tensor([1], { requiresGrad: true });
    expect(
      errorOf(
        moduleOf((t) => t.mul(weight.dataSync()[0]), { weight }),
        x,
      ),
    ).toMatchInlineSnapshot(
      `"TraceError: trace(Net), dataSync(): expected a network whose steps do not depend on values, got a look at the values of weight. Compute with tensors instead of numbers, or put that part into a customOp or after the network."`,
    );
  });

  test("tensors left on a property", () => {
    class Keeps extends Module {
      last: Tensor | null = null;
      override forward(t: Tensor): Tensor {
        this.last = t.mul(2);
        return this.last;
      }
    }
    const model = new Keeps();
    expect(errorOf(model, x)).toMatchInlineSnapshot(
      `"TraceError: trace(Keeps), last: expected a forward that keeps no computed tensor, got one left on this property. Return it, or pass it on as an argument."`,
    );
    expect(model.last).toBe(null);
  });

  test("a batch size baked in", () => {
    expect(
      errorOf(
        moduleOf((t) => t.reshape([2, 3]).add(0)),
        x,
      ),
    ).toMatchInlineSnapshot(
      `"TraceError: trace(Net), reshape(): expected settings that fit any number of samples and any size of free axes, got a failure with an input of 3×3 (Tensor(3×3).reshape(shape): expected a shape of 9 values, got [2, 3]. Choose sizes whose product is the number of values; one of them may be −1.). Write −1 for the batch, or a multiple of x.shape[0]; leave axes that must not vary out of freeAxes."`,
    );
    expect(
      errorOf(
        moduleOf((t) => t.slice(0, t.shape[0] - 1)),
        x,
      ),
    ).toMatchInlineSnapshot(
      `"TraceError: trace(Net, …inputs), slice: expected the same settings for any size, or a multiple of it, got 1 and 2. Write −1 for the batch, or a multiple of x.shape[0]; do not mix it with other numbers."`,
    );
    expect(
      errorOf(
        moduleOf((t) => (t.shape[0] > 2 ? t.neg() : t.exp())),
        x,
      ),
    ).toMatchInlineSnapshot(
      `"TraceError: trace(Net, …inputs): expected the same steps for any number of samples, got exp and neg as step 1. Do not branch on the number of samples."`,
    );
  });

  test("modes that differ; evaluation alone is a graph that does not train", () => {
    const model = moduleOf(function (this: Module, t) {
      return this.training ? dropout(t, 0.5) : t.mul(1);
    } as (t: Tensor) => Tensor);
    expect(errorOf(model, x)).toMatchInlineSnapshot(
      `"TraceError: trace(Net, …inputs): expected the same steps in training and in evaluation, got dropout and mul as step 1. Use layers that know the mode, such as Dropout; or trace it with { mode: "eval" }."`,
    );
    const graph = trace(model, x, { mode: "eval" });
    expect(graph.forward(x).dataSync()).toEqual(x.dataSync());
    expect(() => graph.train()).toThrowErrorMatchingInlineSnapshot(
      `[GraphError: Graph.train(): expected a graph of both modes, got one traced in evaluation mode. Train the network it was traced from, or trace it without { mode: "eval" }.]`,
    );
  });

  test("losses, generators, arrays, random tensors, and state that changes", () => {
    expect(
      errorOf(
        moduleOf((t) => crossEntropy(t, [0, 1])),
        x,
      ),
    ).toMatchInlineSnapshot(
      `"TraceError: trace(Net), crossEntropy(): expected ops that a graph can hold, got crossEntropy(). Apply losses to what the module returns."`,
    );
    expect(
      errorOf(
        moduleOf((t) => dropout(t, 0.5, new Generator(1))),
        x,
      ),
    ).toMatchInlineSnapshot(
      `"TraceError: trace(Net), dropout(): expected tensors and plain settings, got a Generator. Leave it out, or use a layer that has it."`,
    );
    let calls = 0;
    expect(
      errorOf(
        moduleOf((t) => t.add(tensor([calls++]))),
        x,
      ),
    ).toMatchInlineSnapshot(
      `"TraceError: trace(Net), add(): expected tensors that ops compute, or that are equal in every run, got one made inside forward that differs from run to run. Make it with zeros(), ones() or full(), compute it by ops from the input, register it as a buffer, or hold a layer as a property instead of extending it."`,
    );
    expect(
      errorOf(
        moduleOf((t) => Promise.resolve(t) as unknown as Tensor),
        x,
      ),
    ).toMatchInlineSnapshot(
      `"TraceError: trace(Net): expected a forward that returns tensors, or arrays or objects of them, got a promise. Return the tensors that the network computes."`,
    );
  });

  test("norms that a class of one's own extends and calls, at any depth and in either mode", () => {
    allowFreshStatistics();
    class Twice extends BatchNorm {
      override forward(t: Tensor): Tensor {
        return super.forward(t).mul(2);
      }
    }
    class Rows extends LayerNorm {
      override forward(t: Tensor): Tensor {
        return super.forward(t).add(t);
      }
    }
    expect(errorOf(new Twice(3), x)).toMatchInlineSnapshot(
      `"TraceError: trace(Twice), the super.forward(x) of a norm: expected ops that a graph can hold, got the super.forward(x) of a norm. Hold the norm as a property and call its forward, instead of extending its class."`,
    );
    expect(errorOf(new Sequential(new Linear(3, 3), new Rows(3)), x)).toMatchInlineSnapshot(
      `"TraceError: trace(Sequential), the super.forward(x) of a norm in 1: expected ops that a graph can hold, got the super.forward(x) of a norm. Hold the norm as a property and call its forward, instead of extending its class."`,
    );
    const told = /super\.forward\(x\) of a norm/;
    expect(errorOf(new Twice(3).eval(), x, { mode: "eval" })).toMatch(told);
    expect(() => saveModel(new Sequential(new Twice(3)), {}, { probe: x })).toThrow(told);
    class Holds extends Module {
      readonly norm = new BatchNorm(3);
      override forward(t: Tensor): Tensor {
        return this.norm.forward(t).mul(2);
      }
    }
    const model = new Holds().eval();
    expect(trace(model, x).forward(x).dataSync()).toEqual(model.forward(x).dataSync());
    class Doubled extends Linear {
      override forward(t: Tensor): Tensor {
        return super.forward(t).mul(2);
      }
    }
    const doubled = new Doubled(3, 3);
    expect(trace(doubled, x).forward(x).dataSync()).toEqual(doubled.forward(x).dataSync());
  });

  test("layers that nothing would train", () => {
    const hidden = new Linear(3, 3);
    expect(
      errorOf(
        moduleOf((t) => hidden.forward(t)),
        x,
      ),
    ).toMatchInlineSnapshot(
      `"TraceError: trace(Net), Linear(3, 3): expected layers that are properties of a module, or in arrays of them, got one that is not, so that nothing would train or save it. Make it in the constructor, as a property."`,
    );
  });

  test("examples that are none", () => {
    const model = new ReLU();
    expect(errorOf(model)).toMatchInlineSnapshot(
      `"ArgumentError: trace(ReLU, …inputs): expected example inputs, got none. Pass tensors of the shapes that the network takes, e.g. zeros([2, 3, 32, 32])."`,
    );
    expect(errorOf(model, zeros([0, 3]))).toMatchInlineSnapshot(
      `"ShapeError: trace(ReLU, …inputs): expected a first input with a batch of at least one sample in axis 0, got 0×3. Pass an example of shape (N, …)."`,
    );
    expect(errorOf(model, 3 as unknown as Tensor)).toMatchInlineSnapshot(
      `"ArgumentError: trace(ReLU, …inputs): expected tensors, got number. Make inputs with tensor() or zeros(); settings belong to the module's constructor."`,
    );
    expect(errorOf((() => x) as unknown as Module, x)).toMatchInlineSnapshot(
      `"ArgumentError: trace(model, …inputs): expected a module, got function. Put functions into a class that extends Module."`,
    );
    expect(errorOf(model, x, { freeAxes: { 7: 1 } })).toMatchInlineSnapshot(
      `"ArgumentError: trace(ReLU, …inputs): expected freeAxes from 1 to 1, each with a whole step of at least 1, got 7: 1. Pass e.g. { freeAxes: { 2: 8, 3: 8 } }."`,
    );
  });

  test("a graph is a module among others", () => {
    const inner = trace(new Linear(3, 4), x);
    expect(inner).toBeInstanceOf(Graph);
    const outer = trace(new Sequential(inner as unknown as Module, new ReLU()), x);
    expect(outer.forward(x).shape).toEqual([2, 4]);
    expect(Object.keys(outer.stateDict())).toEqual(["0.weight", "0.bias"]);
  });
});

test("a norm that ranks share is traced by one rank alone, and shared again afterwards", () => {
  const deserted = {
    ...alone,
    size: 2,
    allReduceSum(): never {
      throw new Error("no other rank takes part");
    },
    allGather(): never {
      throw new Error("no other rank takes part");
    },
  };
  const norm = new BatchNorm(4, { sync: deserted });
  const graph = trace(
    moduleOf((x) => norm.forward(x).mul(2), { norm }),
    zeros([2, 4]),
  );
  expect(String(graph)).toContain("BatchNorm(4");
  expect(norm.sync).toBe(deserted);
  expect(() => graph.train().forward(normal([8, 4], 1))).toThrow("no other rank takes part");
});
