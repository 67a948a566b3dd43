import {
  AdamW,
  arrayDataset,
  type Batches,
  BatchNorm,
  batches,
  type Dataset,
  Dropout,
  describeCheckpoint,
  type FitOptions,
  fit,
  freezeNorms,
  Generator,
  Linear,
  type Module,
  mse,
  oneCycleLr,
  type ParameterGroup,
  parameterGroups,
  ReLU,
  readSafetensors,
  Sequential,
  Sgd,
  seed,
  type Tensor,
  tensor,
  version,
  writeSafetensors,
} from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32 } from "../../src/train/checkpoint/crc32.js";
import { describeEachBackend } from "../support/backends.js";
import { normalValues } from "../support/seeded.js";

/** Two clouds of points, with noise that is drawn anew each time from a generator of its own. */
function noisy(length: number, generator: Generator): Dataset {
  const labels = Int32Array.from({ length }, (_, k) => k % 2);
  const data = arrayDataset({ inputs: normalValues(length * 2, 5), shape: [2], labels });
  return {
    length,
    generators: [generator],
    batch(indices) {
      const { inputs, targets } = data.batch(indices);
      if (!("values" in inputs)) throw new Error("not on the host");
      return {
        inputs: { values: inputs.values.map((v) => v + 0.1 * generator.normal()), shape: inputs.shape },
        targets,
      };
    },
  };
}

/** A run with everything that a checkpoint must hold, made anew. */
function makeRun() {
  seed(11);
  const model = new Sequential(
    new Linear(2, 16),
    new BatchNorm(16, { momentum: 0.9 }),
    new ReLU(),
    new Dropout(0.3),
    new Dropout(0.1, { generator: new Generator(5) }),
    new Linear(16, 2),
  );
  const optimizer = new AdamW(model.parameters(), { lr: 0.01, weightDecay: 0.01 });
  const data = batches(noisy(53, new Generator(8)), { batchSize: 9, shuffle: new Generator(9) });
  return { model, optimizer, data, options: { epochs: 3, optimizer, schedule: oneCycleLr(0.02), clipNorm: 1 } };
}

function valuesOf(model: Module): Record<string, number[]> {
  return Object.fromEntries(Object.entries(model.stateDict()).map(([name, t]) => [name, [...t.dataSync()]]));
}

/** Runs to the end, from a checkpoint or the beginning; keeps every checkpoint and all that was told. */
async function runFrom(from: Uint8Array | null, more: Partial<FitOptions<Int32Array>> = {}) {
  const { model, data, options } = makeRun();
  const saved: Uint8Array[] = [];
  const told: unknown[] = [];
  await fit(model, data, {
    ...options,
    checkpoint: { save: (bytes) => void saved.push(bytes), from, everySteps: 1 },
    onStep: ({ step, loss, lr }) => void told.push([step, loss, lr]),
    onEpoch: ({ seconds, ...report }) => void told.push(report),
    ...more,
  });
  return { state: valuesOf(model), saved, told };
}

