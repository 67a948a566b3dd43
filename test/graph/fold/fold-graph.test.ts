import {
  BatchNorm,
  Conv2d,
  Flatten,
  foldBatchNorm,
  Graph,
  Linear,
  loadModel,
  Module,
  maxPool2d,
  noGrad,
  ones,
  ReLU,
  relu,
  Sequential,
  saveModel,
  scope,
  type Tensor,
  tensor,
  trace,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { relativeError } from "../../support/close.js";
import { Shared, SqueezeExcite, TwoInputs, UNet } from "../../support/own-networks.js";
import { normal, normalValues } from "../../support/seeded.js";

type Network = Module<Tensor[]>;

/** Gives all norms of a network statistics and parameters as training leaves them. */
function trained<M extends Module<Tensor[]>>(model: M, seed = 1): M {
  for (const [k, [, module]] of model.namedModules().entries()) {
    if (!(module instanceof BatchNorm)) continue;
    const values = (at: number): Float32Array => normalValues(module.numFeatures, 100 * seed + 10 * k + at);
    module.loadStateDict({
      weight: tensor(values(1).map((v) => v + Math.sign(v) * 0.1)),
      bias: tensor(values(2)),
      running_mean: tensor(values(3)),
      running_var: tensor(values(4).map((v) => 0.2 + v * v)),
    });
  }
  return model.eval();
}

const outputs = (model: Network, x: readonly Tensor[]): Float32Array =>
  scope(() => noGrad(() => model.forward(...x).dataSync()));

const pairs = ({ folded }: { folded: readonly { norm: string; into: string }[] }): string[] =>
  folded.map(({ norm, into }) => `${norm} into ${into}`);

const reasons = ({ left }: { left: readonly { norm: string; reason: string }[] }): string[] =>
  left.map(({ norm, reason }) => `${norm}: ${reason}`);

/** A module of one `forward`, with its norms trained. */
function moduleOf<P extends Record<string, unknown>>(parts: P, forward: (x: Tensor, parts: P) => Tensor): Network {
  class Net extends Module {
    override forward(x: Tensor): Tensor {
      return forward(x, parts);
    }
  }
  return trained(Object.assign(new Net(), parts) as unknown as Network);
}

const networks: [name: string, make: () => Network, sizes: number[][], folded: string[]][] = [
  [
    "a U-Net",
    () => new UNet() as Network,
    [[1, 8, 8]],
    ["down.norm into down.conv", "bottom.norm into bottom.conv", "join.norm into join.conv"],
  ],
  ["squeeze and excite", () => new SqueezeExcite() as Network, [[1, 5, 5]], ["body.1 into body.0"]],
  ["two inputs", () => new TwoInputs() as unknown as Network, [[3], [5]], []],
  ["a shared layer and a tied weight", () => new Shared() as Network, [[4]], []],
];

describeEachBackend("foldBatchNorm", () => {
  test.each(networks)(
    "of %s, by a probe and as a graph, predicts the same and changes nothing",
    (_, make, sizes, folded) => {
      const model = trained(make());
      const x = sizes.map((size, k) => normal([3, ...size], k + 1));
      const before = saveModel(model, {}, { probe: x });
      const switches = model.namedModules().map(([, module]) => [module.training, module.getExtraState()]);
      const graph = trace(model, ...x, { mode: "eval" }) as Graph & Network;
      const table = String(graph);
      const loaded = loadModel(before).model.eval() as Network;
      for (const given of [model, graph, loaded]) {
        const expected = outputs(given, x);
        const result = foldBatchNorm(given, { probe: x });
        const after = outputs(result.model as Network, x);
        expect(result.model).toBeInstanceOf(Graph);
        expect(result.model.training).toBe(false);
        expect(relativeError(after, expected)).toBeLessThanOrEqual(1e-5);
        expect(result.maxDifference).toBe(after.reduce((most, v, i) => Math.max(most, Math.abs(v - expected[i])), 0));
        expect(pairs(result)).toEqual(folded);
        expect(outputs(given, x)).toEqual(expected);
        // The folded graph takes any number of samples, and is saved and loaded.
        const more = sizes.map((size, k) => normal([5, ...size], k + 9));
        expect(relativeError(outputs(result.model as Network, more), outputs(given, more))).toBeLessThanOrEqual(1e-5);
        const again = loadModel(saveModel(result.model)).model.eval() as Network;
        expect(outputs(again, x)).toEqual(after);
        const gone = result.folded.map(({ norm }) => `${norm}.`);
        const kept = Object.keys(model.stateDict()).filter((key) => !gone.some((norm) => key.startsWith(norm)));
        expect(Object.keys(result.model.stateDict()).filter((key) => !key.endsWith(".bias"))).toEqual(
          kept.filter((key) => !key.endsWith(".bias")),
        );
        for (const t of result.model.parameters()) t.backend.fill(t.block, t.size, 0);
      }
      expect(saveModel(model, {}, { probe: x })).toEqual(before);
      expect(model.namedModules().map(([, module]) => [module.training, module.getExtraState()])).toEqual(switches);
      expect(String(graph)).toBe(table);
    },
  );

  test("of a network that returns several tensors measures all of them", () => {
    class Heads extends Module<[x: Tensor], { a: Tensor; rest: Tensor[] }> {
      readonly body = new Sequential(new Linear(3, 4), new BatchNorm(4));
      readonly head = new Linear(4, 2);
      override forward(x: Tensor): { a: Tensor; rest: Tensor[] } {
        const y = this.body.forward(x);
        return { a: y, rest: [this.head.forward(y)] };
      }
    }
    const model = trained(new Heads() as unknown as Network);
    const result = foldBatchNorm(model, { probe: normal([4, 3], 1) });
    expect(pairs(result)).toEqual(["body.1 into body.0"]);
    expect(result.maxDifference).toBeLessThan(1e-5);
    expect(result.maxDifference).toBeGreaterThan(0);
  });

  test("keeps the switches of a network in evaluation mode", () => {
    const model = trained(new UNet() as Network) as unknown as UNet;
    model.down.norm.normalizeWith = "batch";
    model.bottom.norm.updateRunning = true;
    model.join.norm.freeze();
    const x = normal([8, 1, 8, 8], 1);
    const mean = model.bottom.norm.runningMean?.dataSync();
    const result = foldBatchNorm(model as unknown as Network, { probe: x });
    expect(pairs(result)).toEqual(["join.norm into join.conv"]);
    expect(reasons(result)).toMatchInlineSnapshot(`
      [
        "down.norm: it normalises with the statistics of each batch",
        "bottom.norm: its running statistics are being updated",
      ]
    `);
    expect([model.down.norm.normalizeWith, model.bottom.norm.updateRunning]).toEqual(["batch", true]);
    expect(model.bottom.norm.runningMean?.dataSync()).toEqual(mean);
    const copy = result.model.namedModules().find(([path]) => path === "down.norm")?.[1] as BatchNorm;
    expect(copy.normalizeWith).toBe("batch");
  });
});

describe("a norm in a graph", () => {
  const x = normal([2, 4, 6, 6], 1);
  /** Folds with a probe, and expects that nothing else has changed. */
  const fold = (model: Network, probe: Tensor = x): ReturnType<typeof foldBatchNorm> => {
    const before = outputs(model, [probe]);
    const result = foldBatchNorm(model, { probe });
    expect(relativeError(outputs(result.model as Network, [probe]), before)).toBeLessThanOrEqual(1e-5);
    return result as ReturnType<typeof foldBatchNorm>;
  };
  const conv = (options = {}): Conv2d => new Conv2d(4, 4, 3, options);

  test("passes ops that commute with it: means over planes, reshapes as Flatten does, detach, pooling", () => {
    const parts = { norm: new BatchNorm(4), wide: new Linear(144, 3), narrow: new Linear(4, 3), conv: conv() };
    type Parts = typeof parts;
    const through: Record<string, (y: Tensor, p: Parts) => Tensor> = {
      mean: (y, p) => p.narrow.forward(y.mean([2, 3])),
      meanOfLast: (y, p) => p.narrow.forward(y.mean(-1).mean(-1)),
      reshape: (y, p) => p.wide.forward(y.reshape([y.shape[0], 144])),
      open: (y, p) => p.wide.forward(y.reshape([-1, 144])),
      flatten: (y, p) => p.wide.forward(y.flatten(1)),
      planes: (y, p) => p.narrow.forward(y.reshape([y.shape[0], 4, 36]).mean(2)),
      detach: (y, p) => p.conv.forward(y.detach()),
      flattenLayer: (y, p) => p.wide.forward(new Flatten().forward(y)),
    };
    for (const [name, forward] of Object.entries(through)) {
      const model = moduleOf(parts, (given, p) => forward(p.norm.forward(relu(given)), p));
      const taker = name === "detach" ? "conv" : ["mean", "meanOfLast", "planes"].includes(name) ? "narrow" : "wide";
      expect([name, pairs(fold(model))]).toEqual([name, [`norm into ${taker}`]]);
    }
    const pooled = moduleOf({ conv: conv(), norm: new BatchNorm(4) }, (given, p) =>
      p.norm.forward(maxPool2d(p.conv.forward(given), 2)),
    );
    const norm = pooled.namedModules().find(([path]) => path === "norm")?.[1] as BatchNorm;
    expect(reasons(fold(pooled))).toMatchInlineSnapshot(`
      [
        "norm: before it stands maxPool2d; nothing stands behind it",
      ]
    `);
    norm.loadStateDict({ ...norm.stateDict(), weight: tensor([1, 2, 3, 4]) });
    expect(pairs(fold(pooled))).toEqual(["norm into conv"]);
  });

  test("norms in a row, across ops, go into one layer", () => {
    const parts = {
      conv: conv(),
      a: new BatchNorm(4),
      b: new BatchNorm(4),
      c: new BatchNorm(4),
      out: new Linear(4, 2),
    };
    const model = moduleOf(parts, (given, p) =>
      p.out.forward(p.c.forward(relu(p.b.forward(p.a.forward(p.conv.forward(given)).detach()))).mean([2, 3])),
    );
    expect(pairs(fold(model))).toEqual(["a into conv", "b into conv", "c into out"]);
  });

  test("is left where folding would change the result, and says why", () => {
    const left = (model: Network, probe?: Tensor): string[] => {
      const result = fold(model, probe);
      expect(result.folded).toEqual([]);
      return reasons(result);
    };
    const parts = (): { norm: BatchNorm; conv: Conv2d; again: Linear } => ({
      norm: new BatchNorm(4),
      conv: conv({ padding: 1 }),
      again: new Linear(6, 6),
    });
    type Parts = ReturnType<typeof parts>;
    const make = (forward: (given: Tensor, p: Parts) => Tensor, change: (p: Parts) => void = () => {}): Network => {
      const own = parts();
      change(own);
      return moduleOf(own, forward);
    };
    const tied = parts();
    const other = conv({ padding: 1 });
    other.weight = tied.conv.weight;
    expect({
      alone: left(make((given, p) => p.norm.forward(given))),
      add: left(make((given, p) => p.norm.forward(p.conv.forward(given).add(given)).mul(2))),
      readTwice: left(
        make((given, p) => {
          const y = p.conv.forward(given);
          return p.norm.forward(y).add(y);
        }),
      ),
      returned: left(
        make((given, p) => {
          const y = p.norm.forward(relu(given));
          return p.conv.forward(y).add(y);
        }),
      ),
      sharedLayer: left(make((given, p) => p.norm.forward(p.conv.forward(relu(p.conv.forward(given)))))),
      sharedNorm: left(make((given, p) => p.norm.forward(p.conv.forward(relu(p.norm.forward(given)))))),
      tied: left(
        moduleOf({ ...tied, other }, (given, p) => p.norm.forward(p.conv.forward(relu(p.other.forward(given))))),
      ),
      readWeight: left(make((given, p) => p.norm.forward(p.conv.forward(given)).add(p.conv.weight.sum()))),
      readNorm: left(make((given, p) => p.norm.forward(p.conv.forward(given)).add((p.norm.weight as Tensor).sum()))),
      rows: left(make((given, p) => p.norm.forward(p.again.forward(given)))),
      masked: left(make((given, p) => p.norm.forward(p.conv.forward(given), { mask: ones([1, 1, 6, 6]) }))),
      unused: left(make((given, p) => p.conv.forward(given))),
    }).toMatchInlineSnapshot(`
      {
        "add": [
          "norm: before it stands add; behind it stands mul",
        ],
        "alone": [
          "norm: nothing stands before it; nothing stands behind it",
        ],
        "masked": [
          "norm: it is given more than its input, such as a mask",
        ],
        "readNorm": [
          "norm: sum reads its weight",
        ],
        "readTwice": [
          "norm: the output of Conv2d(4, 4, 3) is read elsewhere too; behind it stands add",
        ],
        "readWeight": [
          "norm: before it stands Conv2d(4, 4, 3), but sum reads its weight; behind it stands add",
        ],
        "returned": [
          "norm: before it stands relu; its output is read elsewhere too",
        ],
        "rows": [
          "norm: before it stands Linear(6, 6), but its features are not axis 1 of inputs of rank 4; nothing stands behind it",
        ],
        "sharedLayer": [
          "norm: before it stands Conv2d(4, 4, 3), but it stands in 2 places; nothing stands behind it",
        ],
        "sharedNorm": [
          "norm: it stands in 2 places",
        ],
        "tied": [
          "norm: before it stands Conv2d(4, 4, 3), but its weight is one tensor in conv and other; nothing stands behind it",
        ],
        "unused": [
          "norm: the network does not apply it",
        ],
      }
    `);
  });

  test("listeners on layers of a graph keep them", () => {
    const graph = trace(trained(new UNet() as Network), normal([2, 1, 8, 8], 1)) as Graph & Network;
    const layers = new Map(graph.namedModules());
    layers.get("down.conv")?.onForward(() => {});
    layers.get("join.norm")?.onForward(() => {});
    expect(reasons(foldBatchNorm(graph))).toMatchInlineSnapshot(`
      [
        "down.norm: before it stands Conv2d(1, 4, 3), but it has listeners; behind it stands relu",
        "join.norm: it has listeners",
      ]
    `);
  });
});

describe("what cannot be traced", () => {
  class Branching extends Module {
    readonly body = new Sequential(new Linear(3, 4), new BatchNorm(4), new ReLU());
    readonly norm = new BatchNorm(4);
    override forward(x: Tensor): Tensor {
      const y = this.norm.forward(this.body.forward(x));
      return y.dataSync()[0] > 0 ? y : y.neg();
    }
  }

  test("folds in its Sequentials, and says what stopped the trace", () => {
    const model = trained(new Branching() as Network);
    const result = foldBatchNorm(model, { probe: normal([4, 3], 1) });
    expect(result.model).toBeInstanceOf(Branching);
    expect(pairs(result)).toEqual(["body.1 into body.0"]);
    expect(reasons(result)).toMatchInlineSnapshot(`
      [
        "norm: Branching applies it in an order that is not known; trace(Branching), dataSync(): expected a network whose steps do not depend on values, got a look at the values of BatchNorm(4), shape 4×4. Compute with tensors instead of numbers, or put that part into a customOp or after the network.",
      ]
    `);
    expect(result.maxDifference).toBeLessThan(1e-5);
  });

  test("a graph in another model is folded as part of that, with a probe", () => {
    const x = normal([2, 1, 5, 5], 1);
    const inner = trace(trained(new SqueezeExcite() as Network), x).eval();
    const model = new Sequential(inner as unknown as Module, new ReLU()).eval();
    expect(reasons(foldBatchNorm(model))).toMatchInlineSnapshot(`
      [
        "0.body.1: it stands inside a graph that is part of the model; pass a probe, and it is traced",
      ]
    `);
    expect(pairs(foldBatchNorm(model, { probe: x }))).toEqual(["0.body.1 into 0.body.0"]);
  });

  test("a graph in training mode is refused as a module is", () => {
    const graph = trace(new SqueezeExcite(), normal([2, 1, 5, 5], 1));
    expect(() => foldBatchNorm(graph)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: foldBatchNorm(model): expected a model in evaluation mode, whose norms are fixed maps, got one in training mode, Graph. Call model.eval() first.]`,
    );
  });
});
