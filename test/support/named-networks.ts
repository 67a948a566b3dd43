import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { foldBatchNorm, loadModel, type Module, saveModel, scope, seed } from "evenkeel";
import { type NamedNetwork, namedNetworks } from "evenkeel/networks";
import { exportOnnx } from "evenkeel/onnx";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectClose } from "./close.js";
import { hashedValues, hashWeights } from "./hashed-weights.js";
import { runOnnx } from "./onnx-runtime.js";
import { normal } from "./seeded.js";

/** A network's fixture: test/fixtures/networks.py. */
interface Case {
  /** Of the state dict. */
  readonly entries: number;
  /** Of their names and shapes. */
  readonly crc32: number;
  /** At 1,000 classes. */
  readonly parameters: number;
  readonly outputs: { readonly size: number; readonly shape: number[]; readonly values: number[] }[];
  /** Of one image of 224×224 pixels. */
  readonly large: number[];
  /** One step of 8 images: ⟨cotangent, output⟩, and the norms of all gradients. */
  readonly training: { readonly size: number; readonly product: number; readonly gradients: number[] };
}

const fixtures: { readonly classes: number; readonly networks: Record<NamedNetwork, Case> } = JSON.parse(
  readFileSync(new URL("../fixtures/networks.json", import.meta.url), "utf8"),
);
const { classes } = fixtures;

/** What is expected of a network beyond its fixture. */
export interface Expected {
  /** Its batch norms, and those of them that stay when it is folded. */
  readonly norms: readonly [all: number, left: number];
  /**
   * How far norms of gradients may differ from PyTorch's in float64, in units of the largest. PyTorch's own in float32
   * differ by 5e-8 to 8e-7; those of MobileNetV2 by 2e-4, of DenseNet by 3e-4 and of ResNet-50 by 6e-4.
   */
  readonly tolerance?: number;
}

/** The parameters that each class adds. */
function headSize(model: Module): number {
  const [, weight] = model.namedParameters().at(-2) ?? [];
  return (weight?.size ?? 0) / classes + 1;
}

/** A network as its fixture has it, without what training draws, with weights by a hash. */
export function buildNetwork(name: NamedNetwork, size: number): Module {
  const hasPaths = name === "efficientnetB0" || name === "convnextTiny";
  const options = { inputShape: [3, size, size], classes, dropout: 0, ...(hasPaths ? { dropPath: 0 } : {}) };
  return hashWeights(namedNetworks[name](options));
}

function length(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

/** Describes a network in evaluation, with weights by a hash, for images of the fixture's first size. */
function describeModel(
  name: NamedNetwork,
  body: (given: { fixture: Case; size: number; model: () => Module }) => void,
): void {
  describe(name, () => {
    const fixture = fixtures.networks[name];
    const [{ size }] = fixture.outputs;
    let model: Module | null = null;
    beforeAll(() => {
      seed(1);
      model = buildNetwork(name, size).eval();
    }, 120_000);
    afterAll(() => model?.dispose());
    body({ fixture, size, model: () => model as Module });
  });
}

/** That a network has PyTorch's parameters and outputs. */
export function describePredictions(name: NamedNetwork): void {
  describeModel(name, ({ fixture, model }) => expectPredictions(name, fixture, model));
}

/** What every network by name does: parameters, outputs and gradients as in PyTorch, files, ONNX, folding. */
export function describeNetwork(name: NamedNetwork, { norms, tolerance = 1e-5 }: Expected): void {
  describeModel(name, ({ fixture, size, model }) => {
    expectPredictions(name, fixture, model);

    test("has PyTorch's output and gradients in training", () => {
      const { size, product, gradients } = fixture.training;
      const trained = buildNetwork(name, size).train();
      const y = trained.forward(hashedValues("images", [8, 3, size, size]));
      const cotangent = hashedValues("cotangent", y.shape);
      expectClose([y.mul(cotangent).sum().item()], [product], 1e-4);
      y.backward(cotangent);
      const named = trained.namedParameters().sort(([a], [b]) => (a < b ? -1 : 1));
      expect(named.filter(([, { grad }]) => grad === null)).toEqual([]);
      const norms = named.map(([, { grad }]) => length(grad?.dataSync() ?? new Float32Array()));
      expectClose(norms, gradients, tolerance);
      // Some are 0, such as of what a norm takes out again.
      const largest = Math.max(...gradients);
      for (const [k, norm] of norms.entries())
        if (gradients[k] > 1e-6 * largest) expectClose([norm], [gradients[k]], Math.max(2e-3, 10 * tolerance));
      trained.dispose();
    });

    test("is saved and loaded with the same bits and names", () => {
      const { model: loaded } = loadModel(saveModel(model(), { inputShape: [3, size, size] }));
      expect(Object.keys(loaded.stateDict())).toEqual(Object.keys(model().stateDict()));
      const x = normal([3, 3, size, size], 5);
      expect(loaded.eval().forward(x).dataSync()).toEqual(model().forward(x).dataSync());
    });

    test("folds its batch norms", () => {
      const probe = normal([2, 3, size, size], 6);
      const { folded, left, maxDifference } = foldBatchNorm(model(), { probe });
      expect([folded.length + left.length, left.length]).toEqual(norms);
      expect(maxDifference).toBeLessThan(2e-5);
    });

    test("gives the same in onnxruntime", async () => {
      const x = normal([2, 3, size, size], 7);
      const bytes = await exportOnnx(model(), { inputShape: [3, size, size] });
      const { output } = await runOnnx(bytes, { input: { shape: x.shape, values: [...x.dataSync()] } });
      expectClose(output.values, model().forward(x).dataSync(), 1e-5);
    });
  });
}

function expectPredictions(name: NamedNetwork, fixture: Case, model: () => Module): void {
  test("has PyTorch's parameters, by name and shape", () => {
    const shapes = Object.entries(model().stateDict()).map(([key, { shape }]) => [key, shape] as const);
    expect(shapes.length).toBe(fixture.entries);
    const sorted = shapes.sort(([a], [b]) => (a < b ? -1 : 1));
    expect(crc32(JSON.stringify(sorted))).toBe(fixture.crc32);
    const parameters = model()
      .parameters()
      .reduce((sum, p) => sum + p.size, 0);
    // There are as many places as patches.
    const places = name === "vitTiny" ? (14 * 14 - 2 * 2) * 192 : 0;
    expect(parameters + (1000 - classes) * headSize(model()) + places).toBe(fixture.parameters);
  });

  test("predicts what PyTorch predicts, at each size", () => {
    for (const { size, shape, values } of fixture.outputs) {
      const y = scope(() => model().forward(hashedValues("images", [2, 3, size, size])));
      expect(y.shape).toEqual(shape);
      expectClose(y.dataSync(), values, 5e-6);
    }
  });
}

/** A network's output for one image of 224×224 pixels, and PyTorch's. */
export function largeOutputs(name: NamedNetwork): { actual: Float32Array; expected: number[] } {
  const y = scope(() =>
    buildNetwork(name, 224)
      .eval()
      .forward(hashedValues("images", [1, 3, 224, 224])),
  );
  const row = y.rank === 4 ? y.slice(0, 1, 2) : y;
  return { actual: row.dataSync(), expected: fixtures.networks[name].large };
}
