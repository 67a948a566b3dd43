import { existsSync } from "node:fs";
import {
  arrayDataset,
  BatchNorm,
  BatchRenorm,
  batches,
  Conv2d,
  cnn,
  type Dataset,
  type Diagnosis,
  diagnose,
  fit,
  Generator,
  GlobalAvgPool2d,
  GroupNorm,
  LayerNorm,
  Linear,
  type Module,
  onWarning,
  ReLU,
  RunningNorm,
  recalibrate,
  resnet,
  Sequential,
  Sgd,
  seed,
  subset,
  Tanh,
  type Tensor,
} from "evenkeel";
import { loadData } from "evenkeel/node";
import { beforeAll, describe, expect, test } from "vitest";

const fashion = "/usr/share/datasets/fashion-mnist";

/** Data that no threshold was chosen by. */
interface Source {
  readonly train: Dataset;
  readonly held: Dataset;
}

/** Rows of 20 numbers in 5 classes, the classes overlapping. */
function table(): Source {
  const generator = new Generator(77);
  const centres = Float32Array.from({ length: 100 }, () => generator.normal(0, 0.8));
  const rows = (length: number): Dataset =>
    arrayDataset({
      inputs: Float32Array.from({ length: 20 * length }, (_, k) =>
        generator.normal(centres[20 * (Math.floor(k / 20) % 5) + (k % 20)]),
      ),
      shape: [20],
      labels: Array.from({ length }, (_, k) => k % 5),
    });
  return { train: rows(2000), held: rows(1000) };
}

let images: Source;
const rows = table();
beforeAll(async () => {
  onWarning(() => {});
  if (!existsSync(fashion)) return;
  const { train, test: held } = await loadData(fashion);
  const first = (data: unknown, count: number): Dataset =>
    subset(
      data as Dataset,
      Int32Array.from({ length: count }, (_, k) => k),
    );
  images = { train: first(train, 2000), held: first(held, 1000) };
}, 120_000);

type MakeNorm = (channels: number) => Module | null;
const tableNorms: Record<string, MakeNorm> = {
  batch: (channels) => new BatchNorm(channels, { momentum: 0.9 }),
  renorm: (channels) => new BatchRenorm(channels, { momentum: 0.9 }),
  layer: (channels) => new LayerNorm(channels),
  none: () => null,
};
const imageNorms: Record<string, MakeNorm> = {
  batch: (channels) => new BatchNorm(channels, { momentum: 0.9 }),
  ghost: (channels) => new BatchNorm(channels, { momentum: 0.9, virtualBatchSize: 16 }),
  group: (channels) => new GroupNorm(4, channels),
  none: () => null,
};

const chain = (layers: (Module | null)[]): Sequential =>
  new Sequential(...layers.filter((layer): layer is Module => layer !== null));

function tableNet(norm: MakeNorm, widths: readonly number[], activation: () => Module): Sequential {
  const sizes = [20, ...widths];
  const hidden = widths.flatMap((width, k) => [new Linear(sizes[k], width), norm(width), activation()]);
  return chain([...hidden, new Linear(widths[widths.length - 1], 5)]);
}

/** Convolutions with strides and no pooling between them. */
function imageNet(norm: MakeNorm): Sequential {
  const sizes = [
    [1, 16, 2],
    [16, 32, 2],
    [32, 32, 2],
  ];
  const hidden = sizes.flatMap(([from, to, stride]) => [
    new Conv2d(from, to, 3, { stride, padding: 1 }),
    norm(to),
    new ReLU(),
  ]);
  return chain([...hidden, new GlobalAvgPool2d(), new Linear(32, 10)]);
}

async function trained<M extends Module>(model: M, { train }: Source): Promise<M> {
  const optimizer = new Sgd(model.parameters(), { lr: 0.03, momentum: 0.9, weightDecay: 1e-4 });
  await fit(model, batches(train, { batchSize: 32, shuffle: true }), { epochs: 3, optimizer });
  return model;
}

const examine = (model: Module, { held }: Source): Promise<Diagnosis> =>
  diagnose(model, batches(held, { batchSize: 32 }));

const kinds = ({ findings }: Diagnosis): string[] => findings.map(({ kind, layer }) => `${kind} ${layer ?? ""}`.trim());

/**
 * Whether what was found is gone, and the loss less by as much as makes a gap, once the norms have the statistics of the training data: a network
 * whose rate was large to the end may leave training with running statistics that lag.
 */
