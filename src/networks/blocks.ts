import { ReLU, Sigmoid } from "../nn/activations.js";
import { AdaptiveAvgPool2d } from "../nn/adaptive-pooling.js";
import { Conv2d } from "../nn/conv2d.js";
import { Identity } from "../nn/identity.js";
import { Module } from "../nn/module.js";
import { applyInOrder, Sequential } from "../nn/sequential.js";
import { relu } from "../ops/activations.js";
import { add, mul } from "../ops/binary.js";
import { transpose } from "../ops/transpose.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { makeNorm, type NormOptions } from "./networks.js";

/** Layers applied one after another, as in {@link Sequential}, under names: PyTorch's `Sequential(OrderedDict(…))`. */
export class NamedSequential extends Module {
  constructor(layers: Readonly<Record<string, Module>>) {
    super();
    Object.assign(this, layers);
  }

  override forward(x: Tensor): Tensor {
    return applyInOrder(this.layers(), x);
  }

  /** The layers, in order. @param without - the name of one to leave out */
  protected layers(without?: string): Module[] {
    return this.children().flatMap(([name, layer]) => (name === without ? [] : [layer as unknown as Module]));
  }

  override get keepsNothing(): boolean {
    return true;
  }

  override toString(): string {
    return `${this.constructor.name}(${this.children()
      .map(([name, layer]) => `${name}: ${layer}`)
      .join(", ")})`;
  }
}

/** y = x + body(x), the body being layers under names. */
export class SkipConnection extends NamedSequential {
  override forward(x: Tensor): Tensor {
    return scope(() => add(applyInOrder(this.layers(), x), x));
  }
}

/**
 * y = relu(body(x) + downsample(x)), the body being layers under names; x itself is added where there is no
 * `downsample`.
 */
export class ResidualBlock extends NamedSequential {
  readonly downsample: Module | null;

  constructor(layers: Readonly<Record<string, Module>>, downsample: Module | null) {
    super(layers);
    this.downsample = downsample;
  }

  override forward(x: Tensor): Tensor {
    return scope(() => relu(add(applyInOrder(this.layers("downsample"), x), this.downsample?.forward(x) ?? x)));
  }
}

/** x with its axes in another order. */
export class Permute extends Module {
  readonly axes: readonly number[];

  constructor(axes: readonly number[]) {
    super();
    this.axes = axes;
  }

  override forward(x: Tensor): Tensor {
    return transpose(x, this.axes);
  }

  override get keepsNothing(): boolean {
    return true;
  }
}

/** The layers in the middle of a {@link SqueezeExcitation}. */
export interface SqueezeExcitationOptions {
  /** Between the two convolutions. @defaultValue ReLU */
  readonly activation?: Module;
  /** What gives the factors. @defaultValue Sigmoid */
  readonly gate?: Module;
}

/**
 * Multiplies each channel by a factor in [0, 1] that is computed of the means of all: x ·
 * gate(fc2(activation(fc1(mean)))).
 *
 * Source: Hu et al. 2018 (arXiv:1709.01507), equations 2 to 4.
 */
export class SqueezeExcitation extends Module {
  readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly fc1: Conv2d;
  readonly activation: Module;
  readonly fc2: Conv2d;
  readonly gate: Module;

  /** @param channels - of x @param squeezed - between the two convolutions */
  constructor(
    channels: number,
    squeezed: number,
    { activation = new ReLU(), gate = new Sigmoid() }: SqueezeExcitationOptions = {},
  ) {
    super();
    this.fc1 = new Conv2d(channels, squeezed, 1);
    this.activation = activation;
    this.fc2 = new Conv2d(squeezed, channels, 1);
    this.gate = gate;
  }

  override forward(x: Tensor): Tensor {
    return scope(() => mul(x, applyInOrder([this.avgpool, this.fc1, this.activation, this.fc2, this.gate], x)));
  }

  override get keepsNothing(): boolean {
    return true;
  }
}

/**
 * The norm that options name, for images; a layer that does nothing stands for "none", so that its neighbours keep
 * their names.
 */
export function imageNorm(channels: number, options: NormOptions): Module {
  // Activations stand apart here, so norms that have one in them leave it out.
  return makeNorm(channels, options, { activated: false }) ?? new Identity();
}

/** How a convolution of {@link convNorm} goes over its planes. */
export interface ConvNormOptions {
  /** Side of the windows. @defaultValue 1 */
  readonly kernel?: number;
  /** @defaultValue 1 */
  readonly stride?: number;
  /** @defaultValue 1 */
  readonly groups?: number;
}

/**
 * A convolution that keeps the planes' size but for its stride; without bias, as in torchvision, unless there is no
 * norm.
 */
export function conv(
  from: number,
  to: number,
  { kernel = 1, ...options }: ConvNormOptions,
  norms: NormOptions,
): Conv2d {
  return new Conv2d(from, to, kernel, { ...options, padding: Math.floor(kernel / 2), bias: norms.norm === "none" });
}

/** Convolution – norm – activation: torchvision's `Conv2dNormActivation`. */
export function convNorm(
  from: number,
  to: number,
  options: ConvNormOptions & { readonly activation?: Module | null },
  norms: NormOptions,
): Sequential {
  const { activation = null, ...windows } = options;
  const layers = [conv(from, to, windows, norms), imageNorm(to, norms)];
  return new Sequential(...layers, ...(activation === null ? [] : [activation]));
}

/** The multiple of 8 nearest to a number of channels, at least 8 and at least nine tenths of it. */
export function toMultipleOf8(channels: number): number {
  const nearest = Math.max(8, 8 * Math.floor(channels / 8 + 0.5));
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}
