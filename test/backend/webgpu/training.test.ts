import {
  AdamW,
  BatchNorm,
  Conv2d,
  crossEntropy,
  Flatten,
  Linear,
  MaxPool2d,
  type Module,
  type Optimizer,
  ReLU,
  Sequential,
  Sgd,
  scope,
  seed,
  setBackend,
  type Tensor,
  tensor,
} from "evenkeel";
import { type Counts, type WebgpuDevice, webgpu } from "evenkeel/webgpu";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { started } from "../../support/gpu.js";
import { normalValues } from "../../support/seeded.js";

function mlp(): Module {
  return new Sequential(
    ...[new Linear(20, 32, { bias: false }), new BatchNorm(32), new ReLU()],
    ...[new Linear(32, 24, { bias: false }), new BatchNorm(24), new ReLU()],
    new Linear(24, 5),
  );
}

/** The network of the benchmark, on smaller images. */
function cnn(): Module {
  return new Sequential(
    ...[new Conv2d(1, 16, 3, { padding: 1, bias: false }), new BatchNorm(16), new ReLU(), new MaxPool2d(2)],
    ...[new Conv2d(16, 32, 3, { padding: 1, bias: false }), new BatchNorm(32), new ReLU(), new MaxPool2d(2)],
    ...[new Flatten(), new Linear(128, 128, { bias: false }), new BatchNorm(128), new ReLU(), new Linear(128, 5)],
  );
}

const adam = (parameters: Iterable<Tensor>): Optimizer => new AdamW(parameters, { lr: 0.003 });
// Adam's first steps follow the signs of gradients, so that rounding alone moves the statistics of a CNN by 10⁻⁴.
const sgd = (parameters: Iterable<Tensor>): Optimizer => new Sgd(parameters, { lr: 0.02, momentum: 0.9 });

interface Run {
  readonly losses: number[];
  readonly state: Map<string, Float32Array>;
  /** What each step did on the device. */
  readonly steps: Counts[];
}

/** 25 steps on batches of noise. */
async function train(
  make: () => Module,
  makeOptimizer: (parameters: Iterable<Tensor>) => Optimizer,
  shape: readonly number[],
  device: WebgpuDevice | null,
): Promise<Run> {
  // What earlier runs left is freed now, not by the collector in the middle of this one.
  globalThis.gc?.();
  await new Promise((resolve) => setImmediate(resolve));
  setBackend(device === null ? "wasm" : "webgpu");
  seed(1);
  const model = make();
  const optimizer = makeOptimizer(model.parameters());
  const losses: number[] = [];
  const steps: Counts[] = [];
  for (let step = 0; step < 25; step++) {
    const before = device?.counts;
    const size = shape.reduce((a, b) => a * b, 1);
    const labels = Int32Array.from({ length: shape[0] }, (_, i) => (i * 7 + step) % 5);
    const read = scope(() => {
      const loss = crossEntropy(model.forward(tensor(normalValues(size, 100 + step), shape)), labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return [loss];
    });
    losses.push((await read[0].data())[0]);
    read[0].dispose();
    const after = device?.counts;
    if (before === undefined || after === undefined) continue;
    const difference = (name: keyof Counts) => [name, after[name] - before[name]] as const;
    const names = Object.keys(after) as (keyof Counts)[];
    steps.push(Object.fromEntries(names.map(difference)) as unknown as Counts);
  }
  const state = new Map<string, Float32Array>();
  for (const [name, value] of Object.entries(model.stateDict())) state.set(name, await value.data());
  return { losses, state, steps };
}

describe.skipIf(typeof started === "string")(
  `training on webgpu${typeof started === "string" ? `: ${started}` : ""}`,
  () => {
    let device: WebgpuDevice;
    beforeAll(async () => {
      device = await webgpu();
    });
    afterAll(() => setBackend("wasm"));

    test.each([
      ["MLP", mlp, adam, [16, 20], 42, 1],
      ["CNN", cnn, sgd, [8, 1, 8, 8], 50, 2],
    ] as const)("25 steps of the %s are those of wasm", async (_name, make, optimizer, shape, dispatches, submits) => {
      const expected = await train(make, optimizer, shape, null);
      const actual = await train(make, optimizer, shape, device);
      for (const [step, loss] of expected.losses.entries()) {
        expect(Math.abs(actual.losses[step] - loss), `loss of step ${step}`).toBeLessThanOrEqual(2e-5);
      }
      for (const [name, values] of expected.state) {
        const [layer, entry] = name.split(".");
        if (entry !== "running_mean" && entry !== "running_var") continue;
        const largest = Math.max(...(expected.state.get(`${layer}.running_var`) ?? []));
        const size = entry === "running_mean" ? Math.sqrt(largest) : largest;
        const worst = Math.max(...values.map((v, i) => Math.abs(v - (actual.state.get(name)?.[i] ?? Number.NaN))));
        expect(worst / size, name).toBeLessThanOrEqual(1e-5);
      }
      for (const counts of actual.steps.slice(3)) {
        expect(counts.dispatches).toBeLessThanOrEqual(dispatches);
        expect(counts.submits).toBeLessThanOrEqual(submits);
        // A step that repeats the one before it makes nothing new.
        expect(counts).toMatchObject({ bindGroups: 0, pipelines: 0, buffers: 0 });
      }
    });
  },
);
