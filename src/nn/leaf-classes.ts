import { ELU, GELU, LeakyReLU, ReLU, ReLU6, Sigmoid, SiLU, Softmax, Tanh } from "./activations.js";
import { ConvTranspose2d } from "./conv-transpose2d.js";
import { Conv1d } from "./conv1d.js";
import { Conv2d } from "./conv2d.js";
import { Dropout } from "./dropout.js";
import { Embedding } from "./embedding.js";
import { Flatten } from "./flatten.js";
import { Linear } from "./linear.js";
import type { AnyModule } from "./module.js";
import { BatchNorm } from "./norms/batch-norm.js";
import { BatchRenorm } from "./norms/batch-renorm.js";
import { GroupNorm } from "./norms/group-norm.js";
import { InstanceNorm } from "./norms/instance-norm.js";
import { LayerNorm } from "./norms/layer-norm.js";
import { RmsNorm } from "./norms/rms-norm.js";
import { AvgPool2d, GlobalAvgPool2d, MaxPool2d } from "./pooling.js";
import { SpectralNorm } from "./reparametrized/spectral-norm.js";
import { WeightNorm } from "./reparametrized/weight-norm.js";
import { WeightStandardization } from "./reparametrized/weight-standardization.js";

/** The library's layers that hold no layers in an order, by the name that files know them by. */
export const leafClasses: Readonly<Record<string, new (...given: never[]) => AnyModule>> = {
  ...{ Linear, Conv1d, Conv2d, ConvTranspose2d, Embedding },
  ...{ BatchNorm, BatchRenorm, InstanceNorm, GroupNorm, LayerNorm, RmsNorm },
  ...{ WeightNorm, SpectralNorm, WeightStandardization },
  ...{ MaxPool2d, AvgPool2d, GlobalAvgPool2d, Dropout, Flatten },
  ...{ ReLU, ReLU6, LeakyReLU, ELU, GELU, SiLU, Sigmoid, Tanh, Softmax },
};
