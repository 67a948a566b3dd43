import { existsSync } from "node:fs";
import {
  arrayDataset,
  BatchNorm,
  BatchRenorm,
  batches,
  Conv2d,
  cnn,
  type Dataset,
  fit,
  Generator,
  GlobalAvgPool2d,
  GroupNorm,
  LayerNorm,
  Linear,
  type Module,
  ReLU,
  resnet,
  Sequential,
  Sgd,
  subset,
  Tanh,
} from "evenkeel";
import { loadData } from "evenkeel/node";

const fashion = "/usr/share/datasets/fashion-mnist";

/** Whether the images are there. */
export const hasImages = existsSync(fashion);

/** Data that no threshold of the doctor was chosen by. */
export interface Source {
  readonly train: Dataset;
  readonly held: Dataset;
}

/** A network that no threshold was chosen by. */
export interface HeldOutNetwork {
  readonly name: string;
  readonly source: Source;
  readonly make: () => Module;
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

/** The first of Fashion-MNIST. */
async function images(): Promise<Source> {
  const { train, test } = await loadData(fashion);
  const first = (data: unknown, count: number): Dataset =>
    subset(
      data as Dataset,
      Int32Array.from({ length: count }, (_, k) => k),
    );
  return { train: first(train, 2000), held: first(test, 1000) };
}

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

/** Twenty networks, twelve of tables and eight of images, with all kinds of norms. */
export async function heldOutNetworks(): Promise<HeldOutNetwork[]> {
  const [rows, pictures] = [table(), await images()];
  const relu = (): Module => new ReLU();
  const tanh = (): Module => new Tanh();
  const plain = { inputShape: [1, 28, 28], classes: 10 };
  const options = { ...plain, normMomentum: 0.9 };
  return [
    ...Object.entries(tableNorms).flatMap(([norm, make]): HeldOutNetwork[] => [
      { name: `table 3×50 ReLU, ${norm}`, source: rows, make: () => tableNet(make, [50, 50, 50], relu) },
      { name: `table 3×50 tanh, ${norm}`, source: rows, make: () => tableNet(make, [50, 50, 50], tanh) },
      { name: `table 6×40 ReLU, ${norm}`, source: rows, make: () => tableNet(make, new Array(6).fill(40), relu) },
    ]),
    ...Object.entries(imageNorms).map(
      ([norm, make]): HeldOutNetwork => ({
        name: `strided CNN, ${norm}`,
        source: pictures,
        make: () => imageNet(make),
      }),
    ),
    { name: "CNN, batch", source: pictures, make: () => cnn({ ...options, norm: "batch" }) },
    { name: "CNN, instance", source: pictures, make: () => cnn({ ...plain, norm: "instance" }) },
    { name: "ResNet-8, batch", source: pictures, make: () => resnet({ ...options, blocks: 1, norm: "batch" }) },
    {
      name: "ResNet-8, group",
      source: pictures,
      make: () => resnet({ ...plain, blocks: 1, norm: "group", groups: 8 }),
    },
  ];
}

/** Trains by SGD, which no network that thresholds were chosen by was. The rate is in proportion to the batch. */
export async function trained<M extends Module>(
  model: M,
  { train }: Source,
  { batchSize = 32, epochs = 3 } = {},
): Promise<M> {
  const optimizer = new Sgd(model.parameters(), { lr: (0.03 * batchSize) / 32, momentum: 0.9, weightDecay: 1e-4 });
  await fit(model, batches(train, { batchSize, shuffle: true }), { epochs, optimizer });
  return model;
}
