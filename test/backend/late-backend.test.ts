import {
  Adagrad,
  Adam,
  arrayDataset,
  BatchNorm,
  batches,
  binaryCrossEntropy,
  Conv2d,
  copyTo,
  DivergedError,
  Dropout,
  diagnose,
  Embedding,
  evaluate,
  Flatten,
  fit,
  full,
  gather,
  indexSelect,
  Lamb,
  Lars,
  Linear,
  Lion,
  LSTM,
  MaxPool2d,
  movingAverage,
  oneHot,
  onWarning,
  predict,
  ReLU,
  RmsProp,
  recalibrate,
  Sequential,
  Sgd,
  SpectralNorm,
  type StepReport,
  scaledDotProductAttention,
  seed,
  setBackend,
  type Tensor,
  takeAlongAxis,
  tensor,
  topK,
  WeightNorm,
  watch,
  zeros,
} from "evenkeel";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type LateBackend, lateBackend } from "../support/late-backend.js";

let late: LateBackend;

function net(): Sequential {
  seed(5);
  return new Sequential(
    new Conv2d(1, 4, 3, { padding: 1, bias: false }),
    new BatchNorm(4),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(36, 8),
    new BatchNorm(8),
    new ReLU(),
    new Dropout(0.2),
    new Linear(8, 3),
  );
}

function data() {
  const inputs = Float32Array.from({ length: 56 * 36 }, (_, k) => Math.sin(k * 0.7) + (Math.floor(k / 36) % 3));
  const labels = Int32Array.from({ length: 56 }, (_, k) => k % 3);
  return batches(arrayDataset({ inputs, shape: [1, 6, 6], labels }), { batchSize: 16 });
}

/** The values of a state dict. */
async function stateOf(model: { stateDict(): Record<string, { data(): Promise<Float32Array> }> }) {
  const state: Record<string, Float32Array> = {};
  for (const [name, t] of Object.entries(model.stateDict())) state[name] = await t.data();
  return state;
}

type Run = { reports: StepReport[]; state: Record<string, Float32Array>; accuracy: number | null; lag: unknown };

/** Optimisers whose formula is written in ops. */
const composed = [RmsProp, Adagrad, Lion, Lars, Lamb];

async function train(
  options: { clipNorm?: number; accumulate?: number; adaptive?: boolean } = {},
  Optimizer: typeof Adam | (typeof composed)[number] = Adam,
): Promise<Run> {
  const model = net();
  const reports: StepReport[] = [];
  const { lag } = await fit(model, data(), {
    epochs: 3,
    optimizer: new Optimizer(model.parameters(), { lr: 0.02, weightDecay: 0.01 }),
    schedule: (step) => 0.02 / (1 + step),
    ...(options.clipNorm === undefined ? {} : { clipNorm: options.clipNorm }),
    ...(options.accumulate === undefined ? {} : { accumulate: options.accumulate }),
    ...(options.adaptive === true ? { adaptiveClip: {} } : {}),
    onStep: (report) => void reports.push(report),
  });
  const { accuracy } = await evaluate(model, data());
  return { reports, state: await stateOf(model), accuracy, lag };
}

