/** A parameter that a step changes. */
export interface Update<Block> {
  readonly parameter: Block;
  readonly gradient: Block;
  /** Values of the parameter, and of every block beside it. */
  readonly length: number;
  /** Strength of weight decay; 0: none. */
  readonly weightDecay: number;
}

/** A parameter that {@link Optimization.sgdStep} changes. */
export interface SgdUpdate<Block> extends Update<Block> {
  /** Null without momentum. */
  readonly velocity: Block | null;
}

/** A parameter that {@link Optimization.adamStep} changes. */
export interface AdamUpdate<Block> extends Update<Block> {
  readonly first: Block;
  readonly second: Block;
}

/** Numbers that every optimiser's step has. */
export interface StepNumbers<Block> {
  readonly lr: number;
  /** Multiplies the gradient, as if in a pass before: the product is rounded to float32. */
  readonly gradientScale: number;
  /**
   * What {@link Optimization.openGate} wrote. Where it is shut, the step changes nothing at all; else its scale
   * multiplies the gradient, too, in the same rounding as `gradientScale`. Null: open, with scale 1.
   */
  readonly gate: Block | null;
}

/** Numbers of one step of {@link Optimization.sgdStep}. */
export interface SgdStep<Block> extends StepNumbers<Block> {
  readonly momentum: number;
  readonly nesterov: boolean;
  /** The first step: the velocity becomes the gradient itself, as in PyTorch. */
  readonly first: boolean;
}

/** Numbers of one step of {@link Optimization.adamStep}. */
export interface AdamStep<Block> extends StepNumbers<Block> {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** Decay shrinks the parameter itself (AdamW) and not through the gradient (L2). */
  readonly decoupled: boolean;
  /** 1 − beta1^t and 1 − beta2^t at step t, counted from 1. */
  readonly correction1: number;
  readonly correction2: number;
}

/** What {@link Optimization.openGate} allows. */
export interface GateLimits {
  readonly lr: number;
  /** Gradients are scaled down to this norm; infinite: never. */
  readonly clipNorm: number;
  /** The most that lr·max(1, clipped norm) may be. */
  readonly largestStep: number;
  /** The most that the clipped norm may be. */
  readonly largestGradient: number;
}

/** A block and how many f32 values of it count. */
export interface Values<Block> {
  readonly block: Block;
  readonly length: number;
}

/**
 * Steps of optimisers, in place, and the norm they may be clipped by. They take lists, so that a device works on all
 * parameters at once; no block appears twice in one.
 */
export interface Optimization<Block> {
  /**
   * g = gradientScale·gradient + weightDecay·p; v = momentum·v + g (v = g at first); p −= lr·(nesterov ? g + momentum·v
   * : v), or p −= lr·g without momentum.
   */
  sgdStep(updates: readonly SgdUpdate<Block>[], step: SgdStep<Block>): void;
  /**
   * With g = gradientScale·gradient: m = β₁m + (1 − β₁)g, v = β₂v + (1 − β₂)g², p −= lr·(m / correction1) / (√(v /
   * correction2) + eps); decay as {@link AdamStep} says.
   */
  adamStep(updates: readonly AdamUpdate<Block>[], step: AdamStep<Block>): void;
  /** total[0] (wide) = Σ x² over the values of all blocks */
  sumSquares(xs: readonly Values<Block>[], total: Block): void;
  /** Each x *= min(1, maxNorm / √total[0]), total wide; nothing where the norm is 0 or not finite. */
  clipToNorm(xs: readonly Values<Block>[], total: Block, maxNorm: number): void;
  /**
   * Decides whether the optimiser may take the step that comes next, without waiting for the host. `gate` is two wide
   * numbers, [1, 1] before the first step: whether it is open (1 or 0), and the scale of the gradients. With norm =
   * √squares[0] (wide) and clipped = min(norm, clipNorm) it stays open if it was, loss[0] (f32) and norm are finite,
   * lr·max(1, clipped) ≤ largestStep and clipped ≤ largestGradient; once shut it stays shut. The scale is clipNorm /
   * norm where norm > clipNorm, else 1.
   */
  openGate(loss: Block, squares: Block, gate: Block, limits: GateLimits): void;
}
