import {
  BatchNorm,
  crossEntropy,
  Linear,
  noGrad,
  ReLU,
  Sequential,
  Sgd,
  scope,
  setBackend,
  type Tensor,
  tensor,
  threads,
} from "evenkeel";
import { afterAll, expect, test } from "vitest";
import { normal } from "../support/seeded.js";

const mebibyte = 1 << 20;
/** Values of a piece of 256 MiB. */
const pieceLength = 64 * mebibyte;

afterAll(async () => {
  await threads(1);
});

/** A step of a small network; its loss, whose bits tell whether kernels and memory still work. */
function trainStep(): number {
  return scope(() => {
    const model = new Sequential(new Linear(64, 64, { bias: false }), new BatchNorm(64), new ReLU());
    const weights = normal([64, 64], 2);
    model.loadStateDict({ "0.weight": weights }, { strict: false });
    const optimizer = new Sgd(model.parameters(), { lr: 0.1 });
    const loss = (): Tensor =>
      crossEntropy(
        model.forward(normal([4096, 64], 1)),
        Array.from({ length: 4096 }, (_, k) => k % 64),
      );
    loss().backward();
    optimizer.step();
    const value = loss().item();
    for (const parameter of model.parameters()) parameter.dispose();
    return value;
  });
}

test("memory grows to its maximum while threads work, keeps what it holds, refuses by name, and is as good as new when it is freed", async () => {
  setBackend("wasm");
  await threads(2);
  const expected = trainStep();
  const { backend } = tensor([0]);
  const before = backend.bytesInUse();
  const limit = backend.bytesAtMost();
  const values = new Float32Array(pieceLength);
  const pieces: Tensor[] = [];
  while (backend.bytesInUse() + values.byteLength + 64 * mebibyte < limit) {
    pieces.push(tensor(values.fill(pieces.length + 1), [pieceLength]));
    // Every thread sees memory that was not there when it was started.
    const sum = scope(() => noGrad(() => (pieces.at(-1) as Tensor).sum().item()));
    expect(sum).toBe(pieces.length * pieceLength);
  }
  expect(limit).toBeGreaterThan(256 * mebibyte - 2 * mebibyte);
  expect(backend.bytesInUse()).toBeGreaterThan(limit - 320 * mebibyte - 1);

  const model = new Sequential(new Linear(1, 1), new Sequential(new ReLU(), new Linear(1, mebibyte, { bias: false })));
  const forward = (samples: number) => noGrad(() => scope(() => model.forward(normal([samples, 1], 1)).shape));
  let text = "";
  try {
    forward(1000);
  } catch (error) {
    text = String(error);
  }
  // Most of what is in use was made outside of scopes, as it is on purpose here.
  expect(text.replace(/with .* in use/, "with … in use").replace(/[\d.]+ GiB of/, "… of")).toMatchInlineSnapshot(
    `"OutOfMemoryError: Linear(1, 1048576).forward(x), linear: expected room for 3.9 GiB on the wasm backend, got a refusal with … in use. Open a scope() around each step: … of that belong to tensors made outside of one."`,
  );
  // A sample's output takes 4 MiB.
  const fits = Math.floor((limit - backend.bytesInUse()) / (4 * mebibyte));
  expect(fits).toBeGreaterThan(0);
  expect(forward(Math.floor(fits / 2))).toEqual([Math.floor(fits / 2), mebibyte]);
  expect(trainStep()).toBe(expected);

  pieces.forEach((piece, k) => {
    expect(scope(() => noGrad(() => piece.slice(0, 1).item()))).toBe(k + 1);
    piece.dispose();
  });
  for (const parameter of model.parameters()) parameter.dispose();
  expect(backend.bytesInUse()).toBeLessThan(before + mebibyte);
  // What was freed serves a batch that had no room before.
  const wide = new Linear(1, mebibyte, { bias: false });
  expect(scope(() => noGrad(() => wide.forward(normal([500, 1], 1)).shape))).toEqual([500, mebibyte]);
  wide.weight.dispose();
  expect(trainStep()).toBe(expected);
});
