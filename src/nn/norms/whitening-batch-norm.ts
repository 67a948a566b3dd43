import { noGrad } from "../../autograd.js";
import type { Communicator } from "../../communicator.js";
import { tensor, zeros } from "../../create.js";
import { add, div, mul, sub } from "../../ops/binary.js";
import { centre } from "../../ops/centre.js";
import { conv1d } from "../../ops/conv1d.js";
import { gram } from "../../ops/gram.js";
import { inverseRoot } from "../../ops/inverse-root.js";
import { matmul } from "../../ops/matmul.js";
import { reshape } from "../../ops/reshape.js";
import { momentsOf } from "../../ops/standardize.js";
import { sum } from "../../ops/sum.js";
import { transpose } from "../../ops/transpose.js";
import { sqrt } from "../../ops/unary.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { checkCount, sizeOf } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { assign, copyOf } from "../../tensor-copies.js";
import type { LayerTraits } from "../layer-traits.js";
import { checkDivides } from "./channel-groups.js";
import { checkPlain } from "./composed-norm.js";
import type { NormForwardOptions } from "./norm.js";
import { type FurtherRenewal, RunningNorm, type RunningNormOptions } from "./running-norm.js";
import { moveMeans } from "./running-statistics.js";
import { channelView, checkSeveralValues, scaledAlongChannels } from "./views.js";

/** Options of {@link WhiteningBatchNorm}. */
export interface WhiteningBatchNormOptions extends Omit<RunningNormOptions, "unbiased"> {
  /** Steps of Newton's iteration for Σ^(−1/2), or `"exact"`: by eigenvectors. @defaultValue 5 */
  readonly iterations?: number | "exact";
  /**
   * Groups of channels that are whitened apart, a divisor of `numFeatures`.
   *
   * @defaultValue the fewest with 64 channels or fewer each
   */
  readonly groups?: number | null;
}

/** A batch's matrices, and what they are applied to. */
interface Whitening {
  /** (groups, d, d) */
  readonly matrix: Tensor;
  /** (groups, d, values): x less its mean. */
  readonly centred: Tensor;
}

/**
 * Whitening batch normalisation: y = weight · Σ^(−1/2) (x − mean) + bias, with the covariance matrix Σ of the channels
 * of a group over the batch, eps added to its diagonal. Channels come out with variance 1 and without correlation,
 * where {@link BatchNorm} leaves them correlated.
 *
 * `iterations: "exact"` is decorrelated batch norm (ZCA): Σ^(−1/2) by eigenvectors, in float64 on the host, so not on
 * WebGPU. A number is iterative normalisation: P ← (3 P − P³ Σ / tr Σ) / 2 from P = 1, so many times, and Σ^(−1/2) ≈ P
 * / √(tr Σ); gradients flow through the steps. Few steps whiten the largest directions only, which is milder.
 *
 * Evaluation uses a running mean and a running matrix Σ^(−1/2), as in the papers. {@link recalibrate} gives it the mean
 * of all data, and the mean over batches of their matrices: pass batches of the size of training. A batch should have
 * many more values per channel than a group has channels. x is (N, C, …) of rank 2 to 5.
 *
 * Source: Huang et al. 2018 (arXiv:1804.08450), Algorithm 1 ("exact"), and Huang et al. 2019 (arXiv:1904.03441),
 * Algorithm 1.
 *
 * @example
 * ```ts
 * const norm = new WhiteningBatchNorm(8, { groups: 2 });
 * norm.forward(zeros([9, 8, 4, 4])).shape; // [9, 8, 4, 4]
 * norm.runningWhitening.shape; // [2, 4, 4]
 * ```
 */
export class WhiteningBatchNorm extends RunningNorm {
  /** See {@link WhiteningBatchNormOptions.iterations}. */
  readonly iterations: number | "exact";
  /** Groups of channels that are whitened apart. */
  readonly groups: number;
  readonly #whitening: Tensor;
  /** The mean matrix of batches during a recalibration. */
  #gathered: { readonly into: Tensor; readonly counters: Tensor } | null = null;

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @throws ArgumentError if a number is out of range, or the groups do not divide the channels
   */
  constructor(numFeatures: number, options: WhiteningBatchNormOptions = {}) {
    const { iterations = 5, groups = null, ...common } = options;
    const where = "new WhiteningBatchNorm(numFeatures)";
    super(checkCount(where, "numFeatures", numFeatures), { ...common, trackRunningStats: true, unbiased: false });
    checkOptions(where, options, {
      iterations: true,
      groups: true,
      eps: true,
      momentum: true,
      warmUp: true,
      affine: true,
    });
    this.iterations = iterations === "exact" ? iterations : checkCount(where, "iterations", iterations);
    this.groups = checkDivides(where, groups ?? fewestGroups(numFeatures), numFeatures);
    this.#whitening = this.buffer("running_whitening", this.#identity(this.groups));
  }