describe.each(["cpu", "wasm"] as const)("a backend over %s that does not answer at once", (base) => {
  beforeAll(() => {
    late = lateBackend(base);
  });

  beforeEach(() => setBackend("webgpu"));

  test.each([{}, { clipNorm: 0.5 }, { accumulate: 3 }, { adaptive: true }])(
    "trains as one that does, to the same bits: %o",
    async (options) => {
      const onLate = await train(options);
      setBackend(base);
      const onBase = await train(options);
      expect(onLate).toEqual(onBase);
      expect(onLate.reports.length).toBe(options.accumulate === 3 ? 6 : 12);
    },
  );

  test.each(composed)("lets %o take its steps without waiting, to the same bits", async (Optimizer) => {
    const { steps } = late.counts;
    const onLate = await train({ clipNorm: 0.5 }, Optimizer);
    expect(late.counts.steps - steps).toBeGreaterThan(0);
    setBackend(base);
    expect(onLate).toEqual(await train({ clipNorm: 0.5 }, Optimizer));
  });

  test.each(composed)("keeps %o from steps after one that diverged", async (Optimizer) => {
    const model = net();
    const optimizer = new Optimizer(model.parameters(), { lr: 0.01, weightDecay: 0.1 });
    const inputs = tensor(
      new Float32Array(36 * 16).map((_, k) => Math.cos(k)),
      [16, 1, 6, 6],
    );
    const good = { inputs, targets: new Int32Array(16).map((_, k) => k % 3) };
    await fit(model, [good], { epochs: 1, optimizer });
    const trained = Object.entries(await stateOf(model)).filter(([name]) => !/running|num/.test(name));
    const steps = await stateOf(optimizer);
    const bad = { ...good, inputs: full([16, 1, 6, 6], Number.NaN) };
    await expect(fit(model, [bad, good], { epochs: 1, optimizer })).rejects.toBeInstanceOf(DivergedError);
    expect(Object.entries(await stateOf(model)).filter(([name]) => !/running|num/.test(name))).toEqual(trained);
    expect(await stateOf(optimizer)).toEqual(steps);
  });

  test("is never waited for within a step: a step's numbers may come after the next step", async () => {
    const { whenRead } = late;
    let overdue = 0;
    // A read is answered once another step has been handed over, or, at the end of a pass, when nothing else happens.
    late.whenRead = async () => {
      const { steps } = late.counts;
      for (let turns = 0; late.counts.steps === steps; turns++) {
        if (turns === 200) {
          overdue++;
          return;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    try {
      const model = net();
      const told: number[] = [];
      const ahead: number[] = [];
      const before = late.counts.steps;
      await fit(model, data(), {
        epochs: 2,
        optimizer: new Sgd(model.parameters(), { lr: 0.01, momentum: 0.9 }),
        onStep: ({ step }) => {
          told.push(step);
          ahead.push(late.counts.steps - before - step);
        },
      });
      expect(told).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      // Told when the next step had been handed over, but for the last of an epoch; never more than one behind.
      expect(ahead).toEqual([2, 2, 2, 1, 2, 2, 2, 1]);
    } finally {
      late.whenRead = whenRead;
    }
    expect(overdue).toBeGreaterThan(0);
  });

  test("uploads per step no more than the batch, its labels and the places that are counted", async () => {
    const model = net();
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    await fit(model, data(), { epochs: 1, optimizer });
    const before = late.counts.writes;
    await fit(model, data(), { epochs: 1, optimizer, clipNorm: 1 });
    // Four steps; the gate, and the statistics that follow the norms, once.
    expect((late.counts.writes - before) / 4).toBeLessThanOrEqual(4);
  });

  test("leaves parameters and the optimiser as they were before a step that diverged, whatever was handed over since", async () => {
    const model = net();
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    const inputs = new Float32Array(36 * 16).map((_, k) => Math.cos(k));
    const labels = new Int32Array(16).map((_, k) => k % 3);
    const good = { inputs: { values: inputs, shape: [16, 1, 6, 6] }, targets: labels };
    const bad = {
      inputs: { values: inputs.map((v, k) => (k === 40 ? Number.NaN : v)), shape: [16, 1, 6, 6] },
      targets: labels,
    };
    await fit(model, [good, good], { epochs: 1, optimizer });
    const trained = Object.entries(await stateOf(model)).filter(([name]) => !/running|num/.test(name));
    const steps = await stateOf(optimizer);
    const failing = fit(model, [bad, good, good], { epochs: 1, optimizer });
    await expect(failing).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DivergedError: fit(model, data), step 0: expected a finite loss, finite gradients and a step that fits float32, got a loss of NaN; the first layer whose output is not finite is 0: Conv2d(1, 4, 3). Lower the learning rate (now 0.01), clip gradients, or look for non-finite values in the data.]`,
    );
    await expect(failing).rejects.toBeInstanceOf(DivergedError);
    expect(Object.entries(await stateOf(model)).filter(([name]) => !/running|num/.test(name))).toEqual(trained);
    expect(await stateOf(optimizer)).toEqual(steps);
    expect(optimizer.parameters.every(({ grad }) => grad === null)).toBe(true);
    // Every layer skipped the batch, and later ones that were computed from it none.
    expect((model.layers[1] as BatchNorm).skippedBatches).toBe(1);
  });

  test("goes on from a checkpoint to the bits of a run that never stopped, also on another backend", async () => {
    const run = async (from: Uint8Array | null, stopAfter: number) => {
      const model = net();
      const saved: Uint8Array[] = [];
      const result = await fit(model, data(), {
        epochs: 2,
        optimizer: new Adam(model.parameters(), { lr: 0.02 }),
        checkpoint: { save: (bytes) => void saved.push(bytes), everySteps: 3, from },
        onStep: ({ step }) => (step === stopAfter ? "stop" : undefined),
      });
      return { state: await stateOf(model), saved, steps: result.steps };
    };
    const whole = await run(null, -1);
    const [first] = whole.saved;
    expect(whole.saved.length).toBe(3);
    expect((await run(first, -1)).state).toEqual(whole.state);
    setBackend(base);
    expect((await run(first, -1)).state).toEqual(whole.state);
    setBackend("webgpu");
    // A stop is heard when the step after it is under way.
    expect((await run(null, 1)).steps).toBe(3);
  });

  test("stops on a signal with a checkpoint of the step that was under way", async () => {
    const abort = new AbortController();
    const model = net();
    const saved: Uint8Array[] = [];
    const running = fit(model, data(), {
      epochs: 2,
      optimizer: new Adam(model.parameters(), { lr: 0.02 }),
      signal: abort.signal,
      checkpoint: { save: (bytes) => void saved.push(bytes) },
      onStep: ({ step }) => {
        if (step === 1) abort.abort();
      },
    });
    await expect(running).rejects.toThrow("aborted");
    const again = net();
    const { steps } = await fit(again, data(), {
      epochs: 2,
      optimizer: new Adam(again.parameters(), { lr: 0.02 }),
      checkpoint: { save: () => {}, from: saved[0] },
    });
    expect(steps).toBe(8);
    const once = net();
    await fit(once, data(), { epochs: 2, optimizer: new Adam(once.parameters(), { lr: 0.02 }) });
    expect(await stateOf(again)).toEqual(await stateOf(once));
  });

  test("chooses and looks up by tensors of indices that never reach the host", async () => {
    const run = async () => {
      const x = tensor(
        Float32Array.from({ length: 60 }, (_, k) => Math.round(4 * Math.sin(7 * k))),
        [3, 5, 4],
        {
          requiresGrad: true,
        },
      );
      const odd = tensor([Number.NaN, 1, Number.NEGATIVE_INFINITY, 3, Number.NaN, Number.NEGATIVE_INFINITY, 3]);
      const places = tensor([1, -1, 0]);
      const ofEach = tensor(
        Float32Array.from({ length: 12 }, (_, k) => (k % 5) - 2),
        [3, 1, 4],
      );
      const found = [
        ...[0, 1, 3, 5].flatMap((k) => Object.values(topK(x, k, { axis: 1 }))),
        ...[true, false].flatMap((largest) => Object.values(topK(odd, 7, { largest }))),
        ...[gather(x, places), indexSelect(x, places, 1), takeAlongAxis(x, ofEach, 1), oneHot(places, 3)],
      ];
      found[4]
        .sum()
        .add(gather(x, places, 2).mul(3).sum())
        .add(takeAlongAxis(x, ofEach, 1).sum())
        .backward();
      return [...found.map(({ shape }) => shape), ...(await Promise.all([...found, x.grad].map((t) => t?.data())))];
    };
    const onLate = await run();
    setBackend(base);
    expect(onLate).toEqual(await run());
  });

  test("tells later of an index that is no place", async () => {
    await expect(gather(zeros([2, 3]), tensor([0, 3]), 1).data()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DataError: gather(x, indices, axis): expected whole numbers from -3 to 2, got 3 at [1]. Count places from 0, or from −1 at the end.]`,
    );
    setBackend(base);
    const here = zeros([3]);
    setBackend("webgpu");
    expect(() => gather(here, tensor([0]))).toThrow("Call setBackend() once, before the model and the data are made.");
  });

  test("evaluates, predicts, recalibrates, diagnoses and watches as others do", async () => {
    const run = async () => {
      const model = net();
      const watcher = watch(model, { every: 2 });
      const average = movingAverage(model, { decay: 0.5 });
      const optimizer = new Adam(model.parameters(), { lr: 0.02 });
      await fit(model, data(), { epochs: 2, optimizer, average, validation: data(), recalibrate: 32 });
      const records = await Promise.all(await watcher.stop());
      const outputs: Float32Array[] = [];
      const scores = await evaluate(model, data(), { onOutput: (output) => void outputs.push(output) });
      const x = tensor(
        new Float32Array(5 * 36).map((_, k) => Math.sin(k)),
        [5, 1, 6, 6],
      );
      const predicted = await (await predict(model, x, { batchSize: 2 })).data();
      await recalibrate(model, data(), { samples: 40 });
      const findings = await diagnose(model, data());
      const state = await stateOf(model);
      return { records, scores, outputs, predicted, findings, state, averaged: await stateOf(average.model) };
    };
    const onLate = await run();
    setBackend(base);
    expect(onLate).toEqual(await run());
  });

  const x = (): Tensor =>
    tensor(
      Float32Array.from({ length: 16 }, (_, k) => Math.sin(k)),
      [8, 2],
    );
  const maskOf = (...values: number[]): Tensor => tensor([...values, ...new Array(8 - values.length).fill(0)], [8, 1]);
  const evaluated = (layer: BatchNorm): BatchNorm => {
    layer.eval().loadStateDict({ running_var: tensor([1, 0]) }, { strict: false });
    return layer;
  };
  const faults: [string, () => unknown][] = [
    ["a mask", () => new BatchNorm(2).forward(x(), { mask: maskOf(1, 0.5) })],
    ["one real value", () => new BatchNorm(2).forward(x(), { mask: maskOf(1) })],
    ["no variance", () => new BatchNorm(2, { eps: 0 }).forward(zeros([8, 2]))],
    ["no running variance", () => evaluated(new BatchNorm(2, { eps: 0 })).forward(x())],
    ["an index", () => new Embedding(2, 1).forward(tensor([[0, 3]]))],
    ["half an index", () => new Embedding(2, 1).forward(tensor([[0, 0.5]]))],
    ["targets", () => binaryCrossEntropy(tensor([1]), tensor([1.5]))],
    ["weights without direction", () => new WeightNorm(zeroLinear())],
    ["weights of zeros", () => new SpectralNorm(zeroLinear())],
    ["a mask of steps", () => new LSTM(2, 2).forward(zeros([1, 2, 2]), { mask: tensor([[1, 2]]) })],
    [
      "a mask of keys",
      () => scaledDotProductAttention(zeros([1, 2, 2]), zeros([1, 2, 2]), zeros([1, 2, 2]), { mask: full([2, 2], 3) }),
    ],
  ];

  test.each(faults)("tells of %s with the next read, once, as others do at once", async (_name, body) => {
    setBackend(base);
    let atOnce: unknown = null;
    try {
      body();
    } catch (error) {
      atOnce = error;
    }
    expect(atOnce).toBeInstanceOf(Error);
    setBackend("webgpu");
    body();
    const t = tensor([1]);
    const reads = await Promise.allSettled([t.data(), t.data()]);
    expect(reads.map((read) => (read.status === "rejected" ? read.reason : null))).toEqual([atOnce, atOnce]);
    await new Promise((resolve) => setTimeout(resolve, 2));
    expect(await t.data()).toEqual(Float32Array.of(1));
  });

  test("warns of channels without a real value with the next read", async () => {
    const told: string[] = [];
    const before = onWarning((message) => void told.push(message));
    const norm = new BatchNorm(2);
    norm.forward(x(), { mask: zeros([8, 1]) });
    expect(told).toEqual([]);
    await tensor([1]).data();
    onWarning(before);
    expect(told).toMatchInlineSnapshot(`
      [
        "BatchNorm(2).forward(x, { mask }): no real value in 2 of 2 channels, whose running statistics stay as they are. Leave out batches that are all padding.",
      ]
    `);
  });

  test("a mask is asked about once, however many layers take it, until it changes", async () => {
    const mask = maskOf(1, 1, 0, 1);
    const { expect: ask } = late;
    let asked = 0;
    late.expect = (check, ...rest) => {
      if (check.is === "zeroOrOne") asked++;
      ask(check, ...rest);
    };
    const norm = new BatchNorm(2);
    for (let k = 0; k < 3; k++) norm.forward(x(), { mask });
    late.expect = ask;
    expect(asked).toBe(1);
    await mask.data();
  });

  test("copies models and state dicts without the host, and to other backends to the last bit", async () => {
    const model = net();
    await fit(model, data(), { epochs: 1, optimizer: new Sgd(model.parameters(), { lr: 0.01 }) });
    const other = net();
    const before = { ...late.counts };
    other.loadStateDict(model.stateDict());
    movingAverage(model);
    expect(late.counts.reads).toBe(before.reads);
    expect(await stateOf(other)).toEqual(await stateOf(model));
    const onBase = await copyTo(model, base);
    expect(await stateOf(onBase)).toEqual(await stateOf(model));
    expect((onBase.layers[1] as BatchNorm).getExtraState()).toEqual((model.layers[1] as BatchNorm).getExtraState());
    const back = await copyTo(onBase, "webgpu");
    expect(await stateOf(back)).toEqual(await stateOf(model));
    expect(String(back)).toBe(String(model));
  });

  test("says what it cannot do, and what to do instead", async () => {
    expect(() => tensor([1, 2]).dataSync()).toThrowErrorMatchingInlineSnapshot(
      `[BackendError: Tensor(2).dataSync(): expected a backend that answers at once, got webgpu. Await data() instead; for work on a whole model, take its copy: await copyTo(model, "wasm").]`,
    );
    expect(() => tensor([1]).item()).toThrowErrorMatchingInlineSnapshot(
      `[BackendError: Tensor(1).dataSync(): expected a backend that answers at once, got webgpu. Await data() instead; for work on a whole model, take its copy: await copyTo(model, "wasm").]`,
    );
    expect(String(tensor([1, 2]))).toBe("Tensor(2)");
    const norm = new BatchNorm(2);
    expect(norm.skippedBatches).toBe(0);
    norm.forward(x());
    expect(() => norm.skippedBatches).toThrowErrorMatchingInlineSnapshot(
      `[BackendError: BatchNorm(2), its counters: expected a backend that answers at once, or the end of a pass of fit(), got webgpu before that. Read them after fit(), or await copyTo(model, "wasm").]`,
    );
    await copyTo(norm, base);
    expect(norm.skippedBatches).toBe(0);
  });
});

function zeroLinear(): Linear {
  const layer = new Linear(2, 2);
  layer.weight.backend.fill(layer.weight.block, 4, 0);
  return layer;
}
