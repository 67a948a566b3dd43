import {
  BatchNorm,
  Dropout,
  embedding,
  evaluate,
  fit,
  GELU,
  Linear,
  memoryInUse,
  OutOfMemoryError,
  predict,
  ReLU,
  Residual,
  Sequential,
  Sgd,
  scope,
  seed,
  setBackend,
  type Tensor,
  zeros,
} from "evenkeel";
import { beforeAll, expect, test } from "vitest";
import { normal } from "../support/seeded.js";

beforeAll(() => {
  // As on a machine that reserves no more address space than the library asks for at least.
  class ScarceMemory extends WebAssembly.Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      if ((descriptor.maximum ?? 0) > 4096) throw new RangeError("could not allocate memory");
      super(descriptor);
    }
  }
  Object.assign(WebAssembly, { Memory: ScarceMemory });
  setBackend("wasm");
  expect(normal([1], 1).backend.bytesAtMost()).toBeLessThan(256 << 20);
});

const width = 1 << 16;
const wide = (inFeatures: number, outFeatures: number): Linear => new Linear(inFeatures, outFeatures, { bias: false });
const network = (): Sequential =>
  new Sequential(wide(2, 4), new Residual(new Sequential(wide(4, width), new GELU(), wide(width, 4))));

const lossOf = (model: Sequential, samples: number): Tensor => model.forward(normal([samples, 2], 1)).mean();

/** The losses of two steps of training. */
function train(model: Sequential, samples: number): number[] {
  const optimizer = new Sgd(model.parameters(), { lr: 0.1 });
  return [0, 1].map(() =>
    scope(() => {
      const loss = lossOf(model, samples);
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      return loss.item();
    }),
  );
}

test("without room in the backward pass the layer and a batch that fits are named, and a smaller one trains as if nothing had happened", () => {
  const model = network();
  const expected = network();
  expected.loadStateDict(model.stateDict());
  const before = memoryInUse();
  let error: unknown = null;
  const loss = scope(() => lossOf(model, 400));
  try {
    loss.backward();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchInlineSnapshot(
    `[OutOfMemoryError: Linear(65536, 4).backward(dy), linear: expected room for 100 MiB on the wasm backend, got a refusal with 206 MiB in use. Use a batch of at most 331: what follows needs room too.]`,
  );
  if (!(error instanceof OutOfMemoryError)) throw new Error("there was room");
  expect(error.layer).toBe("Linear(65536, 4)");
  expect(() => loss.backward()).toThrowErrorMatchingInlineSnapshot(
    `[GraphError: backward() of div: expected a graph that no backward() has released, got one released at div. Compute forward again, add the losses before one backward(), or pass { retainGraph: true } to the earlier call.]`,
  );
  new Sgd(model.parameters(), { lr: 0.1 }).zeroGrad();
  expect(memoryInUse() - before).toBeLessThan(1024);
  const fits = Number(/at most (\d+)/.exec(error.message)?.[1]);
  expect(fits).toBeGreaterThan(200);
  // Not all of it: free memory may lie in pieces.
  const samples = Math.floor(fits / 2);
  expect(train(model, samples)).toEqual(train(expected, samples));
});

test("a kernel without room for its working memory says so", () => {
  const count = 1 << 20;
  let text = "";
  scope(() => {
    const table = zeros([1, 1], { requiresGrad: true });
    const dy = zeros([count, 1]);
    const y = embedding(zeros([count]), table);
    const rest: Tensor[] = [];
    try {
      for (;;) rest.push(zeros([count / 4]));
    } catch {
      // Room for the gradient, yet not for the 4 MiB in one piece by which it is computed.
      rest.pop()?.dispose();
    }
    try {
      y.backward(dy);
    } catch (error) {
      text = String(error);
      expect(error).toMatchObject({ name: "OutOfMemoryError", bytes: 4 * count + 12 });
    }
  });
  expect(text.replace(/with \d+(\.\d)? MiB/, "with … MiB")).toMatchInlineSnapshot(
    `"OutOfMemoryError: the working memory of a kernel: expected room for 4 MiB on the wasm backend, got a refusal with … MiB in use. Use a smaller batch, or open a scope() around each step."`,
  );
});

test("a synchronous loop without scope ends in an error that names scope()", () => {
  const x = zeros([1024, 1024]);
  const outputs = (): never => {
    for (;;) x.add(1);
  };
  let text = "";
  try {
    outputs();
  } catch (error) {
    text = String(error);
    expect(error).toMatchObject({ name: "OutOfMemoryError", leaks: true });
  }
  expect(text.replaceAll(/\d+(\.\d)? MiB/g, "… MiB")).toMatchInlineSnapshot(
    `"OutOfMemoryError: add: expected room for … MiB on the wasm backend, got a refusal with … MiB in use. Open a scope() around each step: … MiB of that belong to tensors made outside of one."`,
  );
});

test("predict, evaluate and fit try once more where memory is refused, and train to the same bits", async () => {
  const { backend } = zeros([1]);
  const { allocate } = backend;
  const values = new Float32Array(16 * 4).map((_, k) => Math.sin(k));
  const data = [{ inputs: { values, shape: [16, 4] }, targets: Int32Array.from({ length: 16 }, (_, k) => k % 2) }];
  const make = (): Sequential => {
    seed(3);
    return new Sequential(
      new Linear(4, 8),
      new BatchNorm(8),
      new Dropout(0.5),
      new ReLU(),
      new BatchNorm(8),
      new Linear(8, 2),
    );
  };
  /** Refuses the n-th request from now on, once. */
  const refuse = (n: number): void => {
    let left = n;
    const scarce = (bytes: number): unknown => {
      if (--left === 0) throw new RangeError("refused");
      return allocate.call(backend, bytes);
    };
    Object.assign(backend, { allocate: scarce });
  };
  const run = async (refused: number): Promise<unknown[]> => {
    const model = make();
    const optimizer = new Sgd(model.parameters(), { lr: 0.1 });
    if (refused > 0) refuse(refused);
    await fit(model, data, { epochs: 1, optimizer });
    await fit(model, data, { epochs: 1, optimizer });
    if (refused > 0) refuse((refused % 5) + 1);
    const evaluation = await evaluate(model, data);
    const input = zeros([2, 4]);
    if (refused > 0) refuse((refused % 5) + 1);
    const output = await predict(model, input);
    Object.assign(backend, { allocate });
    const state = Object.values(model.stateDict()).map((t) => Array.from(t.dataSync()));
    return [evaluation, Array.from(output.dataSync()), state];
  };
  const expected = await run(0);
  for (const refused of [3, 8, 12, 20, 30]) expect(await run(refused)).toEqual(expected);
});