async function isCured(model: Module, { findings, gap }: Diagnosis, source: Source): Promise<boolean> {
  if (findings.some(({ kind }) => kind !== "gap")) return false;
  await recalibrate(model, batches(source.train, { batchSize: 32 }));
  const after = await examine(model, source);
  const [before, now] = [gap?.running.loss ?? 0, after.gap?.running.loss ?? Number.NaN];
  return after.findings.length === 0 && now < 0.95 * before;
}

interface Healthy {
  readonly name: string;
  readonly source: Source;
  readonly make: () => Module;
}

function healthy(): Healthy[] {
  const relu = (): Module => new ReLU();
  const tanh = (): Module => new Tanh();
  const options = { inputShape: [1, 28, 28], classes: 10, normMomentum: 0.9 };
  const { normMomentum: _, ...plain } = options;
  return [
    ...Object.entries(tableNorms).flatMap(([norm, make]): Healthy[] => [
      { name: `table 3×50 ReLU, ${norm}`, source: rows, make: () => tableNet(make, [50, 50, 50], relu) },
      { name: `table 3×50 tanh, ${norm}`, source: rows, make: () => tableNet(make, [50, 50, 50], tanh) },
      { name: `table 6×40 ReLU, ${norm}`, source: rows, make: () => tableNet(make, new Array(6).fill(40), relu) },
    ]),
    ...Object.entries(imageNorms).map(
      ([norm, make]): Healthy => ({ name: `strided CNN, ${norm}`, source: images, make: () => imageNet(make) }),
    ),
    { name: "CNN, batch", source: images, make: () => cnn({ ...options, norm: "batch" }) },
    { name: "CNN, instance", source: images, make: () => cnn({ ...plain, norm: "instance" }) },
    { name: "ResNet-8, batch", source: images, make: () => resnet({ ...options, blocks: 1, norm: "batch" }) },
    { name: "ResNet-8, group", source: images, make: () => resnet({ ...plain, blocks: 1, norm: "group", groups: 8 }) },
  ];
}

const change = (t: Tensor | null | undefined, to: (value: number, k: number) => number): void => {
  if (t == null) throw new Error("no such tensor");
  t.backend.write(t.block, t.dataSync().map(to));
};

/** Makes the last batch norm before a ReLU ill, each more than the one before. */
const illnesses: Record<string, (norm: BatchNorm) => void> = {
  "2 % dead": (norm) => kill(norm, 0.02),
  "5 % dead": (norm) => kill(norm, 0.05),
  "20 % dead": (norm) => kill(norm, 0.2),
};

/** The share of channels, rounded up, that no input brings above 0. */
function kill(norm: BatchNorm, share: number): void {
  const count = Math.ceil(share * (norm.bias?.size ?? 0));
  change(norm.bias, (value, k) => (k < count ? -50 : value));
}

describe.skipIf(!existsSync(fashion))("evenkeel doctor, on networks and data that no threshold was chosen by", () => {
  test("suspects at most one of 20 networks without cause", async () => {
    const suspected: string[] = [];
    const silent = { behind: 0, elsewhere: 0 };
    for (const [k, { name, source, make }] of healthy().entries()) {
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

  test("finds illnesses as often as docs/doctor.md tells", async () => {
    const patients = healthy().filter(({ name }) => name.includes("ReLU, batch") || name.includes("CNN, batch"));
    const found = new Map<string, number>();
    const add = (illness: string, isFound: boolean): void => {
      found.set(illness, (found.get(illness) ?? 0) + Number(isFound));
    };
    for (const [p, { source, make }] of patients.entries()) {
      for (const again of [0, 1]) {
        seed(200 + 2 * p + again);
        const model = await trained(make(), source);
        const norms = model.namedModules().flatMap(([, module]) => (module instanceof BatchNorm ? [module] : []));
        for (const [illness, infect] of Object.entries(illnesses)) {
          infect(norms[norms.length - 1]);
          add(illness, (await examine(model, source)).findings.length > 0);
        }
        const slow = make();
        for (const [, module] of slow.namedModules()) if (module instanceof RunningNorm) module.momentum = 0.9999;
        add("momentum 0.9999", (await examine(await trained(slow, source), source)).findings.length > 0);
      }
    }
    expect(2 * patients.length).toBe(8);
    expect(Object.fromEntries(found)).toMatchObject({ "5 % dead": 8, "20 % dead": 8, "momentum 0.9999": 8 });
  });
});
