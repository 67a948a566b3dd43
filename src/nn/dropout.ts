import { checkProbability } from "../check-range.js";
import { ones } from "../create.js";
import { ShapeError } from "../errors.js";
import { mul } from "../ops/binary.js";
import { dropout } from "../ops/dropout.js";
import { checkOptions } from "../options.js";
import type { Generator, GeneratorState } from "../random.js";
import { scope } from "../scope.js";
import { formatShape } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { type LayerTraits, same } from "./layer-traits.js";
import { Module } from "./module.js";

/** Options of {@link Dropout}, {@link Dropout2d} and {@link DropPath}. */
export interface DropoutOptions {
  /** Where masks are drawn from. @defaultValue the generator that `seed()` sets */
  readonly generator?: Generator;
}

/**
 * @internal In training, parts of x are 0 with probability p, and what is left is divided by 1 − p; in evaluation it is
 * x itself.
 */
export abstract class RandomDrop extends Module {
  /** The probability of 0. */
  readonly p: number;
  readonly #generator: Generator | undefined;

  /** @throws ArgumentError if p is no probability */
  constructor(p: number, { generator }: DropoutOptions) {
    super();
    checkProbability(`new ${this.constructor.name}(p)`, p, "Pass the share of values to drop, e.g. 0.5.");
    this.p = p;
    this.#generator = generator;
  }

  /** Drops parts of x. */
  protected abstract drop(x: Tensor, generator: Generator | undefined): Tensor;

  /** Applies the layer. @param x - of a shape that the layer takes */
  override forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? this.drop(x, this.#generator) : x;
  }

  override getExtraState(): GeneratorState | null {
    return this.#generator?.state ?? null;
  }

  override setExtraState(state: GeneratorState): void {
    if (this.#generator !== undefined) this.#generator.state = state;
  }

  /** What all of them have in common, for their `traits`. */
  protected dropTraits(): LayerTraits {
    return { constructorArguments: [this.p], keepsNothing: true, channels: same, rank: same };
  }

  override toString(): string {
    return `${this.constructor.name}(${this.p})`;
  }
}

/** In training each value is 0 with probability p, else x / (1 − p); in evaluation x itself. See {@link dropout}. */
export class Dropout extends RandomDrop {
  /** @param p - in [0, 1], 0.5 by default @throws ArgumentError if it is not */
  constructor(p = 0.5, options: DropoutOptions = {}) {
    super(p, options);
    checkOptions("new Dropout(p)", options, { generator: true });
  }

  protected override drop(x: Tensor, generator: Generator | undefined): Tensor {
    return dropout(x, this.p, generator);
  }

  protected override traits(): LayerTraits {
    return this.dropTraits();
  }
}

/** x with whole blocks, which share the first axes, dropped. @param axes - how many they share */
function dropBlocks(x: Tensor, axes: number, p: number, generator: Generator | undefined): Tensor {
  return scope(() => mul(x, dropout(ones(x.shape.map((size, axis) => (axis < axes ? size : 1))), p, generator)));
}

/**
 * In training each channel of each sample is 0 as a whole with probability p, else x / (1 − p); in evaluation it is x
 * itself. Neighbouring values of a plane say much the same, so that dropping single ones hides little (Tompson et al.
 * 2015, arXiv:1411.4280).
 *
 * @example
 * ```ts
 * new Dropout2d(0.2).forward(ones([8, 16, 7, 7])).shape; // [8, 16, 7, 7], a fifth of the 128 planes zeros
 * ```
 */
export class Dropout2d extends RandomDrop {
  /** @param p - in [0, 1], 0.5 by default @throws ArgumentError if it is not */
  constructor(p = 0.5, options: DropoutOptions = {}) {
    super(p, options);
    checkOptions("new Dropout2d(p)", options, { generator: true });
  }

  /** Applies the layer. @param x - (N, C, …) @throws ShapeError if x has no axes behind its channels */
  override forward(x: Tensor): Tensor {
    checkTensor(this, x);
    if (x.rank >= 3) return super.forward(x);
    throw new ShapeError({
      where: `${this}.forward(x)`,
      expected: "channels with axes behind them, (N, C, …)",
      received: `rank ${x.rank} (shape ${formatShape(x.shape)})`,
      cure: "Use Dropout for single values.",
    });
  }

  protected override drop(x: Tensor, generator: Generator | undefined): Tensor {
    return dropBlocks(x, 2, this.p, generator);
  }

  protected override traits(): LayerTraits {
    return this.dropTraits();
  }
}

/**
 * Stochastic depth: in training each sample is 0 as a whole with probability p, else x / (1 − p); in evaluation it is x
 * itself. At the end of a {@link Residual}'s body it leaves out the body for some samples (Huang et al. 2016,
 * arXiv:1603.09382).
 *
 * @example
 * ```ts
 * new Residual(new Sequential(new Linear(8, 8), new ReLU(), new DropPath(0.1)));
 * ```
 */
export class DropPath extends RandomDrop {
  /** @param p - in [0, 1], 0 by default @throws ArgumentError if it is not */
  constructor(p = 0, options: DropoutOptions = {}) {
    super(p, options);
    checkOptions("new DropPath(p)", options, { generator: true });
  }

  protected override drop(x: Tensor, generator: Generator | undefined): Tensor {
    return dropBlocks(x, 1, this.p, generator);
  }

  protected override traits(): LayerTraits {
    return this.dropTraits();
  }
}

/** Whether a module is exactly one of the layers that are x itself in evaluation. */
export function isRandomDrop(module: { is: Module["is"] }): module is RandomDrop {
  return module.is(Dropout) || module.is(Dropout2d) || module.is(DropPath);
}