describeEachBackend("a checkpoint", () => {
  test("taken after any step goes on to the bits of a run that never stopped", async () => {
    const whole = await runFrom(null);
    expect(whole.saved.length).toBe(19);
    expect(whole.told.length).toBe(21);
    for (const [k, bytes] of whole.saved.entries()) {
      const { step } = describeCheckpoint(bytes);
      expect(step).toBe(Math.min(k + 1, 18));
      const rest = await runFrom(bytes);
      expect(rest.state).toEqual(whole.state);
      expect(rest.told).toEqual(rest.told.length === 0 ? [] : whole.told.slice(-rest.told.length));
      expect(rest.told.length).toBe(k === 18 ? 0 : 21 - step - Math.floor((step - 1) / 6));
    }
  });

  test("is taken when a signal stops training, also in the middle of what follows an epoch", async () => {
    const whole = await runFrom(null);
    for (const last of [3, 6, 8]) {
      const abort = new AbortController();
      const saved: Uint8Array[] = [];
      const stopped = runFrom(null, {
        signal: abort.signal,
        checkpoint: { save: (bytes) => void saved.push(bytes) },
        onStep: ({ step }) => (step === last && step !== 6 ? abort.abort(new Error("enough")) : undefined),
        onEpoch: ({ steps }) => {
          if (steps !== last) return;
          abort.abort(new Error("enough"));
          abort.signal.throwIfAborted();
        },
      });
      await expect(stopped).rejects.toThrow("enough");
      expect(saved.length).toBe(1);
      expect(describeCheckpoint(saved[0])).toMatchObject({ step: last === 6 ? 6 : last + 1 });
      const rest = await runFrom(saved[0]);
      expect(rest.state).toEqual(whole.state);
      expect(rest.told).toEqual(whole.told.slice(-rest.told.length));
      // The first epoch is told once more by the run whose telling was cut short.
      expect(rest.told).toContainEqual(expect.objectContaining({ epoch: last === 8 ? 1 : 0 }));
    }
  });

  test("holds switches, frozen layers, skipped batches, and a learning rate set by hand", async () => {
    const make = () => {
      seed(3);
      const inner = new Sequential(new Dropout(0.5), new BatchNorm(4));
      const model = new Sequential(new Linear(2, 4), new BatchNorm(4), inner, new BatchNorm(4), new Linear(4, 2));
      return { model, inner, optimizer: new Sgd(model.parameters(), { lr: 0.1, momentum: 0.9 }) };
    };
    const data = batches(arrayDataset({ inputs: normalValues(64, 1), shape: [2], labels: new Int32Array(32) }), {
      batchSize: 8,
      shuffle: true,
    });
    const whole = make();
    const saved: Uint8Array[] = [];
    const [, first, , last] = whole.model.layers as BatchNorm[];
    await fit(whole.model, data, {
      epochs: 2,
      optimizer: whole.optimizer,
      checkpoint: { everySteps: 1, save: (bytes) => void saved.push(bytes) },
      onStep({ step }) {
        if (step !== 1) return;
        freezeNorms(first, { affine: true });
        whole.inner.eval();
        last.updateRunning = false;
        last.momentum = 0.7;
        whole.optimizer.lr = 0.05;
        const poison = tensor(new Float32Array(32).fill(Number.NaN), [8, 4]);
        last.updateRunning = true;
        last.forward(poison);
        last.updateRunning = false;
      },
    });
    const again = make();
    const [, firstAgain, , lastAgain] = again.model.layers as BatchNorm[];
    await fit(again.model, data, {
      epochs: 2,
      optimizer: again.optimizer,
      checkpoint: { from: saved[2], save: () => {} },
    });
    expect(valuesOf(again.model)).toEqual(valuesOf(whole.model));
    expect([firstAgain.frozen, firstAgain.weight?.requiresGrad, again.inner.training]).toEqual([true, false, false]);
    expect([lastAgain.updateRunning, lastAgain.momentum, lastAgain.skippedBatches]).toEqual([false, 0.7, 1]);
    expect(again.optimizer.lr).toBe(0.05);
  });

  test("serves iterables of one's own, which are gone through again up to the place", async () => {
    const run = async (from: Uint8Array | null) => {
      seed(4);
      const model = new Sequential(new Linear(2, 3), new Dropout(0.5), new Linear(3, 1));
      const generator = new Generator(6);
      const saved: Uint8Array[] = [];
      const data = {
        generators: [generator],
        async *[Symbol.asyncIterator]() {
          const shift = generator.normal();
          for (let k = 0; k < 5; k++) {
            const inputs = tensor([4, 2].flatMap(() => generator.normal()).concat([shift, k]), [2, 2]);
            yield { inputs, targets: tensor([[1], [generator.uniform()]]) };
          }
        },
      };
      const optimizer = new Sgd(model.parameters(), { lr: 0.1 });
      const checkpoint = { from, everySteps: 1, save: (bytes: Uint8Array) => void saved.push(bytes) };
      await fit(model, data, { epochs: 2, optimizer, loss: mse, checkpoint });
      return { state: valuesOf(model), saved };
    };
    const whole = await run(null);
    for (const bytes of whole.saved) expect((await run(bytes)).state).toEqual(whole.state);
  });

  test("stays finite where training diverges, and goes on from there with another schedule", async () => {
    const saved: Uint8Array[] = [];
    const save = (bytes: Uint8Array) => void saved.push(bytes);
    const schedule = (step: number) => (step < 7 ? 0.01 : 1e38);
    const diverged = runFrom(null, { schedule, checkpoint: { everySteps: 3, save } });
    await expect(diverged).rejects.toThrow("expected a finite loss");
    expect(saved.map((bytes) => describeCheckpoint(bytes).step)).toEqual([3, 6]);
    const { state } = await runFrom(saved[1], { schedule: () => 0.01 });
    expect(Object.values(state).flat().every(Number.isFinite)).toBe(true);
  });
});

