import { HardSwish, type Module, PReLU, Sequential, Softplus, seed, tensor } from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import { beforeEach, describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import { onnxModel } from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";
import { normal } from "../../support/seeded.js";

beforeEach(() => {
  seed(1);
});

describe("activations through ONNX", () => {
  test.each<[string, () => Module]>([
    ["Softplus", () => new Softplus()],
    ["HardSwish", () => new HardSwish()],
    ["PReLU of one slope", () => new PReLU()],
    [
      "PReLU of a slope for each channel",
      () => {
        const layer = new PReLU(4);
        layer.loadStateDict({ weight: normal([4], 3) });
        return layer;
      },
    ],
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
      expect(model.parameters().map((t) => [...t.dataSync()])).toEqual(
        layer.parameters().map((t) => [...t.dataSync()]),
      );
      expectClose(model.forward(x).dataSync(), expected);
    }
  });

  test("slopes of PRelu before version 7 are one for each channel, whatever their shape", async () => {
    const nodes: [string, string[], string[]][] = [["PRelu", ["x", "w"], ["y"]]];
    const bytes = onnxModel({
      opset: 6,
      inputs: { x: ["N", 3, 4] },
      outputs: ["y"],
      nodes,
      constants: { w: { shape: [3], values: [0.5, -1, 2] } },
    });
    const { model } = await importOnnx(bytes);
    expect(String(model)).toBe("Sequential(PReLU(3))");
    const y = model.forward(tensor([[[-1], [-1], [-1]]])).dataSync();
    expect([...y]).toEqual([-0.5, 1, -2]);
  });
});
