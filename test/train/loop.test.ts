import {
  Adam,
  arrayDataset,
  type Batch,
  BatchNorm,
  batches,
  cosineLr,
  Dropout,
  describeCheckpoint,
  evaluate,
  type FitOptions,
  findLearningRate,
  fit,
  Generator,
  gradientCheck,
  Linear,
  type Module,
  movingAverage,
  mse,
  onWarning,
  parameterGroups,
  plateauLr,
  ReLU,
  RmsProp,
  relu,
  Sequential,
  Sgd,
  seed,
  tensor,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { messageOf } from "../support/message-of.js";
import { onRanks } from "../support/ranks.js";
import { normalValues } from "../support/seeded.js";

function valuesOf(model: Module): Record<string, number[]> {
  return Object.fromEntries(Object.entries(model.stateDict()).map(([name, t]) => [name, [...t.dataSync()]]));
}

/** Points with a class by the sign of their sum, some of them wrong. */
function points(length: number, from: number) {
  const inputs = normalValues(length * 2, from);
  const labels = Int32Array.from({ length }, (_, k) => Number(inputs[2 * k] + inputs[2 * k + 1] > 0 !== k % 7 > 5));
  return arrayDataset({ inputs, shape: [2], labels });
}

/** A run with everything that goes along, made anew. */
function makeRun() {
  seed(5);
  const model = new Sequential(
    new Linear(2, 12),
    new BatchNorm(12, { momentum: 0.9 }),
    new ReLU(),
    new Dropout(0.2),
    new Linear(12, 2),
  );
  const optimizer = new RmsProp(parameterGroups(model, [{ match: "norm", lrScale: 0.5 }]), { lr: 0.1, momentum: 0.5 });
  const data = batches(points(72, 1), { batchSize: 8, shuffle: new Generator(9) });
  const average = movingAverage(model, { decay: 0.8 });
  const options = {
    epochs: 12,
    optimizer,
    accumulate: 2,
    adaptiveClip: { factor: 0.5 },
    schedule: plateauLr(0.05, { factor: 0.5, patience: 1 }),
    validation: batches(points(60, 2), { batchSize: 20 }),
    earlyStopping: { patience: 2, minDelta: 0.02 },
    average,
  };
  return { model, data, average, options };
}

async function runFrom(from: Uint8Array | null, more: Partial<FitOptions<Int32Array>> = {}) {
  const { model, data, average, options } = makeRun();
  const saved: Uint8Array[] = [];
  const told: unknown[] = [];
  const result = await fit(model, data, {
    ...options,
    checkpoint: { save: (bytes) => void saved.push(bytes), from, everySteps: 1 },
    onStep: ({ step, loss, lr }) => void told.push([step, loss, lr]),
    onEpoch: ({ seconds, ...report }) => void told.push(report),
    ...more,
  });
  return { state: valuesOf(model), average: valuesOf(average.model), saved, told, result };
}

describeEachBackend("a training with all that goes along", () => {
  test("goes on from each of its checkpoints to the same bits", async () => {
    const whole = await runFrom(null);
    expect(whole.result.stopped).toBe("earlyStopping");
    expect(whole.result.epochs.length).toBeLessThan(12);
    const rates = whole.told.flatMap((one) => (Array.isArray(one) ? [one[2]] : []));
    expect(new Set(rates).size).toBeGreaterThan(1);
    for (const bytes of whole.saved) {
      const rest = await runFrom(bytes);
      expect(rest.state).toEqual(whole.state);
      expect(rest.average).toEqual(whole.average);
      expect(rest.result.best).toEqual(whole.result.best);
      expect(rest.result.stopped).toBe("earlyStopping");
      expect(rest.told).toEqual(rest.told.length === 0 ? [] : whole.told.slice(-rest.told.length));
    }
  });

  test("ends where a callback says so, and goes on from there as if it never had", async () => {
    const whole = await runFrom(null);
    for (const last of [0, 3, 4, 7]) {
      const told: unknown[] = [];
      const stopped = await runFrom(null, {
        onStep: ({ step }) => {
          told.push(step);
          return step === last ? "stop" : undefined;
        },
      });
      expect(stopped.result).toMatchObject({ stopped: "callback", steps: last + 1 });
      expect(told.length).toBe(last + 1);
      const rest = await runFrom(stopped.saved.at(-1) ?? null);
      expect(rest.state).toEqual(whole.state);
      expect(rest.average).toEqual(whole.average);
    }
    const stopped = await runFrom(null, { onEpoch: ({ epoch }) => (epoch === 1 ? "stop" : undefined) });
    expect(stopped.result).toMatchObject({ stopped: "callback", steps: 10 });
    expect(stopped.result.epochs.length).toBe(2);
    expect((await runFrom(stopped.saved.at(-1) ?? null)).state).toEqual(whole.state);
  });
});

describeEachBackend("fit", () => {
  test("goes on to the same validation where its data have an order of their own", async () => {
    const run = async (from: Uint8Array | null) => {
      const { model, data, options } = makeRun();
      const validation = batches(points(60, 2), { batchSize: 7, shuffle: new Generator(4) });
      const saved: Uint8Array[] = [];
      const checkpoint = { from, save: (bytes: Uint8Array) => void saved.push(bytes), everySteps: 6 };
      const { epochs } = await fit(model, data, { ...options, epochs: 4, validation, checkpoint });
      return { saved, losses: epochs.map((report) => report.validation?.loss) };
    };
    const whole = await run(null);
    expect(whole.losses.length).toBe(4);
    expect(whole.saved.length).toBeGreaterThan(3);
    for (const from of whole.saved) {
      const { losses } = await run(from);
      expect(losses).toEqual(losses.length === 0 ? [] : whole.losses.slice(-losses.length));
    }
  });

  test("trains a model once at a time: one that is not awaited is not trained twice", async () => {
    const { model, data, options } = makeRun();
    const first = fit(model, data, options);
    await expect(fit(model, data, options)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data): expected a model that is not being trained, got one in whose training another call of fit stands. Await that call first.]`,
    );
    await first;
    expect((await fit(model, data, { ...options, epochs: 1 })).epochs.length).toBe(1);
    const throwing = { ...options, onStep: () => Promise.reject(new Error("mine")) };
    await expect(fit(model, data, throwing)).rejects.toThrow("mine");
    expect((await fit(model, data, { ...options, epochs: 1 })).epochs.length).toBe(1);
  });

  test("accumulates to the step of one batch of all samples, whatever their sizes", async () => {
    const [inputs, labels] = [normalValues(40, 3), Int32Array.from({ length: 20 }, (_, k) => k % 3)];
    const cut = (cuts: number[]): Batch[] =>
      cuts.slice(1).map((to, k) => ({
        inputs: { values: inputs.slice(2 * cuts[k], 2 * to), shape: [to - cuts[k], 2] },
        targets: labels.slice(cuts[k], to),
      }));
    const run = async (data: Batch[], accumulate: number) => {
      seed(2);
      const model = new Sequential(new Linear(2, 8), new ReLU(), new Linear(8, 3));
      const optimizer = new Sgd(model.parameters(), { lr: 0.5, momentum: 0.9 });
      const losses: number[] = [];
      const { epochs, steps } = await fit(model, data, {
        epochs: 3,
        optimizer,
        accumulate,
        clipNorm: 0.1,
        schedule: (step, all) => 0.5 * (1 - step / all),
        onStep: ({ loss, gradientNorm }) => void losses.push(loss, gradientNorm),
      });
      return { steps, values: [...Object.values(valuesOf(model)).flat(), ...losses], accuracy: epochs[2].accuracy };
    };
    const whole = await run(cut([0, 12, 20]), 1);
    const parts = await run(cut([0, 2, 9, 12, 18, 19, 20]), 3);
    expect(parts.steps).toBe(6);
    expect(parts.accuracy).toBe(whole.accuracy);
    expectClose(parts.values, whole.values, 2e-6);
    // The last step of an epoch has what is left.
    expect((await run(cut([0, 12, 20]), 5)).steps).toBe(3);
  });

  test("measures validation data after each epoch, and keeps the weights of the best", async () => {
    seed(3);
    const model = new Sequential(new Linear(2, 16), new BatchNorm(16), new ReLU(), new Linear(16, 2));
    const [data, validation] = [batches(points(40, 1), { batchSize: 10 }), batches(points(50, 2), { batchSize: 50 })];
    const measured: number[] = [];
    const { best, epochs, stopped } = await fit(model, data, {
      epochs: 30,
      optimizer: new Adam(model.parameters(), { lr: 0.1 }),
      validation,
      earlyStopping: { patience: 3 },
      async onEpoch({ validation: found }) {
        const again = await evaluate(model, validation);
        expect(found).toEqual(again);
        measured.push(again.loss);
      },
    });
    const least = Math.min(...measured);
    expect(stopped).toBe("earlyStopping");
    expect(best).toEqual({ epoch: measured.indexOf(least), value: least });
    expect(epochs.length).toBe(measured.indexOf(least) + 1 + 3);
    expect((await evaluate(model, validation)).loss).toBe(least);
    expect(model.training).toBe(true);
  });

  test("keeps the last weights where that is asked for, and the best by accuracy", async () => {
    const run = async (restoreBest: boolean) => {
      seed(3);
      const model = new Sequential(new Linear(2, 2));
      const validation = batches(points(50, 2), { batchSize: 50 });
      const accuracies: (number | null | undefined)[] = [];
      const { best } = await fit(model, batches(points(40, 1), { batchSize: 10 }), {
        epochs: 6,
        optimizer: new Sgd(model.parameters(), { lr: 3 }),
        validation,
        earlyStopping: { restoreBest, monitor: "accuracy" },
        onEpoch: (report) => void accuracies.push(report.validation?.accuracy),
      });
      return { best, accuracies, now: (await evaluate(model, validation)).accuracy };
    };
    const [kept, last] = [await run(true), await run(false)];
    expect(kept.now).toBe(Math.max(...kept.accuracies.map(Number)));
    expect(kept.best?.value).toBe(kept.now);
    expect(last.now).toBe(last.accuracies.at(-1));
    expect(last.accuracies).toEqual(kept.accuracies);
  });

  test("counts logits of pixels, and leaves labels out that are none", async () => {
    // Class 1 wins in all places but the second.
    const values = Float32Array.of(0, 5, 0, 0, 1, 1, 1, 1);
    const inputs = { values, shape: [1, 2, 2, 2] };
    class Same extends Sequential {}
    const model = new Same();
    const { accuracy } = await evaluate(model, [{ inputs, targets: Int32Array.of(1, 1, -100, 0) }]);
    expect(accuracy).toBe(1 / 3);
  });

  test("findLearningRate raises the rate, and leaves everything as it was", async () => {
    const { model, data, options } = makeRun();
    const before = valuesOf(model);
    const draws = data.generators.map(({ state }) => state);
    const { optimizer } = options;
    const found = await findLearningRate(model, data, { optimizer, from: 1e-4, to: 10, steps: 40 });
    expect(valuesOf(model)).toEqual(before);
    expect(data.generators.map(({ state }) => state)).toEqual(draws);
    expect([optimizer.lr, Object.keys(optimizer.stateDict()).length]).toEqual([0.1, 0]);
    expect(found.lrs.length).toBe(found.losses.length);
    for (const [k, lr] of found.lrs.entries()) expect(lr / (1e-4 * 1e5 ** (k / 39))).toBeCloseTo(1, 6);
    expect(found.suggestion).toBeGreaterThan(1e-4);
    expect(found.suggestion).toBeLessThan(10);
  });

  test("findLearningRate clips as the training will", async () => {
    const search = async (clip: Partial<Pick<FitOptions<Int32Array>, "clipNorm" | "adaptiveClip">>) => {
      const { model, data, options } = makeRun();
      return (await findLearningRate(model, data, { optimizer: options.optimizer, steps: 20, ...clip })).losses;
    };
    const [plain, byNorm, byUnit] = [
      await search({}),
      await search({ clipNorm: 0.01 }),
      await search({ adaptiveClip: { factor: 0.001 } }),
    ];
    expect(byNorm).not.toEqual(plain);
    expect(byUnit).not.toEqual(plain);
    expect(byUnit[0]).toBe(plain[0]);
  });

  test("findLearningRate ends where the loss runs away", async () => {
    seed(1);
    const model = new Sequential(new Linear(1, 1));
    const inputs = { values: Float32Array.of(1, 2, 3), shape: [3, 1] };
    const optimizer = new Sgd(model.parameters(), { lr: 1 });
    const { lrs, smoothed } = await findLearningRate(model, [{ inputs, targets: inputs }], {
      optimizer,
      loss: mse,
      from: 1e-3,
      to: 1e30,
    });
    expect(lrs.length).toBeLessThan(60);
    expect(smoothed.at(-1)).toBeGreaterThan(Math.min(...smoothed));
  });

  test("gradientCheck passes what is right and finds what is wrong", async () => {
    const layer = new Sequential(new Linear(3, 4), new BatchNorm(4));
    const x = tensor(normalValues(24, 4), [8, 3]);
    expect((await gradientCheck((t) => layer.forward(t), [x])).passed).toBe(true);
    // Half of the gradient is missing.
    const half = await gradientCheck((t) => t.mul(t.detach()), [x]);
    expect(half).toMatchObject({ passed: false });
    expect(half.slopes.length).toBe(3);
    for (const { exact, numeric } of half.slopes) expect(numeric / exact).toBeCloseTo(2, 2);
    const two = await gradientCheck((a, b) => relu(a).matmul(b), [x, tensor(normalValues(6, 5), [3, 2])], { seed: 3 });
    expect(new Set(two.slopes.map(({ input }) => input))).toEqual(new Set([0, 1]));
  });
});

test("ranks accumulate, stop and measure together, to the same bits on each", async () => {
  const program = `
    evenkeel.seed(4);
    const { Sequential, Linear, ReLU, Sgd, fit, batches, arrayDataset, Generator, mse } = evenkeel;
    const generator = new Generator(3);
    const draw = (length) => Float32Array.from({ length }, () => generator.normal());
    const set = (n) => arrayDataset({ inputs: draw(n * 3), shape: [3], labels: Int32Array.from({ length: n }, (_, k) => k % 2) });
    const model = new Sequential(new Linear(3, 5), new ReLU(), new Linear(5, 2));
    const [train, test] = [set(41), set(17)];
    const optimizer = new Sgd(model.parameters(), { lr: 0.2, momentum: 0.9 });
    const losses = [];
    const result = await fit(model, batches(train, { batchSize: 6, communicator, shuffle: new Generator(8) }), {
      epochs: 9, optimizer, communicator, accumulate: argument.accumulate,
      validation: batches(test, { batchSize: 5, communicator }),
      earlyStopping: { patience: 9 },
      onStep: ({ step, loss }) => {
        losses.push(loss);
        // One rank alone asks for the end.
        return step === 7 && communicator.rank === communicator.size - 1 ? "stop" : undefined;
      },
    });
    return { losses, stopped: result.stopped, best: result.best, validation: result.epochs.map((one) => one.validation.loss),
      weights: model.parameters().flatMap((p) => [...p.dataSync()]) };`;
  type Result = { losses: number[]; stopped: string; best: unknown; validation: number[]; weights: number[] };
  const [alone] = (await onRanks(1, program, { accumulate: 3 })) as Result[];
  const ranks = (await onRanks(3, program, { accumulate: 3 })) as Result[];
  for (const other of ranks) expect(other).toEqual(ranks[0]);
  expect(ranks[0].stopped).toBe("callback");
  expect(ranks[0].losses.length).toBe(8);
  expectClose(ranks[0].losses, alone.losses, 1e-5);
  expectClose(ranks[0].weights, alone.weights, 1e-5);
  expectClose(ranks[0].validation, alone.validation, 1e-5);
});

describe("what fit refuses", () => {
  const data = [{ inputs: tensor([[1, 2]]), targets: [0] }];
  const model = new Sequential(new Linear(2, 2));
  const optimizer = new Sgd(model.parameters(), { lr: 0.1 });
  function* once() {
    yield data[0];
  }
  const refused = (more: Partial<FitOptions<number[]>>, which: Module = model) =>
    fit(which, data, { epochs: 1, optimizer, ...more });
  test("says what is wrong", async () => {
    const attempts: [string, () => Promise<unknown>][] = [
      ["accumulate 0", () => refused({ accumulate: 0 })],
      ["no validation", () => refused({ earlyStopping: { patience: 1 } })],
      ["spent validation", () => refused({ validation: once() })],
      ["validation that is none", () => refused({ validation: 5 as never })],
      ["patience 0", () => refused({ validation: data, earlyStopping: { patience: 0 } })],
      ["a monitor that is not there", () => refused({ validation: data, earlyStopping: { monitor: "f1" } })],
      [
        "a plateau's monitor that is not there",
        () => refused({ validation: data, schedule: plateauLr(0.1, { monitor: "auc" }) }),
      ],
      ["no batch to validate on", () => refused({ validation: [] })],
      ["metrics of nothing", () => refused({ metrics: ["f1"] })],
      ["a metric of no name", () => refused({ validation: data, metrics: ["f2" as never] })],
      ["metrics that are no list", () => refused({ validation: data, metrics: "f1" as never })],
      ["a callback that is none", () => refused({ onEpoch: 5 as never })],
      ["a loss that is none", () => refused({ loss: "mse" as never })],
      ["a checkpoint that is saved nowhere", () => refused({ checkpoint: {} as never })],
      ["another model's average", () => refused({ average: movingAverage(new Sequential(new Linear(2, 2))) })],
      ["an average that is none", () => refused({ average: {} as never })],
      ["no model", () => refused({}, null as never)],
      ["two ways of clipping", () => refused({ clipNorm: 1, adaptiveClip: {} })],
      ["a factor of 0", () => refused({ adaptiveClip: { factor: 0 } })],
      ["no inputs to check", () => gradientCheck((x) => x, [])],
      ["a random function", () => gradientCheck((x) => new Dropout(0.5).forward(x), [tensor([1, 2, 3, 4, 5, 6])])],
      ["rates in the wrong order", () => findLearningRate(model, data, { optimizer, from: 1, to: 0.1 })],
      ["spent data", () => findLearningRate(model, once(), { optimizer })],
    ];
    const messages: string[] = [];
    const before = valuesOf(model);
    for (const [name, attempt] of attempts) {
      messages.push(
        `${name}: ${await attempt().then(
          () => "nothing thrown",
          (error) =>
            messageOf(() => {
              throw error;
            }),
        )}`,
      );
    }
    // All of it before the first step.
    expect(valuesOf(model)).toEqual(before);
    expect(messages.join("\n")).toMatchInlineSnapshot(`
      "accumulate 0: ArgumentError: fit(model, data, { accumulate }): expected accumulate to be a whole number of at least 1, got 0. Correct accumulate.
      no validation: ArgumentError: fit(model, data, { earlyStopping }): expected validation data, by which the best epoch is known, got none. Pass { validation }, such as batches of a part that splitIndices() kept back.
      spent validation: ArgumentError: fit(model, data, { validation }): expected data that can be gone through after each epoch, got an iterator, which is spent after one pass. Pass an array or batches().
      validation that is none: ArgumentError: fit(model, data, { validation }): expected batches, one after another, got number. Pass batches(dataset, { batchSize: 64 }), or an array of batches.
      patience 0: ArgumentError: fit(model, data, { earlyStopping }): expected patience to be a whole number of at least 1, got 0. Correct patience.
      a monitor that is not there: ArgumentError: fit(model, data, { earlyStopping }): expected monitor to be one of accuracy, loss, got "f1". Watch one of these, or ask for it with { metrics }.
      a plateau's monitor that is not there: ArgumentError: fit(model, data, { schedule }): expected monitor to be one of accuracy, loss, got "auc". Watch one of these, or ask for it with { metrics }.
      no batch to validate on: ArgumentError: fit(model, data, { validation }): expected at least one batch, got none. Leave it out, or pass some.
      metrics of nothing: ArgumentError: fit(model, data, { metrics }): expected validation data, on which they are measured, got none. Pass { validation }, such as batches of a part that splitIndices() kept back.
      a metric of no name: ArgumentError: fit(model, data, { metrics }): expected a list of some of f1, meanIou, auc, got "f2". Correct the name.
      metrics that are no list: ArgumentError: fit(model, data, { metrics }): expected a list of some of f1, meanIou, auc, got "f1". Correct the name.
      a callback that is none: ArgumentError: fit(model, data, { onEpoch }): expected a function, got 5. Pass one, or leave it out.
      a loss that is none: ArgumentError: fit(model, data, { loss }): expected a function of output and targets, got "mse". Pass crossEntropy, or return a mean as it does.
      a checkpoint that is saved nowhere: ArgumentError: fit(model, data, { checkpoint }): expected save as a function, got undefined. Pass save(bytes), such as that of checkpointFile(path).
      another model's average: ArgumentError: fit(model, data, { average }): expected a moving average of the model, got that of another. Pass movingAverage(model, { decay }) of this very model.
      an average that is none: ArgumentError: fit(model, data, { average }): expected a moving average of the model, got object. Pass movingAverage(model, { decay }) of this very model.
      no model: ArgumentError: fit(model, data): expected a model, got object. Pass one such as new Sequential(new Linear(4, 2)).
      two ways of clipping: ArgumentError: fit(model, data, { clipNorm, adaptiveClip }): expected one way of clipping, got both. Leave one out.
      a factor of 0: ArgumentError: fit(model, data, { adaptiveClip }): expected factor above 0, got 0. At 0 nothing would move.
      no inputs to check: ArgumentError: gradientCheck(f, inputs): expected a list of at least one tensor, got an empty list. Pass the arguments of f as an array.
      a random function: ArgumentError: gradientCheck(f, inputs): expected a function with the same result each time, got another. Put modules into evaluation mode, or leave out what draws random numbers.
      rates in the wrong order: ArgumentError: findLearningRate(model, data): expected to as a finite rate above from (1), got 0.1. Pass a rate at which training surely fails, such as 10.
      spent data: ArgumentError: findLearningRate(model, data): expected data that can be gone through several times, got an iterator, which is spent after one pass. Pass an array or batches()."
    `);
  });

  test("losses that are no number, models without anything to train, scores that the data do not define", async () => {
    const lossOf = (loss: unknown) => refused({ loss: loss as never });
    await expect(lossOf((y: unknown) => y)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { loss }): expected a tensor of one value from the loss, got Tensor(1×2). Pass crossEntropy, or return a mean as it does.]`,
    );
    await expect(lossOf(async () => tensor(1))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { loss }): expected a tensor of one value from the loss, got {}. Pass crossEntropy, or return a mean as it does.]`,
    );
    const perSample = evaluate(
      model,
      [
        {
          inputs: tensor([
            [1, 2],
            [3, 4],
          ]),
          targets: [0, 1],
        },
      ],
      { loss: (y) => y.sum(1) },
    );
    await expect(perSample).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: evaluate(model, data, { loss }): expected a tensor of one value from the loss, got Tensor(2). Pass crossEntropy, or return a mean as it does.]`,
    );
    const frozen = new Sequential(new Linear(2, 2));
    for (const parameter of frozen.parameters()) parameter.requiresGrad = false;
    const none = refused({ optimizer: new Sgd(frozen.parameters(), { lr: 0.1 }) }, frozen);
    await expect(none).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { optimizer }): expected a parameter that is trained, got 2 frozen ones. Set requiresGrad of those to train.]`,
    );
    const watched = refused({ validation: data, metrics: ["auc"], earlyStopping: { monitor: "auc" } });
    await expect(watched).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { earlyStopping }): expected a value of auc, which only data with labels of several classes have, got none. Watch another score, or pass such data.]`,
    );
  });

  test("warns of data whose length is not the number of their batches", async () => {
    const warnings: string[] = [];
    const before = onWarning((message) => void warnings.push(message));
    const three = { length: 3, [Symbol.iterator]: () => [...data, ...data][Symbol.iterator]() };
    await fit(model, three, { epochs: 2, optimizer, schedule: cosineLr(0.1) });
    onWarning(before);
    expect(warnings).toMatchInlineSnapshot(`
      [
        "fit(model, data): epoch 0 had 2 batches where data.length says 3, so schedules go by a wrong number of steps. Correct the length.",
      ]
    `);
  });

  test("a checkpoint of other options", async () => {
    const saved: Uint8Array[] = [];
    const save = (bytes: Uint8Array) => void saved.push(bytes);
    await refused({ validation: data, earlyStopping: { patience: 2 }, checkpoint: { save } });
    expect(describeCheckpoint(saved[0]).step).toBe(1);
    await expect(
      refused({ epochs: 2, checkpoint: { save, from: saved[0] } }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { checkpoint }): expected options whose state the checkpoint holds: earlyStopping, got none. Pass the same options.]`,
    );
    await expect(
      refused({ epochs: 2, average: movingAverage(model), checkpoint: { save, from: saved[0] } }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { checkpoint }): expected options whose state the checkpoint holds: earlyStopping, got average. Pass the same options.]`,
    );
  });
});
