import { tensor } from "../create.js";
import {
  elu,
  gelu,
  hardSwish,
  leakyRelu,
  prelu,
  relu,
  relu6,
  sigmoid,
  silu,
  softplus,
  tanh,
} from "../ops/activations.js";
import { softmax } from "../ops/softmax.js";
import { checkCount } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { elementwise, type LayerTraits, same } from "./layer-traits.js";
import { checkFeatures, Module } from "./module.js";

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
 * x for x > 0, else weight·x, with slopes that are learned; see {@link prelu}. Weight decay pulls them towards 0, a ReLU.
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
  constructor(numParameters = 1, { init = 0.25 }: PReLUOptions = {}) {
    super();
    checkCount("new PReLU(numParameters)", "numParameters", numParameters);
    this.weight = tensor(new Float32Array(numParameters).fill(init), [numParameters], { requiresGrad: true });
  }

  /** Applies the layer. @param x - any shape; (N, numParameters, …) where there are several @throws ShapeError if channels do not fit */
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
    return {
      constructorArguments: [this.axis],
      keepsNothing: true,
      op: ["softmax", this.axis],
      channels: same,
      rank: same,
    };
  }
}
