import {
  Adam,
  BatchNorm,
  batches,
  cnn,
  type Dataset,
  type Diagnosis,
  diagnose,
  fit,
  type Linear,
  mlp,
  type NormName,
  onWarning,
  type Sequential,
  seed,
  subset,
  type Tensor,
} from "evenkeel";
import { loadData } from "evenkeel/node";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { changeValues } from "../support/change-values.js";

// Networks that are to fall ill may well lag.
beforeEach(() => {
  onWarning(() => {});
});

const part = (data: Dataset, count: number, start: number): Dataset =>
  subset(
    data,
    Array.from({ length: count }, (_, k) => start + k),
  );

const kinds = ({ findings }: Diagnosis): string[] => findings.map(({ kind, layer }) => `${kind} ${layer ?? ""}`.trim());

const change = (t: Tensor | null | undefined, to: (value: number, k: number) => number): void =>
  changeValues(t, (values) => values.set(values.map(to)));

let train: Dataset;
let held: Dataset;
beforeAll(async () => {
  onWarning(() => {});
  const { train: all } = await loadData("mnist");
  train = part(all as Dataset, 3000, 0);
  held = part(all as Dataset, 1000, 50_000);
}, 120_000);

const options = (
  norm: NormName,
): { inputShape: number[]; classes: number; norm: NormName; normMomentum?: number; groups?: number } => ({
  inputShape: [1, 28, 28],
  classes: 10,
  norm,
  ...(["batch", "renorm", "ghost"].includes(norm) ? { normMomentum: 0.9 } : {}),
  ...(norm === "group" ? { groups: 8 } : {}),
});

async function trained(model: Sequential, { batchSize = 64, epochs = 2 } = {}): Promise<Sequential> {
  const data = batches(train, { batchSize, shuffle: true });
  await fit(model, data, { epochs, optimizer: new Adam(model.parameters(), { lr: 1e-3 }) });
  return model;
}

const deep = (momentum = 0.9): Sequential => mlp({ ...options("batch"), normMomentum: momentum, widths: [100, 100] });
const bn = (model: Sequential, k: number): BatchNorm => model.layers[k] as BatchNorm;

// Networks that are to fall ill may well lag.
beforeEach(() => {
  onWarning(() => {});
});

describe("evenkeel doctor", () => {
  test("suspects at most one of 20 healthy networks", async () => {
    const suspected: string[] = [];
    const networks = [
      ...(["batch", "layer", "renorm", "ghost", "none"] as const).map((norm) => ["mlp", norm] as const),
      ...(["batch", "layer", "group", "instance", "none"] as const).map((norm) => ["cnn", norm] as const),
    ];
    for (const [k, [name, norm]] of [...networks, ...networks].entries()) {
      seed(k + 1);
      const model = name === "mlp" ? mlp({ ...options(norm), widths: [64, 64] }) : cnn(options(norm));
      await trained(model);
      const found = kinds(await diagnose(model, batches(held, { batchSize: 64 })));
      if (found.length > 0) suspected.push(`${name} ${norm}: ${found}`);
    }
    expect(suspected.slice(1)).toEqual([]);
  });

  test("finds illnesses of the strengths that docs/doctor.md tells", async () => {
    const rows: [string, string[]][] = [];
    const examine = async (illness: string, model: Sequential, batchSize = 64): Promise<void> => {
      rows.push([illness, kinds(await diagnose(model, batches(held, { batchSize: 64 }), { batchSize }))]);
    };
    const healthy = async (): Promise<Sequential> => {
      seed(5);
      return trained(deep());
    };
    for (const share of [0, 2, 5, 20]) {
      const model = await healthy();
      change(bn(model, 5).bias, (value, k) => (k < share ? -50 : value));
      await examine(`${share} % dead`, model);
    }
    for (const drift of [0.1, 0.25, 0.5, 1]) {
      const model = await healthy();
      const variances = bn(model, 5).runningVar?.dataSync() ?? new Float32Array(0);
      change(bn(model, 5).runningMean, (value, k) => value + (k % 2 === 0 ? drift : -drift) * Math.sqrt(variances[k]));
      await examine(`drift ${drift}`, model);
    }
    seed(5);
    const slow = deep(0.9999);
    for (const [, module] of slow.namedModules()) if (module instanceof BatchNorm) module.warmUp = false;
    await examine("momentum 0.9999", await trained(slow));
    const poisoned = await healthy();
    change((poisoned.layers[4] as Linear).weight, (value, k) => (k === 7 ? Number.NaN : value));
    await examine("NaN weight", poisoned);
    const huge = await healthy();
    change(bn(huge, 5).runningVar, (value, k) => (k === 3 ? 1e6 : value));
    await examine("huge variance", huge);
    for (const batchSize of [2, 8, 16]) await examine(`batch ${batchSize}`, await healthy(), batchSize);
    expect(rows.map(([illness, found]) => `${illness}: ${found.join(", ")}`)).toMatchInlineSnapshot(`
      [
        "0 % dead: ",
        "2 % dead: ",
        "5 % dead: dead 6",
        "20 % dead: dead 6",
        "drift 0.1: ",
        "drift 0.25: drift 5",
        "drift 0.5: drift 5",
        "drift 1: gap, drift 5",
        "momentum 0.9999: initialLeft 2, initialLeft 5, gap, drift 5, drift 2",
        "NaN weight: notFinite 4",
        "huge variance: drift 5",
        "batch 2: noise 2, noise 5",
        "batch 8: noise 2, noise 5",
        "batch 16: ",
      ]
    `);
  });
});
