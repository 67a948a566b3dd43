import type { Expectations } from "./expectations.js";
import type { Normalization, StatisticsView } from "./normalization.js";
import type { Optimization } from "./optimization.js";
import type { Recurrences } from "./recurrences.js";

export type { Check, Expectations, MomentsCheck, Offence } from "./expectations.js";
export type { AffineMap, FixedMaps, Normalization, RenormLimits, StatisticsView } from "./normalization.js";
export type {
  AdamStep,
  AdamUpdate,
  GateLimits,
  Optimization,
  SgdStep,
  SgdUpdate,
  StepNumbers,
  Update,
  Values,
} from "./optimization.js";
export type { Recurrence, RecurrenceInput, RecurrenceSaved, Recurrences } from "./recurrences.js";

/**
 * What a backend is: a place where blocks of memory live, and the kernels that work on them. It knows no shapes beyond
 * the counts it is given, checks nothing (the ops have done so), keeps no graph, and never returns a number to the
 * host: results are blocks, and only `read` and `readSync` bring them back. So a backend whose device answers later
 * fits in the same way.
 *
 * Rules that hold for every member:
 * - A block is row-major, contiguous and starts at its first value. Values are f32 unless a member says wide (f64) or
 *   i32. A wide number takes 8 bytes: a float64 where the backend answers at once; elsewhere whatever is as exact as
 *   the device can be, such as two f32. Only the backend's own members, `readWide` and `writeWide` look inside.
 * - `y`, `dx`, `dweight` … are outputs: allocated by the caller, wholly overwritten (accumulating members say so).
 * - Element by element members may write over one of their inputs; no other member may.
 * - Sums run in float64 (or in f32 within stretches that are then summed in float64), in an order that depends on the
 *   counts only. Hence equal inputs give equal bits, however many threads share the work.
 * - Any count may be 0, unless a member says otherwise.
 * - Members take effect in the order of their calls, reads too: a read gives what the block held when it was called,
 *   whatever is written later, and even if the block is freed or handed out again meanwhile.
 *
 * `cpu` is the oracle: plain loops, sums in float64. `wasm` is the fast one.
 */
export interface Backend<Block = unknown>
  extends Memory<Block>,
    Expectations<Block>,
    Elementwise<Block>,
    Reductions<Block>,
    MatrixProducts<Block>,
    Lookups<Block>,
    Convolutions<Block>,
    Pooling<Block>,
    Recurrences<Block>,
    Normalization<Block>,
    Summaries<Block>,
    Losses<Block>,
    Optimization<Block> {
  /** The name by which `setBackend` knows it. */
  readonly name: BackendName;
  /**
   * Whether the host may look at values at once: `readSync` and `readInto` work, `expect` throws at once, and wide
   * numbers are float64. If not, `fit` lets the numbers of a step arrive while the next one is under way.
   */
  readonly answersAtOnce: boolean;
}

/** The backends there are; `"webgpu"` is there once `evenkeel/webgpu` has started it. */
export type BackendName = "cpu" | "wasm" | "webgpu";

/** Blocks of memory. */
export interface Memory<Block> {
  /**
   * A block of at least this many bytes, aligned to 16, contents undefined. `where` names the op that asks, for a
   * backend that tells later that there was no room.
   *
   * @throws RangeError if there is no room; a `BlockTooLarge` if there never is
   */
  allocate(bytes: number, where?: string): Block;
  /** Gives a block back; `bytes` is what was asked for. */
  free(block: Block, bytes: number): void;
  /** Copies the bits of host values into a block, from byte `offset` (a multiple of 4; 0 by default). */
  write(block: Block, values: Float32Array | Int32Array, offset?: number): void;
  /** Writes wide numbers, from number `at` on (0 by default). */
  writeWide(block: Block, values: Float64Array, at?: number): void;
  /**
   * A copy of a block's first bytes. Reads that are asked for in one turn of the event loop are answered together, so
   * ask for all before awaiting any. Rejects with what {@link Expectations.expect} found.
   */
  read(block: Block, bytes: number): Promise<ArrayBuffer>;
  /** As {@link Memory.read}, of the first `count` wide numbers. */
  readWide(block: Block, count: number): Promise<Float64Array>;
  /** As {@link Memory.read}, at once. Backends that do not answer at once throw `BackendError`. */
  readSync(block: Block, bytes: number): ArrayBuffer;
  /**
   * As {@link Memory.readSync}, into host memory that is there: as many bytes as it has; a Float64Array of wide
   * numbers.
   */
  readInto(block: Block, values: Float32Array | Float64Array): void;
  /** Bytes handed out by {@link Memory.allocate} and not yet given back. */
  bytesInUse(): number;
  /** The most bytes that can be handed out; infinite where that is not known. */
  bytesAtMost(): number;
}

