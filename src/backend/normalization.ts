/**
 * Which values share a mean: x viewed as (outer, kept, inner); statistics are taken over outer and inner, one pair per
 * kept index. The parameter of flat element i has index ⌊i / repeat⌋ mod period.
 *
 * Either outer = 1 (rows: layer, group, instance norm), or repeat = inner and period = kept (columns: batch norm, where
 * each parameter belongs to one mean).
 */
export interface StatisticsView {
  readonly outer: number;
  readonly kept: number;
  readonly inner: number;
  readonly repeat: number;
  readonly period: number;
  /**
   * Whether the mean is subtracted; if not (RMS norm; rows only), it is taken to be 0, also by the moments. Default:
   * true.
   */
  readonly centred?: boolean;
}

/** How far batch renormalisation may correct, at n batches seen. */
export interface RenormLimits {
  /** Largest r in the end, ≥ 1; 1 up to `start` batches, then on a line that reaches `rmax` at `rmaxAt`. */
  readonly rmax: number;
  /** Largest |d| in the end, ≥ 0; 0 up to `start` batches, then on a line that reaches `dmax` at `dmaxAt`. */
  readonly dmax: number;
  readonly start: number;
  readonly rmaxAt: number;
  readonly dmaxAt: number;
}

/** What follows (x − mean): y = weight·(x − mean)/√(variance + eps) + bias, or max(y, 0). */
export interface AffineMap<Block> {
  /** One f32 for each of the view's `period`; null: 1, and its gradient is null too. */
  readonly weight: Block | null;
  /** As `weight`; null: 0. */
  readonly bias: Block | null;
  readonly eps: number;
  /** Whether a rectifier stands behind the map, with slope 0 at 0. */
  readonly rectifies: boolean;
}

/** Maps with given statistics, whose coefficients serve until the statistics, weight or bias change. */
export interface FixedMaps<Block> {
  /** What the coefficients take; 0 where a view is mapped without. */
  bytes(view: StatisticsView): number;
  /** Works them out. They depend on no `outer` and on no `rectifies`. */
  prepare(mean: Block, variance: Block, view: StatisticsView, map: AffineMap<Block>, coefficients: Block): void;
  /** {@link Normalization.normalizeWith}, with the same bits. */
  apply(x: Block, coefficients: Block, view: StatisticsView, rectifies: boolean, y: Block): void;
}

/**
 * Normalisation. **Moments** are a block of wide numbers, three per kept index: count, mean, M2 = Σ(x − mean)². They
 * are exact: mean 10⁴ with deviation 1, or a scale of 10¹⁵, lose nothing, and equal values give M2 = 0. Of no values
 * they are 0, 0, 0, and x̂ is then 0.
 *
 * An output that nobody needs may be null.
 */