  /** Running Σ^(−1/2): (groups, d, d), identities at first. Not a parameter. */
  get runningWhitening(): Tensor {
    return this.#whitening;
  }

  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    checkPlain(this, options);
    const { running, numFeatures } = this;
    const view = channelView(this, x, numFeatures);
    if (running.normalizeWith === "batch") checkSeveralValues(this, x, view);
    if (x.size === 0) return mul(x, 1);
    return scope(() => {
      const usesBatch = running.normalizeWith === "batch";
      const batch = usesBatch || running.takesMoments ? this.#ofBatch(this.#grouped(x)) : null;
      const scaled = usesBatch && batch !== null ? this.#ungrouped(batch, x) : this.#byRunning(x);
      if (batch !== null && running.takesMoments) {
        running.takeAlso(batch.matrix, this.#whitening);
        if (this.#gathered !== null) moveMeans(batch.matrix, { ...this.#gathered, momentum: -1, warmsUp: false });
        running.take(momentsOf(x, view, null), false);
      }
      return scaledAlongChannels(scaled, null, this.bias);
    });
  }

  #ofBatch(x: Tensor): Whitening {
    const { iterations, eps } = this;
    const centred = centre(x, 2);
    const identity = this.#identity(1);
    const squares = mul(gram(centred), 1 / x.shape[2]);
    const covariance = add(squares, mul(identity, eps));
    if (iterations === "exact") return { matrix: inverseRoot(covariance), centred };
    const trace = sum(mul(covariance, identity), [1, 2], { keepDims: true });
    // P² Σ is the product of P and Q = Σ P, which moves beside it: rounding errors of P³ Σ would grow from step to
    // step.
    let [matrix, other] = [identity, div(covariance, trace)];
    for (let k = 0; k < iterations; k++) {
      const step = sub(mul(identity, 1.5), mul(matmul(matrix, other), 0.5));
      matrix = matmul(step, matrix);
      other = matmul(other, step);
    }
    return { matrix: div(matrix, sqrt(trace)), centred };
  }

  /** By the running statistics, weighted: a convolution of one tap in groups, which every format has. */
  #byRunning(x: Tensor): Tensor {
    const { runningMean, numFeatures, groups, weight } = this;
    if (runningMean === null) throw new Error("internal: running statistics are missing");
    const planes = reshape(x, [x.shape[0], numFeatures, sizeOf(x.shape.slice(2))]);
    const taps = reshape(this.#whitening, [numFeatures, numFeatures / groups, 1]);
    const whitened = conv1d(sub(planes, reshape(runningMean, [numFeatures, 1])), taps, null, { groups });
    return scaledAlongChannels(reshape(whitened, x.shape), weight, null);
  }

  /** (N, C, …) → (groups, d, values) */
  #grouped(x: Tensor): Tensor {
    const planes = reshape(x, [x.shape[0], x.shape[1], sizeOf(x.shape.slice(2))]);
    return reshape(transpose(planes, [1, 0, 2]), [this.groups, this.numFeatures / this.groups, -1]);
  }

  /** Weighted; the matrix has fewer values to multiply than x. */
  #ungrouped({ matrix, centred }: Whitening, { shape }: Tensor): Tensor {
    const { weight, groups, numFeatures } = this;
    const weighted = weight === null ? matrix : mul(matrix, reshape(weight, [groups, numFeatures / groups, 1]));
    const planes = reshape(matmul(weighted, centred), [shape[1], shape[0], sizeOf(shape.slice(2))]);
    return reshape(transpose(planes, [1, 0, 2]), shape);
  }

  /** So many identities: (count, d, d). */
  #identity(count: number): Tensor {
    const size = this.numFeatures / this.groups;
    const values = Float32Array.from({ length: count * size * size }, (_, k) =>
      (k % (size * size)) % (size + 1) === 0 ? 1 : 0,
    );
    return tensor(values, [count, size, size]);
  }

  /** @internal */
  override renewMore(): FurtherRenewal {
    const whitening = this.#whitening;
    const before = copyOf("recalibrate", whitening);
    const gathered = { into: zeros(whitening.shape), counters: zeros([3]) };
    this.#gathered = gathered;
    return {
      share: (communicator) => this.#shareGathered(gathered, communicator),
      use: (share) =>
        scope(() =>
          noGrad(() =>
            assign(share === 0 ? gathered.into : add(mul(before, share), mul(gathered.into, 1 - share)), whitening),
          ),
        ),
      restore: () => assign(before, whitening),
      end: () => {
        this.#gathered = null;
        for (const t of [before, gathered.into, gathered.counters]) t.dispose();
      },
    };
  }

  /** The mean of the matrices of all ranks' batches; a rank whose parts were all empty has none. */
  #shareGathered({ into, counters }: { into: Tensor; counters: Tensor }, communicator: Communicator): void {
    if (communicator.size === 1) return;
    const [batches] = counters.dataSync();
    const sums = Float64Array.from([1, ...into.dataSync()], (value) => value * batches);
    communicator.allReduceSum(sums, `${this}, matrices of the data`);
    const [count] = sums;
    if (count === 0) return;
    into.backend.write(
      into.block,
      Float32Array.from(sums.subarray(1), (value) => value / count),
    );
    into.storage.version++;
  }

  override resetRunningStats(): this {
    const identity = this.#identity(this.groups);
    assign(identity, this.#whitening);
    identity.dispose();
    return super.resetRunningStats();
  }

  protected override traits(): LayerTraits {
    const { iterations, groups } = this;
    const { channelMap: _, ...traits } = this.runningTraits({ iterations, groups, unbiased: undefined });
    return { ...traits, fusesRelu: false, isComposedInEvaluation: true };
  }

  override toString(): string {
    return `WhiteningBatchNorm(${this.numFeatures})`;
  }
}

/** The fewest groups of 64 channels or fewer. */
function fewestGroups(features: number): number {
  let groups = Math.ceil(features / 64);
  while (features % groups !== 0) groups++;
  return groups;
}
