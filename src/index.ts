/**
 * Tensors, layers, training, evaluation and files, in Node and in browsers.
 *
 * @module evenkeel
 */
import "./ops/methods.js";

export { noGrad } from "./autograd.js";
export type { BackendName } from "./backend/backend.js";
export { memoryInUse, setBackend } from "./backend/index.js";
export { alone, type Communicator, type PendingCollective } from "./communicator.js";
export { full, type NestedNumbers, type NumberArray, ones, type TensorOptions, tensor, zeros } from "./create.js";
export {
  type ArrayDatasetOptions,
  arrayDataset,
  type RegressionDatasetOptions,
  type TargetScale,
} from "./data/array-dataset.js";
export { type AugmentOptions, augment } from "./data/augment/augment.js";
export { cutmix, type MixOptions, mixup } from "./data/augment/mix.js";
export { type Batches, type BatchesOptions, batches } from "./data/batches.js";
export type { Batch, Dataset, Task, TensorData } from "./data/dataset.js";
export { type IdxArray, parseIdx } from "./data/idx.js";
export type { ImageLayout } from "./data/image-layout.js";
export { type Fold, type KFoldsOptions, kFolds } from "./data/k-folds.js";
export { type NpyArray, parseNpy } from "./data/npy/npy.js";
export { fitPreprocessing, type Preprocessing, type StoredValues } from "./data/preprocessing.js";
export { type SequenceDatasetOptions, sequenceDataset } from "./data/sequence-dataset.js";
export { type SplitOptions, splitIndices } from "./data/split.js";
export { type Sample, type StreamBatchesOptions, streamBatches } from "./data/stream-batches.js";
export { subset } from "./data/subset.js";
export type { MissingTexts } from "./data/table/missing.js";
export type { ColumnKind, Table } from "./data/table/table.js";
export { type Column, type TableColumns, type TableColumnsOptions, tableColumns } from "./data/table/table-columns.js";
export {
  type CategoryEncoding,
  type ColumnEncoding,
  encodedWidth,
  encodeTable,
  fitTable,
  type NumberEncoding,
  type TableEncoding,
} from "./data/table/table-encoding.js";
export { toTensor } from "./data/to-tensor.js";
export { type DiagnoseOptions, diagnose } from "./diagnostics/diagnose/diagnose.js";
export type {
  ActivationDiagnosis,
  BatchNoise,
  DepthDiagnosis,
  Diagnosis,
  Finding,
  FindingKind,
  Gap,
  GapCause,
  NormDiagnosis,
  NormDrift,
  Score,
} from "./diagnostics/diagnose/diagnosis.js";
export type { DiagnoseProgress } from "./diagnostics/diagnose/passes.js";
export type { Distribution } from "./diagnostics/distribution.js";
export type { Histogram } from "./diagnostics/histogram.js";
export { quantiles } from "./diagnostics/quantiles.js";
export type {
  HistogramsRecord,
  NormDistributions,
  NormState,
  NormsRecord,
  Spread,
  StepRecord,
  TrainingRecord,
} from "./diagnostics/training-record.js";
export { TrainingRecorder, type TrainingRecorderOptions } from "./diagnostics/training-recorder.js";
export { type WatchedLayer, Watcher, type WatchOptions, type WatchRecord, watch } from "./diagnostics/watch.js";
export { type Link, predictSeconds, type StepCollective, type StepCost, stepCost } from "./distributed/cost-model.js";
export { type InProcessGroup, inProcessCommunicator, inProcessGroup } from "./distributed/in-process.js";
export * from "./errors.js";
export { type ConfusionMatrix, confusionMatrix } from "./evaluation/confusion-matrix.js";
export { type PredictedValue, PredictedValues } from "./evaluation/predicted-values.js";
export {
  type RegressionErrors,
  type RegressionErrorsOptions,
  regressionErrors,
} from "./evaluation/regression-errors.js";
export { type Mistake, WorstMistakes } from "./evaluation/worst-mistakes.js";
export { loadFlaxState } from "./formats/flax/load-flax-state.js";
export type { ForeignStateOptions } from "./formats/foreign-state.js";
export { loadKerasState } from "./formats/keras/load-keras-state.js";
export {
  type DataSplit,
  describeModel,
  type LoadedModel,
  type LoadModelOptions,
  loadModel,
  type ModelDescription,
  type ModelMeta,
  type ModelVersions,
  type NetworkRecord,
  type SaveModelOptions,
  saveModel,
} from "./formats/model-file/save-model.js";
export {
  decodeRun,
  decodeRunData,
  type EncodedRun,
  encodeRun,
  encodeRunData,
  type PlaygroundNetwork,
  type PlaygroundRun,
  type RunCurves,
  type RunData,
  type RunSamples,
} from "./formats/playground-run.js";
export { readSafetensors, type SafetensorsFile, writeSafetensors } from "./formats/safetensors/safetensors.js";
export { eventRecord, firstEventRecord, type ScalarEvent } from "./formats/tensorboard/event-record.js";
export { type ReadTorchOptions, readTorch } from "./formats/torch/read-torch.js";
export { type ConvertedNorm, convertNorm } from "./graph/convert-norm.js";
export { copyTo } from "./graph/copy-to.js";
export {
  type FoldBatchNormOptions,
  type FoldedModel,
  type FoldedNorm,
  foldBatchNorm,
  type LeftNorm,
} from "./graph/fold/fold-batch-norm.js";
export { Graph } from "./graph/graph.js";
export type { LayerNode, NetworkNode, OpenShape, OpNode } from "./graph/node.js";
export type { GraphInput } from "./graph/parts.js";
export {
  type PruneDeadChannelsOptions,
  type PrunedModel,
  pruneDeadChannels,
} from "./graph/prune/prune-dead-channels.js";
export type { ConstantChannels, PrunedChannels } from "./graph/prune/report.js";
export type { Drift } from "./graph/statistics/channel-statistics.js";
export { type CorrectedNorm, evalNorm } from "./graph/statistics/eval-norm.js";
export {
  type RecalibratedNorm,
  type RecalibrateMode,
  type RecalibrateOptions,
  type RecalibrateProgress,
  type Recalibration,
  recalibrate,
} from "./graph/statistics/recalibrate.js";
export { summary } from "./graph/summary.js";
export { type TraceOptions, trace } from "./graph/trace/trace.js";
export type { NormName } from "./networks/names.js";
export {
  cnn,
  type MlpOptions,
  mlp,
  type NetworkOptions,
  type NormOptions,
  type ResNetOptions,
  resnet,
} from "./networks/networks.js";
export {
  ELU,
  GELU,
  GLU,
  HardSigmoid,
  HardSwish,
  HardTanh,
  LeakyReLU,
  Mish,
  PReLU,
  type PReLUOptions,
  ReLU,
  ReLU6,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  Tanh,
} from "./nn/activations.js";
export { AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d } from "./nn/adaptive-pooling.js";
export { Concat, Parallel } from "./nn/branches.js";
export { ConvTranspose1d, type ConvTranspose1dOptions } from "./nn/conv-transpose1d.js";
export { ConvTranspose2d, type ConvTranspose2dOptions } from "./nn/conv-transpose2d.js";
export { Conv1d, type Conv1dOptions } from "./nn/conv1d.js";
export { Conv2d, type Conv2dOptions } from "./nn/conv2d.js";
export { Conv3d, type Conv3dOptions } from "./nn/conv3d.js";
export { Dropout, Dropout2d, type DropoutOptions, DropPath } from "./nn/dropout.js";
export { Embedding } from "./nn/embedding.js";
export { Flatten } from "./nn/flatten.js";
export { Identity } from "./nn/identity.js";
export { LayerScale, type LayerScaleOptions } from "./nn/layer-scale.js";
export type { ChannelAxis, ChannelMap, LayerTraits } from "./nn/layer-traits.js";
export { Linear, type LinearOptions } from "./nn/linear.js";
export type { LoadStateDictOptions, StateDictDifference } from "./nn/match-state.js";
export {
  type AnyModule,
  type ForwardListener,
  Module,
} from "./nn/module.js";
export {
  MultiHeadAttention,
  type MultiHeadAttentionForwardOptions,
  type MultiHeadAttentionOptions,
} from "./nn/multi-head-attention.js";
export { AdaptiveInstanceNorm, type AdaptiveInstanceNormOptions } from "./nn/norms/adaptive-instance-norm.js";
export { AdaptiveLayerNorm, type AdaptiveLayerNormOptions } from "./nn/norms/adaptive-layer-norm.js";
export { BatchInstanceNorm } from "./nn/norms/batch-instance-norm.js";
export { BatchNorm, type BatchNormOptions } from "./nn/norms/batch-norm.js";
export { BatchRenorm, type BatchRenormOptions, paperSchedule, type RenormSchedule } from "./nn/norms/batch-renorm.js";
export { ConditionalBatchNorm } from "./nn/norms/conditional-batch-norm.js";
export { Conditioned } from "./nn/norms/conditioned.js";
export { DynamicTanh, type DynamicTanhOptions } from "./nn/norms/dynamic-tanh.js";
export { EvalNorm, type EvalNormOptions } from "./nn/norms/eval-norm.js";
export { EvoNorm, type EvoNormOptions } from "./nn/norms/evo-norm.js";
export { Film } from "./nn/norms/film.js";
export { FilterResponseNorm, type FilterResponseNormOptions } from "./nn/norms/filter-response-norm.js";
export { type FreezeNormsOptions, type FrozenNorms, freezeNorms } from "./nn/norms/freeze-norms.js";
export { GroupNorm, type GroupNormOptions } from "./nn/norms/group-norm.js";
export type { InnerBatchNormOptions } from "./nn/norms/inner-batch-norm.js";
export { InstanceNorm, type InstanceNormOptions } from "./nn/norms/instance-norm.js";
export { LayerNorm, type LayerNormOptions } from "./nn/norms/layer-norm.js";
export { LocalResponseNorm, type LocalResponseNormOptions } from "./nn/norms/local-response-norm.js";
export type { MaskedOutput } from "./nn/norms/mask.js";
export { Norm, type NormForwardOptions } from "./nn/norms/norm.js";
export { PixelNorm, type PixelNormOptions } from "./nn/norms/pixel-norm.js";
export { RmsNorm, type RmsNormOptions } from "./nn/norms/rms-norm.js";
export { RunningNorm, type RunningNormOptions } from "./nn/norms/running-norm.js";
export type { RunningNormState, Statistics } from "./nn/norms/running-norm-state.js";
export { ScaleNorm, type ScaleNormOptions } from "./nn/norms/scale-norm.js";
export { SpatiallyAdaptiveNorm, type SpatiallyAdaptiveNormOptions } from "./nn/norms/spatially-adaptive-norm.js";
export { SplitBatchNorm, type SplitForwardOptions } from "./nn/norms/split-batch-norm.js";
export { SwitchableNorm } from "./nn/norms/switchable-norm.js";
export { type SynchronizedNorm, type SynchronizedNormOptions, syncBatchNorm } from "./nn/norms/sync-batch-norm.js";
export { transferStyle } from "./nn/norms/transfer-style.js";
export { WhiteningBatchNorm, type WhiteningBatchNormOptions } from "./nn/norms/whitening-batch-norm.js";
export { Pad } from "./nn/pad.js";
export {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  GlobalAvgPool2d,
  GlobalMaxPool2d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
} from "./nn/pooling.js";
export { GRU, type GruState } from "./nn/recurrent/gru.js";
export { LSTM, type LstmState } from "./nn/recurrent/lstm.js";
export {
  Recurrent,
  type RecurrentForwardOptions,
  type RecurrentOptions,
  type RecurrentOutput,
} from "./nn/recurrent/recurrent.js";
export { Reparametrized } from "./nn/reparametrized/reparametrized.js";
export {
  ScaledWeightStandardization,
  type ScaledWeightStandardizationOptions,
} from "./nn/reparametrized/scaled-weight-standardization.js";
export { SpectralNorm, type SpectralNormOptions } from "./nn/reparametrized/spectral-norm.js";
export { WeightNorm, type WeightNormOptions } from "./nn/reparametrized/weight-norm.js";
export {
  WeightStandardization,
  type WeightStandardizationOptions,
} from "./nn/reparametrized/weight-standardization.js";
export { Weighted } from "./nn/reparametrized/weighted.js";
export { Residual } from "./nn/residual.js";
export { Sequential } from "./nn/sequential.js";
export { PixelShuffle, Upsample } from "./nn/upsampling.js";
export {
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
} from "./ops/activations.js";
export { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from "./ops/adaptive-pool.js";
export { argmax, argmin } from "./ops/arg-max.js";
export { type AttentionOptions, scaledDotProductAttention } from "./ops/attention.js";
export { squeeze, unsqueeze } from "./ops/axes-of-one.js";
export { type BinaryCrossEntropyOptions, binaryCrossEntropy } from "./ops/binary-cross-entropy.js";
export { broadcastTo } from "./ops/broadcast-to.js";
export { clamp, maximum, minimum, where } from "./ops/choice.js";
export type { Labels } from "./ops/class-rows.js";
export { equal, greater, greaterEqual, less, lessEqual, notEqual } from "./ops/comparison.js";
export { concat } from "./ops/concat.js";
export { convTranspose1d, type SignalConvTransposeOptions } from "./ops/conv-transpose1d.js";
export { type ConvTransposeOptions, convTranspose2d } from "./ops/conv-transpose2d.js";
export { conv1d, type SignalConvOptions } from "./ops/conv1d.js";
export { type ConvOptions, conv2d } from "./ops/conv2d.js";
export { conv3d, type VolumeConvOptions } from "./ops/conv3d.js";
export { type CrossEntropyOptions, crossEntropy } from "./ops/cross-entropy.js";
export { cumSum } from "./ops/cum-sum.js";
export { type CustomOp, customOp, type Translation } from "./ops/custom-op.js";
export { type DiceOptions, dice } from "./ops/dice.js";
export { dropout } from "./ops/dropout.js";
export { type EmbeddingOptions, embedding, type Indices } from "./ops/embedding.js";
export { flip } from "./ops/flip.js";
export { type FocalOptions, focal } from "./ops/focal.js";
export { abs, cos, erf, expm1, log1p, reciprocal, rsqrt, sin, square } from "./ops/functions.js";
export { gather, indexSelect } from "./ops/gather.js";
export type { IndexValues } from "./ops/indices.js";
export { type KlDivOptions, klDiv } from "./ops/kl-div.js";
export { linear } from "./ops/linear.js";
export { logSumExp } from "./ops/log-sum-exp.js";
export { type HuberOptions, huber, l1, mse, type SmoothL1Options, smoothL1 } from "./ops/losses.js";
export { type NormOfOptions, norm } from "./ops/norm.js";
export { oneHot } from "./ops/one-hot.js";
export type { Operand } from "./ops/operand.js";
export { type PadOptions, type PadWidths, pad } from "./ops/pad.js";
export { pixelShuffle } from "./ops/pixel-shuffle.js";
export type { AvgPoolOptions, PoolOptions } from "./ops/pool.js";
export { avgPool1d, maxPool1d, type SignalAvgPoolOptions, type SignalPoolOptions } from "./ops/pool1d.js";
export { avgPool2d, globalAvgPool2d, globalMaxPool2d, maxPool2d } from "./ops/pool2d.js";
export { avgPool3d, maxPool3d, type VolumeAvgPoolOptions, type VolumePoolOptions } from "./ops/pool3d.js";
export { repeat, tile } from "./ops/repeat.js";
export { ceil, floor, round, sign } from "./ops/rounding.js";
export { logSoftmax, softmax } from "./ops/softmax.js";
export { chunk, split } from "./ops/split.js";
export { stack } from "./ops/stack.js";
export type { ReduceOptions } from "./ops/sum.js";
export { takeAlongAxis } from "./ops/take-along-axis.js";
export { type TopK, type TopKOptions, topK } from "./ops/top-k.js";
export { type UpsampleOptions, upsample } from "./ops/upsample.js";
export type { VarianceOptions } from "./ops/variance.js";
export type { PlanePadding, SignalPadding, VolumePadding } from "./ops/window-padding.js";
export type { Pair, Triple } from "./ops/windows.js";
export { Adagrad, type AdagradOptions } from "./optim/adagrad.js";
export { Adam, type AdamOptions, AdamW } from "./optim/adam.js";
export { type AdaptiveClipOptions, clipGradAdaptively } from "./optim/adaptive-clip.js";
export { clipGradNorm } from "./optim/gradients.js";
export { Lamb, type LambOptions } from "./optim/lamb.js";
export { Lars, type LarsOptions } from "./optim/lars.js";
export { Lion, type LionOptions } from "./optim/lion.js";
export {
  Optimizer,
  type OptimizerOptions,
  type ParameterGroup,
  type Parameters,
  type ParameterUpdate,
  type StepOptions,
  type UpdateNumbers,
} from "./optim/optimizer.js";
export { type ParameterKind, type ParameterRule, parameterGroups } from "./optim/parameter-groups.js";
export { RmsProp, type RmsPropOptions } from "./optim/rms-prop.js";
export {
  type CosineRestartsOptions,
  constantLr,
  cosineLr,
  cosineRestartsLr,
  type LrScaling,
  type OneCycleOptions,
  oneCycleLr,
  type Schedule,
  scaledLr,
  stepLr,
  warmUpLr,
} from "./optim/schedules.js";
export { Sgd, type SgdOptions } from "./optim/sgd.js";
export { currentSeed, Generator, type GeneratorState, seed } from "./random.js";
export { scope } from "./scope.js";
export type { Shape } from "./shape.js";
export { type BackwardOptions, keep, Tensor } from "./tensor.js";
export { type Threads, threads } from "./threads.js";
export { type CheckpointDescription, describeCheckpoint } from "./train/checkpoint/checkpoint.js";
export type { CheckpointOptions } from "./train/checkpoint/checkpoints.js";
export type { EarlyStoppingOptions } from "./train/early-stopping.js";
export { type EvaluateOptions, type Evaluation, evaluate, type PredictOptions, predict } from "./train/evaluate.js";
export {
  type FindLearningRateOptions,
  findLearningRate,
  type LearningRateSearch,
} from "./train/find-learning-rate.js";
export { fit } from "./train/fit.js";
export type { BestEpoch, EpochReport, FitOptions, FitResult, StepReport, Stop } from "./train/fit-options.js";
export {
  type CheckedSlope,
  type GradientCheck,
  type GradientCheckOptions,
  gradientCheck,
} from "./train/gradient-check.js";
export type { ImprovementOptions } from "./train/improvement.js";
export type { NormLag } from "./train/lag.js";
export type { MetricName, Metrics } from "./train/metrics.js";
export { MovingAverage, type MovingAverageOptions, movingAverage } from "./train/moving-average.js";
export { PlateauLr, type PlateauLrOptions, plateauLr } from "./train/plateau-lr.js";
export { epochScalars, type Scalars, stepScalars } from "./train/scalars-of.js";
export type { Data, Loss, LossTarget } from "./train/step.js";
export { version } from "./version.js";
export { onWarning, type WarningHandler } from "./warnings.js";
