import {
  BatchNorm,
  Conv2d,
  ConvTranspose2d,
  concat,
  Dropout,
  GlobalAvgPool2d,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  relu,
  Sequential,
  sigmoid,
  type Tensor,
  tensor,
} from "evenkeel";

/** A convolution, a norm and a ReLU as a function. */
export class ConvBlock extends Module {
  readonly conv: Conv2d;
  readonly norm: BatchNorm;

  constructor(inChannels: number, outChannels: number) {
    super();
    this.conv = new Conv2d(inChannels, outChannels, 3, { padding: 1, bias: false });
    this.norm = new BatchNorm(outChannels);
  }

  override forward(x: Tensor): Tensor {
    return relu(this.norm.forward(this.conv.forward(x)));
  }
}

/** A U-Net of two levels: its skip connection is a concat. */
export class UNet extends Module {
  readonly down = new ConvBlock(1, 4);
  readonly pool = new MaxPool2d(2);
  readonly bottom = new ConvBlock(4, 8);
  readonly up = new ConvTranspose2d(8, 4, 2, { stride: 2 });
  readonly join = new ConvBlock(8, 4);
  readonly head = new Conv2d(4, 2, 1);

  override forward(x: Tensor): Tensor {
    const skip = this.down.forward(x);
    const deep = this.up.forward(this.bottom.forward(this.pool.forward(skip)));
    return this.head.forward(this.join.forward(concat([skip, deep], 1)));
  }
}

/** Squeeze and excite: channels are weighed by a small network of their means. */
export class SqueezeExcite extends Module {
  readonly body = new Sequential(new Conv2d(1, 6, 3, { padding: 1 }), new BatchNorm(6), new ReLU());
  readonly squeeze = new Linear(6, 3);
  readonly excite = new Linear(3, 6);
  readonly pool = new GlobalAvgPool2d();
  readonly dropout = new Dropout(0.25);
  readonly head = new Linear(6, 4);

  override forward(x: Tensor): Tensor {
    const features = this.body.forward(x);
    const means = features.mean([2, 3]);
    const gates = sigmoid(this.excite.forward(relu(this.squeeze.forward(means))));
    const weighed = features.mul(gates.reshape([x.shape[0], 6, 1, 1]));
    return this.head.forward(this.dropout.forward(this.pool.forward(weighed)));
  }
}

/** Two inputs, which are compared. */
export class TwoInputs extends Module<[a: Tensor, b: Tensor]> {
  readonly left = new Linear(3, 8);
  readonly right = new Linear(5, 8);
  readonly norm = new BatchNorm(16);
  readonly scale = tensor([[2]], { requiresGrad: true });
  readonly offset = this.buffer("offset", tensor([0.5]));
  readonly head = new Linear(16, 2);

  override forward(a: Tensor, b: Tensor): Tensor {
    const both = concat([this.left.forward(a), this.right.forward(b)], -1);
    return this.head.forward(this.norm.forward(both).mul(this.scale).add(this.offset));
  }
}

/** One layer that is applied twice, and one weight that two places have. */
export class Shared extends Module {
  readonly first = new Linear(4, 4);
  readonly norm = new BatchNorm(4);
  readonly again = this.first;
  readonly out = new Linear(4, 4, { bias: false });

  constructor() {
    super();
    this.out.weight = this.first.weight;
  }

  override forward(x: Tensor): Tensor {
    const once = relu(this.norm.forward(this.first.forward(x)));
    return this.out.forward(this.again.forward(once).add(x));
  }
}
