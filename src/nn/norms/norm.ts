import type { StatisticsView } from "../../backend/backend.js";
import { ArgumentError, ShapeError } from "../../errors.js";
import { relu } from "../../ops/activations.js";
import { add } from "../../ops/binary.js";
import { pass } from "../../ops/pass.js";
import { type Activation, type Affine, momentsOf, standardize } from "../../ops/standardize.js";
import { type Synchronization, synchronizeMoments } from "../../ops/synchronize.js";
import { scope } from "../../scope.js";
import { checkCount, formatShape, maxRank, type Shape, sameShape, sizeOf } from "../../shape.js";
import { checkTensor, type Tensor } from "../../tensor.js";
import { type AnyModule, checkFeatures, Module } from "../module.js";
import { checkMask, complementOf, type MaskedOutput } from "./mask.js";

/** Options of a normalisation's forward pass. */
export interface NormForwardOptions {
  /**
   * Which values of x are real: 1 for those, 0 for padding, of the rank of x and broadcast to it: (N, 1, …S) for x of (N, C, …S), such as
   * N×1×L for sequences; (N, T, 1) for the rows of a {@link LayerNorm}. Masked values, even NaN, count in no statistics, running ones
   * included, and get no gradient through them. Where statistics are fixed (evaluation, `freeze()`) only the output heeds it.
   * @defaultValue none: all are real
   */
  readonly mask?: Tensor | null;
  /** What the output has where the mask is 0: `"zero"`, or `"input"`, x as it is there. @defaultValue "zero" */
  readonly maskedOutput?: MaskedOutput;
  /**
   * `"relu"`: the output is max(y, 0), computed in the same pass. Values and gradients are those of {@link relu} behind the layer, to the
   * bit, without its pass over memory and its output. {@link Sequential} does so by itself. @defaultValue none
   */
  readonly activation?: Activation | null;
}

/** What of {@link NormForwardOptions} a layer heeds itself. */
export interface NormPass {
  readonly mask: Tensor | null;
  readonly activation: Activation | null;
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
   * @throws ShapeError if x or the mask does not fit, or statistics are asked of one value
   * @throws ArgumentError if an option is out of range, a share has one real value, or eps is 0 and a share has no variance
   */
  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    const { mask = null, maskedOutput = "zero", activation = null } = options;
    if (maskedOutput !== "zero" && maskedOutput !== "input") {
      throw new ArgumentError({
        where: `${this}.forward(x, { maskedOutput })`,
        expected: '"zero" or "input"',
        received: JSON.stringify(maskedOutput) ?? String(maskedOutput),
        cure: "Pass one of the two.",
      });
    }
    if (activation !== null && activation !== "relu") {
      throw new ArgumentError({
        where: `${this}.forward(x, { activation })`,
        expected: '"relu" or none',
        received: JSON.stringify(activation) ?? String(activation),
        cure: "Apply other activations to the output.",
      });
    }
    if (mask === null) return this.normalize(x, { mask, activation });
    checkMask(this, x, mask);
    return scope(() => {
      const y = pass(this.normalize(pass(x, mask), { mask, activation }), mask);
      if (maskedOutput === "zero") return y;
      const rest = pass(x, complementOf(mask));
      return add(y, activation === "relu" ? relu(rest) : rest);
    });
  }

  /** What {@link Norm.forward} does where the mask is 1; elsewhere x is 0, and the output may be anything finite. */
  protected abstract normalize(x: Tensor, pass: NormPass): Tensor;

  /** What follows x̂. */
  protected affine({ activation }: NormPass): Affine {
    return { weight: this.weight, bias: this.bias, eps: this.#eps, activation };
  }

  /** Normalises by the statistics of x itself: `y`, and the `moments`, to be disposed of. @throws ArgumentError as {@link Norm.moments} */
  protected standardize(x: Tensor, view: StatisticsView, pass: NormPass): { y: Tensor; moments: Tensor } {
    const moments = this.moments(x, view, pass.mask);
    return { y: standardize(x, moments, view, this.affine(pass), this.synchronization()), moments };
  }

  /** Whose statistics are taken together with those of x: nobody's, but for layers that say so. */
  protected synchronization(): Synchronization | null {
    return null;
  }

  /** Moments that x can be normalised by. @throws ArgumentError if a share has one real value, or eps is 0 and it has no variance */
  protected moments(x: Tensor, view: StatisticsView, mask: Tensor | null): Tensor {
    const moments = this.sharedMoments(x, view, mask);
    // Only asked where there is need, since it waits for the backend.
    if (mask !== null || this.#eps === 0) this.#checkMoments(moments, view);
    return moments;
  }

  /** The moments of x, taken together with those of {@link Norm.synchronization}. */
  protected sharedMoments(x: Tensor, view: StatisticsView, mask: Tensor | null): Tensor {
    const moments = momentsOf(x, view, mask);
    const synchronization = this.synchronization();
    if (synchronization !== null) synchronizeMoments(moments, synchronization);
    return moments;
  }

  #checkMoments(moments: Tensor, { centred = true }: StatisticsView): void {
    const values = readMoments(moments);
    for (let k = 0; 3 * k < values.length; k++) {
      const [count, , m2] = values.subarray(3 * k);
      if (count === 1 && centred) {
        throw new ArgumentError({
          where: `${this}.forward(x, { mask })`,
          expected: `at least 2 real values, or none, per ${this.share}`,
          received: `1 in ${this.place(k)}`,
          cure: "Leave out what has one value, or mask that one too.",
        });
      }
      if (this.#eps === 0 && m2 === 0 && count > 0) throw this.varianceError(this.place(k));
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

/** Count, mean and M2 of each share. */
export function readMoments(moments: Tensor): Float64Array {
  return new Float64Array(moments.backend.readSync(moments.block, 8 * moments.size));
}

/** x as (N, C, S) with one mean per channel and a parameter per channel. @throws ShapeError if rank or channels do not fit */
export function channelView(layer: AnyModule, x: Tensor, channels: number): StatisticsView {
  checkTensor(layer, x);
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
