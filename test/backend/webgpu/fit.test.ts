import {
  Adam,
  arrayDataset,
  BackendError,
  BatchNorm,
  batches,
  type Communicator,
  DeviceLostError,
  DivergedError,
  fit,
  Linear,
  Lion,
  OutOfMemoryError,
  ReLU,
  resnet,
  Sequential,
  Sgd,
  scope,
  seed,
  setBackend,
  tensor,
} from "evenkeel";
import { type WebgpuDevice, webgpu } from "evenkeel/webgpu";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openDevice } from "../../../src/backend/webgpu/device.js";
import { started } from "../../support/gpu.js";
import { normalValues } from "../../support/seeded.js";

function net(): Sequential {
  seed(5);
  return new Sequential(new Linear(6, 16, { bias: false }), new BatchNorm(16), new ReLU(), new Linear(16, 3));
}

function data() {
  const inputs = normalValues(64 * 6, 7);
  const labels = Int32Array.from({ length: 64 }, (_, k) => (inputs[6 * k] > 0 ? 1 : inputs[6 * k + 1] > 0 ? 2 : 0));
  return batches(arrayDataset({ inputs, shape: [6], labels }), { batchSize: 16, shuffle: true });
}

/** Two epochs, eight steps, with a checkpoint after every third. */
async function train(from: Uint8Array | null, onStep: (step: number) => void = () => {}) {
  const model = net();
  const saved: Uint8Array[] = [];
  const steps: number[] = [];
  const failure: unknown = await fit(model, data(), {
    epochs: 2,
    optimizer: new Adam(model.parameters(), { lr: 0.01 }),
    clipNorm: 1,
    checkpoint: { save: (bytes) => void saved.push(bytes), everySteps: 3, from },
    onStep: ({ step }) => {
      steps.push(step);
      onStep(step);
    },
  }).then(
    () => null,
    (error) => error,
  );
  const state: Record<string, Float32Array> = {};
  if (failure === null) for (const [name, t] of Object.entries(model.stateDict())) state[name] = await t.data();
  return { state, saved, steps, failure };
}

describe.skipIf(typeof started === "string")("fit on webgpu", () => {
  let device: WebgpuDevice;
  beforeAll(async () => {
    device = await webgpu();
  });
  beforeEach(() => setBackend("webgpu"));
  afterAll(() => setBackend("wasm"));

  test("goes on from a checkpoint to the bits of a run that never stopped", async () => {
    const whole = await train(null);
    expect(whole.saved.length).toBe(3);
    expect((await train(null)).state).toEqual(whole.state);
    const resumed = await train(whole.saved[0]);
    expect(resumed.state).toEqual(whole.state);
    expect(resumed.steps).toEqual([3, 4, 5, 6, 7]);
  });

  test("goes on with a run of wasm, and wasm with one of its own", async () => {
    const onGpu = await train(null);
    setBackend("wasm");
    const onWasm = await train(null);
    const fromGpu = await train(onGpu.saved[0]);
    setBackend("webgpu");
    const fromWasm = await train(onWasm.saved[0]);
    for (const { state, steps } of [fromGpu, fromWasm]) {
      expect(steps).toEqual([3, 4, 5, 6, 7]);
      for (const [name, values] of Object.entries(onWasm.state)) {
        const worst = Math.max(...values.map((v, i) => Math.abs(v - state[name][i])));
        expect(worst, name).toBeLessThanOrEqual(1e-3);
      }
    }
  });

  test("ends with DeviceLostError, and the last checkpoint goes on, on the next device", async () => {
    const whole = await train(null);
    const own = await webgpu();
    setBackend("webgpu");
    const lost = await train(null, (step) => {
      if (step === 4) own.destroy();
    });
    expect(lost.failure).toBeInstanceOf(DeviceLostError);
    device = await webgpu();
    setBackend("webgpu");
    const again = await train(lost.saved[0]);
    expect(again.state).toEqual(whole.state);
  });

  test("refuses ranks", async () => {
    const model = net();
    const communicator = { rank: 0, size: 2, allGather: (x: Float64Array) => Float64Array.of(...x, ...x) };
    const error = await fit(model, data(), {
      epochs: 1,
      optimizer: new Sgd(model.parameters(), { lr: 0.1 }),
      communicator: communicator as unknown as Communicator,
    }).catch((refused) => refused);
    expect(error).toBeInstanceOf(BackendError);
    expect(String(error)).toMatchInlineSnapshot(
      `"BackendError: fit(model, data, { communicator }): expected a backend whose memory ranks can exchange, with 2 ranks, got webgpu. Train on wasm: setBackend("wasm"), or await copyTo(model, "wasm"). On one rank, leave the communicator out."`,
    );
  });

  test("an optimiser written in ops heeds the device's gate", async () => {
    const model = net();
    const optimizer = new Lion(model.parameters(), { lr: 0.01 });
    const inputs = { values: normalValues(96, 3), shape: [16, 6] };
    const good = { inputs, targets: Int32Array.from({ length: 16 }, (_, k) => k % 3) };
    await fit(model, [good, good], { epochs: 1, optimizer });
    const weight = await model.parameters()[0].data();
    const bad = { ...good, inputs: { ...inputs, values: inputs.values.map(() => Number.NaN) } };
    await expect(fit(model, [bad, good], { epochs: 1, optimizer })).rejects.toBeInstanceOf(DivergedError);
    expect(await model.parameters()[0].data()).toEqual(weight);
    await fit(model, [good], { epochs: 1, optimizer });
    expect(await model.parameters()[0].data()).not.toEqual(weight);
  });

  test("memory after a thousand steps is that after ten, and no step waits for a read", async () => {
    const model = new Linear(4, 2);
    const optimizer = new Sgd(model.parameters(), { lr: 0.01, momentum: 0.9 });
    const x = tensor(normalValues(32, 1), [8, 4]);
    const step = (): void =>
      scope(() => {
        model.forward(x).sum().backward();
        optimizer.step();
        optimizer.zeroGrad();
      });
    const run = async (count: number) => {
      for (let k = 0; k < count; k++) {
        step();
        // A loop of its own hands the turn back now and then, as one over data does.
        if (k % 50 === 49) await model.weight.data();
      }
      await model.weight.data();
      return device.counts;
    };
    const first = await run(10);
    const last = await run(990);
    expect(last.buffers).toBe(first.buffers);
    expect(last.bindGroups - first.bindGroups).toBeLessThanOrEqual(8);
    expect(last.pipelines).toBe(first.pipelines);
  });

  test("a step of ResNet-20 is at most 270 dispatches", async () => {
    const model = resnet({ inputShape: [3, 8, 8], classes: 10 });
    const optimizer = new Sgd(model.parameters(), { lr: 0.01, momentum: 0.9 });
    const inputs = { values: normalValues(8 * 192, 1), shape: [8, 3, 8, 8] };
    const targets = Int32Array.from({ length: 8 }, (_, k) => k);
    const told: number[] = [];
    const onStep = (): void => void told.push(device.counts.dispatches);
    await fit(model, Array(4).fill({ inputs, targets }), { epochs: 1, optimizer, onStep });
    expect(told[2] - told[1]).toBeLessThanOrEqual(270);
    expect(told[2] - told[1]).toBeGreaterThan(100);
  });
});

