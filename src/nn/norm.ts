import type { StatisticsView } from "../backend/backend.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { type Activation, type Affine, standardize } from "../ops/standardize.js";
import { checkCount, formatShape, maxRank, type Shape, sameShape, sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { type AnyModule, checkFeatures, Module } from "./module.js";

/** Options of a normalisation's forward pass. */
export interface NormForwardOptions {
  /**
   * `"relu"`: the output is max(y, 0), computed in the same pass. Values and gradients are those of {@link relu} behind the layer, to the
   * bit, without its pass over memory and its output. {@link Sequential} does so by itself. @defaultValue none
   */
  readonly activation?: Activation | null;
}

/**
 * What all normalisations have in common: eps under the root, and a weight and a bias that follow. They differ in which values share
 * a mean. `model.namedModules()` with `instanceof Norm` finds them.
 */
export abstract class Norm extends Module<[x: Tensor, options?: NormForwardOptions]> {
  /** γ, which multiplies: ones at first; null without `affine`. */
  weight: Tensor | null = null;
  /** β, which is added: zeros at first; null without `affine`. */
  bias: Tensor | null = null;
  #eps = 0;

  /** Added to the variance (RMS: the mean square) under the root, in units of x². @throws ArgumentError if negative or not finite */
  get eps(): number {
    return this.#eps;
  }

  /** Checked. */
  set eps(value: number) {
    if (typeof value !== "number" || !(value >= 0 && value < Number.POSITIVE_INFINITY)) {
      throw new ArgumentError({
        where: `${this}.eps`,
        expected: "a finite number of at least 0",
        received: String(value),
        cure: "Pass a small one such as 1e-5.",
      });
    }
    this.#eps = value;
  }

  /** What values that share a mean are called, in messages: a `channel`. */
  protected abstract readonly share: string;

  /** The kept index k of a view, in messages: `channel 3`. */
  protected place(k: number): string {
    return `${this.share} ${k}`;
  }

  /**
   * Normalises x.
   *
   * @param x - of a shape that fits the layer: see the class
   * @returns the same shape
   * @throws ShapeError if the shape does not fit, or statistics are asked of one value
   * @throws ArgumentError if eps is 0 and there is no variance, or an option is unknown
   */
  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    const { activation = null } = options;
    if (activation !== null && activation !== "relu") {
      throw new ArgumentError({
        where: `${this}.forward(x, { activation })`,
        expected: '"relu" or none',
        received: JSON.stringify(activation),
        cure: "Apply other activations to the output.",
      });
    }
    return this.normalize(x, { activation });
  }

  /** What the layer does: {@link Norm.forward} with options checked. */
  protected abstract normalize(x: Tensor, options: NormForwardOptions): Tensor;

  /** The map that follows (x − mean). */
  protected affine({ activation = null }: NormForwardOptions): Affine {
    return { weight: this.weight, bias: this.bias, eps: this.#eps, activation };
  }

  /** Normalises by the statistics of x itself. @throws ArgumentError if eps is 0 and a share has no variance */
  protected standardize(x: Tensor, view: StatisticsView, options: NormForwardOptions): { y: Tensor; moments: Tensor } {
    const result = standardize(x, view, this.affine(options));
    if (this.#eps === 0) this.#checkVariance(result.moments);
    return result;
  }

  /** Only asked at eps 0, since it waits for the backend. */
  #checkVariance(moments: Tensor): void {
    const values = new Float64Array(moments.backend.readSync(moments.block, 8 * moments.size));
    for (let k = 0; 3 * k < values.length; k++) {
      if (values[3 * k + 2] === 0 && values[3 * k] > 0) throw this.varianceError(this.place(k));
    }
  }

  /** Says where there is no variance. */
  protected varianceError(place: string): ArgumentError {
    return new ArgumentError({
      where: `${this}.forward(x)`,
      expected: `variance in every ${this.share}, since eps is 0`,
      received: `none in ${place}`,
      cure: "Set eps to a small positive number such as 1e-5.",
    });
  }
}

/** x as (N, C, S) with one mean per channel and a parameter per channel. @throws ShapeError if rank or channels do not fit */
export function channelView(layer: AnyModule, x: Tensor, channels: number): StatisticsView {
  if (x.rank < 2 || x.rank > 5) {
    throw new ShapeError({
      where: `${layer}.forward(x)`,
      expected: "rank 2 to 5: (N, C, …)",
      received: `rank ${x.rank} (shape ${formatShape(x.shape)})`,
      cure: "Reshape x so that channels are axis 1.",
    });
  }
  checkFeatures(layer, x, 1, channels, "channels");
  const inner = sizeOf(x.shape.slice(2));
  return { outer: x.shape[0], kept: channels, inner, repeat: inner, period: channels };
}

/** x as rows of `normalizedShape`, with a mean per row and a parameter per value. @throws ShapeError if the last axes do not fit */
export function rowView(layer: AnyModule, x: Tensor, normalizedShape: Shape): StatisticsView {
  const leading = x.rank - normalizedShape.length;
  if (leading < 0 || !sameShape(x.shape.slice(leading), normalizedShape)) {
    throw new ShapeError({
      where: `${layer}.forward(x)`,
      expected: `last axes of ${formatShape(normalizedShape)}`,
      received: formatShape(x.shape),
      cure: "Build the layer with the sizes of the last axes of x, or reshape x.",
    });
  }
  const inner = sizeOf(normalizedShape);
  return { outer: 1, kept: sizeOf(x.shape.slice(0, leading)), inner, repeat: 1, period: inner };
}

/** The sizes of the last axes, given as a list or as the one size. @throws ArgumentError if they are none */
export function normalizedShapeOf(where: string, given: number | Shape): Shape {
  const shape = typeof given === "number" ? [given] : given;
  if (!Array.isArray(shape) || shape.length < 1 || shape.length > maxRank) {
    throw new ArgumentError({
      where,
      expected: `a size or a list of 1 to ${maxRank} sizes`,
      received: JSON.stringify(given) ?? String(given),
      cure: "Pass the sizes of the last axes of x.",
    });
  }
  return shape.map((size) => checkCount(where, "each size", size));
}
