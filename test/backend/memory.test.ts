import {
  cnn,
  crossEntropy,
  Linear,
  mlp,
  noGrad,
  ReLU,
  resnet,
  Sequential,
  Sgd,
  type Shape,
  scope,
  setBackend,
  zeros,
} from "evenkeel";
import { expect, test } from "vitest";
import { normal } from "../support/seeded.js";

/** Values that the layers of a network put out, each ReLU counted as a layer. */
function activationsOf(model: Sequential, inputShape: Shape): number {
  let values = 0;
  const layers = model.namedModules().filter(([, layer]) => layer.children().length === 0);
  const stops = layers.map(([, layer]) =>
    layer.onForward((_layer, _input, output) => {
      values += output.size;
    }),
  );
  noGrad(() => scope(() => void model.forward(normal(inputShape, 1))));
  for (const stop of stops) stop();
  return values;
}

/** The most bytes of tensors that a training step adds to those before it. */
function peakOf(model: Sequential, inputShape: Shape): number {
  const x = normal(inputShape, 1);
  const labels = Array.from({ length: inputShape[0] }, (_, k) => k % 10);
  const optimizer = new Sgd(model.parameters(), { lr: 0.01 });
  const step = () =>
    scope(() => {
      optimizer.zeroGrad();
      crossEntropy(model.forward(x), labels).backward();
      optimizer.step();
    });
  step();
  const { backend } = x;
  const { allocate } = backend;
  const before = backend.bytesInUse();
  let most = before;
  const watched = (bytes: number): unknown => {
    const block = allocate(bytes);
    most = Math.max(most, backend.bytesInUse());
    return block;
  };
  Object.assign(backend, { allocate: watched });
  step();
  Object.assign(backend, { allocate });
  x.dispose();
  return most - before;
}

const mlpOptions = { inputShape: [784], classes: 10, widths: [512, 512, 512] };

test.each([
  ["MLP", () => mlp(mlpOptions), [256, 784], 3.5],
  ["CNN", () => cnn({ inputShape: [1, 28, 28], classes: 10 }), [64, 1, 28, 28], 5],
  ["ResNet-20", () => resnet({ inputShape: [3, 32, 32], classes: 10 }), [16, 3, 32, 32], 4.6],
] as [string, () => Sequential, Shape, number][])(
  "a training step of the %s takes few bytes per activation",
  (_name, make, inputShape, bound) => {
    setBackend("wasm");
    const model = make();
    const bytes = peakOf(model, inputShape) / activationsOf(model, inputShape);
    expect(bytes).toBeLessThan(bound);
    // Less than this would mean that nothing was measured.
    expect(bytes).toBeGreaterThan(2);
  },
);

test("without room the layer and a batch that fits are named, and the next batch is none the worse", () => {
  setBackend("wasm");
  const wide = new Linear(1, 1 << 20, { bias: false });
  const model = new Sequential(new Linear(1, 1), new Sequential(new ReLU(), wide));
  const forward = (samples: number) => noGrad(() => scope(() => model.forward(zeros([samples, 1])).shape));
  let text = "";
  try {
    forward(2000);
  } catch (error) {
    text = String(error).replace(/with .* in use/, "with … in use");
  }
  expect(text.replace(/at most \d+/, "at most …")).toMatchInlineSnapshot(
    `"OutOfMemoryError: Linear(1, 1048576).forward(x), linear: expected room for 7.8 GiB on the wasm backend, got a refusal with … in use. Use a batch of at most …: what follows needs room too."`,
  );
  const fits = Number(/at most (\d+)/.exec(text)?.[1]);
  expect(fits).toBeGreaterThan(900);
  expect(fits).toBeLessThan(1024);
  expect(forward(1)).toEqual([1, 1 << 20]);
  wide.weight.dispose();
});
