import { ArgumentError } from "../errors.js";
import { ReLU } from "../nn/activations.js";
import { Conv2d } from "../nn/conv2d.js";
import { Dropout } from "../nn/dropout.js";
import { Flatten } from "../nn/flatten.js";
import { Linear } from "../nn/linear.js";
import type { Module } from "../nn/module.js";
import { GlobalAvgPool2d, MaxPool2d } from "../nn/pooling.js";
import { Residual } from "../nn/residual.js";
import { Sequential } from "../nn/sequential.js";
import { checkOptions, type OptionNames } from "../options.js";
import { checkCount, checkShape, formatShape, type Shape, sizeOf } from "../shape.js";
import { type coreNames, type NormName, normNames } from "./names.js";
import { isActivation, type NormSettings, normLayer, othersThatUse, removesBias } from "./norms.js";

/** How a network built by name is normalised. A setting that the norm has no use for is refused. */
export interface NormOptions {
  /** @defaultValue "batch" */
  readonly norm?: NormName;
  /** Weight of the old running value, as BatchNorm's momentum. @defaultValue the norm's own */
  readonly normMomentum?: number | undefined;
  /** Added to the variance under the root. @defaultValue the norm's own */
  readonly normEps?: number | undefined;
  /**
   * Groups of group norm, at most; each layer takes the most that divide its features with 2 or more to each.
   *
   * @defaultValue 32
   */
  readonly groups?: number | undefined;
  /** Samples that ghost batch norm normalises together, ≥ 2. @defaultValue 32 */
  readonly virtualBatchSize?: number | undefined;
}

/** What a network built by name takes and gives. */
export interface NetworkOptions extends NormOptions {
  /** The shape of one input: (C, H, W) for images; {@link mlp} takes any. */
  readonly inputShape: Shape;
  /** How many outputs: one for each class; in a regression, one for each number to predict. */
  readonly classes: number;
  /** The share of values dropped in training, in [0, 1]; where, the network says. @defaultValue 0: no such layer */
  readonly dropout?: number;
}

/** Options of {@link mlp}. */
export interface MlpOptions extends NetworkOptions {
  /** How wide each hidden layer is, from the input on. @defaultValue [128, 64] */
  readonly widths?: readonly number[];
}

/** Options of {@link resnet}. */
export interface ResNetOptions extends NetworkOptions {
  /** Blocks in each of the three stages: n makes 6n + 2 layers with weights. @defaultValue 3, ResNet-20 */
  readonly blocks?: number;
}

/**
 * A multi-layer perceptron: for each hidden width linear – norm – ReLU – dropout, then a linear layer to the outputs.
 * Inputs of rank above 1 are flattened first. Layers before a norm that takes a bias out again have none.
 *
 * @throws ArgumentError if a size is not a whole number of at least 1
 * @example
 * ```ts
 * const net = mlp({ inputShape: [13], classes: 1, widths: [32] });
 * net.forward(zeros([8, 13])).shape; // [8, 1]
 * ```
 */
export function mlp(options: MlpOptions): Sequential {
  const { inputShape, classes } = checkNetwork("mlp", options, { widths: true });
  const { widths = [128, 64] } = options;
  const sizes = [sizeOf(inputShape), ...widths.map((width) => checkCount("mlp({ widths })", "a width", width))];
  const hidden = sizes
    .slice(1)
    .map((width, k) => [
      new Linear(sizes[k], width, { bias: needsBias(options) }),
      ...normAndRelu(width, options, { vectors: true }),
      dropped(options),
    ]);
  return sequence(
    inputShape.length > 1 ? new Flatten() : null,
    ...hidden.flat(),
    new Linear(sizes[sizes.length - 1], classes),
  );
}

/**
 * The convolutional network of the main job: conv 16 – norm – ReLU – pool – conv 32 – norm – ReLU – pool – linear 128 –
 * norm – ReLU – dropout – linear. Layers before a norm that takes a bias out again have none.
 *
 * @throws ArgumentError if inputs are not images, or smaller than 4×4
 */
export function cnn(options: NetworkOptions): Sequential {
  const { inputShape, classes } = checkNetwork("cnn", options, {});
  const [channels, height, width] = checkImages("cnn", inputShape, 4);
  const bias = needsBias(options);
  return sequence(
    new Conv2d(channels, 16, 3, { padding: 1, bias }),
    ...normAndRelu(16, options),
    new MaxPool2d(2),
    new Conv2d(16, 32, 3, { padding: 1, bias }),
    ...normAndRelu(32, options),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(32 * Math.floor(height / 4) * Math.floor(width / 4), 128, { bias }),
    ...normAndRelu(128, options, { vectors: true }),
    dropped(options),
    new Linear(128, classes),
  );
}

/**
 * The residual network for small images: conv 16, three stages of `blocks` blocks with 16, 32 and 64 channels, the mean
 * of each plane, dropout, linear. A block is conv – norm – ReLU – conv – norm, added to its input, then ReLU; the first
 * block of the second and third stage halves height and width, and its shortcut is a 1×1 convolution with norm.
 *
 * Source: He et al. 2016 (arXiv:1512.03385), §4.2, with projection shortcuts (option B).
 *
 * @throws ArgumentError if inputs are not images
 */
