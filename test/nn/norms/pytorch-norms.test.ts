import { readFileSync } from "node:fs";
import { GroupNorm, InstanceNorm, LayerNorm, type Norm, scope, type Tensor, tensor } from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { relativeError } from "../../support/close.js";
import type { Stored } from "../../support/stored.js";

/** Largest difference from PyTorch in float64, in units of the largest value of the same array. */
const tolerance = 1e-6;

interface Case {
  readonly layer: keyof typeof layers;
  readonly arguments: readonly never[];
  readonly training: boolean;
  readonly state: Record<string, Stored>;
  readonly x: Stored;
  readonly cotangent: Stored;
  readonly output: Stored;
  readonly gradients: Record<string, Stored>;
  readonly after: Record<string, Stored>;
}

const layers = { LayerNorm, GroupNorm, InstanceNorm };

const cases: Case[] = JSON.parse(readFileSync(new URL("../../fixtures/norms.json", import.meta.url), "utf8"));

/** What differs: another shape, or values further apart than the tolerance. */
function differences(actual: Record<string, Tensor | null>, expected: Record<string, Stored>): Record<string, unknown> {
  const found = Object.entries(expected).map(([name, { shape, values }]): [string, unknown] => {
    const t = actual[name];
    return [name, String(t?.shape) === String(shape) ? relativeError(t?.dataSync() ?? [], values) : t?.shape];
  });
  return Object.fromEntries(found.filter(([, error]) => !(typeof error === "number" && error <= tolerance)));
}

const title = (one: Case): string => `${one.layer}(${one.arguments.map((a) => JSON.stringify(a)).join(", ")})`;

describeEachBackend("PyTorch agrees", () => {
  test.each(cases.map((one) => [title(one), one.x.shape.join("×"), one.training, one] as const))(
    "with %s of %s, training %s",
    (_, _shape, _training, one) => {
      scope(() => {
        const norm: Norm = Reflect.construct(layers[one.layer], one.arguments).train(one.training);
        norm.loadStateDict(
          Object.fromEntries(Object.entries(one.state).map(([name, t]) => [name, tensor(t.values, t.shape)])),
        );
        const x = tensor(one.x.values, one.x.shape, { requiresGrad: true });
        const y = norm.forward(x);
        y.backward(Float32Array.from(one.cotangent.values));
        const affine = Object.fromEntries(norm.namedParameters().map(([name, p]) => [name, p.grad]));
        expect(differences({ output: y }, { output: one.output })).toEqual({});
        expect(differences({ x: x.grad, ...affine }, one.gradients)).toEqual({});
        expect(differences(norm.stateDict(), one.after)).toEqual({});
      });
    },
  );
});