describe("a checkpoint", () => {
  test("keeps a note, and says where it was taken", async () => {
    const saved: Uint8Array[] = [];
    const save = (bytes: Uint8Array) => void saved.push(bytes);
    let asked = 0;
    await runFrom(null, { checkpoint: { save, everySteps: 8, note: () => ({ asked: ++asked }) } });
    expect(saved.map(describeCheckpoint)).toMatchObject([
      { epoch: 1, batch: 2, step: 8, note: { asked: 1 } },
      { epoch: 2, batch: 4, step: 16, note: { asked: 2 } },
      { epoch: 3, batch: 0, step: 18, note: { asked: 3 } },
    ]);
  });

  test("goes on with other groups of the same parameters, and refuses other parameters", async () => {
    const whole = await runFrom(null);
    const resumed = async (groups: (model: Sequential) => ParameterGroup[]) => {
      const { model, data, options } = makeRun();
      const optimizer = new AdamW(groups(model), { lr: 0.01, weightDecay: 0.01 });
      await fit(model, data, { ...options, optimizer, checkpoint: { from: whole.saved[7], save: () => {} } });
      return valuesOf(model);
    };
    const split = await resumed((model) => parameterGroups(model, [{ match: "bias", weightDecay: 0.01 }]));
    expect(split).toEqual(whole.state);
    await expect(
      resumed((model) => [{ parameters: model.parameters().slice(1) }]),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { checkpoint }): expected an optimiser of the 6 parameters that the checkpoint was taken with, got one without 0.weight. Make it of the same parameters, in any groups.]`,
    );
    await expect(
      resumed((model) => [{ parameters: [...model.parameters(), tensor([1], undefined, { requiresGrad: true })] }]),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { checkpoint }): expected an optimiser of the 6 parameters that the checkpoint was taken with, got one with parameter 1 of none of its layers besides. Make it of the same parameters, in any groups.]`,
    );
  });

  test("is refused where it does not fit", async () => {
    const [bytes] = (await runFrom(null)).saved;
    const { model, optimizer } = makeRun();
    const other = (data: Batches, net: Module = model) =>
      fit(net, data, { epochs: 1, optimizer, checkpoint: { from: bytes, save: () => {} } });
    const plain = arrayDataset({ inputs: new Float32Array(106), shape: [2], labels: new Int32Array(53) });
    await expect(other(batches(plain, { batchSize: 20 }))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { checkpoint }): expected 6 batches in a pass, as when the checkpoint was taken, got 3. Pass the same data in batches of the same size.]`,
    );
    await expect(other(batches(plain, { batchSize: 9 }))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { checkpoint }): expected 3 generators, as when the checkpoint was taken, got 1. Pass the same data and { generators }.]`,
    );
    const { data } = makeRun();
    await expect(other(data, new Linear(2, 2))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[StateDictError: Linear(2, 2).loadStateDict(state): expected the entries and shapes of this module's own stateDict(), got missing weight, bias; unexpected 0.weight, 0.bias, 1.weight, 1.bias, 1.running_mean, 1.running_var, 1.num_batches_tracked, 5.weight, 5.bias. Load it into the module it was saved from, or pass { strict: false } to load what fits.]`,
    );
    const checkpoint = { save: () => {}, everySteps: 0 };
    await expect(runFrom(null, { checkpoint })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: fit(model, data, { checkpoint }): expected everySteps to be a whole number of at least 1, got 0. Correct everySteps.]`,
    );
  });

  test("whose checksum is right is refused where its state is nonsense, or of a newer version", async () => {
    const [bytes] = (await runFrom(null)).saved;
    const entry = "evenkeel-checkpoint";
    const head = JSON.parse(readSafetensors(bytes).metadata[entry]);
    const tensors = readSafetensors(bytes).tensors;
    /** The file with another state, and the checksum that belongs to it. */
    const forge = (state: unknown, more: Record<string, Tensor> = {}): Uint8Array => {
      const text = typeof state === "string" ? state : JSON.stringify(state);
      const forged = writeSafetensors({ ...tensors, ...more }, { crc32: "00000000", [entry]: text });
      const at = 8 + '{"__metadata__":{"crc32":"'.length;
      forged.set(new TextEncoder().encode(crc32(forged)), at);
      return forged;
    };
    const { model, data, options } = makeRun();
    const before = valuesOf(model);
    const answers: string[] = [];
    const wrong: unknown[] = [
      "{",
      "null",
      "[]",
      '"text"',
      { format: 1 },
      { ...head, format: 2, evenkeel: "9.1.0" },
      { ...head, evenkeel: "99.0.0-beta.1" },
      { ...head, evenkeel: "soon" },
      { ...head, position: undefined },
      { ...head, position: { ...head.position, epoch: "x" } },
      { ...head, position: { ...head.position, step: -1 } },
      { ...head, position: { ...head.position, batch: 1e9 } },
      { ...head, generators: [[1, 2, 3]] },
      { ...head, generators: null },
      { ...head, passStart: [] },
      { ...head, lr: null },
      { ...head, evaluating: [1] },
      { ...head, untrained: {} },
      { ...head, optimized: [1] },
      { ...head, extra: [] },
      { ...head, extra: { ...head.extra, "1": null } },
      { ...head, extra: { ...head.extra, "1": { frozen: "yes" } } },
    ];
    for (const [k, from] of [...wrong.map((state) => forge(state)), forge(head, { stray: tensor([1]) })].entries()) {
      const answer = await fit(model, data, { ...options, checkpoint: { from, save: () => {} } }).then(
        () => "no error",
        (error: unknown) => String(error),
      );
      answers.push(
        answer
          .replace(`Evenkeel ${version} or`, "Evenkeel VERSION or")
          .replace(/got (.{40}).*?(?=\. [A-Z])/, "got $1…"),
      );
      if (k < wrong.length - 2) expect(valuesOf(model)).toEqual(before);
    }
    expect(answers).toMatchInlineSnapshot(`
      [
        "FormatError: checkpoint: expected JSON, got "Expected property name or '}' in JSON a…. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected a JSON object, got null. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected a JSON object, got a list. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected a JSON object, got "text". Use an older copy, or start anew.",
        "FormatError: checkpoint: expected the state that fit() saves, got one without its version. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected a checkpoint of format 1 by Evenkeel VERSION or an older one, got one of format 2 by Evenkeel 9.1.0. Read it with Evenkeel 9.1.0, or a newer one.",
        "FormatError: checkpoint: expected a checkpoint of format 1 by Evenkeel VERSION or an older one, got one of format 1 by Evenkeel 99.0.0-beta.…. Read it with Evenkeel 99.0.0-beta.1, or a newer one.",
        "FormatError: checkpoint: expected a checkpoint of format 1 by Evenkeel VERSION or an older one, got one of format 1 by Evenkeel soon. Read it with Evenkeel soon, or a newer one.",
        "FormatError: checkpoint: expected a count as position.epoch, got undefined. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected a count as position.epoch, got "x". Use an older copy, or start anew.",
        "FormatError: checkpoint: expected a count as position.step, got -1. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected at most 6 as position.batch, got 1000000000. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected a list of states of generators as generators, got [[1,2,3]]. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected a list of states of generators as generators, got null. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected 3 states as passStart, got []. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected a number ≥ 0 as lr, got null. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected a list of paths as evaluating, got [1]. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected a list of paths as untrained, got {}. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected a list of paths as optimized, got [1]. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected an object as extra, got []. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected what BatchNorm(16) at 1 remembers, got null. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected what BatchNorm(16) at 1 remembers, got {"frozen":"yes"}. Use an older copy, or start anew.",
        "FormatError: checkpoint: expected tensors of a model and an optimiser, got "stray". Use an older copy, or start anew.",
      ]
    `);
    expect(describeCheckpoint(forge({ ...head, evenkeel: "0.0.9" })).evenkeel).toBe("0.0.9");
  });

  test("is refused where a byte has changed or is missing, and nothing is changed by it", async () => {
    const [bytes] = (await runFrom(null)).saved;
    const { model, data, options } = makeRun();
    const before = valuesOf(model);
    const answerTo = (from: Uint8Array) =>
      fit(model, data, { ...options, checkpoint: { from, save: () => {} } }).then(
        () => "no error",
        (error) => String(error),
      );
    expect(await answerTo(new Uint8Array(20))).toMatchInlineSnapshot(
      `"FormatError: checkpoint: expected bytes that fit() saved, got others. Use an older copy, or start anew."`,
    );
    expect(await answerTo(bytes.subarray(0, bytes.length - 1))).toMatch(
      /^FormatError: checkpoint: expected a whole checkpoint, got one that is cut short or changed \(CRC-32 [\da-f]{8}, not [\da-f]{8}\)\. Use an older copy, or start anew\.$/,
    );
    const damage = fc.oneof(
      fc.nat(bytes.length - 1).map((length) => bytes.slice(0, length)),
      fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, change]) => {
        const changed = bytes.slice();
        changed[at] ^= change;
        return changed;
      }),
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ minLength: 8, maxLength: 8 }).map((length) => Uint8Array.of(...length, ...bytes.slice(8))),
    );
    await fc.assert(
      fc.asyncProperty(damage, async (changed) => {
        fc.pre(changed.length !== bytes.length || changed.some((byte, k) => byte !== bytes[k]));
        expect(await answerTo(changed)).toMatch(/^FormatError: checkpoint: /);
      }),
      { numRuns: 200 },
    );
    expect(valuesOf(model)).toEqual(before);
  });
});
