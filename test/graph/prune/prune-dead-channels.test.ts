import {
  BatchNorm,
  Conv2d,
  ConvTranspose2d,
  concat,
  Flatten,
  GlobalAvgPool2d,
  Graph,
  GroupNorm,
  InstanceNorm,
  Linear,
  loadModel,
  MaxPool2d,
  Module,
  PReLU,
  pruneDeadChannels,
  ReLU,
  Residual,
  relu,
  Sequential,
  Sigmoid,
  saveModel,
  seed,
  sigmoid,
  type Tensor,
  tensor,
  trace,
  zeros,
} from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { changeValues } from "../../support/change-values.js";
import { normal, normalValues } from "../../support/seeded.js";

type Network = Module<Tensor[]>;

/** Gives all norms statistics and parameters as training leaves them; the channels named have γ = 0. */
function trained<M extends Network>(model: M, dead: Record<string, readonly number[]> = {}, beta?: number): M {
  for (const [k, [path, module]] of model.namedModules().entries()) {
    if (!(module instanceof BatchNorm)) continue;
    const values = (at: number): Float32Array => normalValues(module.numFeatures, 10 * k + at);
    const isDead = (c: number): boolean => dead[path]?.includes(c) ?? false;
    module.loadStateDict({
      weight: tensor(values(1).map((v, c) => (isDead(c) ? 0 : v + Math.sign(v) * 0.1))),
      bias: tensor(values(2).map((v, c) => (isDead(c) ? (beta ?? v) : v))),
      running_mean: tensor(values(3)),
      running_var: tensor(values(4).map((v) => 0.2 + v * v)),
    });
  }
  return model.eval();
}

const removedOf = ({ removed }: { removed: readonly { layer: string; channels: readonly number[] }[] }): object =>
  Object.fromEntries(removed.map(({ layer, channels }) => [layer, channels.join()]));

const leftOf = ({
  left,
}: {
  left: readonly { layer: string; channels: readonly number[]; reason: string }[];
}): object => left.map(({ layer, channels, reason }) => `${layer} ${channels.join()}: ${reason}`);

