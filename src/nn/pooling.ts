import { ArgumentError } from "../errors.js";
import { type AvgPoolOptions, avgPoolNames, type PoolOptions, poolNames } from "../ops/pool.js";
import { avgPool1d, maxPool1d, type SignalAvgPoolOptions, type SignalPoolOptions } from "../ops/pool1d.js";
import { avgPool2d, globalAvgPool2d, globalMaxPool2d, maxPool2d } from "../ops/pool2d.js";
import { avgPool3d, maxPool3d, type VolumeAvgPoolOptions, type VolumePoolOptions } from "../ops/pool3d.js";
import { resolvePadding } from "../ops/window-padding.js";
import { type Pair, resolveSizes, type Triple } from "../ops/windows.js";
import { checkOptions, type OptionNames } from "../options.js";
import { shown } from "../shown.js";
import type { Tensor } from "../tensor.js";
import { type LayerTraits, perChannel } from "./layer-traits.js";
import { Module } from "./module.js";

/** The op of a pooling. */
type PoolOp<Sizes, Options> = (x: Tensor, kernel: Sizes, options: Options) => Tensor;

/** A pooling of windows over the axes behind batch and channels. */
abstract class Pool<Sizes, Options extends PoolOptions<unknown, unknown>> extends Module {
  /** Size of the windows. */
  readonly kernel: Sizes;
  /** Step, padding and what else there is to say. */
  readonly options: Options;
  readonly #axes: number;
  readonly #apply: PoolOp<Sizes, Options>;

  /** @throws ArgumentError if a number is not whole or too small */
  constructor(
    apply: PoolOp<Sizes, Options>,
    axes: number,
    kernel: Sizes,
    options: Options,
    names: OptionNames<PoolOptions<unknown, unknown>>,
  ) {
    super();
    const where = `new ${this.constructor.name}(kernel)`;
    checkOptions<PoolOptions<unknown, unknown>>(where, options, names);
    resolveSizes(where, "kernel", kernel, 1, axes);
    resolveSizes(where, "stride", options.stride ?? kernel, 1, axes);
    resolvePadding(where, options.padding ?? 0, axes);
    for (const flag of ["ceilMode", "countIncludePad"]) checkFlag(where, flag, Reflect.get(options, flag));
    this.#axes = axes;
    this.#apply = apply;
    this.kernel = kernel;
    this.options = options;
  }

  /** Applies the layer. @param x - (N, C, …) @throws ShapeError if no window fits */
  override forward(x: Tensor): Tensor {
    return this.#apply(x, this.kernel, this.options);
  }

  /** What all kinds of windows have in common, for their `traits`. */
  protected windowTraits(op: string): LayerTraits {
    return perChannel(op, [this.kernel, this.options], this.#axes);
  }

  override toString(): string {
    return `${this.constructor.name}(${JSON.stringify(this.kernel)})`;
  }
}

function checkFlag(where: string, name: string, value: unknown): void {
  if (value === undefined || typeof value === "boolean") return;
  throw new ArgumentError({
    where,
    expected: `${name} to be true or false`,
    received: shown(value),
    cure: `Correct ${name}.`,
  });
}

/**
 * The largest value of each window of (N, C, L); see {@link maxPool1d}.
 *
 * @example
 * ```ts
 * new MaxPool1d(2).forward(zeros([1, 3, 8])).shape; // [1, 3, 4]
 * ```
 */
export class MaxPool1d extends Pool<number, SignalPoolOptions> {
  /** @param kernel - size of the windows @throws ArgumentError if a number is not whole or too small */
  constructor(kernel: number, options: SignalPoolOptions = {}) {
    super(maxPool1d, 1, kernel, options, poolNames);
  }

  protected override traits(): LayerTraits {
    return this.windowTraits("maxPool1d");
  }
}

/**
 * The largest value of each window of (N, C, H, W); see {@link maxPool2d}.
 *
 * @example
 * ```ts
 * new MaxPool2d(2).forward(zeros([1, 3, 8, 8])).shape; // [1, 3, 4, 4]
 * ```
 */
export class MaxPool2d extends Pool<Pair, PoolOptions> {
  /** @param kernel - size of the windows @throws ArgumentError if a number is not whole or too small */
  constructor(kernel: Pair, options: PoolOptions = {}) {
    super(maxPool2d, 2, kernel, options, poolNames);
  }

