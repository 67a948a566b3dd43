import { tensor } from "../create.js";
import {
  elu,
  gelu,
  glu,
  hardSigmoid,
  hardSwish,
  hardTanh,
  leakyRelu,
  mish,
  prelu,
  relu,
  relu6,
  sigmoid,
  silu,
  softplus,
  tanh,
} from "../ops/activations.js";
import { softmax } from "../ops/softmax.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { checkFeatures } from "./check-features.js";
import { elementwise, type LayerTraits, ofOp, same } from "./layer-traits.js";
import { Module } from "./module.js";

/** max(x, 0) as a layer; see {@link relu}. */
export class ReLU extends Module {
  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return relu(x);
  }

  protected override traits(): LayerTraits {
    return elementwise("relu");
  }
}

/** min(max(x, 0), 6) as a layer; see {@link relu6}. */
export class ReLU6 extends Module {
  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return relu6(x);
  }

  protected override traits(): LayerTraits {
    return elementwise("relu6");
  }
}

/** x or negativeSlope·x as a layer; see {@link leakyRelu}. */
export class LeakyReLU extends Module {
  /** The slope below 0. */
  readonly negativeSlope: number;

  /** @param negativeSlope - 0.01 by default */
  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = negativeSlope;
  }

  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope);
  }

  protected override traits(): LayerTraits {
    return elementwise("leakyRelu", this.negativeSlope);
  }
}

/** Options of {@link PReLU}. */
export interface PReLUOptions {
  /** What the slopes are at first. @defaultValue 0.25 */
  readonly init?: number;
}

/**
 * x for x > 0, else weight·x, with slopes that are learned; see {@link prelu}. Weight decay pulls them towards 0, a
 * ReLU.
 *
 * @example
 * ```ts
 * new PReLU().forward(tensor([-2, 4])).dataSync(); // Float32Array [-0.5, 4]
 * ```
 */
export class PReLU extends Module {
  /** The slopes below 0, (numParameters). */
  weight: Tensor;

  /**
   * @param numParameters - 1 by default, one slope for all; or as many as x has channels in axis 1
   * @throws ArgumentError if it is not a whole number ≥ 1
   */
  constructor(numParameters = 1, options: PReLUOptions = {}) {
    const { init = 0.25 } = options;
    super();
    checkOptions("new PReLU(numParameters)", options, { init: true });
    checkCount("new PReLU(numParameters)", "numParameters", numParameters);
    this.weight = tensor(new Float32Array(numParameters).fill(init), [numParameters], { requiresGrad: true });
  }

  /**
   * Applies the layer.
   *
   * @param x - any shape; (N, numParameters, …) where there are several
   * @throws ShapeError if channels do not fit
   */
  override forward(x: Tensor): Tensor {
    if (this.weight.size > 1) checkFeatures(this, x, 1, this.weight.size, "channels");
    return prelu(x, this.weight);
  }

  protected override traits(): LayerTraits {
    const { weight } = this;
    return {
      ...elementwise("prelu", weight),
      constructorArguments: [weight.size],
      ...(weight.size > 1 ? { channels: () => weight.size, channelAxis: "second" } : {}),
    };
  }

  override toString(): string {
    return `PReLU(${this.weight.size})`;
  }
}

/** x or alpha·(eˣ − 1) as a layer; see {@link elu}. */
export class ELU extends Module {
  /** Minus the value far below 0. */
  readonly alpha: number;

  /** @param alpha - 1 by default */
  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }

  protected override traits(): LayerTraits {
    return elementwise("elu", this.alpha);
  }
}

/** x·Φ(x) as a layer; see {@link gelu}. */
export class GELU extends Module {
  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return gelu(x);
  }

  protected override traits(): LayerTraits {
    return elementwise("gelu");
  }
}

/** x·sigmoid(x) as a layer; see {@link silu}. */
export class SiLU extends Module {
  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return silu(x);
  }

  protected override traits(): LayerTraits {
    return elementwise("silu");
  }
}