describe("pruneDeadChannels", () => {
  test("takes out channels behind γ = 0, with what made them, and moves their constant into the bias behind", () => {
    seed(1);
    const net = trained(
      new Sequential(new Conv2d(3, 8, 3), new BatchNorm(8), new ReLU(), new Conv2d(8, 4, 3, { bias: false })),
      { "1": [2, 5] },
    );
    const result = pruneDeadChannels(net, { probe: normal([2, 3, 8, 8], 7) });
    expect(removedOf(result)).toEqual({ "0": "2,5", "1": "2,5" });
    expect(String(result.model)).toBe("Sequential(Conv2d(3, 6, 3), BatchNorm(6), ReLU(), Conv2d(6, 4, 3))");
    expect(result.maxDifference).toBeLessThan(1e-6);
    expect(result.parameters).toEqual({ before: 528, after: 400 });
    expect(String(net)).toBe("Sequential(Conv2d(3, 8, 3), BatchNorm(8), ReLU(), Conv2d(8, 4, 3))");
  });

  test("keeps a constant that meets zero padding, unless it is 0 behind a ReLU", () => {
    seed(2);
    const of = (beta: number) =>
      pruneDeadChannels(
        trained(
          new Sequential(new Conv2d(3, 6, 3), new BatchNorm(6), new ReLU(), new Conv2d(6, 4, 3, { padding: 1 })),
          { "1": [1] },
          beta,
        ),
        { probe: normal([2, 3, 8, 8], 7) },
      );
    const kept = of(0.5);
    expect(kept.removed).toEqual([]);
    expect(leftOf(kept)).toMatchInlineSnapshot(`
      [
        "1 1: Conv2d(6, 4, 3) (3) pads zeros around it",
      ]
    `);
    const gone = of(-0.5);
    expect(removedOf(gone)).toEqual({ "0": "1", "1": "1" });
    expect(gone.maxDifference).toBeLessThan(1e-6);
  });

  test("takes a channel of a residual where body and shortcut agree, and keeps it where one varies", () => {
    seed(3);
    const body = () => new Sequential(new Conv2d(6, 6, 3, { padding: 1 }), new BatchNorm(6));
    const net = (dead: Record<string, number[]>) =>
      trained(
        new Sequential(new Conv2d(3, 6, 1), new BatchNorm(6), new Residual(body()), new ReLU(), new Conv2d(6, 2, 1)),
        dead,
        0,
      );
    const probe = normal([2, 3, 5, 5], 7);
    const both = pruneDeadChannels(net({ "1": [0, 3], "2.body.1": [0, 2, 3] }), { probe });
    expect(removedOf(both)).toEqual({ "0": "0,3", "1": "0,3", "2.body.0": "0,3", "2.body.1": "0,3" });
    expect(both.maxDifference).toBeLessThan(1e-6);
    expect(leftOf(both)).toMatchInlineSnapshot(`
      [
        "2.body.1 2: Conv2d(6, 2, 1) (4) reads it joined to what varies",
      ]
    `);
  });

  test("goes through pooling, Flatten and Linear, and through PReLU, depthwise and transposed convolutions", () => {
    seed(4);
    const probe = normal([2, 3, 8, 8], 7);
    const flat = pruneDeadChannels(
      trained(
        new Sequential(
          ...[new Conv2d(3, 5, 3), new BatchNorm(5), new MaxPool2d(2), new Flatten(), new Linear(45, 7)],
          ...[new BatchNorm(7), new ReLU(), new Linear(7, 3)],
        ),
        { "1": [4], "5": [0, 6] },
      ),
      { probe },
    );
    expect(removedOf(flat)).toEqual({ "0": "4", "1": "4", "4": "0,6", "5": "0,6" });
    expect(flat.maxDifference).toBeLessThan(1e-6);
    expect(String(flat.model)).toContain("Linear(36, 5)");
    const convolved = pruneDeadChannels(
      trained(
        new Sequential(
          ...[new Conv2d(3, 4, 1), new BatchNorm(4), new PReLU(4)],
          ...[new Conv2d(4, 8, 3, { groups: 4 }), new BatchNorm(8), new ReLU()],
          ...[new ConvTranspose2d(8, 8, 2, { stride: 2, groups: 8, bias: false }), new ConvTranspose2d(8, 2, 2)],
        ),
        { "1": [1], "4": [2, 3] },
        0,
      ),
      { probe },
    );
    expect(String(convolved.model)).toMatchInlineSnapshot(
      `"Sequential(Conv2d(3, 3, 1), BatchNorm(3), PReLU(3), Conv2d(3, 6, 3), BatchNorm(6), ReLU(), ConvTranspose2d(6, 6, 2), ConvTranspose2d(6, 2, 2))"`,
    );
    expect(convolved.maxDifference).toBeLessThan(1e-6);
  });

  test("keeps channels that a GroupNorm sees together, and one channel of each layer", () => {
    seed(5);
    const grouped = trained(
      new Sequential(new Conv2d(3, 4, 1), new BatchNorm(4), new GroupNorm(2, 4), new Conv2d(4, 2, 1)),
      { "1": [0] },
    );
    expect(leftOf(pruneDeadChannels(grouped))).toMatchInlineSnapshot(`
      [
        "1 0: GroupNorm(2, 4) (2) reads all channels together",
      ]
    `);
    const whole = trained(new Sequential(new Conv2d(3, 4, 1), new BatchNorm(4), new Conv2d(4, 2, 1)), {
      "1": [0, 1, 2, 3],
    });
    const result = pruneDeadChannels(whole, { probe: normal([2, 3, 4, 4], 1) });
    expect(String(result.model)).toBe("Sequential(Conv2d(3, 1, 1), BatchNorm(1), Conv2d(1, 2, 1))");
    expect(result.maxDifference).toBeLessThan(1e-6);
  });

  test("takes out what nobody has a weight for, and all that only it needs", () => {
    seed(6);
    const net = new Sequential(
      new Linear(4, 6),
      new Sigmoid(),
      new Linear(6, 5),
      new Sigmoid(),
      new Linear(5, 2),
    ).eval();
    const zero = (values: Float32Array, column: number, columns: number, spared = -1): void => {
      for (let k = column; k < values.length; k += columns) if (k !== spared) values[k] = 0;
    };
    changeValues((net.layers[4] as Linear).weight, (w) => zero(w, 3, 5));
    changeValues((net.layers[2] as Linear).weight, (w) => zero(w, 2, 6, 20));
    const result = pruneDeadChannels(net, { probe: normal([3, 4], 1) });
    expect(removedOf(result)).toEqual({ "0": "2", "2": "3" });
    expect(result.maxDifference).toBeLessThan(1e-6);
  });

  test("traces a class of its own; concat, a gate and constants of a graph keep their places", async () => {
    seed(7);
    class Net extends Module {
      a = new Conv2d(3, 4, 1);
      norm = new BatchNorm(4);
      b = new Conv2d(3, 4, 1);
      pool = new GlobalAvgPool2d();
      squeeze = new Linear(8, 8);
      scale = tensor(normalValues(8, 3), [8, 1, 1], { requiresGrad: true });
      head = new Conv2d(8, 2, 1);
      override forward(x: Tensor): Tensor {
        const joined = concat([relu(this.norm.forward(this.a.forward(x))), relu(this.b.forward(x))], 1);
        const gate = sigmoid(this.squeeze.forward(this.pool.forward(joined))).reshape([-1, 8, 1, 1]);
        return this.head.forward(joined.mul(gate).mul(this.scale));
      }
    }
    const net = trained(new Net(), { norm: [1, 2] }, -1);
    changeValues(net.b.weight, (w) => w.fill(0, 9, 12));
    changeValues(net.b.bias, (b) => b.fill(-1, 3, 4));
    const probe = normal([2, 3, 5, 5], 7);
    const result = pruneDeadChannels(net, { probe });
    expect(leftOf(result)).toEqual([]);
    expect(removedOf(result)).toEqual({ a: "1,2", norm: "1,2", b: "3", squeeze: "1,2,7" });
    expect(result.maxDifference).toBeLessThan(1e-6);
    expect(result.model.stateDict().scale.shape).toEqual([5, 1, 1]);
    const again = await loadModel(saveModel(result.model));
    expect(again.model.eval().forward(probe).shape).toEqual([2, 2, 5, 5]);
    expect(pruneDeadChannels(trace(net, probe), { probe }).model).toBeInstanceOf(Graph);
    result.model
      .train()
      .forward(normal([9, 3, 5, 5], 1))
      .sum()
      .backward();
  });

  test("instance norms without statistics give their bias for a constant", () => {
    seed(8);
    const net = new Sequential(
      new Conv2d(3, 4, 3),
      new InstanceNorm(4),
      new ReLU(),
      new Conv2d(4, 2, 3, { padding: 1 }),
    );
    changeValues((net.layers[1] as InstanceNorm).weight, (w) => w.fill(0, 1, 2));
    changeValues((net.layers[0] as Conv2d).weight, (w) => w.fill(0, 54, 81));
    const result = pruneDeadChannels(net.eval(), { probe: normal([2, 3, 8, 8], 7) });
    expect(removedOf(result)).toEqual({ "0": "1,2", "1": "1,2" });
    expect(result.maxDifference).toBeLessThan(1e-6);
  });

  test("leaves a layer alone that stands twice, or has listeners", () => {
    seed(9);
    const twice = new Conv2d(4, 4, 1);
    const net = trained(new Sequential(twice, new BatchNorm(4), twice, new BatchNorm(4), new Conv2d(4, 2, 1)), {
      "1": [1],
      "3": [1],
    });
    expect(removedOf(pruneDeadChannels(net))).toEqual({});
    const heard = trained(new Sequential(new Conv2d(3, 4, 1), new BatchNorm(4), new Conv2d(4, 2, 1)), { "1": [0] });
    heard.layers[2].onForward(() => undefined);
    expect(leftOf(pruneDeadChannels(heard))).toMatchInlineSnapshot(`
      [
        "1 0: Conv2d(4, 2, 1) (2) reads all channels together",
      ]
    `);
  });

  test("prunes what importOnnx makes of a file", async () => {
    seed(10);
    class Gated extends Module {
      stem = new Conv2d(3, 6, 3, { padding: 1, bias: false });
      norm = new BatchNorm(6);
      depthwise = new Conv2d(6, 6, 3, { padding: 1, groups: 6, bias: false });
      normToo = new BatchNorm(6);
      down = new Linear(6, 3);
      up = new Linear(3, 6);
      head = new Linear(6, 2);
      override forward(x: Tensor): Tensor {
        const a = relu(this.norm.forward(this.stem.forward(x)));
        const b = this.normToo.forward(this.depthwise.forward(a));
        const gate = sigmoid(this.up.forward(relu(this.down.forward(b.mean([2, 3])))));
        return this.head.forward(b.mul(gate.reshape([-1, 6, 1, 1])).mean([2, 3]));
      }
    }
    const net = trained(new Gated(), { norm: [1, 4], normToo: [1, 4] }, 0);
    const probe = normal([2, 3, 6, 6], 7);
    const { model } = await importOnnx(await exportOnnx(net, { inputShape: [3, 6, 6] }));
    const result = pruneDeadChannels(model.eval(), { probe });
    expect(result.removed.map(({ channels, of }) => `${channels.join()} of ${of}`)).toEqual(Array(5).fill("1,4 of 6"));
    expect(result.maxDifference).toBeLessThan(1e-6);
    expect((await exportOnnx(result.model, { inputShape: [3, 6, 6] })).length).toBeGreaterThan(0);
  });

  test("gives the same outputs for random networks with dead channels", () => {
    const channels = fc.integer({ min: 1, max: 5 });
    const block = fc.record({
      ...{ channels, kind: fc.constantFrom("plain", "residual", "branches", "depthwise", "gate") },
      ...{ dead: fc.array(fc.nat(4), { maxLength: 3 }), deadToo: fc.array(fc.nat(4), { maxLength: 3 }) },
      ...{
        padding: fc.nat(1),
        beta: fc.constantFrom(0, -1, 0.7),
        activation: fc.constantFrom("relu", "sigmoid", null),
      },
    });
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 4 }), fc.nat(1000), (blocks, k) => {
        seed(k);
        class Block extends Module {
          first: Conv2d;
          second: Conv2d;
          norm: BatchNorm;
          normToo: BatchNorm;
          readonly at: (typeof blocks)[number];
          constructor(inputs: number, at: (typeof blocks)[number]) {
            super();
            this.at = at;
            const { kind, channels: count, padding } = at;
            this.first = new Conv2d(inputs, count, 3, { padding });
            this.norm = new BatchNorm(count);
            this.second = new Conv2d(count, count, 1 + 2 * padding, {
              padding,
              groups: kind === "depthwise" ? count : 1,
            });
            this.normToo = new BatchNorm(count);
            for (const [norm, dead] of [
              [this.norm, at.dead],
              [this.normToo, at.deadToo],
            ] as const) {
              norm.loadStateDict({
                weight: tensor(normalValues(count, k + 1).map((v, c) => (dead.includes(c) ? 0 : v))),
                bias: tensor(normalValues(count, k + 2).map((v, c) => (dead.includes(c) ? at.beta : v))),
                running_mean: tensor(normalValues(count, k + 3)),
                running_var: tensor(normalValues(count, k + 4).map((v) => 0.5 + v * v)),
              });
            }
          }
          activate(x: Tensor): Tensor {
            return this.at.activation === "relu" ? relu(x) : this.at.activation === "sigmoid" ? sigmoid(x) : x;
          }
          get outputs(): number {
            return this.at.kind === "branches" ? 2 * this.at.channels : this.at.channels;
          }
          override forward(x: Tensor): Tensor {
            const a = this.activate(this.norm.forward(this.first.forward(x)));
            const b = this.normToo.forward(this.second.forward(a));
            if (this.at.kind === "residual") return this.activate(a.add(b));
            if (this.at.kind === "branches") return concat([a, this.activate(b)], 1);
            if (this.at.kind === "gate") return a.mul(sigmoid(b.mean([2, 3])).reshape([-1, this.at.channels, 1, 1]));
            return this.activate(b);
          }
        }
        class Net extends Module {
          blocks: Block[] = [];
          head: Conv2d;
          constructor() {
            super();
            let inputs = 2;
            for (const one of blocks) {
              const made = new Block(inputs, one);
              this.blocks.push(made);
              inputs = made.outputs;
            }
            this.head = new Conv2d(inputs, 2, 1);
          }
          override forward(x: Tensor): Tensor {
            return this.head.forward(this.blocks.reduce((y, one) => one.forward(y), x));
          }
        }
        const net = new Net().eval();
        const probe = normal([2, 2, 11, 11], k);
        const { model, maxDifference = 1 } = pruneDeadChannels(net, { probe });
        const scale = Math.max(1, ...net.forward(probe).dataSync().map(Math.abs));
        expect(maxDifference / scale).toBeLessThan(1e-6);
        expect(pruneDeadChannels(model).removed).toEqual([]);
      }),
      { numRuns: 12 },
    );
  });

  test("refuses training mode, and a class of its own without a probe", () => {
    class Own extends Module {
      a = new Linear(2, 2);
      override forward(x: Tensor): Tensor {
        return this.a.forward(x);
      }
    }
    expect(() => pruneDeadChannels(new Own())).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: pruneDeadChannels(model): expected a model in evaluation mode, whose norms are fixed maps, got one in training mode, Own. Call model.eval() first.]`,
    );
    expect(() => pruneDeadChannels(new Own().eval())).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: pruneDeadChannels(model): expected a Graph, a model of Sequential and Residual, or a probe by which it is traced, got Own, a class of its own, without a probe. Pass an example of its input: { probe: zeros([1, 3, 32, 32]) }.]`,
    );
    expect(pruneDeadChannels(new Own().eval(), { probe: zeros([1, 2]) }).removed).toEqual([]);
  });
});
