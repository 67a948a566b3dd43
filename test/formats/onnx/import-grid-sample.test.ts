import { type Tensor, tensor } from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import { expectClose } from "../../support/close.js";
import { type Attributes, deviates, onnxModel } from "../../support/onnx-models.js";
import { runOnnx } from "../../support/onnx-runtime.js";

/** Planes (N, 3, 4, 5) sampled at a grid (N, 2, 3, 2) that 12 of their numbers, times 1.2, are. */
const modelOf = (attributes: Attributes): Uint8Array =>
  onnxModel({
    inputs: { x: ["N", 3, 4, 5] },
    outputs: ["y"],
    opset: 16,
    nodes: [
      ["Reshape", ["x", "rows"], ["all"]],
      ["Slice", ["all", "start", "end", "one"], ["some"]],
      ["Reshape", ["some", "to"], ["unit"]],
      ["Mul", ["unit", "scale"], ["grid"]],
      ["GridSample", ["x", "grid"], ["y"], attributes],
    ],
    constants: {
      rows: { shape: [2], values: [0, 60], type: "int64" },
      start: { shape: [1], values: [7], type: "int64" },
      end: { shape: [1], values: [19], type: "int64" },
      one: { shape: [1], values: [1], type: "int64" },
      to: { shape: [4], values: [-1, 2, 3, 2], type: "int64" },
      scale: { shape: [], values: [1.2] },
    },
  });

describe.each(["bilinear", "nearest"])("GridSample, %s, is what onnxruntime computes", (mode) => {
  test.each(["zeros", "border", "reflection"])("%s outside", async (padding_mode) => {
    for (const align_corners of [0, 1]) {
      const bytes = modelOf({ mode, padding_mode, align_corners });
      const { model } = await importOnnx(bytes);
      const again = await exportOnnx(model.eval(), { inputShape: [3, 4, 5] });
      for (const samples of [2, 3]) {
        const x = { shape: [samples, 3, 4, 5], values: deviates(60 * samples, samples) };
        const { y: expected } = await runOnnx(bytes, { x });
        const y = model.forward(tensor(x.values, x.shape)) as Tensor;
        expect(y.shape).toEqual(expected.dims);
        expectClose(y.dataSync(), expected.values, 1e-5);
        expectClose((await runOnnx(again, { input: x })).output.values, expected.values, 1e-5);
      }
    }
  });
});

test("the grid of a bilinear GridSample trains: its gradient is the slope of what it samples", async () => {
  const bytes = onnxModel({
    inputs: { x: ["N", 1, 1, 5] },
    outputs: ["y"],
    opset: 16,
    nodes: [["Expand", ["grid", "shape"], ["g"]], ["GridSample", ["x", "g"], ["y"], { align_corners: 1 }]], // biome-ignore format: nodes
    constants: {
      grid: { shape: [1, 1, 2, 2], values: [-0.7, 0, 0.3, 0] },
      shape: { shape: [4], values: [1, 1, 2, 2], type: "int64" },
    },
  });
  const { model } = await importOnnx(bytes);
  const y = model.forward(tensor([[[[0, 1, 4, 9, 16]]]])) as Tensor;
  // Places 0.6 and 2.6, of planes whose values lie 2 places to a unit.
  expectClose(y.dataSync(), [0.6, 7], 1e-6);
  y.sum().backward();
  const [[, grid]] = model.namedParameters();
  const slopes = [...(grid.grad?.dataSync() ?? [])];
  expectClose([slopes[0], slopes[2]], [2 * 1, 2 * 5], 1e-5);
});

test("what GridSample cannot do here is named", async () => {
  await expect(importOnnx(modelOf({ mode: "bicubic" }))).rejects.toThrowErrorMatchingInlineSnapshot(
    `[FormatError: importOnnx(bytes), GridSample GridSample_y: expected what a layer or op of Evenkeel does, got mode bicubic. Leave this node out of the model, or build the network by hand and load its weights.]`,
  );
  await expect(importOnnx(modelOf({ padding_mode: "other" }))).rejects.toThrowErrorMatchingInlineSnapshot(
    `[FormatError: importOnnx(bytes), GridSample GridSample_y: expected what a layer or op of Evenkeel does, got padding_mode other. Leave this node out of the model, or build the network by hand and load its weights.]`,
  );
});