/** A device that refuses buffers of more bytes than this, as one whose memory is full; so many of them. */
async function fullDevice(most: number, refusals = Number.POSITIVE_INFINITY): Promise<object> {
  const { device } = await openDevice("test", {});
  let isRefused = false;
  const own: Record<string, unknown> = {
    createBuffer(descriptor: { size: number }) {
      const buffer = device.createBuffer(descriptor as never);
      if (descriptor.size > most && refusals-- > 0) {
        isRefused = true;
        // What a device without room returns is as little of use.
        buffer.destroy();
      }
      return buffer;
    },
    async popErrorScope() {
      const error = isRefused ? { message: "out of memory" } : null;
      isRefused = false;
      await device.popErrorScope();
      return error;
    },
  };
  return new Proxy(device, {
    get(target, name) {
      if (typeof name === "string" && name in own) return own[name];
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe.skipIf(typeof started === "string")("memory that runs out on webgpu", () => {
  afterAll(() => setBackend("wasm"));

  test("names the layer, the op and a batch that fits: what the device refuses later, and what no block holds", async () => {
    await webgpu({ device: await fullDevice(200_000) });
    setBackend("webgpu");
    seed(1);
    const model = new Sequential(new Linear(4, 64), new ReLU(), new Linear(64, 128));
    const output = model.forward(tensor(normalValues(2048, 1), [512, 4]));
    const later: unknown = await output.data().catch((error) => error);
    expect(later).toBeInstanceOf(OutOfMemoryError);
    expect(String(later)).toMatchInlineSnapshot(
      `"OutOfMemoryError: Linear(64, 128).forward(x), linear: expected room for 256 KiB on the webgpu backend, got a refusal of the device with 169.8 KiB in use (out of memory). Use a batch of at most 170: what follows needs room too."`,
    );
    await webgpu();
    setBackend("webgpu");
    const wide = new Linear(1, 2 ** 16);
    const huge = tensor(new Float32Array(2 ** 13), [2 ** 13, 1]);
    expect(() => wide.forward(huge)).toThrow(/^Linear\(1, 65536\)\.forward\(x\), .*Use a batch of at most \d+:/);
  });

  test("is asked for again, once there is room: what was refused is not used again", async () => {
    await webgpu({ device: await fullDevice(200_000, 1) });
    setBackend("webgpu");
    const values = normalValues(2 ** 16, 1);
    const first = tensor(values, [2 ** 16]);
    await expect(first.data()).rejects.toThrow(OutOfMemoryError);
    first.dispose();
    const second = tensor(values, [2 ** 16]);
    expect(await second.data()).toEqual(values);
  });
});
