import { BatchNorm, diagnose, Linear, Sequential, tensor } from "evenkeel";
import { exportOnnx, inspectOnnx } from "evenkeel/onnx";
import { exportTfjs, inspectTfjs } from "evenkeel/tfjs";
import { expect, test } from "vitest";
import { normal } from "../../support/seeded.js";

/** What the inspections of a model's ONNX and TF.js files say of its norm, and what its diagnosis does. */
async function lookAt(weight: number[], mean: number[], variance: number[]) {
  const count = weight.length;
  const norm = new BatchNorm(count, { eps: 0.5 });
  norm.loadStateDict({
    weight: tensor(weight),
    bias: tensor(weight.map(() => 0)),
    running_mean: tensor(mean),
    running_var: tensor(variance),
  });
  const model = new Sequential(new Linear(count, count), norm).eval();
  const onnx = await inspectOnnx(await exportOnnx(model, { inputShape: [count] }));
  const tfjs = inspectTfjs(await exportTfjs(model, { inputShape: [count] }));
  expect(tfjs.norms[0].findings).toEqual(onnx.norms[0].findings);
  const { norms } = await diagnose(model, [{ inputs: normal([128, count], 1), targets: null }]);
  return { findings: onnx.norms[0].findings, smallWeights: norms[0].smallWeights, isInitial: norms[0].neverUpdated };
}

test("inspection and diagnosis see the same weights as next to 0, whatever the largest of the layer is", async () => {
  const [mean, variance] = [
    [1, 1, 1, 1],
    [1, 1, 1, 1],
  ];
  expect(await lookAt([0.005, 1, 1, -0.009], mean, variance)).toEqual({
    findings: ["weight: 2 of 4 are next to 0, which switches their channels off"],
    smallWeights: 0.5,
    isInitial: false,
  });
  expect(await lookAt([0.02, 100, 1, 1], mean, variance)).toEqual({ findings: [], smallWeights: 0, isInitial: false });
});

test("inspection and diagnosis agree which statistics were never updated, and inspection which variances eps hides", async () => {
  const never = await lookAt([1, 1], [0, 0], [1, 1]);
  expect([never.findings, never.isInitial]).toEqual([
    ["its running statistics were never updated (mean 0, variance 1): recalibrate it"],
    true,
  ]);
  const moved = await lookAt([1, 1], [0, 0], [1, 0.4]);
  expect([moved.findings, moved.isInitial]).toEqual([
    ["running variance: 1 of 2 values are below eps: those channels hardly vary"],
    false,
  ]);
});
