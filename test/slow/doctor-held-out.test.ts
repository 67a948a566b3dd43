import {
  BatchNorm,
  batches,
  type Diagnosis,
  diagnose,
  Linear,
  type Module,
  onWarning,
  RunningNorm,
  recalibrate,
  seed,
  type Tensor,
} from "evenkeel";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { changeValues } from "../support/change-values.js";
import { type HeldOutNetwork, hasImages, heldOutNetworks, type Source, trained } from "../support/held-out-networks.js";

// Networks that are to fall ill may well lag.
beforeEach(() => {
  onWarning(() => {});
});

/**
 * Of each network that is made ill. More of them make a better table: DOCTOR_SEEDS=5 and --reporter=verbose print that
 * of docs/doctor.md.
 */
const seeds = Number(process.env["DOCTOR_SEEDS"] ?? 1);

let networks: HeldOutNetwork[];
beforeAll(async () => {
  if (hasImages) networks = await heldOutNetworks();
}, 120_000);

const examine = (model: Module, { held }: Source, batchSize = 32): Promise<Diagnosis> =>
  diagnose(model, batches(held, { batchSize }));

const kinds = ({ findings }: Diagnosis): string[] => findings.map(({ kind, layer }) => `${kind} ${layer ?? ""}`.trim());

/**
 * Whether what was found is gone, and the loss less by as much as makes a gap, once the norms have the statistics of
 * the training data: a network whose rate was large to the end may leave training with running statistics that lag.
 */
async function isCured(model: Module, { findings, gap }: Diagnosis, source: Source): Promise<boolean> {
  if (findings.some(({ kind }) => kind !== "gap")) return false;
  await recalibrate(model, batches(source.train, { batchSize: 32 }));
  const after = await examine(model, source);
  const [before, now] = [gap?.running.loss ?? 0, after.gap?.running.loss ?? Number.NaN];
  return after.findings.length === 0 && now < 0.95 * before;
}

const change = (t: Tensor | null | undefined, to: (value: number, k: number) => number): void =>
  changeValues(t, (values) => values.set(values.map(to)));

/** What is done to a trained network: to one of its norms. */
const illnesses: Record<string, (norm: BatchNorm, model: Module) => void> = {
  "2 % dead": kill(0.02),
  "5 % dead": kill(0.05),
  "20 % dead": kill(0.2),
  "drift 0.1": drift(0.1),
  "drift 0.25": drift(0.25),
  "drift 0.5": drift(0.5),
  "drift 1": drift(1),
  "a channel's variance ×10": poison(10),
  "a channel's variance ×100": poison(100),
  "a channel's variance 10⁶": poison(1e6),
  "a channel's mean NaN": (norm) => change(norm.runningMean, (value, k) => (k === 3 ? Number.NaN : value)),
  "a weight NaN": (_, model) => {
    const [, layer] = model.namedModules().find(([, module]) => module instanceof Linear) ?? [];
    change((layer as Linear).weight, (value, k) => (k === 7 ? Number.NaN : value));
  },
};

/** The share of channels, rounded up, that no input brings above 0. */
function kill(share: number) {
  return ({ bias }: BatchNorm): void => {
    const count = Math.ceil(share * (bias?.size ?? 0));
    change(bias, (value, k) => (k < count ? -50 : value));
  };
}

/** Running means off by so many deviations, up and down by turns. */
function drift(by: number) {
  return ({ runningMean, runningVar }: BatchNorm): void => {
    const variances = runningVar?.dataSync() ?? new Float32Array(0);
    change(runningMean, (value, k) => value + (k % 2 === 0 ? by : -by) * Math.sqrt(variances[k]));
  };
}

/** One channel's running variance so many times as large. */
function poison(times: number) {
  return ({ runningVar }: BatchNorm): void => change(runningVar, (value, k) => (k === 3 ? times * value : value));
}

/** Findings of ill networks, by illness: in how many there were any, and of which kinds. */
class Table {
  readonly #rows = new Map<string, { networks: number; found: number; kinds: Map<string, number> }>();

  /** @param found - kinds and layers, those that were there before being left out */
  add(illness: string, found: readonly string[]): void {
    const row = this.#rows.get(illness) ?? { networks: 0, found: 0, kinds: new Map<string, number>() };
    this.#rows.set(illness, row);
    row.networks++;
    if (found.length > 0) row.found++;
    for (const kind of new Set(found.map((one) => one.split(" ")[0]))) {
      row.kinds.set(kind, (row.kinds.get(kind) ?? 0) + 1);
    }
  }