/**
 * Functions of one value, each with a parameter p that most ignore.
 * `leakyRelu`: x or p·x; `elu`: x or p·(eˣ − 1); `gelu`: x·Φ(x) with the exact error function; `silu`: x·sigmoid(x);
 * `softplus`: ln(1 + eˣ); `hardSwish`: x·min(max(x + 3, 0), 6)/6; `mish`: x·tanh(ln(1 + eˣ)). `sign`: 1, −1, or x
 * itself where it is 0, −0 or NaN; `round`: to the nearest whole number, the even one of two. sin and cos take any
 * finite x, and are NaN at ±∞.
 */
export type UnaryOp =
  | "neg"
  | "exp"
  | "log"
  | "sqrt"
  | "relu"
  | "leakyRelu"
  | "elu"
  | "gelu"
  | "silu"
  | "softplus"
  | "hardSwish"
  | "sigmoid"
  | "tanh"
  | "abs"
  | "sign"
  | "floor"
  | "ceil"
  | "round"
  | "sin"
  | "cos"
  | "erf"
  | "log1p"
  | "expm1"
  | "mish";

/**
 * Derivatives of the functions of {@link UnaryOp}, and what each is given as `saved`. y (the output): exp, sqrt, relu,
 * sigmoid, tanh. x (the input): all others. The slope at 0 is 0 for relu and abs, at NaN 1 for relu, and p for
 * leakyRelu and elu; that of hardSwish is 0 at −3 and 1 at 3.
 */
export type UnaryGradientOp = Exclude<UnaryOp, "neg" | "sign" | "floor" | "ceil" | "round">;

/**
 * Functions of two values. `powBase`: b·a^(b−1), `powExponent`: a^b·ln a (0 where a is 0 and b is not negative): the
 * slopes of `pow`. `pass`: a where b is not 0, else 0, even of a NaN. `logisticLoss`: max(a, 0) − a·b + ln(1 + e^−|a|),
 * the cross-entropy of logit a with target b; `logisticSlope`: sigmoid(a) − b. `prelu`: a where it is above 0, else
 * b·a; `preluSlope`: its slope for a, 1 or b; `timesNegative`: a·min(b, 0), which its slope for b takes. `minimum`,
 * `maximum`: NaN if either is, and −0 lies below 0. `maximumShare`: the slope of `maximum` for a: 1 where a is larger
 * or either is NaN, ½ where they are equal, else 0. `equal`, `notEqual`, `less`, `lessEqual`: 1 where it holds, else 0.
 * `either`: a, or b where a is 0 (not −0); one of them is 0.
 */
export type BinaryOp =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "pow"
  | "powBase"
  | "powExponent"
  | "logisticLoss"
  | "logisticSlope"
  | "pass"
  | "prelu"
  | "preluSlope"
  | "timesNegative"
  | "minimum"
  | "maximum"
  | "maximumShare"
  | "equal"
  | "notEqual"
  | "less"
  | "lessEqual"
  | "either";

/** A walk of up to five nested loops over two inputs and an output; strides in elements, 0 where an input repeats. */
export interface BinaryView {
  /** How often each loop runs, outermost first; all 1s dropped, so `[]` means one element. */
  readonly extents: readonly number[];
  readonly aStrides: readonly number[];
  readonly bStrides: readonly number[];
}

/** A walk of up to five nested loops that copies values; strides and offsets in elements. */
export interface CopyView {
  readonly extents: readonly number[];
  readonly xStrides: readonly number[];
  readonly xOffset: number;
  readonly yStrides: readonly number[];
  readonly yOffset: number;
}

/** Element by element. */
export interface Elementwise<Block> {
  /** y[i] = value */
  fill(y: Block, length: number, value: number): void;
  /** y[i] = f(x[i]) */
  unary(op: UnaryOp, x: Block, y: Block, length: number, parameter: number): void;
  /** dx[i] = dy[i]·f′ at `saved`[i], which is the input or the output: see {@link UnaryGradientOp}. */
  unaryGradient(op: UnaryGradientOp, dy: Block, saved: Block, dx: Block, length: number, parameter: number): void;
  /**
   * y = f(a, b), y contiguous over the walk. When both inputs are contiguous and full, the view has one loop of strides
   * 1, 1.
   */
  binary(op: BinaryOp, a: Block, b: Block, y: Block, view: BinaryView): void;
  /** y[i] = f(x[i], value), or f(value, x[i]) if `isFirst`; `value` is rounded to f32. */
  binaryNumber(op: BinaryOp, x: Block, value: number, isFirst: boolean, y: Block, length: number): void;
  /** Copies along a walk: transposes, slices, joins and repeats. Writes only what the walk reaches. */
  copy(x: Block, y: Block, view: CopyView): void;
  /**
   * y[i] = x[i] / (1 − p) where a hash of (seed, i) lets it pass, else 0. The same seed gives the same mask, so that
   * the gradient is this member on dy, and nothing is stored. `seed` is an integer in [0, 2³²). The hash of element i:
   * h = i·0x9e3779b9 + seed; h = (h ^ h>>>16)·0x21f0aaad; h = (h ^ h>>>15)·0x735a2d97; h ^= h>>>15, all modulo 2³²; it
   * passes when h ≥ ⌊p·2³²⌋ as unsigned numbers.
   */
  dropout(x: Block, y: Block, length: number, p: number, seed: number): void;
}

