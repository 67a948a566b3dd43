import {
  Linear,
  memoryInUse,
  OutOfMemoryError,
  ReLU,
  Residual,
  Sequential,
  Sgd,
  scope,
  setBackend,
  type Tensor,
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
  new Sequential(wide(2, 4), new Residual(new Sequential(wide(4, width), new ReLU(), wide(width, 4))));

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
    `[OutOfMemoryError: ReLU().backward(dy), relu: expected room for 100 MiB on the wasm backend, got a refusal with 207 MiB in use. Use a batch of at most 330: what follows needs room too.]`,
  );
  if (!(error instanceof OutOfMemoryError)) throw new Error("there was room");
  expect(error.layer).toBe("ReLU()");
  expect(() => loss.backward()).toThrowErrorMatchingInlineSnapshot(
    `[GraphError: backward() of mul: expected a graph that no backward() has released, got one released at mul. Compute forward again, add the losses before one backward(), or pass { retainGraph: true } to the earlier call.]`,
  );
  new Sgd(model.parameters(), { lr: 0.1 }).zeroGrad();
  expect(memoryInUse() - before).toBeLessThan(1024);
  const fits = Number(/at most (\d+)/.exec(error.message)?.[1]);
  expect(fits).toBeGreaterThan(200);
  // Not all of it: free memory may lie in pieces.
  const samples = Math.floor(fits / 2);
  expect(train(model, samples)).toEqual(train(expected, samples));
});
