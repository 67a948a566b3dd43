import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  Adam,
  BatchNorm,
  freezeNorms,
  type Graph,
  mse,
  predict,
  type Sequential,
  scope,
  type Tensor,
  tensor,
} from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import { deviates } from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

interface Stored {
  /** In base64. */
  readonly onnx: string;
  readonly shape: readonly number[];
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly outputShape: readonly number[];
}

/** Written by test/fixtures/onnx-networks.py. */
const stored: Readonly<Record<string, Stored>> = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../fixtures/onnx-networks.json"), "utf8"),
);

const forward = (model: Sequential | Graph, x: Tensor): Tensor =>
  (model as unknown as { forward(x: Tensor): Tensor }).forward(x);

describe.each(Object.entries(stored))(
  "%s as PyTorch exports it",
  (name, { onnx, shape, x: values, y, outputShape }) => {
    const bytes = Uint8Array.from(Buffer.from(onnx, "base64"));

    test("predicts as PyTorch, also other numbers of samples", async () => {
      const { model } = await importOnnx(bytes);
      const x = tensor(values, shape);
      const own = await predict(model, x);
      expect(own.shape).toEqual(outputShape);
      expectClose(own.dataSync(), y, 1e-5);
      const half = await predict(model, tensor(values.slice(0, values.length / 2), [1, ...shape.slice(1)]));
      expectClose(half.dataSync(), y.slice(0, y.length / 2), 1e-5);
    });

    test("is fine-tuned with frozen norms, exported, and the same in onnxruntime and when it is read again", async () => {
      const { model } = await importOnnx(bytes);
      const norms = model.namedModules().flatMap(([, module]) => (module instanceof BatchNorm ? [module] : []));
      freezeNorms(model);
      model.train();
      const x = tensor(values, shape);
      const target = tensor(deviates(y.length, 4), outputShape);
      const optimizer = new Adam(model.parameters(), { lr: 3e-3 });
      const before = norms.map(({ runningMean }) => runningMean?.dataSync());
      const losses = Array.from({ length: 12 }, () =>
        scope(() => {
          const loss = mse(forward(model, x), target);
          optimizer.zeroGrad();
          loss.backward();
          optimizer.step();
          return loss.item();
        }),
      );
      expect(losses[11]).toBeLessThan(0.9 * losses[0]);
      expect(norms.map(({ runningMean }) => runningMean?.dataSync())).toEqual(before);
      const idle = model.namedParameters().filter(([, { grad }]) => grad === null);
      expect(idle.map(([key]) => key)).toEqual([]);
      const after = (await predict(model, x)).dataSync();
      const exported = await exportOnnx(model, { inputShape: shape.slice(1) });
      const { model: again } = await importOnnx(exported);
      expectClose((await predict(again, x)).dataSync(), after, 1e-5);
      // The tagger takes whole numbers, which onnxruntime's inputs here are not.
      if (name === "tagger") return;
      const { output } = await runOnnx(exported, { input: { shape, values } });
      expectClose(output.values, after, 1e-5);
    });
  },
);
