import { HardSigmoid, HardSwish, ReLU } from "../nn/activations.js";
import { Dropout } from "../nn/dropout.js";
import { Linear } from "../nn/linear.js";
import type { Module } from "../nn/module.js";
import { GlobalAvgPool2d } from "../nn/pooling.js";
import { Sequential } from "../nn/sequential.js";
import { convNorm, NamedSequential, SkipConnection, SqueezeExcitation, toMultipleOf8 } from "./blocks.js";
import { fanOutNormal, initialize, normal } from "./initialize.js";
import { checkImages, checkNetwork, type NetworkOptions, type NormOptions } from "./networks.js";

/** A row of the paper's table 2. */
interface Row {
  readonly kernel: number;
  readonly width: number;
  readonly to: number;
  readonly squeezes: boolean;
  readonly activation: new () => Module;
  readonly stride: number;
}

const row = (
  kernel: number,
  width: number,
  to: number,
  squeezes: boolean,
  activation: new () => Module,
  stride: number,
): Row => ({ kernel, width, to, squeezes, activation, stride });

const rows: readonly Row[] = [
  row(3, 16, 16, true, ReLU, 2),
  row(3, 72, 24, false, ReLU, 2),
  row(3, 88, 24, false, ReLU, 1),
  row(5, 96, 40, true, HardSwish, 2),
  row(5, 240, 40, true, HardSwish, 1),
  row(5, 240, 40, true, HardSwish, 1),
  row(5, 120, 48, true, HardSwish, 1),
  row(5, 144, 48, true, HardSwish, 1),
  row(5, 288, 96, true, HardSwish, 2),
  row(5, 576, 96, true, HardSwish, 1),
  row(5, 576, 96, true, HardSwish, 1),
];

function invertedResidual(from: number, { width, to, stride, ...given }: Row, norms: NormOptions): Module {
  const activation = (): Module => new given.activation();
  const { kernel, squeezes } = given;
  const body = new Sequential(
    ...(width === from ? [] : [convNorm(from, width, { activation: activation() }, norms)]),
    convNorm(width, width, { kernel, stride, groups: width, activation: activation() }, norms),
    ...(squeezes ? [new SqueezeExcitation(width, toMultipleOf8(width / 4), { gate: new HardSigmoid() })] : []),
    convNorm(width, to, {}, norms),
  );
  return stride === 1 && from === to ? new SkipConnection({ block: body }) : new NamedSequential({ block: body });
}

/**
 * MobileNetV3, small: as {@link mobilenetV2}, with squeeze and excitation, hard swish, and 11 blocks that a search has
 * found; five layers halve height and width. Behind the mean of each plane: linear, hard swish, dropout (0.2 by
 * default), a linear layer `classifier.3`. 2,542,856 parameters at 1,000 classes. Names and initial values are
 * torchvision's, and so are the defaults of batch norm: `normEps` 1e-3.
 *
 * Source: Howard et al. 2019 (arXiv:1905.02244), table 2.
 *
 * @returns a network from (N, C, H, W) to (N, classes)
 * @throws ArgumentError if inputs are not images
 * @example
 * ```ts
 * const net = mobilenetV3Small({ inputShape: [1, 28, 28], classes: 10 });
 * net.eval().forward(zeros([2, 1, 28, 28])).shape; // [2, 10]
 * ```
 */
export function mobilenetV3Small({ dropout = 0.2, ...given }: NetworkOptions): Module {
  const { inputShape, classes } = checkNetwork("mobilenetV3Small", given, {});
  const [channels] = checkImages("mobilenetV3Small", inputShape, 1);
  const options = withBatchNormEps(given, 1e-3);
  let from = 16;
  const blocks = rows.map((row) => {
    const block = invertedResidual(from, row, options);
    from = row.to;
    return block;
  });
  const features = 6 * from;
  const model = new NamedSequential({
    features: new Sequential(
      convNorm(channels, 16, { kernel: 3, stride: 2, activation: new HardSwish() }, options),
      ...blocks,
      convNorm(from, features, { activation: new HardSwish() }, options),
    ),
    avgpool: new GlobalAvgPool2d(),
    classifier: new Sequential(
      new Linear(features, 1024),
      new HardSwish(),
      new Dropout(dropout),
      new Linear(1024, classes),
    ),
  });
  return initialize(model, { conv: fanOutNormal, linear: normal(0.01) });
}

/** Options whose batch norm has another default eps; those of other norms stay. */
function withBatchNormEps({ norm = "batch", normEps, ...rest }: NetworkOptions, eps: number): NetworkOptions {
  return { norm, normEps: normEps ?? (norm === "batch" ? eps : undefined), ...rest };
}
