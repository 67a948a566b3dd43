import * as activations from "./activations.js";
import { AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d } from "./adaptive-pooling.js";
import { Concat, Parallel } from "./branches.js";
import { ConvTranspose1d } from "./conv-transpose1d.js";
import { ConvTranspose2d } from "./conv-transpose2d.js";
import { Conv1d } from "./conv1d.js";
import { Conv2d } from "./conv2d.js";
import { Conv3d } from "./conv3d.js";
import { Dropout, Dropout2d, DropPath } from "./dropout.js";
import { Embedding } from "./embedding.js";
import { Flatten } from "./flatten.js";
import { Identity } from "./identity.js";
import { LayerScale } from "./layer-scale.js";
import { Linear } from "./linear.js";
import type { AnyModule, Module } from "./module.js";
import { MultiHeadAttention } from "./multi-head-attention.js";
import { AdaptiveInstanceNorm } from "./norms/adaptive-instance-norm.js";
import { AdaptiveLayerNorm } from "./norms/adaptive-layer-norm.js";
import { BatchInstanceNorm } from "./norms/batch-instance-norm.js";
import { BatchNorm } from "./norms/batch-norm.js";
import { BatchRenorm } from "./norms/batch-renorm.js";
import { ConditionalBatchNorm } from "./norms/conditional-batch-norm.js";
import { DynamicTanh } from "./norms/dynamic-tanh.js";
import { EvalNorm } from "./norms/eval-norm.js";
import { EvoNorm } from "./norms/evo-norm.js";
import { Film } from "./norms/film.js";
import { FilterResponseNorm } from "./norms/filter-response-norm.js";
import { GroupNorm } from "./norms/group-norm.js";
import { InstanceNorm } from "./norms/instance-norm.js";
import { LayerNorm } from "./norms/layer-norm.js";
import { LocalResponseNorm } from "./norms/local-response-norm.js";
import { PixelNorm } from "./norms/pixel-norm.js";
import { RmsNorm } from "./norms/rms-norm.js";
import { ScaleNorm } from "./norms/scale-norm.js";
import { SpatiallyAdaptiveNorm } from "./norms/spatially-adaptive-norm.js";
import { SplitBatchNorm } from "./norms/split-batch-norm.js";
import { SwitchableNorm } from "./norms/switchable-norm.js";
import { WhiteningBatchNorm } from "./norms/whitening-batch-norm.js";
import { Pad } from "./pad.js";
import {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  GlobalAvgPool2d,
  GlobalMaxPool2d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
} from "./pooling.js";
import { GRU } from "./recurrent/gru.js";
import { LSTM } from "./recurrent/lstm.js";
import { ScaledWeightStandardization } from "./reparametrized/scaled-weight-standardization.js";
import { SpectralNorm } from "./reparametrized/spectral-norm.js";
import { WeightNorm } from "./reparametrized/weight-norm.js";
import { WeightStandardization } from "./reparametrized/weight-standardization.js";
import { Residual } from "./residual.js";
import { Sequential } from "./sequential.js";
import { PixelShuffle, Upsample } from "./upsampling.js";

/** A class that a file may name. */
export interface LayerClass {
  new (...given: never[]): AnyModule;
  /** What its constructor takes today, of arguments that a file of an earlier version may hold. */
  storedArguments?(given: readonly unknown[]): unknown[];
}

/** The library's layers by the names that files have for them. Everything else about a layer stands in its own file. */
export const layerClasses: Readonly<Record<string, LayerClass>> = {
  Linear,
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  BatchNorm,
  BatchRenorm,
  InstanceNorm,
  FilterResponseNorm,
  Embedding,
  GroupNorm,
  LayerNorm,
  RmsNorm,
  WhiteningBatchNorm,
  SplitBatchNorm,
  SpatiallyAdaptiveNorm,
  Film,
  ConditionalBatchNorm,
  AdaptiveLayerNorm,
  AdaptiveInstanceNorm,
  SwitchableNorm,
  BatchInstanceNorm,
  EvalNorm,
  EvoNorm,
  DynamicTanh,
  ScaleNorm,
  PixelNorm,
  LocalResponseNorm,
  WeightNorm,
  SpectralNorm,
  WeightStandardization,
  ScaledWeightStandardization,
  MultiHeadAttention,
  LSTM,
  GRU,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  GlobalAvgPool2d,
  GlobalMaxPool2d,
  Dropout,
  Dropout2d,
  DropPath,
  LayerScale,
  Flatten,
  Identity,
  Pad,
  Upsample,
  PixelShuffle,
  ...activations,
  Sequential,
  Residual,
  Concat,
  Parallel,
};

/** The name of the class that a module is of ({@link Module.is}); null if it is none of the library's. */
export function layerName(module: AnyModule): string | null {
  return Object.entries(layerClasses).find(([, layerClass]) => module.is(layerClass))?.[0] ?? null;
}