  protected override traits(): LayerTraits {
    return this.windowTraits("maxPool2d");
  }
}

/**
 * The largest value of each window of (N, C, D, H, W); see {@link maxPool3d}.
 *
 * @example
 * ```ts
 * new MaxPool3d(2).forward(zeros([1, 3, 8, 8, 8])).shape; // [1, 3, 4, 4, 4]
 * ```
 */
export class MaxPool3d extends Pool<Triple, VolumePoolOptions> {
  /** @param kernel - size of the windows @throws ArgumentError if a number is not whole or too small */
  constructor(kernel: Triple, options: VolumePoolOptions = {}) {
    super(maxPool3d, 3, kernel, options, poolNames);
  }

  protected override traits(): LayerTraits {
    return this.windowTraits("maxPool3d");
  }
}

/**
 * The mean of each window of (N, C, L), padding not counted unless `countIncludePad` says so; see {@link avgPool1d}.
 *
 * @example
 * ```ts
 * new AvgPool1d(2).forward(zeros([1, 3, 8])).shape; // [1, 3, 4]
 * ```
 */
export class AvgPool1d extends Pool<number, SignalAvgPoolOptions> {
  /** @param kernel - size of the windows @throws ArgumentError if a number is not whole or too small */
  constructor(kernel: number, options: SignalAvgPoolOptions = {}) {
    super(avgPool1d, 1, kernel, options, avgPoolNames);
  }

  protected override traits(): LayerTraits {
    return this.windowTraits("avgPool1d");
  }
}

/**
 * The mean of each window of (N, C, H, W), padding not counted unless `countIncludePad` says so; see {@link avgPool2d}.
 *
 * @example
 * ```ts
 * new AvgPool2d(2).forward(zeros([1, 3, 8, 8])).shape; // [1, 3, 4, 4]
 * ```
 */
export class AvgPool2d extends Pool<Pair, AvgPoolOptions> {
  /** @param kernel - size of the windows @throws ArgumentError if a number is not whole or too small */
  constructor(kernel: Pair, options: AvgPoolOptions = {}) {
    super(avgPool2d, 2, kernel, options, avgPoolNames);
  }

  protected override traits(): LayerTraits {
    return this.windowTraits("avgPool2d");
  }
}

/**
 * The mean of each window of (N, C, D, H, W), padding not counted unless `countIncludePad` says so; see
 * {@link avgPool3d}.
 *
 * @example
 * ```ts
 * new AvgPool3d(2).forward(zeros([1, 3, 8, 8, 8])).shape; // [1, 3, 4, 4, 4]
 * ```
 */
export class AvgPool3d extends Pool<Triple, VolumeAvgPoolOptions> {
  /** @param kernel - size of the windows @throws ArgumentError if a number is not whole or too small */
  constructor(kernel: Triple, options: VolumeAvgPoolOptions = {}) {
    super(avgPool3d, 3, kernel, options, avgPoolNames);
  }

  protected override traits(): LayerTraits {
    return this.windowTraits("avgPool3d");
  }
}

/** The mean of each plane: (N, C, H, W) → (N, C). */
export class GlobalAvgPool2d extends Module {
  /** Applies the layer. @param x - (N, C, H, W) @returns (N, C) */
  override forward(x: Tensor): Tensor {
    return globalAvgPool2d(x);
  }

  protected override traits(): LayerTraits {
    return perChannel("globalAvgPool2d", [], 0);
  }
}

/**
 * The largest value of each plane: (N, C, H, W) → (N, C).
 *
 * @example
 * ```ts
 * new GlobalMaxPool2d().forward(zeros([1, 3, 8, 8])).shape; // [1, 3]
 * ```
 */
export class GlobalMaxPool2d extends Module {
  /** Applies the layer. @param x - (N, C, H, W) @returns (N, C) @throws ShapeError if planes have no values */
  override forward(x: Tensor): Tensor {
    return globalMaxPool2d(x);
  }

  protected override traits(): LayerTraits {
    return perChannel("globalMaxPool2d", [], 0);
  }
}
