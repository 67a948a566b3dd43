import * as activations from "./activations.js";
import { ConvTranspose2d } from "./conv-transpose2d.js";
import { Conv1d } from "./conv1d.js";
import { Conv2d } from "./conv2d.js";
import { Dropout } from "./dropout.js";
import { Embedding } from "./embedding.js";
import { Flatten } from "./flatten.js";
import { Identity } from "./identity.js";
import { Linear } from "./linear.js";
import type { AnyModule, Module } from "./module.js";
import { BatchNorm } from "./norms/batch-norm.js";
import { BatchRenorm } from "./norms/batch-renorm.js";
import { FilterResponseNorm } from "./norms/filter-response-norm.js";
import { GroupNorm } from "./norms/group-norm.js";
import { InstanceNorm } from "./norms/instance-norm.js";
import { LayerNorm } from "./norms/layer-norm.js";
import { RmsNorm } from "./norms/rms-norm.js";
import { Pad } from "./pad.js";
import { AvgPool2d, GlobalAvgPool2d, MaxPool2d } from "./pooling.js";
import { SpectralNorm } from "./reparametrized/spectral-norm.js";
import { WeightNorm } from "./reparametrized/weight-norm.js";
import { WeightStandardization } from "./reparametrized/weight-standardization.js";
import { Residual } from "./residual.js";
import { Sequential } from "./sequential.js";
import { PixelShuffle, Upsample } from "./upsampling.js";

/** A class that a file may name. */
export interface LayerClass {
  new (...given: never[]): Module;
  /** What its constructor takes today, of arguments that a file of an earlier version may hold. */
  storedArguments?(given: readonly unknown[]): unknown[];
}

/** The library's layers by the names that files have for them. Everything else about a layer stands in its own file. */
export const layerClasses: Readonly<Record<string, LayerClass>> = {
  Linear,
  Conv1d,
  ConvTranspose2d,
  Conv2d,
  BatchNorm,
  BatchRenorm,
  InstanceNorm,
  FilterResponseNorm,
  Embedding,
  GroupNorm,
  LayerNorm,
  RmsNorm,
  WeightNorm,
  SpectralNorm,
  WeightStandardization,
  MaxPool2d,
  AvgPool2d,
  GlobalAvgPool2d,
  Dropout,
  Flatten,
  Identity,
  Pad,
  Upsample,
  PixelShuffle,
  ...activations,
  Sequential,
  Residual,
};

/** The name of the class that a module is of ({@link Module.is}); null if it is none of the library's. */
export function layerName(module: AnyModule): string | null {
  return Object.entries(layerClasses).find(([, layerClass]) => module.is(layerClass))?.[0] ?? null;
}
