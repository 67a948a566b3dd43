import { fromBinary } from "@bufbuild/protobuf";
import { foldOnnx } from "evenkeel/onnx";
import { ModelProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { deviates, type ModelParts, onnxModel } from "../../support/onnx-models.js";
import { foldingPatterns } from "../../support/onnx-patterns.js";
import { relativeDifference, runOnnx } from "../../support/onnx-runtime.js";

/** The operators of a model's main graph, in its order. */
function operators(bytes: Uint8Array): string[] {
  return (fromBinary(ModelProtoSchema, bytes).graph?.node ?? []).map(({ opType }) => opType);
}

describe("foldOnnx", () => {
  const styles: Partial<ModelParts>[] = [
    { opset: 15, constantsAs: "initializer" },
    { opset: 9, constantsAs: "node" },
    { opset: 7, ir: 3, constantsAs: "initializer" },
  ];
  const cases = foldingPatterns.flatMap(([name, parts, left]) =>
    styles.map((style) => [name, style.opset, { ...parts, ...style }, left] as const),
  );

  test.each(cases)("folds %s, opset %i", async (_, _opset, parts, left) => {
    const bytes = onnxModel(parts);
    const before = bytes.slice();
    const { bytes: folded, left: kept, verification } = await foldOnnx(bytes);
    expect(kept).toEqual([]);
    expect(operators(folded).filter((one) => one !== "Constant")).toEqual(left);
    expect(verification?.maxRelative).toBeLessThan(1e-5);
    expect(bytes).toEqual(before);
    // Once more, by the tests' own eyes: verification is part of what is tested.
    const shape = (parts.inputs?.["x"] ?? []).map((size) => (typeof size === "string" ? 3 : size));
    const x = {
      shape,
      values: deviates(
        shape.reduce((product, extent) => product * extent, 1),
        77,
      ),
    };
    expect(relativeDifference(await runOnnx(bytes, { x }), await runOnnx(folded, { x }))).toBeLessThan(1e-5);
  });
});
