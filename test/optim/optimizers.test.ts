import { readFileSync } from "node:fs";
import {
  Adagrad,
  AdamW,
  BatchNorm,
  clipGradAdaptively,
  cosineRestartsLr,
  Lamb,
  Lars,
  Linear,
  Lion,
  movingAverage,
  type Optimizer,
  type OptimizerOptions,
  type Parameters,
  parameterGroups,
  plateauLr,
  RmsProp,
  Sequential,
  Sgd,
  scaledLr,
  type Tensor,
  tensor,
  warmUpLr,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { messageOf } from "../support/message-of.js";
import { normalValues } from "../support/seeded.js";

interface Run {
  readonly optimizer: "RmsProp" | "Adagrad" | "Sgd" | "AdamW";
  readonly options: OptimizerOptions;
  readonly states: readonly number[][];
}

interface Fixture {
  readonly start: readonly number[][];
  readonly shapes: readonly number[][];
  readonly gradients: readonly (readonly number[][])[];
  readonly optimizers: readonly Run[];
  readonly groups: readonly (Run & { readonly rules: readonly { lrScale?: number; weightDecay?: number }[] })[];
  readonly averages: Readonly<Record<string, { weights: [number[], number[]][]; states: number[][] }>>;
  readonly statistics: { weight: number[]; bias: number[]; batches: number[][]; runningMean: number[] };
  readonly schedules: {
    readonly restarts: number[];
    readonly growing: number[];
    readonly plateau: { readonly losses: (number | string)[]; readonly rates: number[] };
  };
}

const fixture: Fixture = JSON.parse(readFileSync(new URL("../fixtures/training.json", import.meta.url), "utf8"));
const classes: Readonly<Record<Run["optimizer"], new (p: Parameters, o: OptimizerOptions) => Optimizer>> = {
  RmsProp,
  Adagrad,
  Sgd,
  AdamW,
};

function startingParameters(): Tensor[] {
  return fixture.start.map((values, k) => tensor(values, fixture.shapes[k], { requiresGrad: true }));
}

/** Takes the steps of the fixture, and gives the parameters after each. */
function statesOf(optimizer: Optimizer, parameters: readonly Tensor[]): number[][] {
  return fixture.gradients.map((step) => {
    for (const [k, values] of step.entries()) parameters[k].grad = tensor(values, fixture.shapes[k]);
    optimizer.step();
    return parameters.flatMap((p) => [...p.dataSync()]);
  });
}

function expectStates(actual: readonly number[][], expected: readonly (readonly number[])[], tolerance = 2e-6): void {
  expect(actual.length).toBe(expected.length);
  for (const [step, state] of expected.entries()) expectClose(actual[step], state, tolerance);
}

/** A formula in float64 over one parameter at a time. */
type Rule = (p: number[], g: number[], memory: Record<string, number[]>, step: number, isMatrix: boolean) => number[];

function byRule(rule: Rule): number[][] {
  const parameters = fixture.start.map((values) => [...values]);
  const memories = parameters.map((p) => ({ m: p.map(() => 0), v: p.map(() => 0) }));
  return fixture.gradients.map((step, t) => {
    for (const [k, g] of step.entries()) {
      parameters[k] = rule(parameters[k], g, memories[k], t + 1, fixture.shapes[k].length > 1);
    }
    return parameters.flat();
  });
}

const norm = (x: readonly number[]): number => Math.sqrt(x.reduce((total, v) => total + v * v, 0));

describeEachBackend("optimisers", () => {
  test.each(fixture.optimizers)("$optimizer takes PyTorch's steps: $options", ({ optimizer, options, states }) => {
    const parameters = startingParameters();
    expectStates(statesOf(new classes[optimizer](parameters, options), parameters), states);
  });

  test.each(fixture.groups)("$optimizer takes PyTorch's steps in groups", ({ optimizer, options, rules, states }) => {
    const parameters = startingParameters();
    const groups = rules.map((rule, k) => ({ ...rule, parameters: [parameters[k]] }));
    expectStates(statesOf(new classes[optimizer](groups, options), parameters), states);
  });

  test("Lion is Algorithm 2 of its paper", () => {
    const [lr, decay, b1, b2] = [0.02, 0.3, 0.8, 0.95];
    const expected = byRule((p, g, memory) => {
      const { m } = memory;
      memory["m"] = m.map((v, i) => b2 * v + (1 - b2) * g[i]);
      return p.map((w, i) => w - lr * (Math.sign(b1 * m[i] + (1 - b1) * g[i]) + decay * w));
    });
    const parameters = startingParameters();
    const lion = new Lion(parameters, { lr, weightDecay: decay, betas: [b1, b2] });
    expectStates(statesOf(lion, parameters), expected);
  });

  test("LARS is Algorithm 1 of its paper for matrices, and SGD for the rest", () => {
    const [lr, decay, momentum, trust] = [2, 0.1, 0.8, 0.02];
    const expected = byRule((p, g, memory, _, isMatrix) => {
      const local = isMatrix ? (trust * norm(p)) / (norm(g) + decay * norm(p)) : 1;
      memory["v"] = memory["v"].map((v, i) => momentum * v + lr * local * (g[i] + decay * p[i]));
      return p.map((w, i) => w - memory["v"][i]);
    });
    const parameters = startingParameters();
    expectStates(statesOf(new Lars(parameters, { lr, weightDecay: decay, momentum, trust }), parameters), expected);
  });

  test("LAMB is Algorithm 2 of its paper for matrices, and AdamW for the rest", () => {
    const [lr, decay, b1, b2, eps] = [0.03, 0.1, 0.8, 0.95, 1e-6];
    const expected = byRule((p, g, memory, t, isMatrix) => {
      memory["m"] = memory["m"].map((v, i) => b1 * v + (1 - b1) * g[i]);
      memory["v"] = memory["v"].map((v, i) => b2 * v + (1 - b2) * g[i] * g[i]);
      const u = p.map(
        (w, i) => memory["m"][i] / (1 - b1 ** t) / (Math.sqrt(memory["v"][i] / (1 - b2 ** t)) + eps) + decay * w,
      );
      const ratio = isMatrix ? norm(p) / norm(u) : 1;
      return p.map((w, i) => w - lr * ratio * u[i]);
    });
    const parameters = startingParameters();
    const lamb = new Lamb(parameters, { lr, weightDecay: decay, betas: [b1, b2] });
    expectStates(statesOf(lamb, parameters), expected, 5e-6);
  });

  test.each([
    ["Lars", (p: Tensor[]) => new Lars(p, { lr: 0.5, momentum: 0 })],
    ["Lamb", (p: Tensor[]) => new Lamb(p, { lr: 0.5 })],
  ] as const)("%s moves zeros by the rate itself, and keeps what has no gradient", (_, make) => {
    const zeros = tensor([[0, 0]], undefined, { requiresGrad: true });
    const still = tensor([[1, 2]], undefined, { requiresGrad: true });
    const optimizer = make([zeros, still]);
    zeros.grad = tensor([[1, 0]]);
    still.grad = tensor([[0, 0]]);
    optimizer.step();
    expectClose(zeros.dataSync(), [-0.5, 0], 1e-4);
    expect([...still.dataSync()]).toEqual([1, 2]);
  });

  test.each([
    ["RmsProp", (p: Tensor[]) => new RmsProp(p, { lr: 0.1, momentum: 0.9, centered: true })],
    ["Adagrad", (p: Tensor[]) => new Adagrad(p, { lr: 0.1 })],
    ["Lion", (p: Tensor[]) => new Lion(p, { lr: 0.1 })],
    ["Lars", (p: Tensor[]) => new Lars(p, { lr: 0.1 })],
    ["Lamb", (p: Tensor[]) => new Lamb(p, { lr: 0.1 })],
  ] as const)("%s goes on to the same bits from its state, and scales gradients", (_, make) => {
    const [whole, halves] = [startingParameters(), startingParameters()];
    const expected = statesOf(make(whole), whole);
    let optimizer: Optimizer = make(halves);
    for (const [step, gradients] of fixture.gradients.entries()) {
      if (step === 3) {
        const state = optimizer.stateDict();
        optimizer = make(halves);
        optimizer.loadStateDict(state);
      }
      for (const [k, values] of gradients.entries()) {
        halves[k].grad = tensor(
          values.map((v) => 2 * v),
          fixture.shapes[k],
        );
      }
      optimizer.step({ gradientScale: 0.5 });
      expect(halves.flatMap((p) => [...p.dataSync()])).toEqual(expected[step]);
    }
  });

  test("adaptive clipping is equation 3 of its paper, unit by unit", () => {
    const [factor, eps] = [0.03, 1e-3];
    const shape = [4, 2, 3];
    const weights = [...normalValues(24, 1)].map((v, i) => (i < 6 ? 0 : v));
    const gradients = [...normalValues(24, 2)].map((v, i) => (i >= 18 ? 1e-3 * v : v));
    const w = tensor(weights, shape, { requiresGrad: true });
    const b = tensor([3, 4], undefined, { requiresGrad: true });
    const head = tensor([[1]], undefined, { requiresGrad: true });
    w.grad = tensor(gradients, shape);
    b.grad = tensor([30, 40]);
    head.grad = tensor([[7]]);
    clipGradAdaptively([w, b, head], { factor, eps, skips: (p) => p === head });
    const expected = gradients.map((g, i) => {
      const unit = (x: readonly number[]) => norm(x.slice(6 * Math.floor(i / 6), 6 * Math.floor(i / 6) + 6));
      const most = factor * Math.max(unit(weights), eps);
      return unit(gradients) > most ? (g * most) / unit(gradients) : g;
    });
    expectClose(w.grad?.dataSync() ?? [], expected, 1e-6);
    expectClose(b.grad?.dataSync() ?? [], [0.09, 0.12], 1e-6);
    expect(head.grad?.item()).toBe(7);
  });

  test.each(Object.entries(fixture.averages))(
    "a moving average of decay %s is swa_utils'",
    (decay, { weights, states }) => {
      const model = new Sequential(new Linear(3, 2));
      const average = movingAverage(model, { decay: decay === "mean" ? "mean" : Number(decay) });
      for (const [k, [weight, bias]] of weights.entries()) {
        model.loadStateDict({ "0.weight": tensor(weight, [2, 3]), "0.bias": tensor(bias) });
        average.update();
        expectClose(
          average.model.parameters().flatMap((p) => [...p.dataSync()]),
          states[k],
          1e-6,
        );
      }
      expect(average.averaged).toBe(5);
    },
  );

  test("recalibrating an average gives it update_bn's means, and the variance of the population", async () => {
    const { weight, bias, batches, runningMean } = fixture.statistics;
    const model = new Sequential(new Linear(3, 4), new BatchNorm(4));
    model.loadStateDict({ ...model.stateDict(), "0.weight": tensor(weight, [4, 3]), "0.bias": tensor(bias) });
    const average = movingAverage(model, { decay: "mean" });
    average.update();
    const before = [...(model.layers[1] as BatchNorm).runningMean!.dataSync()];
    const inputs = batches.map((values) => tensor(values, [8, 3]));
    await average.recalibrate(inputs.map((x) => ({ inputs: x, targets: [] })));
    const norm = average.model.layers[1] as BatchNorm;
    expectClose(norm.runningMean!.dataSync(), runningMean, 1e-6);
    const hidden = inputs.flatMap((x) => [...(model.layers[0] as Linear).forward(x).dataSync()]);
    const channel = hidden.filter((_, i) => i % 4 === 2);
    const variance = channel.reduce((sum, v) => sum + (v - runningMean[2]) ** 2, 0) / 24;
    expect(norm.runningVar!.dataSync()[2]).toBeCloseTo(variance, 4);
    expect([...(model.layers[1] as BatchNorm).runningMean!.dataSync()]).toEqual(before);
  });
});

describe("schedules", () => {
  const { restarts, growing, plateau } = fixture.schedules;
  test("cosine with restarts is PyTorch's", () => {
    const fixed = cosineRestartsLr(0.5, { period: 4, final: 0.01 });
    expectClose(
      restarts.map((_, step) => fixed(step, 14)),
      restarts,
      1e-9,
    );
    const longer = cosineRestartsLr(0.5, { period: 2, growth: 3 });
    expectClose(
      growing.map((_, step) => longer(step, 30)),
      growing,
      1e-9,
    );
  });
  test("reduce on plateau is PyTorch's, whose patience is one less", () => {
    const schedule = plateauLr(0.5, { factor: 0.5, patience: 3, minDelta: 0.05, minLr: 0.1 });
    const rates = plateau.losses.map((loss) => {
      const { lr } = schedule;
      schedule.update({ loss: Number(loss), accuracy: null });
      return lr;
    });
    expectClose(rates, plateau.rates, 1e-9);
    expect(rates.at(-1)).toBeLessThan(0.5);
  });
});

describe("parameter groups", () => {
  const model = new Sequential(new Linear(2, 3), new BatchNorm(3), new Sequential(new Linear(3, 2)));
  test("go by kind, by path and by expression; the first rule counts", () => {
    const names = new Map(model.namedParameters().map(([name, p]) => [p, name]));
    const groups = parameterGroups(model, [
      { match: "norm", weightDecay: 0 },
      { match: /^2\..*weight$/, lrScale: 10 },
      { match: "2", lrScale: 5 },
      { match: "bias", weightDecay: 0 },
    ]);
    expect(groups.map(({ parameters, ...rest }) => [[...parameters].map((p) => names.get(p)), rest])).toEqual([
      [["1.weight", "1.bias"], { weightDecay: 0 }],
      [["2.0.weight"], { lrScale: 10 }],
      [["2.0.bias"], { lrScale: 5 }],
      [["0.bias"], { weightDecay: 0 }],
      [["0.weight"], {}],
    ]);
  });
});

describe("what optimisers and averages refuse", () => {
  const p = tensor([1], undefined, { requiresGrad: true });
  const model = new Sequential(new Linear(2, 3));
  test("says what is wrong", () => {
    const refused: [string, () => unknown][] = [
      ["no group", () => new Sgd([5 as never], { lr: 1 })],
      ["a parameter in two groups", () => new Sgd([{ parameters: [p] }, { parameters: [p] }], { lr: 1 })],
      ["a parameter in a group and alone", () => new Sgd([{ parameters: [p] }, p as never], { lr: 1 })],
      ["a group without a list", () => new Sgd([{ parameters: p as never }], { lr: 1 })],
      ["a rate in a group", () => new Sgd([{ parameters: [p], lr: 0.1 } as never], { lr: 1 })],
      ["a rate in a rule", () => parameterGroups(model, [{ match: "0", lr: 0.1 } as never])],
      ["the output of an op", () => new Sgd([p.mul(2)], { lr: 1 })],
      ["half a step", () => new Sgd([p], { lr: 1 }).loadStateDict({ "0.step": tensor(2.5) })],
      ["a negative scale", () => new Sgd([{ parameters: [p], lrScale: -1 }], { lr: 1 })],
      ["a rule that matches nothing", () => parameterGroups(model, [{ match: "head" }])],
      ["no number as rate", () => new Sgd([p], { lr: null as never })],
      ["a text as decay", () => new AdamW([p], { lr: 1, weightDecay: "0.1" as never })],
      ["a number to warm up to", () => warmUpLr(0.1 as never, 5)],
      ["a rule of no name", () => scaledLr(0.1, "lin" as never, 64, 32)],
      ["alpha of 1", () => new RmsProp([p], { lr: 1, alpha: 1 })],
      ["a negative eps", () => new Adagrad([p], { lr: 1, eps: -1 })],
      ["beta of 1", () => new Lion([p], { lr: 1, betas: [1, 0.9] })],
      ["a negative trust", () => new Lars([p], { lr: 1, trust: -1 })],
      ["NaN as beta", () => new Lamb([p], { lr: 1, betas: [0.9, Number.NaN] })],
      ["a factor of 0", () => clipGradAdaptively([p], { factor: 0 })],
      ["a decay of 1", () => movingAverage(model, { decay: 1 })],
      ["every 0", () => movingAverage(model, { every: 0 })],
      ["a period of 0", () => cosineRestartsLr(1, { period: 0 })],
      ["a patience of 0", () => plateauLr(1, { patience: 0 })],
      ["a monitor that is not there", () => plateauLr(1, { monitor: "f1" }).update({ loss: 1, accuracy: null })],
    ];
    const messages = refused.map(([name, make]) => `${name}: ${messageOf(make)}`);
    expect(messages.join("\n")).toMatchInlineSnapshot(`
      "no group: ArgumentError: new Sgd(parameters): expected tensors, or groups { parameters, lrScale, weightDecay }, got number. Pass model.parameters(), or parameterGroups(model, rules).
      a parameter in two groups: ArgumentError: new Sgd(parameters): expected each parameter in one group, got one of shape 1 in two. Leave it out of one of them.
      a parameter in a group and alone: ArgumentError: new Sgd(parameters): expected each parameter in one group, got one of shape 1 in two. Leave it out of one of them.
      a group without a list: ArgumentError: new Sgd(parameters): expected tensors, or groups { parameters, lrScale, weightDecay }, got object. Pass model.parameters(), or parameterGroups(model, rules).
      a rate in a group: ArgumentError: new Sgd(parameters): expected options among parameters, lrScale, weightDecay, got lr. Write lrScale.
      a rate in a rule: ArgumentError: parameterGroups(model, rules): expected options among match, lrScale, weightDecay, got lr. Write lrScale.
      the output of an op: ArgumentError: new Sgd(parameters): expected parameters, got Tensor(1), the output of an op. Pass what it was made of: only leaves get gradients.
      half a step: StateDictError: Sgd.loadStateDict(state): expected the entries and shapes of this module's own stateDict(), got mis-shaped 0.step (expected a count, got 2.5). Build the module with the sizes it was saved with.
      a negative scale: ArgumentError: new Sgd(parameters): expected lrScale to be a finite number of at least 0, got -1. Correct lrScale.
      a rule that matches nothing: ArgumentError: parameterGroups(model, rules): expected rules of which each matches a parameter, such as 0.weight, 0.bias, got "head". Match a kind (norm, bias, weight), a path, or an expression over paths.
      no number as rate: ArgumentError: Sgd.lr: expected lr to be a finite number of at least 0, got null. Correct lr.
      a text as decay: ArgumentError: new AdamW(options): expected weightDecay to be a finite number of at least 0, got "0.1". Correct weightDecay.
      a number to warm up to: ArgumentError: warmUpLr(schedule, warmUpSteps): expected a schedule, got 0.1. Pass one, such as constantLr(0.1).
      a rule of no name: ArgumentError: scaledLr(lr, rule, batchSize, reference): expected rule to be "none", "linear" or "root", got "lin". Choose one of them.
      alpha of 1: ArgumentError: new RmsProp(options): expected alpha to be from 0 up to, not including, 1, got 1. Correct alpha.
      a negative eps: ArgumentError: new Adagrad(options): expected eps to be a finite number of at least 0, got -1. Correct eps.
      beta of 1: ArgumentError: new Lion(options): expected betas[0] to be from 0 up to, not including, 1, got 1. Correct betas[0].
      a negative trust: ArgumentError: new Lars(options): expected trust to be a finite number of at least 0, got -1. Correct trust.
      NaN as beta: ArgumentError: new Lamb(options): expected betas[1] to be from 0 up to, not including, 1, got NaN. Correct betas[1].
      a factor of 0: ArgumentError: clipGradAdaptively(parameters, options): expected factor above 0, got 0. At 0 nothing would move.
      a decay of 1: ArgumentError: movingAverage(model, options): expected decay to be from 0 up to, not including, 1, or "mean", got 1. Pass 0.999 or so: the average is then over about 1 / (1 − decay) steps.
      every 0: ArgumentError: movingAverage(model, options): expected every to be a whole number of at least 1, got 0. Correct every.
      a period of 0: ArgumentError: cosineRestartsLr(lr): expected period to be a whole number of at least 1, got 0. Correct period.
      a patience of 0: ArgumentError: plateauLr(lr, options): expected patience to be a whole number of at least 1, got 0. Correct patience.
      a monitor that is not there: ArgumentError: plateauLr(lr, options): expected monitor to be one of accuracy, loss, got "f1". Watch one of these, or ask for it with { metrics }."
    `);
  });
});