export function resnet(options: ResNetOptions): Sequential {
  const { inputShape, classes } = checkNetwork("resnet", options, { blocks: true });
  const { blocks = 3 } = options;
  const [channels] = checkImages("resnet", inputShape, 1);
  checkCount("resnet({ blocks })", "blocks", blocks);
  const stages = [16, 32, 64].map((width, stage) =>
    Array.from({ length: blocks }, (_, k) => {
      const isFirst = k === 0 && stage > 0;
      return [residualBlock(isFirst ? width / 2 : width, width, isFirst ? 2 : 1, options), new ReLU()];
    }),
  );
  return sequence(
    new Conv2d(channels, 16, 3, { padding: 1, bias: needsBias(options) }),
    ...normAndRelu(16, options),
    ...stages.flat(2),
    new GlobalAvgPool2d(),
    dropped(options),
    new Linear(64, classes),
  );
}

function residualBlock(from: number, to: number, stride: number, options: NormOptions): Residual {
  const bias = needsBias(options);
  const body = sequence(
    new Conv2d(from, to, 3, { stride, padding: 1, bias }),
    ...normAndRelu(to, options),
    new Conv2d(to, to, 3, { padding: 1, bias }),
    makeNorm(to, options, { activated: false }),
  );
  const changes = from !== to || stride !== 1;
  return new Residual(
    body,
    changes ? sequence(new Conv2d(from, to, 1, { stride, bias }), makeNorm(to, options, { activated: false })) : null,
  );
}

/** Networks that can be built by name. */
export const networks = { mlp, cnn, resnet } as const satisfies Readonly<Record<(typeof coreNames)[number], unknown>>;

function sequence(...layers: (Module | null)[]): Sequential {
  return new Sequential(...layers.filter((layer) => layer !== null));
}

/** Where a norm stands: what it is given, and whether an activation follows. */
export type NormPlace = Pick<NormSettings, "vectors" | "activated">;

/**
 * The norm that options name, for layers of so many features; null for none.
 *
 * @throws ArgumentError if it cannot stand there
 */
export function makeNorm(features: number, options: NormOptions, place: NormPlace = {}): Module | null {
  const { norm: kind = "batch", normMomentum: momentum, normEps: eps, groups, virtualBatchSize } = options;
  return normLayer(kind, features, { momentum, eps, groups, virtualBatchSize, ...place });
}

/** A norm and a ReLU, unless the norm is the activation itself. */
function normAndRelu(features: number, options: NormOptions, place: NormPlace = {}): (Module | null)[] {
  const { norm: kind = "batch" } = options;
  return [makeNorm(features, options, place), isActivation(kind, place) ? null : new ReLU()];
}

function needsBias({ norm: kind = "batch" }: NormOptions): boolean {
  return !removesBias(kind);
}

/** A dropout before the last layer of a network of names; nothing where the options name none. */
export function headDropout(options: NetworkOptions): { dropout?: Module } {
  const dropout = dropped(options);
  return dropout === null ? {} : { dropout };
}

function dropped({ dropout = 0 }: NetworkOptions): Module | null {
  return dropout === 0 ? null : new Dropout(dropout);
}

const networkNames: OptionNames<NetworkOptions> = {
  inputShape: true,
  classes: true,
  dropout: true,
  norm: true,
  normMomentum: true,
  normEps: true,
  groups: true,
  virtualBatchSize: true,
};

/**
 * Checks what all networks take.
 *
 * @param own - the names of what this one takes besides
 * @throws ArgumentError naming the network and the option
 */
export function checkNetwork<Options extends NetworkOptions>(
  name: string,
  options: Options,
  own: OptionNames<Omit<NoInfer<Options>, keyof NetworkOptions>>,
): NetworkOptions {
  checkOptions<NetworkOptions>(name, options, { ...networkNames, ...own });
  const { inputShape, classes, groups } = options;
  const where = `${name}({ inputShape, classes })`;
  checkShape(where, inputShape);
  for (const extent of inputShape) checkCount(where, "each size of inputShape", extent);
  checkCount(where, "classes", classes);
  if (groups !== undefined) checkCount(`${name}({ groups })`, "groups", groups);
  checkNormOptions(name, options);
  return { inputShape, classes };
}

/** Which setting of a norm each option is. */
export const normOptions = {
  normMomentum: "momentum",
  normEps: "eps",
  groups: "groups",
  virtualBatchSize: "virtualBatchSize",
} as const;

function checkNormOptions(name: string, options: NormOptions): void {
  const { norm: kind = "batch" } = options;
  if (!normNames.includes(kind)) {
    const expected = normNames.join(", ");
    throw new ArgumentError({
      where: `${name}({ norm })`,
      expected,
      received: String(kind),
      cure: "Pass one of them.",
    });
  }
  for (const option of Object.keys(normOptions) as (keyof typeof normOptions)[]) {
    const others = options[option] === undefined ? null : othersThatUse(normOptions[option], kind);
    if (others === null) continue;
    throw new ArgumentError({
      where: `${name}({ ${option} })`,
      expected: `a norm that has a use for it: ${others}`,
      received: `norm ${kind}`,
      cure: `Leave ${option} out, or choose another norm.`,
    });
  }
}

/** Checks that inputs are images, and large enough. @throws ArgumentError naming the network */
export function checkImages(name: string, inputShape: Shape, smallest: number): Shape {
  const [, height = 0, width = 0] = inputShape;
  if (inputShape.length === 3 && height >= smallest && width >= smallest) return inputShape;
  throw new ArgumentError({
    where: `${name}({ inputShape })`,
    expected: smallest > 1 ? `images (C, H, W) of at least ${smallest}×${smallest}` : "images (C, H, W)",
    received: formatShape(inputShape),
    cure: inputShape.length === 3 ? "Use larger images." : "Use mlp, which takes any shape.",
  });
}