  /** The share of networks in which an illness was found. */
  share(illness: string): number {
    const { networks, found } = this.#rows.get(illness) ?? { networks: 0, found: 0 };
    return found / networks;
  }

  toString(): string {
    return [...this.#rows]
      .map(([illness, { networks, found, kinds }]) => {
        const as = [...kinds].map(([kind, count]) => `${kind} ${count}`).join(", ");
        return `${illness}: ${found} of ${networks}${as === "" ? "" : ` (${as})`}`;
      })
      .join("\n");
  }
}

describe.skipIf(!hasImages)("evenkeel doctor, on networks and data that no threshold was chosen by", () => {
  test("suspects at most one of 20 networks without cause", async () => {
    const suspected: string[] = [];
    const silent = { behind: 0, elsewhere: 0 };
    expect(networks).toHaveLength(20);
    for (const [k, { name, source, make }] of networks.entries()) {
      seed(100 + k);
      const model = await trained(make(), source);
      const diagnosis = await examine(model, source);
      if (diagnosis.findings.length > 0 && !(await isCured(model, diagnosis, source))) {
        suspected.push(`${name}: ${kinds(diagnosis)}`);
      }
      for (const { dead, channels, centred } of diagnosis.activations) {
        const place = centred ? "behind" : "elsewhere";
        silent[place] = Math.max(silent[place], dead.length / channels);
      }
    }
    expect(suspected.length, suspected.join("; ")).toBeLessThanOrEqual(1);
    expect(silent.behind).toBe(0);
    expect(silent.elsewhere).toBeLessThan(0.4);
  });

  test("finds illnesses as often as docs/doctor.md tells", async ({ annotate }) => {
    const patients = networks.filter(({ name }) => name.includes("ReLU, batch") || name.includes("CNN, batch"));
    expect(patients).toHaveLength(4);
    // Of small batches.
    onWarning(() => {});
    const table = new Table();
    for (const [p, { source, make }] of patients.entries()) {
      for (let again = 0; again < seeds; again++) {
        seed(200 + patients.length * again + p);
        const model = await trained(make(), source);
        const before = kinds(await examine(model, source));
        table.add("none", before);
        const isNew = (kind: string): boolean => !before.includes(kind);
        const norms = model.namedModules().flatMap(([, module]) => (module instanceof BatchNorm ? [module] : []));
        const norm = norms[again % norms.length];
        const healthy = model.stateDict();
        for (const [illness, infect] of Object.entries(illnesses)) {
          infect(norm, model);
          table.add(illness, kinds(await examine(model, source)).filter(isNew));
          model.loadStateDict(healthy);
        }
        for (const t of Object.values(healthy)) t.dispose();
        for (const batchSize of [8, 16]) {
          const found = await diagnose(model, batches(source.held, { batchSize: 32 }), { batchSize });
          table.add(`batches of ${batchSize}`, kinds(found).filter(isNew));
        }
        const slow = make();
        for (const [, module] of slow.namedModules()) {
          if (module instanceof RunningNorm) [module.momentum, module.warmUp] = [0.9999, false];
        }
        table.add("momentum 0.9999", kinds(await examine(await trained(slow, source), source)));
        const small = await trained(make(), source, { batchSize: 2, epochs: 1 });
        table.add("batches of 2", kinds(await examine(small, source, 2)));
      }
    }
    await annotate(String(table));
    const certain = ["20 % dead", "drift 0.5", "drift 1", "a channel's variance ×100", "a channel's variance 10⁶"];
    for (const illness of [...certain, "a channel's mean NaN", "a weight NaN", "momentum 0.9999"]) {
      expect([illness, table.share(illness)]).toEqual([illness, 1]);
    }
    for (const illness of ["5 % dead", "a channel's variance ×10", "batches of 2"]) {
      expect(table.share(illness), illness).toBeGreaterThanOrEqual(0.75);
    }
    // As good as healthy: what is found of these is no more than of networks nobody made ill.
    for (const illness of ["none", "drift 0.1", "batches of 16"]) {
      expect(table.share(illness), illness).toBeLessThanOrEqual(0.25);
    }
  });
});
