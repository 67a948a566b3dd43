import { foldOnnx } from "evenkeel/onnx";
import { describe, expect, test } from "vitest";
import {
  deviates,
  type ModelParts,
  type NodeParts,
  normConstants,
  normNode,
  onnxModel,
} from "../../support/onnx-models.js";

const parts: ModelParts = {
  inputs: { x: ["N", 2, 5, 5] },
  outputs: ["y"],
  nodes: [["Conv", ["x", "w"], ["c"]], normNode("n", "c", "d"), ["Relu", ["d"], ["y"]]],
  constants: { w: { shape: [4, 2, 3, 3] }, ...normConstants("n", 4) },
};
const sample = (seed: number) => ({ x: { shape: [3, 2, 5, 5], values: deviates(150, seed) } });

describe("foldOnnx verifies", () => {
  test("on the inputs that are passed, and on noise only where none are", async () => {
    const { verification } = await foldOnnx(onnxModel(parts), { inputs: [sample(1), sample(2)] });
    expect(verification).toMatchObject({ runs: 2, onNoise: false, shapes: { x: [3, 2, 5, 5] } });
    expect((await foldOnnx(onnxModel(parts))).verification).toMatchObject({ runs: 1, onNoise: true });
  });

  test("a model that runs with sensible values of its inputs alone", async () => {
    const bytes = onnxModel({
      ...parts,
      inputs: { ...parts.inputs, n: [2] },
      types: { n: "int64" },
      nodes: [...parts.nodes.slice(0, 2), ["Reshape", ["d", "n"], ["y"]]],
    });
    const inputs = [{ ...sample(1), n: { shape: [2], values: [3, -1] } }];
    expect((await foldOnnx(bytes, { inputs })).verification).toMatchObject({ runs: 1, onNoise: false });
  });

  test.each<[string, NodeParts[]]>([
    [
      "behind the norm",
      [
        ["RandomNormalLike", ["d"], ["r"]],
        ["Add", ["d", "r"], ["y"]],
      ],
    ],
    [
      "of the caller's values",
      [
        ["Sigmoid", ["d"], ["p"]],
        ["Bernoulli", ["p"], ["y"]],
      ],
    ],
    ["by Dropout", [["Dropout", ["d", "half", "on"], ["y"]]]],
  ])("a model that draws random numbers %s: the same in both", async (_, nodes) => {
    const bytes = onnxModel({
      ...parts,
      nodes: [...parts.nodes.slice(0, 2), ...nodes],
      constants: {
        ...parts.constants,
        half: { shape: [], values: [0.5] },
        on: { shape: [], values: [1], type: "bool" },
      },
    });
    for (const inputs of [[], [sample(1), sample(2), sample(3)]]) {
      const { folded, verification } = await foldOnnx(bytes, { inputs });
      expect(folded).toHaveLength(1);
      expect(verification?.maxRelative).toBeLessThan(1e-5);
    }
  });

  test("a model that draws before its norm, whose statistics nobody can guess", async () => {
    const bytes = onnxModel({
      ...parts,
      nodes: [
        ["RandomUniformLike", ["x"], ["r"]],
        ["Mul", ["x", "r"], ["z"]],
        ["Conv", ["z", "w"], ["c"]],
        ...parts.nodes.slice(1),
      ],
    });
    expect((await foldOnnx(bytes)).verification?.maxRelative).toBeLessThan(1e-5);
  });

  test("every place of a long model, some at a time", async () => {
    const layers = Array.from({ length: 20 }, (_, k) => k);
    const bytes = onnxModel({
      inputs: { x: ["N", 4, 5, 5] },
      outputs: ["y"],
      nodes: [
        ...layers.flatMap((k): NodeParts[] => [
          ["Conv", [k === 0 ? "x" : `r${k - 1}`, `w${k}`], [`c${k}`]],
          normNode(`n${k}`, `c${k}`, `d${k}`),
          ["Relu", [`d${k}`], [`r${k}`]],
        ]),
        // A saturated output hides what went wrong before it.
        ["Mul", ["r19", "zero"], ["y"]],
      ],
      constants: {
        zero: { shape: [], values: [0] },
        ...Object.assign(
          {},
          ...layers.map((k) => ({ [`w${k}`]: { shape: [4, 4, 1, 1] }, ...normConstants(`n${k}`, 4, k) })),
        ),
      },
    });
    const { folded, verification } = await foldOnnx(bytes);
    expect(folded).toHaveLength(20);
    expect(verification?.maxAbsolute).toBeGreaterThan(0);
    await expect(foldOnnx(bytes, { tolerance: 0 })).rejects.toThrow("expected outputs as before");
  });
});
