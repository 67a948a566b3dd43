import { HardSwish, type Module, Sequential, Softplus, seed } from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import { beforeEach, describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import { runOnnx } from "../../support/onnx-runtime.js";
import { normal } from "../../support/seeded.js";

beforeEach(() => {
  seed(1);
});

describe("activations through ONNX", () => {
  test.each<[string, () => Module]>([
    ["Softplus", () => new Softplus()],
    ["HardSwish", () => new HardSwish()],
  ])("%s is what onnxruntime computes, and comes back as itself, at every opset", async (_, make) => {
    const layer = make();
    const x = normal([3, 4, 5], 7).mul(4);
    const expected = layer.forward(x).dataSync();
    for (const opset of [13, 14, 17, 21]) {
      const bytes = await exportOnnx(new Sequential(layer), { inputShape: [4, 5], opset });
      const { output } = await runOnnx(bytes, { input: { shape: x.shape, values: [...x.dataSync()] } });
      expectClose(output.values, expected);
      const { model } = await importOnnx(bytes);
      expect(model.namedModules().map(([, module]) => String(module))).toContain(String(layer));
      expectClose(model.forward(x).dataSync(), expected);
    }
  });
});