/** Over the middle of (outer, count, inner). */
export interface Reductions<Block> {
  /** y[o, i] = Σₖ x[o, k, i]; 0 if count is 0. */
  sum(x: Block, y: Block, outer: number, count: number, inner: number): void;
  /** y[o, i] = maxₖ x[o, k, i], NaN if any is; count ≥ 1. */
  max(x: Block, y: Block, outer: number, count: number, inner: number): void;
  /** dx[o, k, i] = dy[o, i] at the first k where x is the maximum (or NaN), else 0. */
  maxGradient(dy: Block, x: Block, dx: Block, outer: number, count: number, inner: number): void;
  /** y[o, k, i] = Σⱼ x[o, j, i] over j ≤ k, or over j ≥ k if it is reversed. */
  cumSum(x: Block, y: Block, outer: number, count: number, inner: number, isReversed: boolean): void;
  /** y[o, k, i] = e^x / Σₖ e^x, shifted by the maximum. */
  softmax(x: Block, y: Block, outer: number, count: number, inner: number): void;
  /** dx = y·(dy − Σₖ dy·y) */
  softmaxGradient(dy: Block, y: Block, dx: Block, outer: number, count: number, inner: number): void;
  /** y = x − ln Σₖ e^x, shifted by the maximum. */
  logSoftmax(x: Block, y: Block, outer: number, count: number, inner: number): void;
  /** dx = dy − e^y·Σₖ dy */
  logSoftmaxGradient(dy: Block, y: Block, dx: Block, outer: number, count: number, inner: number): void;
}

/** C (m × n) = A (m × k) · B (k × n); a transposed operand is stored as its transpose. */
export interface MatrixProduct {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** A is stored k × m. */
  readonly transposeA: boolean;
  /** B is stored n × k. */
  readonly transposeB: boolean;
}

/** Matrix products. */
export interface MatrixProducts<Block> {
  /** c = a·b, plus `bias` (n values, added to every row) if it is given. k = 0 gives the bias or 0. */
  gemm(a: Block, b: Block, bias: Block | null, c: Block, product: MatrixProduct): void;
  /**
   * One such product, without bias, for each step of a walk over the matrices of a and b; strides in values, c is
   * contiguous.
   */
  batchedGemm(a: Block, b: Block, c: Block, product: MatrixProduct, batch: BinaryView): void;
  /** Products that share a matrix which was laid out for them once; undefined where that would gain nothing. */
  readonly packedProducts?: PackedProducts<Block>;
}

/** Products with a B that is stored n × k, such as the weight of a linear layer. */
export interface PackedProducts<Block> {
  /** What B takes when it is laid out. */
  bytes(n: number, k: number): number;
  /** Lays B out. */
  pack(b: Block, packed: Block, n: number, k: number): void;
  /** {@link MatrixProducts.gemm} of A (m × k, at least one value) and such a B, with the same bits. */
  gemm(a: Block, packed: Block, bias: Block | null, c: Block, m: number, n: number, k: number): void;
}

/** Rows of a table by number. */
export interface Lookups<Block> {
  /**
   * indices[i] (i32) = the whole number x[i], plus `size` where it is below 0, for `count` of them. Always in [0, size
   * − 1], whatever x holds, so that no lookup leaves its table; size ≥ 1.
   */
  toIndices(x: Block, indices: Block, count: number, size: number): void;
  /** y[i] = table[indices[i]] for `count` indices (i32, within range) and rows of `width` values. */
  gather(table: Block, indices: Block, y: Block, count: number, width: number): void;
  /**
   * dtable[r] = Σ dy[i] over all i with indices[i] = r, for r < `rows`: the gradient of {@link Lookups.gather}. Row
   * `skipped` (−1: none) gets 0.
   */
  scatterAdd(
    dy: Block,
    indices: Block,
    dtable: Block,
    count: number,
    rows: number,
    width: number,
    skipped: number,
  ): void;
}

/**
 * A two-dimensional convolution (cross-correlation) of (N, inChannels, H, W) with (outChannels, inChannels/groups, kh,
 * kw).
 */
