import { noGrad, type Tensor, tensor } from "evenkeel";
import { exportOnnx, importOnnx } from "evenkeel/onnx";
import { expect } from "vitest";
import { expectClose } from "./close.js";
import { deviates, type ModelParts, onnxModel } from "./onnx-models.js";
import { runOnnx } from "./onnx-runtime.js";

/**
 * Expects that an imported model of x gives what onnxruntime does, for 3 and for 2 samples, and again from a file that
 * is written of it.
 *
 * @param other - the size of the second samples; axes in which it differs are open in the file
 */
export async function expectAsOnnxruntime(
  parts: Omit<ModelParts, "inputs" | "outputs">,
  sample: readonly number[],
  other = sample,
) {
  const open = sample.map((size, k) => (size === other[k] ? size : `axis${k}`));
  const bytes = onnxModel({ inputs: { x: ["N", ...open] }, outputs: ["y"], ...parts });
  const { model } = await importOnnx(bytes);
  const again = await exportOnnx(model.eval(), { inputShape: [...sample] });
  for (const shape of [
    [3, ...sample],
    [2, ...other],
  ]) {
    const [samples] = shape;
    const size = shape.reduce((product, length) => product * length, 1);
    const x = { shape, values: deviates(size, samples) };
    const { y: expected } = await runOnnx(bytes, { x });
    const y = noGrad(() => model.forward(tensor(x.values, x.shape))) as Tensor;
    expect(y.shape).toEqual(expected.dims);
    expectClose(y.dataSync(), expected.values, 1e-5);
    if (samples === 2 && other !== sample) continue;
    expectClose((await runOnnx(again, { input: x })).output.values, expected.values, 1e-5);
  }
  return model;
}