/** ln(1 + eˣ) as a layer; see {@link softplus}. */
export class Softplus extends Module {
  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return softplus(x);
  }

  protected override traits(): LayerTraits {
    return elementwise("softplus");
  }
}

/** x·min(max(x + 3, 0), 6)/6 as a layer; see {@link hardSwish}. */
export class HardSwish extends Module {
  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return hardSwish(x);
  }

  protected override traits(): LayerTraits {
    return elementwise("hardSwish");
  }
}

/** x·tanh(ln(1 + eˣ)) as a layer; see {@link mish}. @example new Mish().forward(zeros([2, 3])).shape; // [2, 3] */
export class Mish extends Module {
  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return mish(x);
  }

  protected override traits(): LayerTraits {
    return elementwise("mish");
  }
}

/**
 * min(max(x + 3, 0), 6)/6 as a layer; see {@link hardSigmoid}.
 *
 * @example
 * ```ts
 * new HardSigmoid().forward(zeros([1])).item(); // 0.5
 * ```
 */
export class HardSigmoid extends Module {
  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return hardSigmoid(x);
  }

  protected override traits(): LayerTraits {
    return elementwise("hardSigmoid");
  }
}

/**
 * min(max(x, low), high) as a layer; see {@link hardTanh}.
 *
 * @example
 * ```ts
 * new HardTanh().forward(tensor([9])).item(); // 1
 * ```
 */
export class HardTanh extends Module {
  /** The least value. */
  readonly low: number;
  /** The largest value. */
  readonly high: number;

  /** @param low - −1 by default @param high - 1 by default, above `low` */
  constructor(low = -1, high = 1) {
    super();
    this.low = low;
    this.high = high;
  }

  /**
   * Applies the layer.
   *
   * @param x - any shape
   * @throws ArgumentError if the limits are not finite, or not in this order
   */
  override forward(x: Tensor): Tensor {
    return hardTanh(x, this.low, this.high);
  }

  protected override traits(): LayerTraits {
    return elementwise("hardTanh", this.low, this.high);
  }
}

/**
 * a·sigmoid(b) of the halves of an axis as a layer; see {@link glu}.
 *
 * @example
 * ```ts
 * new GLU().forward(zeros([2, 6])).shape; // [2, 3]
 * ```
 */
export class GLU extends Module {
  /** The axis that is halved. */
  readonly axis: number;

  /** @param axis - −1 by default */
  constructor(axis = -1) {
    super();
    this.axis = axis;
  }

  /** Applies the layer. @param x - of an even size along the axis @throws ShapeError if that is odd */
  override forward(x: Tensor): Tensor {
    return glu(x, this.axis);
  }

  protected override traits(): LayerTraits {
    return {
      ...ofOp("glu", this.axis),
      channels: (channels) => (this.axis === 1 && channels !== null ? channels / 2 : null),
      rank: same,
    };
  }
}

/** 1 / (1 + e⁻ˣ) as a layer; see {@link sigmoid}. */
export class Sigmoid extends Module {
  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return sigmoid(x);
  }

  protected override traits(): LayerTraits {
    return elementwise("sigmoid");
  }
}

/** The hyperbolic tangent as a layer; see {@link tanh}. */
export class Tanh extends Module {
  /** Applies the layer. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return tanh(x);
  }

  protected override traits(): LayerTraits {
    return elementwise("tanh");
  }
}

/** eˣ / Σ eˣ as a layer; see {@link softmax}. `crossEntropy` takes logits, so that a classifier ends without it. */
export class Softmax extends Module {
  /** The axis that sums to 1. */
  readonly axis: number;

  /** @param axis - −1 by default */
  constructor(axis = -1) {
    super();
    this.axis = axis;
  }

  /** Applies the layer. @param x - rank ≥ 1 */
  override forward(x: Tensor): Tensor {
    return softmax(x, this.axis);
  }

  protected override traits(): LayerTraits {
    return { ...ofOp("softmax", this.axis), channels: same, rank: same };
  }
}
