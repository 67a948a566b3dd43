import { noGrad, type Tensor, tensor } from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import { runOnnx } from "../../support/onnx-runtime.js";
import { moduleOf, opRows } from "../../support/op-rows.js";
import { normalValues } from "../../support/seeded.js";

describe.each([13, 17, 18, 21])("at opset %i", (opset) => {
  for (const [name, f, sample = [4, 5], map = (v: number): number => v] of opRows) {
    test(`${name} is what onnxruntime computes, and is imported again`, async () => {
      const model = moduleOf(f);
      const shape = [3, ...sample];
      const values = normalValues(
        shape.reduce((a, b) => a * b),
        7,
      ).map(map);
      const expected = noGrad(() => model.forward(tensor(values, shape)));
      const bytes = await exportOnnx(model, { inputShape: sample, opset });
      const { output } = await runOnnx(bytes, { input: { shape, values: [...values] } });
      expect(output.dims).toEqual(expected.shape);
      const close = (actual: ArrayLike<number>): number =>
        expected
          .dataSync()
          .reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]) / Math.max(1, Math.abs(value))), 0);
      expect(close(output.values)).toBeLessThan(2e-5);
      const { model: imported } = await importOnnx(bytes);
      const again = noGrad(() => imported.forward(tensor(values, shape))) as Tensor;
      expect(again.shape).toEqual(expected.shape);
      expect(close(again.dataSync())).toBeLessThan(2e-5);
    });
  }
});