export interface Normalization<Block> {
  /**
   * moments[kept] = count, mean, M2 of x; where `mask` (as many f32 as x has) is given, of those values where it is not
   * 0.
   */
  moments(x: Block, view: StatisticsView, mask: Block | null, moments: Block): void;
  /** variance[kept] (f32) = M2/count; NaN where count is 0. */
  variances(moments: Block, kept: number, variance: Block): void;
  /** y = weight·(x − mean)/√(M2/count + eps) + bias, rectified if the map says so. */
  standardize(x: Block, moments: Block, view: StatisticsView, map: AffineMap<Block>, y: Block): void;
  /**
   * The gradient of {@link Normalization.standardize} through the statistics: with s = 1/√(M2/count + eps), x̂ = (x −
   * mean)·s, g = weight·dy: dx = s·(g − mean(g) − x̂·mean(g·x̂)), dweight = Σ dy·x̂, dbias = Σ dy. Without mean(g)
   * where the view is not centred. Where the map rectifies, dy is first set to 0 wherever y, which is computed again
   * from x, is not above 0. The two means are sums divided by the count of the moments, which need not be that of the
   * view: moments may be of fewer values (masks) or of more (those of several processes).
   */
  standardizeGradient(
    dy: Block,
    x: Block,
    moments: Block,
    view: StatisticsView,
    map: AffineMap<Block>,
    dx: Block | null,
    dweight: Block | null,
    dbias: Block | null,
  ): void;
  /**
   * The first half of {@link Normalization.standardizeGradient} where each parameter has a mean of its own: sums[kept]
   * = wide Σ g and Σ g·(x − mean), the latter over the standard deviation on backends without float64; g is dy where
   * the map let values pass. Sums of parts of a batch, by the moments of all of it, may be added.
   */
  standardizeGradientSums(
    dy: Block,
    x: Block,
    moments: Block,
    view: StatisticsView,
    map: AffineMap<Block>,
    sums: Block,
  ): void;
  /** The second half: what {@link Normalization.standardizeGradient} makes of these sums. */
  standardizeGradientFromSums(
    dy: Block,
    x: Block,
    moments: Block,
    view: StatisticsView,
    map: AffineMap<Block>,
    sums: Block,
    dx: Block | null,
    dweight: Block | null,
    dbias: Block | null,
  ): void;
  /**
   * y = weight·(x − mean)/√(variance + eps) + bias with given f32 mean and variance per kept index: a fixed map, which
   * may rectify.
   */
  normalizeWith(x: Block, mean: Block, variance: Block, view: StatisticsView, map: AffineMap<Block>, y: Block): void;
  /** {@link Normalization.normalizeWith} by coefficients that were worked out once; undefined where it has none. */
  readonly fixedMaps?: FixedMaps<Block>;
  /**
   * The gradient of {@link Normalization.normalizeWith}: dx = weight·dy·s, dweight = Σ dy·x̂, dbias = Σ dy, dy as for
   * {@link Normalization.standardizeGradient}.
   */
  normalizeWithGradient(
    dy: Block,
    x: Block,
    mean: Block,
    variance: Block,
    view: StatisticsView,
    map: AffineMap<Block>,
    dx: Block | null,
    dweight: Block | null,
    dbias: Block | null,
  ): void;
  /**
   * averaged[kept] of moments[samples, kept], as running statistics take them: the mean count of those samples that
   * have any values, the mean of means weighted by count, and the mean M2, so that M2/count is the mean of variances
   * weighted by count.
   */
  averageMoments(moments: Block, samples: number, kept: number, averaged: Block): void;
  /**
   * Moves running statistics (f32, kept values each) towards the batch: r ← old·r + (1 − old)·batch, with M2/(count −
   * 1) as the batch's variance if `unbiased` (M2/count if not, or if count is 1). Where count is 0, r stays. `old` is
   * `momentum`, but after n earlier batches at most n/(n + 10) if `warmsUp`; `momentum` < 0 asks for the cumulative
   * average, n/(n + 1). Where `old` is 0, r is the batch's even if it was not finite. `counters` is three f32: n
   * (num_batches_tracked), the skipped batches, and what n lacks as an f32 beyond 2²⁴. n grows by one if any r moves.
   * If any mean or variance is not finite as f32, nothing moves but the skipped batches, which grow by one.
   */
  updateRunning(
    moments: Block,
    kept: number,
    mean: Block,
    variance: Block,
    counters: Block,
    momentum: number,
    unbiased: boolean,
    warmsUp: boolean,
  ): void;
  /**
   * What takes x̂ of a batch to that of the running statistics, within limits, for each kept index: with σ = √(variance
   * + eps), r = clip(√(M2/count + eps)/σ, 1/rmax, rmax), d = clip((batch mean − mean)/σ, −dmax, dmax), as f32; 1 and 0
   * where count is 0. n is the first of `counters`, as in {@link Normalization.updateRunning}.
   */
  renormFactors(
    moments: Block,
    kept: number,
    mean: Block,
    variance: Block,
    counters: Block,
    eps: number,
    limits: RenormLimits,
    r: Block,
    d: Block,
  ): void;
}
