import { foldOnnx } from "evenkeel/onnx";
import fc from "fast-check";
import { expect } from "vitest";
import {
  type ConstantParts,
  deviates,
  type ModelParts,
  type NodeParts,
  normConstants,
  normNode,
  onnxModel,
} from "./onnx-models.js";
import { relativeDifference, runOnnx } from "./onnx-runtime.js";

const kinds = ["conv", "padded", "depthwise", "transposed", "norm", "norm", "add", "mul", "relu", "identity"] as const;
const others = ["skip", "output", "shared"] as const;
const dense = ["gemm", "matmul", "norm", "norm", "add", "relu"] as const;

/** What a small graph is drawn from. */
interface Recipe {
  readonly steps: readonly {
    readonly kind: (typeof kinds)[number] | (typeof others)[number];
    readonly channels: number;
  }[];
  readonly tail: readonly { readonly kind: (typeof dense)[number]; readonly channels: number }[];
  readonly opset: number;
  readonly constantsAs: "initializer" | "node";
}

/**
 * Models of a few layers on images of 2×4×4, with norms before, behind and between, shared weights, values read twice
 * and extra outputs.
 */
export const smallModels: fc.Arbitrary<ModelParts> = fc
  .record<Recipe>({
    steps: fc.array(
      fc.record({ kind: fc.constantFrom(...kinds, ...others), channels: fc.integer({ min: 1, max: 4 }) }),
      { minLength: 2, maxLength: 8 },
    ),
    tail: fc.array(fc.record({ kind: fc.constantFrom(...dense), channels: fc.integer({ min: 1, max: 4 }) }), {
      maxLength: 4,
    }),
    opset: fc.constantFrom(7, 9, 13, 15),
    constantsAs: fc.constantFrom("initializer", "node"),
  })
  .map(build);

function build({ steps, tail, opset, constantsAs }: Recipe): ModelParts {
  const nodes: NodeParts[] = [];
  const constants: Record<string, ConstantParts> = {};
  const outputs = new Set<string>();
  const seen: { name: string; channels: number }[] = [{ name: "x", channels: 2 }];
  const weights: { name: string; from: number; to: number }[] = [];
  let at = seen[0];
  const make = (opType: string, more: string[], channels: number, attributes: NodeParts[3] = {}): void => {
    const name = `v${nodes.length}`;
    nodes.push([opType, [at.name, ...more], [name], attributes]);
    at = { name, channels };
  };
  const constant = (...shape: number[]): string => {
    const name = `c${Object.keys(constants).length}`;
    constants[name] = { shape };
    return name;
  };
  const norm = (): void => {
    const name = `n${nodes.length}`;
    Object.assign(constants, normConstants(name, at.channels, nodes.length + 1));
    const [opType, [, ...more]] = normNode(name, "", "");
    make(opType, [...more], at.channels);
  };
  for (const { kind, channels } of steps) {
    const from = at.channels;
    if (kind === "conv") {
      const name = constant(channels, from, 1, 1);
      weights.push({ name, from, to: channels });
      make("Conv", channels % 2 === 0 ? [name, constant(channels)] : [name], channels);
    } else if (kind === "padded") make("Conv", [constant(channels, from, 3, 3)], channels, { pads: [1, 1, 1, 1] });
    else if (kind === "depthwise") make("Conv", [constant(from, 1, 1, 1)], from, { group: from });
    else if (kind === "transposed") make("ConvTranspose", [constant(from, channels, 1, 1)], channels);
    else if (kind === "norm") norm();
    else if (kind === "add") make("Add", [constant(1, from, 1, 1)], from);
    else if (kind === "mul") make("Mul", [constant(from, 1, 1)], from);
    else if (kind === "relu") make("Relu", [], from);
    else if (kind === "identity") make("Identity", [], from);
    else if (kind === "output") outputs.add(at.name);
    else if (kind === "skip") {
      const other = seen.find((one) => one.channels === from && one.name !== at.name);
      if (other !== undefined) make("Add", [other.name], from);
    } else {
      const weight = weights.find((one) => one.from === from);
      if (weight !== undefined) make("Conv", [weight.name], weight.to);
    }
    seen.push(at);
  }
  if (tail.length > 0) {
    make("GlobalAveragePool", [], at.channels);
    make("Flatten", [], at.channels);
    for (const { kind, channels } of tail) {
      const from = at.channels;
      if (kind === "gemm") make("Gemm", [constant(channels, from), constant(channels)], channels, { transB: 1 });
      else if (kind === "matmul") make("MatMul", [constant(from, channels)], channels);
      else if (kind === "norm") norm();
      else if (kind === "add") make("Add", [constant(from)], from);
      else make("Relu", [], from);
    }
  }
  make("Neg", [], at.channels);
  outputs.delete("x");
  return { inputs: { x: ["N", 2, 4, 4] }, outputs: [...outputs, at.name], nodes, constants, opset, constantsAs };
}

/** Folds a model of {@link smallModels}, and runs both in onnxruntime, which refuses what is not valid. */
export async function expectSameWhenFolded(model: ModelParts): Promise<void> {
  const bytes = onnxModel(model);
  const { bytes: after, folded, left } = await foldOnnx(bytes, { verify: false });
  const norms = model.nodes.filter(([opType]) => opType === "BatchNormalization").length;
  expect(folded.length + left.length).toBe(norms);
  const x = { shape: [2, 2, 4, 4], values: deviates(64, 4) };
  expect(relativeDifference(await runOnnx(bytes, { x }), await runOnnx(after, { x }))).toBeLessThan(1e-4);
}