export interface ConvGeometry {
  readonly batch: number;
  readonly inChannels: number;
  readonly height: number;
  readonly width: number;
  readonly outChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** Zeros before the first and after the last row and column. */
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/** Convolutions and their gradients. No count is 0. */
export interface Convolutions<Block> {
  /** y (N, outChannels, outHeight, outWidth) = x ∗ weight, plus `bias` per output channel if it is given. */
  conv2d(x: Block, weight: Block, bias: Block | null, y: Block, geometry: ConvGeometry): void;
  /** dx: the gradient of {@link Convolutions.conv2d} for its input. */
  conv2dInputGradient(dy: Block, weight: Block, dx: Block, geometry: ConvGeometry): void;
  /** dweight: the gradient of {@link Convolutions.conv2d} for its weight. */
  conv2dWeightGradient(dy: Block, x: Block, dweight: Block, geometry: ConvGeometry): void;
}

/** Windows over planes (planes, height, width) → (planes, outHeight, outWidth); planes = N·C. */
export interface PoolGeometry {
  readonly planes: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /**
   * Places before the first row and column, fewer than the kernel has. The last windows may reach beyond the plane, but
   * begin inside it, and planes have values, so that every window reaches one.
   */
  readonly padding: readonly [number, number];
}

/** Pooling and its gradients. Padding is never counted: not as a maximum, not in the average's divisor. */
export interface Pooling<Block> {
  /**
   * y = the largest value of each window (NaN if it has one); `indices` (i32) = where it stands in its plane, the first
   * if several.
   */
  maxPool2d(x: Block, y: Block, indices: Block, geometry: PoolGeometry): void;
  /** dx = 0, plus each dy at the place its window's index names. */
  maxPool2dGradient(dy: Block, indices: Block, dx: Block, geometry: PoolGeometry): void;
  /** y = the mean of the real values of each window. */
  avgPool2d(x: Block, y: Block, geometry: PoolGeometry): void;
  /** dx: each dy spread evenly over the real values of its window. */
  avgPool2dGradient(dy: Block, dx: Block, geometry: PoolGeometry): void;
}

/** How a histogram is counted. */
export interface HistogramPlan {
  /** Null: as much of mean ± 4 deviations of all values as lies between the least and the largest. */
  readonly range: readonly [low: number, high: number] | null;
  /** Of equal width, ≥ 1. */
  readonly bins: number;
  /** How many values are counted, from the first on; counting takes ten times as long as all the rest. */
  readonly counted: number;
}

/** What values are like. */
export interface Summaries<Block> {
  /**
   * What the values of x, viewed as (outer, kept, inner), are like: `summary` is wide, 4 + bins + 6·kept of them:
   * - low and high, the range of the histogram;
   * - how many of the counted values lie below and above it, then how many in each bin: x is in bin ⌊(x −
   *   low)·(bins/(high − low))⌋, computed in f32, and high in the last one; NaN is nowhere;
   * - for each kept index count, mean and M2 as in {@link Normalization.moments}, the least and the largest value (NaN
   *   is passed over; ∞ and −∞ of no values), and how many are 0.
   */
  summarize(
    x: Block,
    view: Pick<StatisticsView, "outer" | "kept" | "inner">,
    histogram: HistogramPlan,
    summary: Block,
  ): void;
}

/** Losses whose gradient is better computed whole. */
export interface Losses<Block> {
  /**
   * loss[0] = Σₙ Lₙ / Σₙ w[labelₙ], Lₙ = −Σ_c q_c·w_c·ln softmax(logitsₙ)_c, q_c = (1 − smoothing)·[c = labelₙ] +
   * smoothing/classes; w = 1 where `weights` is null. `labels` is i32, within range. `logProbabilities` (rows ×
   * classes) receives ln softmax.
   */
  crossEntropy(
    logits: Block,
    labels: Block,
    weights: Block | null,
    smoothing: number,
    rows: number,
    classes: number,
    logProbabilities: Block,
    loss: Block,
  ): void;
  /**
   * correct[0] (i32) = at how many places (o, i) the largest of logits[o, c, i] over c, the first of equal ones, stands
   * at c = labels[o, i] (i32, any value); nowhere where one is NaN. No classes: 0.
   */
  countCorrect(logits: Block, labels: Block, outer: number, classes: number, inner: number, correct: Block): void;
  /** dlogits of {@link Losses.crossEntropy} for dloss[0]: dloss / Σ w · (p_j·Σ_c q_c·w_c − q_j·w_j). */
  crossEntropyGradient(
    dloss: Block,
    logProbabilities: Block,
    labels: Block,
    weights: Block | null,
    smoothing: number,
    rows: number,
    classes: number,
    dlogits: Block,
  ): void;
}
